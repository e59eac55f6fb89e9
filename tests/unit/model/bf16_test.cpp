#include <cmath>
#include <map>

#include "convllava/model/language/llama.h"
#include "convllava/model/vision/convnext.h"
#include "convllava/nn/head_loss.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_model.h"

// bf16 keeps eight bits, and programs that round after other operations part at once: transformers rounds RoPE's
// cosines and each factor of the layer scale, this library does not. So both are measured against the same model in
// fp32, with the same rounded weights, and this library must be as near to it as transformers is.

using namespace convllava;
using testing::golden;

namespace {

// Norm of the difference over the norm. Measured, with one thread and two, with and without AVX-512:
constexpr double kOutput = 0.02;     // 0.010 (tower), 0.012 (logits)
constexpr double kGradient = 0.12;   // of the worst parameter: 0.061 (a norm of 8 channels), 0.025 (LLaMA)
constexpr double kLoss = 2e-3;       // 6e-6; with other weights 8e-4
constexpr double kErrorRatio = 1.3;  // error of all gradients over that of transformers: 1.00 to 1.02

struct Result {
  torch::Tensor output;
  torch::Tensor loss;
  std::map<std::string, torch::Tensor> gradients;
};

double magnitude(const torch::Tensor& x) { return x.to(torch::kDouble).norm().item<double>(); }

double distance(const torch::Tensor& actual, const torch::Tensor& expected) {
  return magnitude(actual.to(torch::kDouble) - expected.to(torch::kDouble)) / magnitude(expected);
}

/// The weights of an fp32 golden, rounded to bf16 whatever the type of the module.
void load_rounded(torch::nn::Module& module, const checkpoint::SafetensorsFile& file) {
  const torch::NoGradGuard no_grad;
  for (auto& item : module.named_parameters()) {
    item.value().copy_(file.tensor("parameter." + item.key()).to(torch::kBFloat16));
  }
}

std::map<std::string, torch::Tensor> gradients_of(const torch::nn::Module& module) {
  std::map<std::string, torch::Tensor> gradients;
  for (const auto& item : module.named_parameters()) gradients[item.key()] = item.value().grad();
  return gradients;
}

Result run_tower(torch::ScalarType dtype, bool recompute) {
  const auto file = golden("model/convnext_5_stages.safetensors");
  model::ConvNext tower(*testing::convnext({1, 1, 2, 1, 1}, {8, 12, 16, 20, 24}), torch::TensorOptions().dtype(dtype));
  load_rounded(*tower, file);
  if (recompute) tower->runner.set_recompute({"vision"});
  const auto rounded = [&](const char* name) { return file.tensor(name).to(torch::kBFloat16).to(dtype); };
  const auto features = tower(rounded("pixels"));
  features.backward(rounded("output_gradient"));
  return {features.detach(), {}, gradients_of(*tower)};
}

Result run_llama(torch::ScalarType dtype, bool recompute) {
  const auto file = golden("model/llama_gqa.safetensors");
  model::Llama llama(testing::tiny_llama(), torch::TensorOptions().dtype(dtype));
  load_rounded(*llama, file);
  if (recompute) llama->runner.set_recompute({"llm"});
  const auto ids = file.tensor("input_ids");
  const int64_t length = ids.size(0);
  const auto states = llama->hidden_states(llama->embed(ids), torch::arange(length),
                                           nn::SequenceLayout::make({0, length}, torch::kCPU));
  const auto labels = file.tensor("labels").narrow(0, 1, length - 1);
  const auto rows = labels.ne(-100).nonzero().squeeze(1);
  const auto loss = nn::head_cross_entropy(states.index_select(0, rows), llama->head_weight(),
                                           labels.index_select(0, rows), 1.0 / static_cast<double>(rows.numel()));
  loss.backward();
  return {llama->logits(states).detach(), loss.detach(), gradients_of(*llama)};
}

void check_parity(const Result& ours, const Result& exact, const checkpoint::SafetensorsFile& theirs) {
  CHECK(ours.output.scalar_type() == torch::kBFloat16);
  CHECK(distance(ours.output, theirs.tensor("output")) < kOutput);
  double our_error = 0;
  double their_error = 0;
  for (const auto& [name, gradient] : exact.gradients) {
    INFO(name);
    const auto& our_gradient = ours.gradients.at(name);
    const auto their_gradient = theirs.tensor("gradient." + name);
    CHECK(distance(our_gradient, their_gradient) < kGradient);
    our_error += std::pow(magnitude(our_gradient.to(torch::kFloat) - gradient), 2);
    their_error += std::pow(magnitude(their_gradient.to(torch::kFloat) - gradient), 2);
  }
  CHECK(std::sqrt(our_error) < kErrorRatio * std::sqrt(their_error));
}

void check_equal(const Result& a, const Result& b) {
  CHECK(torch::equal(a.output, b.output));
  for (const auto& [name, gradient] : a.gradients) {
    INFO(name);
    CHECK(torch::equal(gradient, b.gradients.at(name)));
  }
}

}  // namespace

TEST_CASE("a tower in bf16 is as exact as transformers' in bf16, forward and gradients", "[model]") {
  check_parity(run_tower(torch::kBFloat16, false), run_tower(torch::kFloat, false),
               golden("model/convnext_5_stages_bf16.safetensors"));
}

TEST_CASE("LLaMA in bf16 is as exact as transformers' in bf16: logits, loss, gradients", "[model]") {
  const auto ours = run_llama(torch::kBFloat16, false);
  const auto theirs = golden("model/llama_gqa_bf16.safetensors");
  check_parity(ours, run_llama(torch::kFloat, false), theirs);
  CHECK(ours.loss.scalar_type() == torch::kFloat);
  CHECK(distance(ours.loss.reshape({1}), theirs.tensor("loss")) < kLoss);
}

TEST_CASE("recomputation changes no bit in bf16", "[model]") {
  check_equal(run_tower(torch::kBFloat16, true), run_tower(torch::kBFloat16, false));
  check_equal(run_llama(torch::kBFloat16, true), run_llama(torch::kBFloat16, false));
}
