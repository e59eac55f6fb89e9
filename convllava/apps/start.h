#pragma once

// What the programs settle before they work: memory, threads, arithmetic.

#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "convllava/core/cpus.h"
#include "convllava/core/process.h"
#include "convllava/hardware/cpu.h"
#include "convllava/hardware/gpu.h"

namespace convllava::apps {

/// First in `main`.
inline void start(char** argv) {
  std::vector<std::pair<std::string, std::string>> defaults;
  // OpenMP's threads wait for each other in a loop, by default for milliseconds. When other processes need the cores,
  // this loop takes the time of the very thread that is waited for.
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) defaults.emplace_back("GOMP_SPINCOUNT", "10000");
  // Micro-batches differ in length: blocks of fixed size would leave holes.
  if (std::getenv("PYTORCH_ALLOC_CONF") == nullptr) {
    defaults.emplace_back("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True");
  }
  // OpenMP has bound the first thread to a core then, and a second start would have no other.
  if (!core::openmp_binds_threads()) core::start_with_environment(defaults, argv);
  core::tune_allocator();
}

/// Threads and arithmetic for `device`. Returns a line for the log.
inline std::string set_arithmetic(const torch::Device& device) {
  const int threads = hardware::set_cpu_threads();
  if (device.is_cuda()) return std::string(hardware::set_gpu_arithmetic());
  return fmt::format("{} compute thread{}, {}", threads, threads == 1 ? "" : "s", hardware::set_cpu_arithmetic());
}

}  // namespace convllava::apps
