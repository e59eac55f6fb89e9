// Checkpoints that an earlier version wrote: they open, the next stage starts from them, and their runs resume.
//
// tests/golden/train/format_1 holds the weights that two runs started from, each of these runs after 3 of 6 steps, the
// losses of the whole runs, and the optimizer's state by the names of the parameters. The hidden test "write runs of
// this version" of commit c94db5f made them.

#include <fstream>

#include "convllava/checkpoint/run_folder.h"
#include "convllava/checkpoint/training_state.h"
#include "convllava/infer/pretrained.h"
#include "convllava/optim/flat_state.h"
#include "convllava/parallel/engine.h"
#include "convllava/setup/build_model.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_run.h"
#include "tests/unit/stage/runs.h"

using namespace convllava;
using testing::run;
namespace fs = std::filesystem;

namespace {

const fs::path kFormat1 = fs::path(CONVLLAVA_SOURCE_DIR) / "tests/golden/train/format_1";

std::string name_of(hardware::Dtype dtype) { return dtype == hardware::Dtype::kFp32 ? "fp32" : "bf16"; }

/// Six steps of a model of 23,000 parameters, from the weights in folder/first.
stage::RunConfig six_steps(const fs::path& folder, hardware::Dtype dtype) {
  auto config = testing::tiny_run(folder);
  config.model = {};
  config.model.from = (folder / "first").string();
  config.dtype = dtype;
  config.trainable = {"vision.stages.3-5", "projector", "llm.layers.0-1"};
  config.train.lr = 3e-2;  // losses then show whether the optimizer has its state
  config.train.weight_decay = 0.1;
  config.checkpoint.every_steps = 3;
  config.report.samples = 0;
  return config;
}

/// A copy of the stored run of three steps.
stage::RunConfig stored_run(const fs::path& folder, hardware::Dtype dtype) {
  testing::write_records(folder, 20);
  fs::copy(kFormat1 / "first", folder / "first", fs::copy_options::recursive);
  fs::copy(kFormat1 / name_of(dtype), folder / "run", fs::copy_options::recursive);
  return six_steps(folder, dtype);
}

model::ConvLlava trainable_model(const fs::path& saved, const stage::RunConfig& config) {
  auto model = infer::load_pretrained(saved, torch::kCPU, hardware::scalar_type(config.dtype)).model;
  setup::set_trainable(*model, config.trainable);
  return model;
}

std::vector<double> numbers_of(const fs::path& file) {
  std::ifstream stream(file);
  std::vector<double> numbers;
  for (double number = 0; stream >> number;) numbers.push_back(number);
  return numbers;
}

}  // namespace

TEST_CASE("a run of format 1 resumes with the losses that the version which wrote it had", "[stage]") {
  const auto dtype = GENERATE(hardware::Dtype::kFp32, hardware::Dtype::kBf16);
  const testing::TemporaryFolder folder;
  const auto config = stored_run(folder.path(), dtype);
  CHECK(run(config).steps == 6);
  const auto losses = testing::logged_losses(config.output_dir);
  const auto stored = numbers_of(kFormat1 / (name_of(dtype) + "_losses.txt"));
  REQUIRE(losses.size() == 6);
  REQUIRE(stored.size() == 6);
  for (size_t i = 0; i < 6; ++i) {
    // Other processors add in another order. The two runs differ by 3e-4 from each other.
    CHECK(losses[i] == Approx(stored[i]).epsilon(dtype == hardware::Dtype::kFp32 ? 1e-4 : 1e-3));
  }
}

TEST_CASE("the next stage starts from a checkpoint of format 1, and it opens for chat and eval", "[stage]") {
  const auto dtype = GENERATE(hardware::Dtype::kFp32, hardware::Dtype::kBf16);
  const testing::TemporaryFolder folder;
  const auto config = stored_run(folder.path(), dtype);
  const auto opened = infer::load_pretrained(config.output_dir, torch::kCPU, torch::kFloat);
  CHECK(opened.record.step == 3);
  CHECK(opened.record.total_steps == 6);
  CHECK(opened.record.prompt_template == text::Template::kV1);
  CHECK(opened.record.image.size == 64);
  CHECK(opened.record.max_length == 160);
  auto next = testing::next_stage(config);
  next.train.max_steps = 1;
  CHECK(run(next).steps == 1);
}

TEST_CASE("the optimizer's state of format 1 is found by the names of the parameters", "[stage]") {
  const auto dtype = GENERATE(hardware::Dtype::kFp32, hardware::Dtype::kBf16);
  const testing::TemporaryFolder folder;
  const auto config = stored_run(folder.path(), dtype);
  const auto saved = formats::find_checkpoint(config.output_dir);
  const auto model = trainable_model(saved, config);
  const parallel::Engine engine(model->blocks(), distributed::ProcessGroup());
  const optim::FlatState state(checkpoint::open_state_tensors(saved), engine.units());
  const auto expected = testing::golden("train/format_1/" + name_of(dtype) + "_state.safetensors");
  CHECK(state.tensors().size() == expected.tensors().size() + 1);  // and the number of steps
  CHECK(state.tensor("step").item<float>() == 3);
  for (const auto& [name, info] : expected.tensors()) {
    INFO(name);
    REQUIRE(state.tensors().count(name) == 1);
    CHECK(state.tensors().at(name).shape == info.shape);
    CHECK(torch::equal(state.tensor(name), expected.tensor(name)));
  }
}

TEST_CASE("state of format 1 for other parameters is refused", "[stage]") {
  const testing::TemporaryFolder folder;
  const auto config = stored_run(folder.path(), hardware::Dtype::kFp32);
  const auto saved = formats::find_checkpoint(config.output_dir);
  const auto model = trainable_model(saved, config);
  model->mm_projector->parameters().front().requires_grad_(false);
  const parallel::Engine engine(model->blocks(), distributed::ProcessGroup());
  const auto open = [&] { optim::FlatState(checkpoint::open_state_tensors(saved), engine.units()); };
  CHECK_THAT(testing::thrown<CheckpointError>(open).what(),
             testing::contains("tensor \"mm_projector.exp_avg\" does not fit; got "));
}
