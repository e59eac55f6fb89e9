// The library in three steps: the vision tower alone, the whole model, and one training step. Random weights, a CPU, a
// second.

#include "convllava/train/train_step.h"

#include <cstdio>

#include "convllava/data/packed_batch.h"
#include "convllava/infer/generate.h"
#include "convllava/infer/tensors.h"
#include "convllava/model/model_config.h"
#include "convllava/nn/init.h"
#include "convllava/nn/libtorch.h"

using namespace convllava;

namespace {

/// One sequence: BOS, a 128x128 image (2x2 visual tokens), a question of three tokens and an answer of two.
data::StepBatch made_up_batch() {
  data::Sample sample;
  sample.prompt.input_ids = {1, text::kImageToken, 20, 21, 22, 30, 2};
  sample.prompt.labels = {-100, -100, -100, -100, -100, 30, 2};
  sample.image = image::Image{128, 128, std::vector<uint8_t>(128 * 128 * 3, 200)};
  sample.visual_tokens = 4;
  data::StepBatch batch;
  batch.micro_batches = {data::pack({sample}, /*max_length=*/64)};
  batch.samples = 1;
  return batch;
}

}  // namespace

int main() {
  torch::manual_seed(0);
  const auto shape = model::named_model_config("tiny");

  // 1. The encoder alone: any height and width from 64 pixels on.
  const auto tower = shape.vision->make(torch::kFloat);
  nn::initialize(tower->blocks());
  const auto features = tower->forward(torch::randn({1, 3, 192, 320}));
  std::printf("192x320 pixels -> %ld tokens of %ld\n", features.size(1), features.size(2));

  // 2. The model: visual tokens among the text, greedy decoding.
  model::ConvLlava convllava(shape);
  nn::initialize(convllava->blocks());
  const auto batch = made_up_batch();
  const auto prompt = infer::to_tensors(batch.micro_batches[0], torch::kCPU);
  const auto answers = infer::generate(*convllava, prompt, {.max_new_tokens = 4});
  std::printf("%zu new tokens\n", answers[0].tokens.size());

  // 3. Training: declare what trains, flatten it, step.
  for (auto& parameter : convllava->llm->parameters()) parameter.set_requires_grad(false);
  distributed::ProcessGroup group;  // one process
  parallel::Engine engine(convllava->blocks(), group);
  optim::Optimizer optimizer(optim::make_rule({}), engine.shards());
  const auto counts = train::global_counts(batch, group);
  for (int step = 0; step < 3; ++step) {
    const auto outcome = train::train_step(*convllava, batch, counts, engine, optimizer, {.max_grad_norm = 1.0},
                                           [](const parallel::FlatRange&) {
                                             return optim::Rates{1e-3, 0.0};
                                           });
    std::printf("step %d: loss %.4f, gradient norm %.3f\n", step, outcome.loss.item<double>(),
                outcome.gradient_norm.item<double>());
  }
  return 0;
}
