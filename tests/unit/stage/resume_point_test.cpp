#include "convllava/stage/resume_point.h"

#include <functional>

#include "convllava/checkpoint/state_files.h"
#include "convllava/checkpoint/training_state.h"
#include "convllava/formats/open_checkpoint.h"
#include "convllava/infer/pretrained.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/formats/fixtures.h"

namespace convllava::stage {
namespace {

using namespace formats::testing;
using convllava::testing::contains;
using convllava::testing::Parts;
using convllava::testing::thrown;
namespace fs = std::filesystem;
using Names = std::set<std::string>;

/// A checkpoint as `train` writes it.
void save_checkpoint(const fs::path& run, int64_t step) {
  const fs::path directory = checkpoint::step_directory(run, step);
  fs::create_directories(directory);
  formats::save_model(directory, *random_model(small_config()), small_tokenizer(), small_record());
  checkpoint::TrainingState state;
  state.step = step;
  const std::vector<checkpoint::StatePiece> pieces = {
      {"mm_projector.weight", "exp_avg", {500}, {1}, 0, 500, torch::rand({500})}};
  checkpoint::make_state_directory(directory);
  checkpoint::write_state_file(directory, pieces, step, 0, 1);
  checkpoint::save_training_state(directory, state, {pieces, step}, 1);
}

void cut_in_half(const fs::path& file) { fs::resize_file(file, fs::file_size(file) / 2); }

}  // namespace

TEST_CASE("a run resumes from its newest checkpoint when that is whole", "[checkpoint]") {
  const TemporaryFolder folder("whole");
  CHECK_FALSE(find_resume_point(folder.path()).from);
  save_checkpoint(folder.path(), 2);
  save_checkpoint(folder.path(), 4);
  const auto point = find_resume_point(folder.path());
  REQUIRE(point.from);
  CHECK(point.from->step == 4);
  CHECK(point.damaged.empty());
}

TEST_CASE("a checkpoint that lacks a file or a part of one is passed over", "[checkpoint]") {
  const TemporaryFolder folder("damaged");
  save_checkpoint(folder.path(), 2);
  const auto point_after = [&](const std::function<void(const fs::path&)>& damage) {
    fs::remove_all(folder / "checkpoint-4");
    save_checkpoint(folder.path(), 4);
    damage(folder / "checkpoint-4");
    return find_resume_point(folder.path());
  };
  const auto check = [&](const std::string& what, const std::function<void(const fs::path&)>& damage) {
    INFO(what);
    const auto point = point_after(damage);
    REQUIRE(point.from);
    CHECK(point.from->step == 2);
    REQUIRE(point.damaged.size() == 1);
    CHECK(point.damaged[0].path == folder / "checkpoint-4");
    CHECK_THAT(point.damaged[0].reason, contains("checkpoint-4"));
  };
  for (const std::string file :
       {"config.json", "convllava.yaml", "model.safetensors", "tokenizer.model", "vision_tower/model.safetensors",
        "state/state.json", "state/optimizer-00001-of-00001.safetensors"}) {
    check(file + " removed", [&](const fs::path& directory) { fs::remove(directory / file); });
    check(file + " cut", [&](const fs::path& directory) { cut_in_half(directory / file); });
    check(file + " empty", [&](const fs::path& directory) { fs::resize_file(directory / file, 0); });
  }
  const std::string processor = "vision_tower/preprocessor_config.json";
  check("a part of the preprocessor", [&](const fs::path& directory) { cut_in_half(directory / processor); });
  check("no tower", [](const fs::path& directory) { fs::remove_all(directory / "vision_tower"); });
  check("no state", [](const fs::path& directory) { fs::remove_all(directory / "state"); });
  check("an empty folder", [](const fs::path& directory) {
    fs::remove_all(directory);
    fs::create_directory(directory);
  });
}

TEST_CASE("a run none of whose checkpoints is whole does not begin anew", "[checkpoint]") {
  const TemporaryFolder folder("none");
  save_checkpoint(folder.path(), 2);
  fs::remove(folder / "checkpoint-2/model.safetensors");
  CHECK_THAT(thrown<CheckpointError>([&] { find_resume_point(folder.path()); }).what(),
             contains("cannot resume: every checkpoint is damaged; got ") && contains("checkpoint-2") &&
                 contains("expected a whole checkpoint-<step>, or another output_dir"));
}

TEST_CASE("damaged checkpoints are kept under another name", "[checkpoint]") {
  const TemporaryFolder folder("aside");
  const TemporaryFolder log("log");
  for (const char* name : {"checkpoint-4", "checkpoint-4.damaged", "checkpoint-6"}) fs::create_directory(folder / name);
  {
    CapturedStderr captured(log / "stderr");
    set_aside({{folder / "checkpoint-6", "cut off"}, {folder / "checkpoint-4", "empty"}});
    CHECK_THAT(captured.text(), contains("checkpoint-6 is damaged (cut off); renamed to checkpoint-6.damaged") &&
                                    contains("checkpoint-4 is damaged (empty); renamed to checkpoint-4.damaged-2"));
  }
  CHECK(folder.names() == Names{"checkpoint-4.damaged", "checkpoint-4.damaged-2", "checkpoint-6.damaged"});
  CHECK(checkpoint::list_checkpoints(folder.path()).empty());
  CHECK(thrown<CheckpointError>([&] {
          set_aside({{folder / "checkpoint-9", "gone"}});
        }) == Parts{.where = "checkpoint-9", .kind = "the damaged checkpoint cannot be renamed"});
}

TEST_CASE("opening a run with a damaged newest checkpoint names the newest complete one", "[checkpoint]") {
  const TemporaryFolder folder("open");
  save_checkpoint(folder.path(), 2);
  save_checkpoint(folder.path(), 4);
  CHECK(formats::find_checkpoint(folder.path()) == folder / "checkpoint-4");
  fs::remove_all(folder / "checkpoint-4/state");  // needed for resuming only
  CHECK(formats::find_checkpoint(folder.path()) == folder / "checkpoint-4");
  const auto check_damage = [&](const std::string& file, const std::function<void(const fs::path&)>& damage) {
    INFO(file);
    fs::remove_all(folder / "checkpoint-4");
    save_checkpoint(folder.path(), 4);
    damage(folder / "checkpoint-4" / file);
    CHECK_THAT(thrown<CheckpointError>([&] { formats::find_checkpoint(folder.path()); }).what(),
               contains("the newest checkpoint is damaged. Use " + (folder / "checkpoint-2").string() + "; got ") &&
                   contains("checkpoint-4/" + file));
  };
  check_damage("model.safetensors", cut_in_half);
  check_damage("tokenizer.model", cut_in_half);
  check_damage("convllava.yaml", cut_in_half);
  check_damage("convllava.yaml", [](const fs::path& file) { fs::remove(file); });
  check_damage("vision_tower/preprocessor_config.json", cut_in_half);
  CHECK(formats::find_checkpoint(folder / "checkpoint-2") == folder / "checkpoint-2");
}

TEST_CASE("the checkpoint of a run is not opened without the template and image size of its run", "[checkpoint]") {
  const TemporaryFolder folder("record");
  save_checkpoint(folder.path(), 2);
  fs::remove(folder / "checkpoint-2/convllava.yaml");
  const auto load = [&] { infer::load_pretrained(folder / "checkpoint-2", torch::kCPU, torch::kFloat); };
  const auto error = thrown<CheckpointError>(load);
  CHECK(error == Parts{.where = "checkpoint-2/convllava.yaml"});
  CHECK_THAT(error.kind(), contains("the file is missing. It holds the template"));
  fs::remove_all(folder / "checkpoint-2/state");  // as others publish a model
  CHECK_NOTHROW(load());
}

TEST_CASE("the images that a checkpoint wants are looked at beside its record too", "[checkpoint]") {
  const TemporaryFolder folder("processor");
  save_checkpoint(folder.path(), 2);
  write_text(folder / "checkpoint-2/vision_tower/preprocessor_config.json", R"({"do_normalize": false})");
  CHECK(thrown<CheckpointError>([&] { infer::load_pretrained(folder / "checkpoint-2", torch::kCPU, torch::kFloat); }) ==
        Parts{.where = "preprocessor_config.json", .field = "do_normalize"});
}

}  // namespace convllava::stage
