#pragma once

#include <torch/types.h>

#include <vector>

#include "convllava/nn/block.h"

// Fresh weights for the parts that no checkpoint provides. They are drawn from torch's default generator (seed it
// first), in fp32 and in the tensor's own memory order, and rounded to the type of the model, as the reference does: a
// bf16 model starts with the rounded weights of the fp32 model of the same seed. (torch's own uniform bf16 draws have
// 256 values, and their mean is off by half a step.)

namespace convllava::nn {

void fill(torch::Tensor tensor, double value);

/// normal(0, deviation).
void fill_normal(torch::Tensor tensor, double deviation);

/// PyTorch's default for Linear and Conv2d: weight and bias from U(-b, b), b = 1 / sqrt(fan_in) of the weight.
void fill_default(const torch::Tensor& weight, const torch::Tensor& bias);

/// Of a normalisation: weight 1, bias 0.
void fill_norm(const torch::Tensor& weight, const torch::Tensor& bias);

/// Fresh weights for all of them, in this order.
void initialize(const std::vector<Block>& blocks);

}  // namespace convllava::nn
