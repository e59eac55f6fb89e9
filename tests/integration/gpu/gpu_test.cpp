// What only a GPU runs, against the CPU: the flash kernel, training in fp32 and bf16, a run that goes on.

#include "convllava/hardware/gpu.h"

#include <filesystem>

#include "convllava/core/error.h"
#include "convllava/distributed/process_group.h"
#include "convllava/hardware/gpu_of_rank.h"
#include "convllava/nn/attention.h"
#include "convllava/nn/compute_capability.h"
#include "convllava/parallel/engine.h"
#include "convllava/stage/training_run.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tiny_run.h"
#include "tests/unit/parallel/blocks.h"

namespace convllava::train {
namespace {

bool no_gpu() { return !torch::cuda::is_available(); }

std::vector<double> losses(stage::RunConfig config, hardware::Device device, hardware::Dtype dtype, int64_t steps,
                           const distributed::ProcessGroup& group = {}) {
  config.device = device;
  config.dtype = dtype;
  config.train.max_steps = steps;
  config.train.schedule = "constant";  // its rates do not depend on the number of steps
  config.train.warmup_ratio = 0;
  config.report.log_every = 1;
  config.report.samples = 0;
  hardware::set_gpu_arithmetic();
  stage::TrainingRun(config, group, hardware::pick_device(device, 0)).run();
  return testing::logged_losses(config.output_dir);
}

/// Runs of six steps from the same weights: devices draw others from the same seed.
class Runs {
 public:
  Runs() {
    testing::write_records(folder_.path(), 40);
    const auto start = testing::tiny_run(folder_.path());
    losses(start, hardware::Device::kCpu, hardware::Dtype::kFp32, 2);
    next_ = start;
    next_.model = {};
    next_.model.from = start.output_dir;
  }
  stage::RunConfig named(const std::string& name) const {
    auto config = next_;
    config.output_dir = (folder_ / name).string();
    return config;
  }

