#pragma once

// Timing of work on a device: by events on a GPU, by the clock on a CPU.

#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "convllava/nn/libtorch.h"

namespace convllava::benchmark {

/// Seconds of calls of `body`, sorted: at least `least_calls` and `least_seconds`, after two calls that do not count.
template <class Body>
std::vector<double> device_seconds(const torch::Device& device, int least_calls, double least_seconds, Body&& body) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> seconds;
  double total = 0;
  const auto timed = [&]() -> double {
    if (device.is_cpu()) {
      const auto start = Clock::now();
      body();
      return std::chrono::duration<double>(Clock::now() - start).count();
    }
    const c10::impl::VirtualGuardImpl guard(device.type());
    c10::Event start(device.type(), c10::EventFlag::BACKEND_DEFAULT);
    c10::Event end(device.type(), c10::EventFlag::BACKEND_DEFAULT);
    start.record(guard.getStream(device));
    body();
    end.record(guard.getStream(device));
    end.synchronize();
    return start.elapsedTime(end) / 1e3;
  };
  timed();
  timed();
  while (static_cast<int>(seconds.size()) < least_calls || total < least_seconds) {
    seconds.push_back(timed());
    total += seconds.back();
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds;
}

}  // namespace convllava::benchmark
