#include "convllava/nn/rope.h"

#include "convllava/nn/libtorch.h"

namespace convllava::nn {
namespace {

/// [x1, x2] -> [x1 cos - x2 sin, x2 cos + x1 sin], halves of the last dimension.
torch::Tensor rotate(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin, double direction) {
  const int64_t half = x.size(-1) / 2;
  const auto wide = x.to(torch::kFloat);
  const auto first = wide.narrow(-1, 0, half);
  const auto second = wide.narrow(-1, half, half);
  const auto c = cos.narrow(-1, 0, half).unsqueeze(1);
  const auto s = sin.narrow(-1, 0, half).unsqueeze(1);
  auto rotated = torch::empty_like(wide, torch::MemoryFormat::Contiguous);
  auto rotated_first = rotated.narrow(-1, 0, half);
  auto rotated_second = rotated.narrow(-1, half, half);
  at::mul_out(rotated_first, first, c).addcmul_(second, s, -direction);
  at::mul_out(rotated_second, second, c).addcmul_(first, s, direction);
  return rotated.to(x.scalar_type());
}

/// The gradient of a rotation is the rotation back, so nothing of x is kept.
struct RopeFunction : torch::autograd::Function<RopeFunction> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& cos, const torch::Tensor& sin) {
    context->save_for_backward({cos, sin});
    return rotate(x, cos, sin, 1);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    return {rotate(gradients[0], saved[0], saved[1], -1), torch::Tensor(), torch::Tensor()};
  }
};

}  // namespace

std::pair<torch::Tensor, torch::Tensor> rope_tables(const torch::Tensor& positions, int64_t head_dim, double theta) {
  const auto options = positions.options().dtype(torch::kFloat);
  const auto exponents = torch::arange(0, head_dim, 2, options) / static_cast<double>(head_dim);
  const auto frequencies = torch::pow(torch::scalar_tensor(theta, options), exponents).reciprocal();
  const auto half = positions.to(torch::kFloat).unsqueeze(1) * frequencies;
  const auto angles = torch::cat({half, half}, 1);
  return {angles.cos(), angles.sin()};
}

torch::Tensor apply_rope(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin) {
  return RopeFunction::apply(x, cos, sin);
}

}  // namespace convllava::nn
