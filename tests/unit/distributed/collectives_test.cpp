#include "convllava/core/error.h"
#include "convllava/distributed/process_group.h"
#include "convllava/nn/libtorch.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/ranks.h"

namespace convllava::distributed {
namespace {

using testing::contains;
using testing::run_ranks;
using testing::thrown;

const torch::ScalarType kTypes[] = {torch::kFloat, torch::kBFloat16, torch::kLong};

void check_sums(ProcessGroup& group) {
  const int64_t world = group.world_size();
  for (const auto type : kTypes) {
    auto tensor = torch::arange(5, type) * (group.rank() + 1);
    group.all_reduce(tensor);
    CHECK(torch::equal(tensor, torch::arange(5, type) * (world * (world + 1) / 2)));
  }
  CHECK(group.all_reduce({1.0, 0.5 * group.rank()}) ==
        std::vector<double>{static_cast<double>(world), 0.25 * static_cast<double>(world * (world - 1))});
  auto none = torch::empty({0});
  group.all_reduce(none);
  CHECK(group.all_reduce(std::vector<double>{}).empty());
}

void check_broadcasts(ProcessGroup& group) {
  for (const int root : {0, group.world_size() - 1}) {
    for (const auto type : kTypes) {
      auto tensor = torch::full({2, 3}, group.rank() + 1, type);
      group.broadcast(tensor, root);
      CHECK(torch::equal(tensor, torch::full({2, 3}, root + 1, type)));
    }
  }
  CHECK_THROWS_AS(group.broadcast(torch::zeros({1}), group.world_size()), c10::Error);
}

void check_layouts(ProcessGroup& group) {
  const auto values = torch::arange(24, torch::kFloat).view({1, 2, 3, 4});
  auto channels_last = values.contiguous(torch::MemoryFormat::ChannelsLast);
  group.all_reduce(channels_last);
  CHECK(torch::equal(channels_last, values * group.world_size()));

  auto leaf = values.clone().requires_grad_();
  group.broadcast(leaf);
  CHECK(leaf.is_leaf());
  if (group.world_size() > 1) {
    CHECK_THROWS_WITH(group.all_reduce(torch::zeros({4, 4}).slice(1, 0, 2)),
                      contains("a collective needs a dense tensor"));
  }
}

void check_pending(ProcessGroup& group) {
  PendingCollective().wait();
  std::vector<PendingCollective> pending;
  std::vector<torch::Tensor> tensors;
  for (int i = 0; i < 8; ++i) {
    tensors.push_back(torch::full({1000}, i));
    pending.push_back(group.all_reduce_async(tensors.back()));
    pending.push_back(pending.back());
  }
  for (auto& collective : pending) collective.wait();
  for (int i = 0; i < 8; ++i) CHECK(torch::equal(tensors[i], torch::full({1000}, i * group.world_size())));
  // Nobody else holds this tensor or waits for this collective.
  group.all_reduce_async(torch::ones({1 << 16}));
}

/// [10 * rank, 10 * rank + 1, 10 * rank + 2] is the part of each rank.
void check_parts(ProcessGroup& group) {
  const int64_t world = group.world_size();
  for (const auto type : kTypes) {
    const auto whole = torch::arange(3, type) + 10 * torch::arange(world, type).unsqueeze(1);
    const auto own = [&](const torch::Tensor& flat) { return flat.narrow(0, 3 * group.rank(), 3); };
    auto gathered = torch::zeros({3 * world}, type);
    own(gathered).copy_(whole[group.rank()]);
    group.all_gather_async(gathered).wait();
    CHECK(torch::equal(gathered, whole.flatten()));
    auto summed = whole.flatten().clone();
    group.reduce_scatter_async(summed).wait();
    CHECK(torch::equal(own(summed), whole[group.rank()] * world));
  }
  if (world > 1) {
    CHECK_THROWS_WITH(group.all_gather_async(torch::zeros({3 * world + 1})).wait(), contains("equal parts"));
  }
}

void check_traffic(ProcessGroup& group) {
  const double world = group.world_size();
  const auto sent = [&](const auto& collective) {
    const auto before = group.traffic();
    collective();
    const auto after = group.traffic();
    CHECK(after.collectives - before.collectives == (world > 1 ? 1 : 0));
    return after.bytes - before.bytes;
  };
  const auto tensor = torch::zeros({12}, torch::kFloat);
  const double part = 48 * (world - 1) / world;
  CHECK(sent([&] { group.all_reduce(tensor); }) == 2 * part);
  CHECK(sent([&] { group.reduce_scatter_async(tensor).wait(); }) == part);
  CHECK(sent([&] { group.all_gather_async(tensor).wait(); }) == part);
}

void check_all(ProcessGroup& group) {
  check_parts(group);
  check_traffic(group);
  check_sums(group);
  check_broadcasts(group);
  check_layouts(group);
  check_pending(group);
  group.barrier();
}

}  // namespace

TEST_CASE("collectives of one rank do nothing", "[distributed]") {
  ProcessGroup group;
  CHECK(group.rank() == 0);
  CHECK(group.world_size() == 1);
  check_all(group);
  group.abandon("no reason");
  group.shutdown();
  check_all(group);
}

TEST_CASE("collectives give the same on 1, 2 and 4 ranks", "[distributed]") {
  for (const int world : {1, 2, 4}) {
    run_ranks(world, [world] {
      const auto environment = launch_environment();
      ProcessGroup group(environment, torch::kCPU);
      CHECK(group.rank() == environment.rank);
      CHECK(group.world_size() == world);
      check_all(group);
      group.shutdown();
    });
  }
}

TEST_CASE("a group can be left in order and used no more", "[distributed]") {
  run_ranks(2, [] {
    ProcessGroup group(launch_environment(), torch::kCPU);
    ProcessGroup copy = group;
    group.shutdown();
    const std::string message = thrown<DistributedError>([&] { copy.barrier(); }).what();
    CHECK_THAT(message, contains("of 2: barrier after shutdown"));
  });
}

TEST_CASE("CUDA ranks without a GPU are refused before they wait for each other", "[distributed]") {
  if (torch::cuda::is_available()) SKIP("this machine has a GPU");
  LaunchEnvironment environment;
  environment.world_size = 2;
  const std::string message = thrown<DistributedError>([&] { ProcessGroup group(environment, torch::kCUDA); }).what();
  CHECK_THAT(message, contains("process group: ") && contains("NCCL") && contains("or device: cpu"));
}

}  // namespace convllava::distributed
