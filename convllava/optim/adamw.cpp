#include "convllava/nn/libtorch.h"
#include "convllava/optim/optimizer.h"

namespace convllava::optim {
namespace {

/// AdamW (Loshchilov and Hutter, arXiv 1711.05101): one fused kernel a stretch.
class AdamW : public Rule {
 public:
  explicit AdamW(const OptimizerOptions& options)
      : betas_(options.betas.empty() ? std::vector{0.9, 0.999} : options.betas), eps_(options.eps) {}

  std::vector<std::string> moments() const override { return {"exp_avg", "exp_avg_sq"}; }

  void update(const Stretch& stretch, const Rates& rates, const torch::Tensor& steps,
              const std::optional<torch::Tensor>& divisor, const torch::Tensor& skip) const override {
    at::_fused_adamw_({stretch.weights}, {stretch.gradient}, {stretch.moments[0]}, {stretch.moments[1]}, {}, {steps},
                      rates.lr, betas_[0], betas_[1], rates.weight_decay, eps_,
                      /*amsgrad=*/false, /*maximize=*/false, divisor, skip);
  }

 private:
  std::vector<double> betas_;
  double eps_;
};

}  // namespace

std::unique_ptr<const Rule> make_adamw(const OptimizerOptions& options) { return std::make_unique<AdamW>(options); }

}  // namespace convllava::optim
