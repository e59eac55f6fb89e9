// A program of another project that uses the encoder alone.

#include <torch/torch.h>

#include <cstdio>

#include "convllava/model/model_config.h"
#include "convllava/model/vision/tower.h"
#include "convllava/nn/init.h"

using namespace convllava;

int main() {
  const torch::NoGradGuard no_grad;
  const auto tower = model::named_model_config("tiny").vision->make(torch::kFloat);
  nn::initialize(tower->blocks());
  const auto features = tower->forward(torch::randn({1, 3, 192, 320}));
  std::printf("192x320 pixels -> %ld tokens of %ld\n", features.size(1), features.size(2));
  return features.size(1) == 3 * 5 && features.isfinite().all().item<bool>() ? 0 : 1;
}
