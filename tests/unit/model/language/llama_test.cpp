#include "convllava/model/language/llama.h"

#include "convllava/nn/head_loss.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_model.h"

using namespace convllava;
using testing::golden;
using testing::relative_difference;
using testing::tiny_llama;

namespace {

// fp32 against fp32 in another order of summation. Measured: logits 6e-7, gradients 1e-6; the margin is for other CPUs.
constexpr double kLlamaTolerance = 3e-6;
constexpr double kLlamaGradientTolerance = 1e-5;

void check_parity(int64_t kv_heads, const std::string& file_name, bool recompute) {
  const auto file = golden("model/" + file_name);
  model::Llama llama(tiny_llama(kv_heads));
  if (recompute) llama->runner.set_recompute({"llm"});
  testing::load_parameters(*llama, file);
  const auto ids = file.tensor("input_ids");
  const int64_t length = ids.size(0);
  const auto states = llama->hidden_states(llama->embed(ids), torch::arange(length),
                                           nn::SequenceLayout::make({0, length}, torch::kCPU));
  CHECK(relative_difference(llama->logits(states), file.tensor("logits")) < kLlamaTolerance);

  const auto labels = file.tensor("labels").narrow(0, 1, length - 1);
  const auto rows = labels.ne(-100).nonzero().squeeze(1);
  const auto loss = nn::head_cross_entropy(states.index_select(0, rows), llama->head_weight(),
                                           labels.index_select(0, rows), 1.0 / static_cast<double>(rows.numel()));
  CHECK(relative_difference(loss.reshape({1}), file.tensor("loss")) < kLlamaTolerance);
  loss.backward();
  testing::check_gradients(*llama, file, kLlamaGradientTolerance);
}

}  // namespace

TEST_CASE("multi-head LLaMA equals transformers' LlamaForCausalLM: logits, loss, gradients", "[model]") {
  check_parity(4, "llama_mha.safetensors", false);
}

TEST_CASE("grouped-query LLaMA equals transformers' LlamaForCausalLM: logits, loss, gradients", "[model]") {
  check_parity(2, "llama_gqa.safetensors", false);
}

TEST_CASE("recomputed layers give the same loss and gradients", "[model]") {
  check_parity(2, "llama_gqa.safetensors", true);
}

TEST_CASE("packed sequences do not see each other", "[model]") {
  const auto file = golden("model/llama_gqa.safetensors");
  model::Llama llama(tiny_llama(2));
  testing::load_parameters(*llama, file);
  const torch::NoGradGuard no_grad;
  const auto ids = torch::randint(3, 64, {17}, torch::kLong);
  const auto run = [&](const torch::Tensor& part) {
    return llama->hidden_states(llama->embed(part), torch::arange(part.size(0)),
                                nn::SequenceLayout::make({0, part.size(0)}, torch::kCPU));
  };
  const auto positions = torch::cat({torch::arange(6), torch::arange(11)});
  const auto packed =
      llama->hidden_states(llama->embed(ids), positions, nn::SequenceLayout::make({0, 6, 17}, torch::kCPU));
  const auto apart = torch::cat({run(ids.narrow(0, 0, 6)), run(ids.narrow(0, 6, 11))});
  CHECK(relative_difference(packed, apart) < kLlamaTolerance);
}

TEST_CASE("tied embeddings serve as the head", "[model]") {
  auto config = tiny_llama(2);
  config.tie_word_embeddings = true;
  model::Llama llama(config);
  CHECK(llama->named_parameters().contains("lm_head.weight") == false);
  CHECK(llama->head_weight().is_same(llama->embed_tokens->weight));
}
