// Micro-batches and steps in whose loss no trainable parameter has a part.

#include "convllava/checkpoint/run_folder.h"
#include "convllava/checkpoint/training_state.h"
#include "convllava/core/error.h"
#include "convllava/core/files.h"
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

constexpr const char* kNothing = "there was nothing to learn from in any step";
namespace fs = std::filesystem;

namespace {

/// The paper's stage 1: the language model is frozen. Every fourth of the 16 records is a text.
stage::RunConfig projector_run(const fs::path& folder, int64_t global_batch_size, int64_t micro_batch_size) {
  testing::write_records(folder, 16);
  auto config = testing::tiny_run(folder);
  config.trainable = {"vision.stages.5", "projector"};
  config.data.group_by = data::Grouping::kNone;
  config.train.global_batch_size = global_batch_size;
  config.train.micro_batch_size = micro_batch_size;
  config.train.epochs = 1;
  config.train.max_steps = 0;
  config.report.samples = 0;
  return config;
}

checkpoint::TrainingState state_after(const stage::RunConfig& config) {
  return checkpoint::load_training_state(formats::find_checkpoint(config.output_dir));
}

}  // namespace

TEST_CASE("a micro-batch of texts before a frozen language model is passed over", "[stage]") {
  const auto recompute = GENERATE(std::vector<std::string>{}, std::vector<std::string>{"vision", "llm"});
  const testing::TemporaryFolder folder;
  auto config = projector_run(folder.path(), 4, 1);
  config.train.recompute = recompute;
  CHECK(run(config).steps == 4);
  CHECK(state_after(config).idle_steps == 0);
}

TEST_CASE("a step of text-only samples with a frozen language model changes nothing and is reported", "[stage]") {
  const testing::TemporaryFolder folder;
  auto config = projector_run(folder.path(), 1, 1);
  config.checkpoint.every_steps = 1;
  config.checkpoint.keep_last = 100;
  config.train.weight_decay = 0.1;
  testing::CapturedStderr log(folder / "log");
  CHECK(run(config).steps == 16);
  const auto text = log.text();
  CHECK_THAT(text, contains("no trainable parameter takes part in the loss"));
  CHECK_THAT(text, contains("4 of 16 steps had nothing to learn from"));
  CHECK(state_after(config).idle_steps == 4);

  // Byte for byte the weights and the optimizer of the step before, moments and decay included.
  int64_t idle = 0;
  for (int64_t step = 2; step <= 16; ++step) {
    const auto before = checkpoint::step_directory(config.output_dir, step - 1);
    const auto after = checkpoint::step_directory(config.output_dir, step);
    const bool was_idle =
        checkpoint::load_training_state(after).idle_steps > checkpoint::load_training_state(before).idle_steps;
    idle += was_idle;
    const auto same = [&](const char* file) { return core::read_file(before / file) == core::read_file(after / file); };
    CHECK(same("vision_tower/model.safetensors") == was_idle);
    CHECK(same("model.safetensors") == was_idle);  // with the projector
  }
  CHECK(idle >= 3);  // the first step may be one too
  CHECK_THAT(core::read_file(fs::path(config.output_dir) / "metrics.jsonl"), contains("\"data/idle_steps\":4"));
}

TEST_CASE("a step without an answer changes nothing and has no loss", "[stage]") {
  const testing::TemporaryFolder folder;
  auto config = projector_run(folder.path(), 1, 1);
  config.trainable = {"projector", "llm"};
  testing::write_text(folder / "images/5.ppm", "not an image");
  config.data.max_bad_share = 0.5;
  config.train.weight_decay = 0.1;
  config.checkpoint.every_steps = 1;
  config.checkpoint.keep_last = 100;
  CHECK(run(config).steps == 16);
  CHECK(state_after(config).idle_steps == 1);
  int64_t steps = 0;
  for (const auto& [step, scalars] : report::read_metrics(fs::path(config.output_dir) / "metrics.jsonl")) {
    const bool counted =
        std::any_of(scalars.begin(), scalars.end(), [](const auto& s) { return s.first == "data/idle_steps"; });
    if (scalars.front().first == "train/loss") {
      CHECK(counted == (steps > 0));  // the entry before the idle step does not know it
      continue;
    }
    CHECK(counted);
    ++steps;
    CHECK(step > 1);
    const auto weights = [&](int64_t at) {
      return core::read_file(checkpoint::step_directory(config.output_dir, at) / "model.safetensors");
    };
    CHECK(weights(step) == weights(step - 1));
  }
  CHECK(steps == 1);
}

TEST_CASE("one rank with texts and one with images train together", "[stage]") {
  testing::run_ranks(2, [] {
    const auto environment = distributed::launch_environment();
    distributed::ProcessGroup group(environment, torch::kCPU);
    const fs::path folder =
        fs::temp_directory_path() / ("convllava_idle_ranks_" + std::to_string(environment.master_port));
    auto config = projector_run(folder, 2, 1);
    group.barrier();
    CHECK(run(config, group).steps == 8);
    if (group.rank() == 0) {
      // The same run of one process ends at the same loss.
      const auto shared = testing::logged_losses(config.output_dir);
      config.output_dir += "-alone";
      run(config);
      const auto alone = testing::logged_losses(config.output_dir);
      REQUIRE(shared.size() == alone.size());
      for (size_t i = 0; i < shared.size(); ++i) CHECK(shared[i] == Approx(alone[i]).epsilon(1e-4));
      std::error_code ignored;
      fs::remove_all(folder, ignored);
    }
    group.shutdown();
  });
}

TEST_CASE("a frozen language model and no image at all is refused before anything is trained", "[stage]") {
  const testing::TemporaryFolder folder;
  auto config = projector_run(folder.path(), 1, 1);
  testing::write_text(folder / "train.json",
                      R"([{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}])");
  CHECK(thrown<ConfigError>([&] { run(config); }) ==
        Parts{.field = "trainable",
              .kind = "only parts that process images, and no record of data.train has one",
              .got = "vision.stages.5, projector",
              .expected = "a part of llm, or records with images"});
  CHECK_FALSE(fs::exists(config.output_dir));
}

TEST_CASE("a run of which every step was idle is not a result", "[stage]") {
  const testing::TemporaryFolder folder;
  auto config = projector_run(folder.path(), 1, 1);
  for (int i = 0; i < 16; ++i) fs::remove(folder / ("images/" + std::to_string(i) + ".ppm"));
  config.data.max_bad_share = 1;
  CHECK(thrown<DataError>([&] { run(config); }) == Parts{.where = "data.train", .kind = kNothing});
  CHECK_FALSE(checkpoint::latest_checkpoint(config.output_dir));
  config.checkpoint.every_steps = 4;
  CHECK(thrown<DataError>([&] { run(config); }) == Parts{.where = "data.train", .kind = kNothing});
  config.train.max_steps = 12;  // the checkpoint's step: only the end of the run is left to do
  REQUIRE(checkpoint::latest_checkpoint(config.output_dir)->step == 12);
  CHECK(thrown<DataError>([&] { run(config); }) == Parts{.where = "data.train", .kind = kNothing});
}
