#pragma once

#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>

#include "convllava/distributed/launch.h"

// Collectives over the ranks of a run: NCCL on GPUs, Gloo on CPUs (both through c10d), and nothing at all for one rank,
// so that callers never ask whether they are distributed. One rank that a launcher started on a GPU goes through NCCL
// nevertheless: `torchrun --nproc-per-node=1` tries on one GPU what runs on many.

namespace convllava::distributed {

/// A collective under way; it keeps its tensor alive. `wait` returns when the result may be used by work queued after
/// it; it rethrows failures as DistributedError. Copies refer to the same collective, further calls return at once.
class PendingCollective {
 public:
  class Impl;
  PendingCollective() = default;
  explicit PendingCollective(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  void wait();

 private:
  std::shared_ptr<Impl> impl_;
};

/// What this rank has sent, counted in the numbers that the collectives carry: an all-reduce of n bytes sends
/// 2 n (W - 1) / W of them over W ranks, a reduce-scatter or an all-gather half of that, a broadcast n.
struct Traffic {
  int64_t collectives = 0;
  double bytes = 0;
};

/// A handle; copies refer to the same group. Every rank must call the same collectives in the same order, with tensors
/// of the same shape, strides and type. When a rank dies the others get a DistributedError that names it: from the
/// collective they are in, or from their next one. Ranks that wait for long log for whom. The last handle of a rank
/// must go before `main` returns.
class ProcessGroup {
 public:
  /// One rank: every collective is a no-op.
  ProcessGroup();
  /// Joins the other ranks; returns when all are there. Gloo for a CPU device, NCCL for CUDA, whose device the caller
  /// has made the current one. Throws DistributedError, also when another rank dies meanwhile. Makes the process ignore
  /// SIGPIPE unless it handles it: sockets to a dead rank raise it.
  ProcessGroup(const LaunchEnvironment& environment, const torch::Device& device);

  int rank() const;
  int world_size() const;

  /// Sum over ranks, in place.
  void all_reduce(torch::Tensor tensor);
  PendingCollective all_reduce_async(torch::Tensor tensor);
  /// `tensor` is flat and made of a part for each rank, all of one size, in the order of the ranks. This rank's part
  /// becomes its sum over ranks; what the others hold then is of no meaning.
  PendingCollective reduce_scatter_async(torch::Tensor tensor);
  /// The same parts: this rank's is in place, those of the others arrive.
  PendingCollective all_gather_async(torch::Tensor tensor);
  /// `tensor` of `root` to all, in place.
  void broadcast(torch::Tensor tensor, int root = 0);
  /// Sums of a few host numbers; for counts and flags. Does not wait for a GPU.
  std::vector<double> all_reduce(std::vector<double> values);
  /// Holds the calling threads until all ranks are there. Does not wait for a GPU.
  void barrier();
  /// Of this rank, since it joined.
  Traffic traffic() const;

  /// This rank leaves because of `reason`: the others get a DistributedError with its rank and the reason instead of
  /// waiting for a time-out. For use by `main` before it exits with an error.
  void abandon(const std::string& reason);
  /// Leaves in order. Collective. A rank whose last handle goes without it has left without saying why.
  void shutdown();

  class Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace convllava::distributed
