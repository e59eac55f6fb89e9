// Whatever ends a run after a good step leaves a checkpoint of that step.

#include <fmt/format.h>
#include <torch/csrc/autograd/anomaly_mode.h>

#include <algorithm>
#include <thread>

#include "convllava/checkpoint/run_folder.h"
#include "convllava/checkpoint/training_state.h"
#include "convllava/core/error.h"
#include "convllava/core/watched_file.h"
#include "convllava/stage/training_run.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/process.h"
#include "tests/support/ranks.h"
#include "tests/support/tiny_run.h"
#include "tests/unit/stage/runs.h"

using namespace convllava;
using testing::contains;
using testing::Parts;
using testing::run;
using testing::thrown;
namespace fs = std::filesystem;

namespace {

/// 16 records, the order of whose images does not matter, for 16 steps.
stage::RunConfig run_of_16_steps(const fs::path& folder) {
  testing::write_records(folder, 16);
  auto config = testing::tiny_run(folder);
  config.data.group_by = data::Grouping::kNone;
  config.train.global_batch_size = config.train.micro_batch_size = 1;
  config.train.max_steps = 0;
  config.train.epochs = 1;
  config.report.samples = 0;
  return config;
}

int64_t newest_step(const stage::RunConfig& config) {
  const auto newest = checkpoint::latest_checkpoint(config.output_dir);
  return newest ? newest->step : -1;
}

/// Empties a file once the run has logged three steps.
std::thread write_after_steps(const stage::RunConfig& config, const fs::path& file) {
  return std::thread([metrics = fs::path(config.output_dir) / "metrics.jsonl", file] {
    const auto lines = [&] {
      const auto text = testing::text_of(metrics);
      return std::count(text.begin(), text.end(), '\n');
    };
    while (lines() < 3) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    testing::write_text(file, "");
  });
}

}  // namespace

TEST_CASE("too many bad images end a run with a checkpoint of the step before", "[stage]") {
  const testing::TemporaryFolder folder;
  auto config = run_of_16_steps(folder.path());
  for (const int i : {1, 2, 4, 5}) testing::write_text(folder / fmt::format("images/{}.ppm", i), "not an image");
  config.data.max_bad_share = 0.2;  // 3 of 16
  CHECK_THAT(thrown<DataError>([&] { run(config); }).what(),
             contains("too many records or images cannot be used; got 4 of 16"));
  const auto step = newest_step(config);
  CHECK(step > 0);
  const auto state = checkpoint::load_training_state(formats::find_checkpoint(config.output_dir));
  CHECK(state.bad_samples == 4);
  // With the images back the run resumes from there.
  testing::write_records(folder.path(), 16);
  config.data.max_bad_share = 0.5;
  CHECK(run(config).steps == 16);
}

TEST_CASE("records that are known to be bad are counted before anything is trained", "[stage]") {
  const testing::TemporaryFolder folder;
  auto config = run_of_16_steps(folder.path());
  std::string records = testing::text_of(folder / "train.json");
  const std::string from = R"("from": "gpt")";
  for (int i = 0; i < 2; ++i) records.replace(records.find(from), from.size(), R"("from": "bot")");
  testing::write_text(folder / "train.json", records);
  config.data.max_bad_share = 0.1;
  CHECK_THAT(thrown<DataError>([&] { run(config); }).what(),
             contains("data.train: too many records cannot be used; got 2 of 16, the first: " +
                      (folder / "train.json").string() + ":2: record 0: turn 2: from: unknown speaker") &&
                 contains("expected at most a share of 0.1 (data.max_bad_share)"));
  CHECK_FALSE(fs::exists(config.output_dir));
  config.data.max_bad_share = 0.2;
  testing::CapturedStderr log(folder / "log");
  CHECK(run(config).steps == 16);
  CHECK_THAT(log.text(), contains("data.train: unusable records: 2 of 16, the first: "));
}

TEST_CASE("too many images that are not there end a run before anything is trained", "[stage]") {
  const testing::TemporaryFolder folder;
  auto config = run_of_16_steps(folder.path());
  for (const int i : {1, 2}) fs::remove(folder / fmt::format("images/{}.ppm", i));
  config.data.max_bad_share = 0.1;
  CHECK_THAT(thrown<DataError>([&] { run(config); }).what(),
             contains("data.train: too many records or images cannot be used; got 2 of 16, the first: ") &&
                 contains("images/1.ppm") && contains("expected at most a share of 0.1 (data.max_bad_share)"));
  CHECK_FALSE(fs::exists(config.output_dir));
  config.data.max_bad_share = 0.2;
  CHECK(run(config).steps == 16);
}

TEST_CASE("annotations that are written anew end a run with a checkpoint and the file's name", "[stage]") {
  const testing::TemporaryFolder folder;
  auto config = run_of_16_steps(folder.path());
  config.train.epochs = 1e5;
  testing::age(folder / "train.json");
  auto writer = write_after_steps(config, folder / "train.json");
  const auto error = thrown<core::FileChanged>([&] { run(config); });
  writer.join();
  CHECK(error == Parts{.where = (folder / "train.json").string()});
  CHECK(newest_step(config) >= 3);
}

TEST_CASE("a rank that cannot load its batch lets all save before they end with its reason", "[stage]") {
  testing::run_ranks(2, [] {
    const auto environment = distributed::launch_environment();
    distributed::ProcessGroup group(environment, torch::kCPU);
    const fs::path shared = fs::temp_directory_path() / fmt::format("convllava_last_step_{}", environment.master_port);
    // One configuration, in which each rank finds files of its own.
    const fs::path own = shared / std::to_string(group.rank());
    testing::write_records(own, 16);
    testing::age(own / "train.json");
    fs::current_path(own);
    auto config = testing::tiny_run(shared);
    config.data.root = ".";
    config.train.max_steps = 0;
    config.train.epochs = 1e5;
    std::thread writer;
    if (group.rank() == 1) writer = write_after_steps(config, "train.json");
    if (group.rank() == 1) {
      const auto error = thrown<core::FileChanged>([&] { stage::TrainingRun(config, group, torch::kCPU).run(); });
      CHECK(error == Parts{.where = "train.json"});
      group.abandon(error.what());
      writer.join();
    } else {
      CHECK_THAT(thrown<DistributedError>([&] { stage::TrainingRun(config, group, torch::kCPU).run(); }).what(),
                 contains("rank 1 left: ") && contains("train.json: "));
      CHECK(newest_step(config) >= 3);
      fs::remove_all(shared);
    }
  });
}

TEST_CASE("an error of backward leaves a checkpoint of the step before", "[stage]") {
  const testing::TemporaryFolder folder;
  auto config = run_of_16_steps(folder.path());
  testing::write_records(folder.path(), 32);
  config.train.max_steps = 1;
  run(config);
  // Backward fails at the one record whose answer is "z", which stands nowhere else.
  const int64_t z = testing::small_tokenizer().encode("z", /*add_bos=*/false).back();
  testing::poison(config.output_dir, "model.embed_tokens.weight", [&](int64_t id) { return id == z; });
  auto next = testing::next_stage(config);
  next.train.max_steps = 0;
  const auto error = [&] {
    const torch::autograd::DetectAnomalyGuard fails_at_nan(/*check_nan=*/true);
    return thrown<c10::Error>([&] { run(next); });
  }();
  CHECK_THAT(error.what(), contains("returned nan values"));
  CHECK(newest_step(next) > 0);
  CHECK(newest_step(next) == static_cast<int64_t>(testing::logged_losses(next.output_dir).size()));
}
