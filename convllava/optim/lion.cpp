#include "convllava/nn/libtorch.h"
#include "convllava/optim/optimizer.h"

namespace convllava::optim {
namespace {

/// Lion (Chen et al., arXiv 2302.06675, program 1): w -= lr * (sign(b1 * m + (1 - b1) * g) + decay * w), then
/// m = b2 * m + (1 - b2) * g.
class Lion : public Rule {
 public:
  explicit Lion(const OptimizerOptions& options)
      : betas_(options.betas.empty() ? std::vector{0.9, 0.99} : options.betas) {}

  std::vector<std::string> moments() const override { return {"exp_avg"}; }

  void update(const Stretch& stretch, const Rates& rates, const torch::Tensor&,
              const std::optional<torch::Tensor>& divisor, const torch::Tensor& skip) const override {
    const auto gradient = divisor ? stretch.gradient / *divisor : stretch.gradient;
    auto weights = stretch.weights;
    auto average = stretch.moments[0];
    const auto direction = average.lerp(gradient, 1 - betas_[0]).sign_();
    const auto moved = (weights * (1 - rates.lr * rates.weight_decay)).sub_(direction, rates.lr);
    const auto averaged = average.lerp(gradient, 1 - betas_[1]);
    const auto skipped = skip.to(torch::kBool);  // a gradient that is not finite must not even be multiplied by 0
    weights.copy_(torch::where(skipped, weights, moved));
    average.copy_(torch::where(skipped, average, averaged));
  }

 private:
  std::vector<double> betas_;
};

}  // namespace

std::unique_ptr<const Rule> make_lion(const OptimizerOptions& options) { return std::make_unique<Lion>(options); }

}  // namespace convllava::optim
