// The paper's tower (669 M parameters, random values) on one image, fp32 on a CPU; full_tower.py does the same with
// transformers.
//
//   benchmark_full_tower HEIGHT WIDTH

#include <chrono>

#include "benchmark.h"
#include "convllava/apps/start.h"
#include "convllava/core/error.h"
#include "convllava/core/process.h"
#include "convllava/core/progress.h"
#include "convllava/model/vision/convnext.h"
#include "convllava/nn/init.h"
#include "convllava/nn/libtorch.h"

namespace {

using namespace convllava;

void measure(int64_t height, int64_t width) {
  const torch::NoGradGuard no_grad;
  model::ConvNext tower(model::ConvNextConfig{});
  nn::initialize(tower->blocks());
  const auto pixels = torch::randn({1, 3, height, width});
  const auto start = std::chrono::steady_clock::now();
  const auto features = tower(pixels);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  benchmark::print_result("full_tower/" + std::to_string(height) + "x" + std::to_string(width), seconds,
                          {{"peak_bytes", static_cast<double>(core::peak_resident_bytes())},
                           {"tokens", static_cast<double>(features.size(1))},
                           {"channels", static_cast<double>(features.size(2))}});
}

}  // namespace

int main(int argc, char** argv) {
  apps::start(argv);
  return core::run_main("benchmark_full_tower", [&] {
    if (argc != 3) throw ConfigError("no size of the image; usage: benchmark_full_tower HEIGHT WIDTH");
    apps::set_arithmetic(torch::kCPU);
    measure(std::stoll(argv[1]), std::stoll(argv[2]));
    return 0;
  });
}
