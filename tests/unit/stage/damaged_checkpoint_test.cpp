// A byte of a checkpoint that changed, in any of its files.

#include <fmt/format.h>

#include "convllava/checkpoint/checksums.h"
#include "convllava/checkpoint/run_folder.h"
#include "convllava/core/error.h"
#include "convllava/stage/training_run.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/ranks.h"
#include "tests/support/tiny_run.h"
#include "tests/unit/stage/runs.h"

namespace convllava::stage {
namespace {

namespace fs = std::filesystem;
using convllava::testing::contains;
using convllava::testing::thrown;

void flip_byte(const fs::path& file, int64_t offset) {
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
  stream.seekg(offset);
  const char byte = static_cast<char>(stream.get() ^ 0x10);
  stream.seekp(offset);
  stream.put(byte);
}

std::vector<fs::path> files_of(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(directory));
  }
  return files;
}

RunConfig run_of_four_steps(const fs::path& folder) {
  auto config = testing::tiny_run(folder);
  config.train.max_steps = 4;
  config.checkpoint.every_steps = 2;
  config.report.samples = 0;
  return config;
}

/// Links in `view` to all files in `folder`; of those of checkpoint-4 with several checksums, copies with a changed
/// byte.
void show_with_damage(const fs::path& folder, const fs::path& view) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  for (const auto& file : files) {
    const auto path = view / file.lexically_relative(folder);
    fs::create_directories(path.parent_path());
    const bool large = fs::file_size(file) > static_cast<uintmax_t>(checkpoint::kChecksumChunk);
    if (large && path.string().find("checkpoint-4") != std::string::npos) {
      fs::copy(file, path);
      flip_byte(path, checkpoint::kChecksumChunk + 5000);
    } else {
      fs::create_symlink(file, path);
    }
  }
}

}  // namespace

TEST_CASE("a checkpoint lists every file of it with size and checksum", "[stage]") {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 8);
  const auto config = run_of_four_steps(folder.path());
  testing::run(config);
  const auto checkpoint = checkpoint::step_directory(config.output_dir, 4);
  const auto checksums = checkpoint::read_checksums(checkpoint);
  REQUIRE(checksums);
  for (const auto& file : files_of(checkpoint)) {
    INFO(file);
    if (file == checkpoint::kChecksumsFile) continue;
    REQUIRE(checksums->contains(file.generic_string()));
    CHECK(checksums->at(file.generic_string()).bytes == static_cast<int64_t>(fs::file_size(checkpoint / file)));
  }
  CHECK(checksums->size() + 1 == files_of(checkpoint).size());
}

TEST_CASE("a changed byte in any file of a checkpoint is noticed, and the run goes back to the one before", "[stage]") {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 8);
  auto config = run_of_four_steps(folder.path());
  testing::run(config);
  const auto files = files_of(checkpoint::step_directory(config.output_dir, 4));
  CHECK(files.size() > 10);
  const fs::path saved = folder / "saved";
  fs::rename(config.output_dir, saved);
  for (const auto& file : files) {
    INFO(file);
    fs::remove_all(config.output_dir);
    fs::copy(saved, config.output_dir, fs::copy_options::recursive);
    const auto path = checkpoint::step_directory(config.output_dir, 4) / file;
    flip_byte(path, static_cast<int64_t>(fs::file_size(path)) / 2);
    testing::CapturedStderr log(folder / "log");
    const TrainingRun run(config, {}, torch::kCPU);
    CHECK_THAT(log.text(), contains("checkpoint-4 is damaged (") && contains(file.filename().string()) &&
                               contains("renamed to checkpoint-4.damaged"));
    CHECK(checkpoint::latest_checkpoint(config.output_dir)->step == 2);
  }
}

TEST_CASE("damage that one rank reads sends all ranks back, and says where it is", "[stage]") {
  testing::run_ranks(2, [] {
    distributed::ProcessGroup group(distributed::launch_environment(), torch::kCPU);
    const fs::path folder =
        fs::temp_directory_path() / fmt::format("convllava_damage_{}", distributed::launch_environment().master_port);
    if (group.rank() == 0) testing::write_records(folder, 8);
    group.barrier();
    auto config = run_of_four_steps(folder);
    config.model.vision_hidden_sizes = {8, 8, 12, 12, 768};  // a file of several checksums is checked as it is read
    testing::run(config, group);
    group.barrier();

    // Rank 1 sees the same files through links, and one of them with a changed byte.
    const fs::path own = group.rank() == 0 ? folder : folder / "other";
    if (group.rank() == 1) show_with_damage(folder, own);
    group.barrier();
    const auto before = fs::current_path();
    fs::current_path(own);
    config.output_dir = "run";
    config.data.root = ".";
    {
      testing::CapturedStderr log(own / "log");
      const TrainingRun run(config, group, torch::kCPU);
      if (group.rank() == 0) {
        CHECK_THAT(log.text(), contains("checkpoint-4 is damaged (on rank 1: ") && contains("noticed at tensor ") &&
                                   contains("bytes 16777216 to ") && contains("renamed to checkpoint-4.damaged"));
      }
    }
    if (group.rank() == 0) CHECK(checkpoint::latest_checkpoint(config.output_dir)->step == 2);
    fs::current_path(before);
    group.barrier();
    if (group.rank() == 0) fs::remove_all(folder);
    group.shutdown();
  });
}

}  // namespace convllava::stage
