#include "convllava/parallel/flat_unit.h"

#include <ATen/core/VariableHooksInterface.h>

#include <algorithm>
#include <tuple>

#include "convllava/nn/libtorch.h"
#include "convllava/nn/weight_decay.h"

namespace convllava::parallel {
namespace {

/// Elements; 128 bytes of bfloat16. A matrix at an odd address loses cuBLAS's and oneDNN's fast kernels.
constexpr int64_t kAlignment = 64;

struct Entry {
  bool decay;
  std::string name;
  torch::Tensor tensor;
};

void check(const Entry& entry, const torch::Tensor& first) {
  const auto& tensor = entry.tensor;
  const auto type = tensor.scalar_type();
  TORCH_CHECK(tensor.is_leaf() && tensor.requires_grad(), "parameter ", entry.name, " is not trainable");
  TORCH_CHECK(type == torch::kFloat || type == torch::kBFloat16, "parameter ", entry.name, " is ", type,
              "; expected float32 or bfloat16");
  TORCH_CHECK(type == first.scalar_type() && tensor.device() == first.device(), "parameter ", entry.name, " is ", type,
              " on ", tensor.device(), "; expected ", first.scalar_type(), " on ", first.device(),
              " like the rest of its block");
  TORCH_CHECK(tensor.is_non_overlapping_and_dense(), "parameter ", entry.name, " is not dense");
}

std::vector<Entry> ordered_entries(const nn::Block& block) {
  TORCH_CHECK(!block.parameters.empty(), "block ", block.name, " has no parameters");
  std::vector<Entry> entries;
  for (const auto& [name, tensor] : block.parameters) {
    entries.push_back({nn::decays(tensor), name, tensor});
    check(entries.back(), entries.front().tensor);
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::tie(a.decay, a.name) < std::tie(b.decay, b.name); });
  return entries;
}

/// Lets autograd add gradients of bfloat16 to a gradient of fp32. It makes each an fp32 tensor before; on GPUs the
/// addition itself widens, which saves that copy, but gradients of several uses would first be added in bfloat16.
void accept_wide_gradient(const torch::Tensor& tensor, bool used_once) {
  if (tensor.scalar_type() == torch::kFloat) return;
  const auto type = tensor.is_cuda() && used_once ? std::nullopt : std::optional(torch::kFloat);
  at::impl::GetVariableHooks()->set_grad_dtype(tensor, type);
}

/// Makes `tensor` and its gradient views of the flat tensors at `begin`, with the strides it has.
void move_into(torch::Tensor tensor, const torch::Tensor& flat, const torch::Tensor& gradient, int64_t begin) {
  const auto view = flat.as_strided(tensor.sizes(), tensor.strides(), begin);
  view.copy_(tensor);
  tensor.set_data(view);
  tensor.mutable_grad() = gradient.as_strided(tensor.sizes(), tensor.strides(), begin);
}

}  // namespace

FlatUnit::FlatUnit(const nn::Block& block) : name_(block.name) {
  const torch::NoGradGuard no_grad;
  const auto entries = ordered_entries(block);
  int64_t end = 0;
  for (const auto& entry : entries) {
    if (ranges_.empty() || ranges_.back().decay != entry.decay) {
      ranges_.push_back({block.module(), entry.decay, end, end});
    }
    parameters_.push_back({entry.name, entry.tensor, end});
    end += (entry.tensor.numel() + kAlignment - 1) / kAlignment * kAlignment;
    ranges_.back().end = end;
  }
  flat_ = torch::zeros({end}, entries.front().tensor.options().requires_grad(false));
  gradient_ = torch::zeros({end}, flat_.options().dtype(torch::kFloat));
  for (const auto& parameter : parameters_) {
    accept_wide_gradient(parameter.tensor, block.used_once);
    move_into(parameter.tensor, flat_, gradient_, parameter.begin);
  }
}

}  // namespace convllava::parallel
