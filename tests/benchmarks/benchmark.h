#pragma once

// Timing for the benchmark programs: each prints one line of JSON a measurement, which run.py sets beside the same line
// of the Python program. benchmark.py measures in the same way.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace convllava::benchmark {

/// Of one call of `body`, by the clock.
template <class Body>
double wall_seconds(Body&& body) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  body();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// What calls of `timed` return, in seconds, sorted: at least `least_calls` and `least_seconds` in all.
template <class Timed>
std::vector<double> repeated_seconds(size_t least_calls, double least_seconds, Timed&& timed) {
  std::vector<double> seconds;
  for (double total = 0; seconds.size() < least_calls || total < least_seconds; total += seconds.back()) {
    seconds.push_back(timed());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds;
}

/// Seconds of one call of `body`: the median over at least 5 calls and 1 second, after one that does not count.
template <class Body>
double median_seconds(Body&& body) {
  body();
  const auto seconds = repeated_seconds(5, 1, [&] { return wall_seconds(body); });
  return seconds[seconds.size() / 2];
}

/// {"name": ..., "seconds": ..., further numbers}
inline void print_result(const std::string& name, double seconds,
                         std::initializer_list<std::pair<const char*, double>> numbers = {}) {
  std::printf("{\"name\": \"%s\", \"seconds\": %.9g", name.c_str(), seconds);
  for (const auto& [key, value] : numbers) std::printf(", \"%s\": %.6g", key, value);
  std::printf("}\n");
  std::fflush(stdout);
}

}  // namespace convllava::benchmark
