#include "convllava/hardware/cpu.h"

#include <optional>

#include "convllava/core/cpus.h"
#include "convllava/nn/libtorch.h"
#include "tests/catch.h"
#include "tests/support/environment.h"
#include "tests/support/onednn.h"
#include "tests/support/ranks.h"

using namespace convllava;

namespace {

at::Float32Precision setting() {
  return at::globalContext().float32Precision(at::Float32Backend::MKLDNN, at::Float32Op::MATMUL);
}

}  // namespace

TEST_CASE("oneDNN multiplies where its results are those of fp32 and come clearly sooner", "[nn]") {
  const testing::KeptProducts kept;
  CHECK(hardware::set_cpu_arithmetic([] {
          return hardware::ProductTrial{3e-7, 0.0042, 0.002};
        }) == "fp32 products by oneDNN, 2.10 times as fast as by LibTorch's default library");
  CHECK(setting() == at::Float32Precision::BF16);
}

TEST_CASE("oneDNN needs 1.5 times the speed and a difference of 1e-5 at most", "[nn]") {
  const testing::KeptProducts kept;
  const auto chosen = [](hardware::ProductTrial trial) {
    hardware::set_cpu_arithmetic([&] { return trial; });
    return setting() == at::Float32Precision::BF16;
  };
  CHECK(chosen({0.9e-5, 1.51, 1}));
  CHECK_FALSE(chosen({1.1e-5, 1.51, 1}));
  CHECK_FALSE(chosen({0.9e-5, 1.49, 1}));
}

TEST_CASE("oneDNN does not multiply where it rounds to bf16, however fast it is", "[nn]") {
  const testing::KeptProducts kept;
  CHECK(hardware::set_cpu_arithmetic([] {
          return hardware::ProductTrial{1.7e-3, 0.004, 0.0005};
        }) == "fp32 products by LibTorch's default library: oneDNN rounds on this CPU (difference 2e-03)");
  CHECK(setting() == at::Float32Precision::NONE);
}

TEST_CASE("oneDNN does not multiply where it gains little", "[nn]") {
  const testing::KeptProducts kept;
  CHECK(hardware::set_cpu_arithmetic([] {
          return hardware::ProductTrial{3e-7, 0.00204, 0.002};
        }) == "fp32 products by LibTorch's default library: oneDNN is not clearly faster on this CPU (1.02 times)");
  CHECK(setting() == at::Float32Precision::NONE);
}

TEST_CASE("a trial of products leaves the setting and the random numbers as they were", "[nn]") {
  torch::manual_seed(5);
  const auto before = torch::rand({4});
  torch::manual_seed(5);
  const int threads = at::get_num_threads();
  const auto trial = hardware::try_products();
  CHECK(torch::equal(torch::rand({4}), before));
  CHECK(setting() == at::Float32Precision::NONE);
  CHECK(at::get_num_threads() == threads);
  CHECK(trial.default_seconds > 0);
  CHECK(trial.onednn_seconds > 0);
}

TEST_CASE("what hardware::set_cpu_arithmetic chooses on this machine multiplies in fp32", "[nn]") {
  const testing::KeptProducts kept;
  hardware::set_cpu_arithmetic();
  torch::manual_seed(1);
  for (const auto& [rows, inner, columns] : {std::tuple{512, 384, 1024}, {33, 1000, 7}, {1, 384, 384}}) {
    const auto a = torch::randn({rows, inner}, torch::kDouble);
    const auto b = torch::randn({inner, columns}, torch::kDouble);
    // Inputs that fp32 holds but bf16 does not. fp32 sums of 1000 products are good to some 1e-7 of the norm.
    const auto exact = a.to(torch::kFloat).to(torch::kDouble).matmul(b.to(torch::kFloat).to(torch::kDouble));
    const auto product = a.to(torch::kFloat).matmul(b.to(torch::kFloat)).to(torch::kDouble);
    CHECK(((product - exact).norm() / exact.norm()).item<double>() < 2e-6);
  }
}

TEST_CASE("compute threads of a process whose OpenMP binds them", "[.]") {
  CHECK(hardware::set_cpu_threads() == std::stoi(std::getenv("EXPECTED_THREADS")));
}

TEST_CASE("variables that bind OpenMP's threads to cores do not lower their number", "[nn]") {
  const testing::Variable omp("OMP_NUM_THREADS", std::nullopt);
  const testing::Variable mkl("MKL_NUM_THREADS", std::nullopt);
  const std::string expected = std::to_string(core::usable_cores());
  for (const auto& [name, value] : {std::pair{"OMP_PROC_BIND", "true"}, {"OMP_PLACES", "cores"}}) {
    const auto outcome =
        testing::run_program({testing::own_program(), "compute threads of a process whose OpenMP binds them"},
                             {{name, value}, {"EXPECTED_THREADS", expected}}, std::chrono::seconds(60));
    INFO(name << "\n" << outcome.output);
    CHECK(outcome.exit_code == 0);
  }
}

TEST_CASE("compute threads stay below the cores that this process may use, unless the environment says a number",
          "[nn]") {
  const int before = at::get_num_threads();
  {
    const testing::Variable omp("OMP_NUM_THREADS", std::nullopt);
    const testing::Variable mkl("MKL_NUM_THREADS", std::nullopt);
    at::set_num_threads(core::usable_cores() + 3);
    CHECK(hardware::set_cpu_threads() == core::usable_cores());
  }
  {
    const testing::Variable omp("OMP_NUM_THREADS", "64");
    at::set_num_threads(core::usable_cores() + 3);
    CHECK(hardware::set_cpu_threads() == core::usable_cores() + 3);
  }
  at::set_num_threads(before);
}
