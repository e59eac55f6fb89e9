#include "convllava/hardware/cpu.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <limits>

#include "convllava/core/cpus.h"
#include "convllava/nn/libtorch.h"

namespace convllava::hardware {
namespace {

/// Another order of the sum differs by 3e-7, inputs that were rounded to bf16 by 2e-3.
constexpr double kMostDifference = 1e-5;

/// Between 1.1, which oneDNN reaches where MKL uses the whole vector unit, and 2.2: noise is not to decide, because
/// runs that differ in this differ in their last bits.
constexpr double kLeastGain = 1.5;

void let_onednn_multiply(bool allowed) {
  at::globalContext().setFloat32Precision(at::Float32Backend::MKLDNN, at::Float32Op::MATMUL,
                                          allowed ? at::Float32Precision::BF16 : at::Float32Precision::NONE);
}

/// Processor time: other processes do not count.
double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// One compute thread in this scope: the time of one thread then is that of the product.
class OneThread {
 public:
  OneThread() : before_(at::get_num_threads()) { at::set_num_threads(1); }
  ~OneThread() { at::set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

}  // namespace

int set_cpu_threads() {
  if (std::getenv("OMP_NUM_THREADS") == nullptr && std::getenv("MKL_NUM_THREADS") == nullptr) {
    at::set_num_threads(std::min(at::get_num_threads(), core::usable_cores()));
  }
  return at::get_num_threads();
}

ProductTrial try_products() {
  const torch::NoGradGuard no_grad;
  const OneThread one_thread;
  // Not torch::rand, which would move the generator that a run draws from.
  const auto a = torch::arange(512 * 384, torch::kFloat).sin_().view({512, 384});
  const auto b = torch::arange(384 * 1024, torch::kFloat).cos_().view({384, 1024});
  torch::Tensor products[2];
  double seconds[2] = {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  for (int round = 0; round < 8; ++round) {
    for (const int onednn : {0, 1}) {
      let_onednn_multiply(onednn == 1);
      const double begin = thread_seconds();
      products[onednn] = a.matmul(b);
      seconds[onednn] = std::min(seconds[onednn], thread_seconds() - begin);
    }
  }
  let_onednn_multiply(false);
  const auto difference = (products[1] - products[0]).norm() / products[0].norm();
  return {difference.item<double>(), seconds[0], seconds[1]};
}

std::string set_cpu_arithmetic(const std::function<ProductTrial()>& trial) {
  constexpr auto kDefault = "fp32 products by LibTorch's default library: oneDNN ";
  if (!at::hasMKLDNN()) return fmt::format("{}is not part of this LibTorch", kDefault);
  const auto result = trial();
  const double gain = result.default_seconds / result.onednn_seconds;
  const bool exact = result.difference <= kMostDifference;
  let_onednn_multiply(exact && gain >= kLeastGain);
  if (!exact) return fmt::format("{}rounds on this CPU (difference {:.0e})", kDefault, result.difference);
  if (gain < kLeastGain) return fmt::format("{}is not clearly faster on this CPU ({:.2f} times)", kDefault, gain);
  return fmt::format("fp32 products by oneDNN, {:.2f} times as fast as by LibTorch's default library", gain);
}

}  // namespace convllava::hardware
