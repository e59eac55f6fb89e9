// The model's goldens (scripts/golden/model.py) on a GPU.

#include <cmath>

#include "convllava/hardware/gpu.h"
#include "convllava/infer/generate.h"
#include "tests/support/chain_model.h"
#include "tests/support/golden.h"
#include "tests/support/whole_model.h"

namespace convllava {
namespace {

using testing::golden;
using testing::relative_difference;

const torch::Device kGpu(torch::kCUDA, 0);

model::Batch to_gpu(model::Batch batch) {
  for (auto* tensor : {&batch.input_ids, &batch.position_ids, &batch.visual_rows, &batch.target_rows, &batch.targets}) {
    if (tensor->defined()) *tensor = tensor->to(kGpu);
  }
  for (auto& pixels : batch.pixels) pixels = pixels.to(kGpu);
  return batch;
}

void check_whole_model(torch::ScalarType dtype, double loss_tolerance, double gradient_tolerance) {
  const auto file = golden("model/convllava.safetensors");
  model::ConvLlava model(testing::tiny_model(), torch::TensorOptions(kGpu).dtype(dtype));
  testing::load_parameters(*model, file);
  const auto batch = to_gpu(testing::golden_batch(file));
  const auto loss = model->loss(batch, 1.0 / static_cast<double>(batch.targets.numel()));
  CHECK(relative_difference(loss.reshape({1}).cpu(), file.tensor("loss")) < loss_tolerance);
  loss.backward();
  double error = 0;
  double size = 0;
  for (const auto& item : model->named_parameters()) {
    INFO(item.key());
    const auto expected = file.tensor("gradient." + item.key()).to(torch::kDouble);
    const auto actual = item.value().grad().cpu().to(torch::kDouble);
    if (dtype == torch::kFloat) CHECK(relative_difference(actual, expected) < gradient_tolerance);
    error += (actual - expected).square().sum().item<double>();
    size += expected.square().sum().item<double>();
  }
  CHECK(std::sqrt(error / size) < gradient_tolerance);
}

}  // namespace

TEST_CASE("loss and gradients of the whole model on a GPU equal the reference's", "[gpu]") {
  if (!torch::cuda::is_available()) SKIP("this machine has no GPU");
  hardware::set_gpu_arithmetic();
  check_whole_model(torch::kFloat, 2e-6, 2e-5);    // as on a CPU
  check_whole_model(torch::kBFloat16, 0.01, 0.1);  // eight bits a number, rounded some dozen times in a row
}

TEST_CASE("greedy decoding on a GPU equals transformers' generate, with and without the cache", "[gpu]") {
  if (!torch::cuda::is_available()) SKIP("this machine has no GPU");
  hardware::set_gpu_arithmetic();
  const std::string name = "llama_gqa.safetensors";
  auto model = testing::reference_model(2, name, kGpu);
  const auto file = golden("model/" + name);
  const auto prompts = file.tensor("prompts");
  for (const bool use_cache : {true, false}) {
    const auto batch = to_gpu(testing::batch_of({prompts[0], prompts[1]}));
    const auto answers = infer::generate(*model, batch, {.max_new_tokens = 24, .use_cache = use_cache});
    CHECK(answers[0].tokens == testing::ids_of(file.tensor("greedy.0")));
    CHECK(answers[1].tokens == testing::ids_of(file.tensor("greedy.1")));
  }
}

}  // namespace convllava
