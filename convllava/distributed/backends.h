#pragma once

// Internal: the c10d backends behind ProcessGroup. nccl.cpp has a twin no_nccl.cpp for builds without CUDA.

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "convllava/distributed/launch.h"

namespace convllava::distributed {

using StorePtr = c10::intrusive_ptr<c10d::Store>;
using BackendPtr = c10::intrusive_ptr<c10d::Backend>;

/// Gloo over TCP; connected to every other rank when it returns. `threads` collectives can be under way at once.
BackendPtr gloo_backend(const StorePtr& store, const LaunchEnvironment& environment, int threads);

/// Whether this build has NCCL.
bool has_nccl();

/// Throws DistributedError where NCCL cannot run: a build without it, or a machine without a GPU.
void require_nccl();

/// NCCL on `device`; connected when it returns.
BackendPtr nccl_backend(const StorePtr& store, const LaunchEnvironment& environment, const torch::Device& device);

}  // namespace convllava::distributed
