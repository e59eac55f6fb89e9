#pragma once

// Timing of work on a device: by events on a GPU, by the clock on a CPU.

#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <vector>

#include "benchmark.h"
#include "convllava/nn/libtorch.h"

namespace convllava::benchmark {

/// Of one call of `body`, by events between which the device does its work.
template <class Body>
double event_seconds(const torch::Device& device, Body&& body) {
  const c10::impl::VirtualGuardImpl guard(device.type());
  c10::Event start(device.type(), c10::EventFlag::BACKEND_DEFAULT);
  c10::Event end(device.type(), c10::EventFlag::BACKEND_DEFAULT);
  start.record(guard.getStream(device));
  body();
  end.record(guard.getStream(device));
  end.synchronize();
  return start.elapsedTime(end) / 1e3;
}

/// Seconds of calls of `body`, sorted: at least `least_calls` and `least_seconds`, after two calls that do not count.
template <class Body>
std::vector<double> device_seconds(const torch::Device& device, size_t least_calls, double least_seconds, Body&& body) {
  const auto timed = [&] { return device.is_cpu() ? wall_seconds(body) : event_seconds(device, body); };
  timed();
  timed();
  return repeated_seconds(least_calls, least_seconds, timed);
}

}  // namespace convllava::benchmark
