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
  TORCH_CHECK(tensor.is_leaf(), "parameter ", entry.name, " is not a leaf of autograd");
  TORCH_CHECK(tensor.requires_grad() == first.requires_grad(), "parameter ", entry.name, " is ",
              tensor.requires_grad() ? "trainable" : "frozen", ", the rest of its unit is not");
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

/// Makes `tensor` a view of `flat`, with the strides it has. It takes its values along where it has any.
void make_view(torch::Tensor tensor, const torch::Tensor& flat, int64_t begin) {
  const auto view = flat.as_strided(tensor.sizes(), tensor.strides(), begin);
  if (tensor.is_meta()) {
    // set_data refuses another device. The leaf has no hooks and no gradient yet, so this is all that it would do.
    tensor.unsafeGetTensorImpl()->shallow_copy_from(view.getIntrusivePtr());
  } else {
    view.copy_(tensor);
    tensor.set_data(view);
  }
}

double sum_of_bits(const torch::Tensor& flat) {
  const auto bits = flat.view(flat.element_size() == 2 ? torch::kShort : torch::kInt);
  return static_cast<double>(bits.sum(torch::kLong).item<int64_t>());
}

int64_t rounded_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

}  // namespace

int64_t padded_numel(const std::vector<std::pair<std::string, torch::Tensor>>& parameters, int64_t world) {
  int64_t numel = 0;
  for (const auto& item : parameters) numel += rounded_up(item.second.numel(), kAlignment);
  return rounded_up(numel, kAlignment * world);
}

FlatUnit::FlatUnit(const nn::Block& block, const Placement& placement, const torch::Device& device)
    : name_(block.name) {
  const torch::InferenceMode no_inference(false);
  const torch::NoGradGuard no_grad;
  move_in(block, placement, device);
  divide(placement);
}

void FlatUnit::move_in(const nn::Block& block, const Placement& placement, const torch::Device& device) {
  const auto entries = ordered_entries(block);
  int64_t end = 0;
  for (const auto& entry : entries) {
    if (ranges_.empty() || ranges_.back().decay != entry.decay) {
      ranges_.push_back({block.module(), entry.decay, end, end});
    }
    parameters_.push_back({entry.name, entry.tensor, end});
    end += rounded_up(entry.tensor.numel(), kAlignment);
    ranges_.back().end = end;
  }
  // The same padding at every level, so that all levels compute the same.
  ranges_.back().end = end = padded_numel(block.parameters, placement.world);

  const auto& first = entries.front().tensor;
  const auto options = torch::TensorOptions(first.scalar_type()).device(first.is_meta() ? device : first.device());
  weights_ = FlatMemory(end, options);
  begin_fill();
  if (first.requires_grad()) {
    gradient_ = FlatMemory(end, options.dtype(torch::kFloat));
    gradient_.allocate();
  }
  for (const auto& parameter : parameters_) {
    auto tensor = parameter.tensor;
    make_view(tensor, weights_.tensor(), parameter.begin);
    if (!trained()) continue;
    accept_wide_gradient(tensor, block.used_once);
    tensor.mutable_grad() = gradient_.tensor().as_strided(tensor.sizes(), tensor.strides(), parameter.begin);
  }
}

void FlatUnit::divide(const Placement& placement) {
  own_size_ = numel() / placement.ranks;
  own_begin_ = placement.rank * own_size_;
  weights_divided_ = placement.level == Level::kParameters;
  own_weights_ = own_part(weights_.tensor());
  if (weights_divided_) own_weights_ = torch::empty_like(own_weights_);
  end_fill();
  if (!trained()) return;
  own_gradient_ = own_part(gradient_.tensor());
  if (placement.level >= Level::kGradients) {
    own_gradient_ = torch::zeros_like(own_gradient_);
    gradient_.free();
  } else {
    torch::Tensor(gradient_.tensor()).zero_();
  }
}

torch::Tensor FlatUnit::own_part(const torch::Tensor& flat) const { return flat.narrow(0, own_begin_, own_size_); }

void FlatUnit::begin_fill() {
  if (weights_.allocated()) return;
  weights_.allocate();
  torch::Tensor(weights_.tensor()).zero_();
}

void FlatUnit::end_fill() {
  if (!weights_divided_) return;
  filled_sum_ = sum_of_bits(weights_.tensor());
  own_weights_.copy_(own_part(weights_.tensor()));
  weights_.free();
}

double FlatUnit::bit_sum() const { return weights_divided_ ? filled_sum_ : sum_of_bits(weights_.tensor()); }

}  // namespace convllava::parallel