 private:
  testing::TemporaryFolder folder_;
  stage::RunConfig next_;
};

void check_equal(const std::vector<double>& actual, const std::vector<double>& expected, double tolerance) {
  REQUIRE(actual.size() == expected.size());
  for (size_t i = 0; i < actual.size(); ++i) CHECK(actual[i] == Approx(expected[i]).epsilon(tolerance));
}

}  // namespace

TEST_CASE("the flash kernel attends as the definition does, forward and gradients", "[gpu]") {
  if (no_gpu()) SKIP("this machine has no GPU");
  constexpr double kTolerance = 0.02;  // a rounding to bf16 is 0.004 of the value, and a result passes several
  REQUIRE(nn::fits_flash_kernel(nn::compute_capability(torch::Device(torch::kCUDA, 0)), torch::kBFloat16, 64, 3));
  const std::vector<int64_t> cu_seqlens = {0, 70, 71, 200};
  const auto leaf = [](int64_t heads) { return torch::randn({200, heads, 64}).to(torch::kBFloat16); };
  torch::manual_seed(5);
  const std::vector<torch::Tensor> inputs = {leaf(8), leaf(2), leaf(2)};
  const auto upstream = leaf(8);
  const auto attend = [&](const torch::Device& device, torch::ScalarType dtype) {
    std::vector<torch::Tensor> x;
    for (const auto& input : inputs) x.push_back(input.to(device, dtype).requires_grad_(true));
    const auto y = nn::causal_attention(x[0], x[1], x[2], nn::SequenceLayout::make(cu_seqlens, device));
    auto results = torch::autograd::grad({y}, x, {upstream.to(device, dtype)});
    results.push_back(y);
    return results;
  };
  const auto expected = attend(torch::kCPU, torch::kDouble);
  const auto actual = attend(torch::kCUDA, torch::kBFloat16);
  for (size_t i = 0; i < expected.size(); ++i) {
    CHECK(testing::relative_difference(actual[i].cpu(), expected[i].detach()) < kTolerance);
  }
}

TEST_CASE("one rank that a launcher started runs its collectives through NCCL", "[gpu]") {
  if (no_gpu()) SKIP("this machine has no GPU");
  distributed::LaunchEnvironment environment;
  environment.launched = true;
  const torch::Device device = hardware::use_gpu_of_rank(0);
  distributed::ProcessGroup group(environment, device);
  const auto values = torch::arange(24, torch::kFloat).view({1, 2, 3, 4});
  auto tensor = values.contiguous(torch::MemoryFormat::ChannelsLast).to(device);
  group.all_reduce(tensor);
  group.broadcast(tensor);
  auto pending = group.all_reduce_async(tensor);
  pending.wait();
  CHECK(torch::equal(tensor.cpu(), values));
  auto flat = values.flatten().to(device);
  group.reduce_scatter_async(flat).wait();
  group.all_gather_async(flat).wait();
  CHECK(torch::equal(flat.cpu(), values.flatten()));
  group.barrier();
  group.shutdown();
  // Without NCCL a group of one rank never refuses.
  CHECK_THAT(testing::thrown<DistributedError>([&] { group.all_reduce(tensor); }).what(),
             testing::contains("all_reduce after shutdown"));
}

TEST_CASE("gradients that autograd's hooks reduce through NCCL are those of a run without it", "[gpu]") {
  if (no_gpu()) SKIP("this machine has no GPU");
  distributed::LaunchEnvironment environment;
  environment.launched = true;
  const torch::Device device = hardware::use_gpu_of_rank(0);
  const auto gradients = [&](const distributed::ProcessGroup& group) {
    torch::manual_seed(3);
    parallel::Chain chain({64, 96, 32, 48});
    for (auto& layer : chain.layers) layer->to(device);
    const auto x = torch::randn({16, 64}).to(device);
    parallel::Engine engine(chain.blocks(), group);
    engine.begin_step();
    chain.forward(x).sum().backward();
    engine.begin_micro_batch({});
    chain.forward(2 * x).sum().backward();
    CHECK(engine.reductions_started() == 3);
    engine.finish_micro_batch();
    std::vector<torch::Tensor> result;
    for (const auto& unit : engine.units()) result.push_back(unit.gradient().tensor().cpu());
    return result;
  };
  distributed::ProcessGroup nccl(environment, device);
  const auto reduced = gradients(nccl);
  const auto expected = gradients(distributed::ProcessGroup());
  for (size_t i = 0; i < expected.size(); ++i) CHECK(torch::equal(reduced[i], expected[i]));
  nccl.shutdown();
}

TEST_CASE("gradients of bf16 weights add up in fp32 to the same bits, whether autograd copies each or not", "[gpu]") {
  if (no_gpu()) SKIP("this machine has no GPU");
  const auto gradients = [](bool used_once) {
    torch::manual_seed(3);
    parallel::Chain chain({64, 96, 48}, torch::kBFloat16);
    for (auto& layer : chain.layers) layer->to(torch::kCUDA);
    auto blocks = chain.blocks();
    for (auto& block : blocks) block.used_once = used_once;
    const parallel::Engine engine(blocks, distributed::ProcessGroup());
    for (int i = 0; i < 3; ++i)
      chain.forward(torch::randn({16, 64}).to(torch::kCUDA, torch::kBFloat16)).sum().backward();
    std::vector<torch::Tensor> result;
    for (const auto& unit : engine.units()) result.push_back(unit.gradient().tensor().cpu());
    return result;
  };
  const auto expected = gradients(false);
  const auto actual = gradients(true);
  // Sums in bf16 would have zeros in their low bits.
  CHECK_FALSE(torch::equal(expected[0].to(torch::kBFloat16).to(torch::kFloat), expected[0]));
  for (size_t i = 0; i < expected.size(); ++i) CHECK(torch::equal(actual[i], expected[i]));
}

TEST_CASE("training on the GPU takes the course that it takes on the CPU", "[gpu]") {
  if (no_gpu()) SKIP("this machine has no GPU");
  const Runs runs;
  const auto expected = losses(runs.named("cpu"), hardware::Device::kCpu, hardware::Dtype::kFp32, 6);
  // fp32 sums come in another order; bf16 keeps eight bits.
  check_equal(losses(runs.named("fp32"), hardware::Device::kCuda, hardware::Dtype::kFp32, 6), expected, 0.01);
  check_equal(losses(runs.named("bf16"), hardware::Device::kCuda, hardware::Dtype::kBf16, 6), expected, 0.05);
}

TEST_CASE("all levels train, save and resume alike on one GPU, with NCCL between a rank and itself", "[gpu]") {
  if (no_gpu()) SKIP("this machine has no GPU");
  const Runs runs;
  const auto dtype = GENERATE(hardware::Dtype::kFp32, hardware::Dtype::kBf16);
  distributed::LaunchEnvironment environment;
  environment.launched = true;
  distributed::ProcessGroup group(environment, hardware::use_gpu_of_rank(0));
  const auto expected = losses(runs.named("alone"), hardware::Device::kCuda, dtype, 6);
  for (const auto& [name, level] : parallel::kLevelNames) {
    INFO(name);
    auto config = runs.named(name);
    config.parallel.shard = level;
    losses(config, hardware::Device::kCuda, dtype, 3, group);
    // Sums of gradients of the embedding come in any order.
    check_equal(losses(config, hardware::Device::kCuda, dtype, 6, group), expected, 0.01);
  }
  group.shutdown();
}

TEST_CASE("a run on the GPU resumes from its checkpoint", "[gpu]") {
  if (no_gpu()) SKIP("this machine has no GPU");
  const Runs runs;
  const auto dtype = GENERATE(hardware::Dtype::kFp32, hardware::Dtype::kBf16);
  const auto expected = losses(runs.named("whole"), hardware::Device::kCuda, dtype, 6);
  losses(runs.named("halves"), hardware::Device::kCuda, dtype, 3);
  // Sums of gradients of the embedding come in any order; Adam's first steps carry that on.
  check_equal(losses(runs.named("halves"), hardware::Device::kCuda, dtype, 6), expected, 0.01);
}

}  // namespace convllava::train
