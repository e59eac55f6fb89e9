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

/// Seconds of one call of `body`: the median over at least 5 calls and 1 second, after one that does not count.
template <class Body>
double median_seconds(Body&& body) {
  using Clock = std::chrono::steady_clock;
  body();
  std::vector<double> seconds;
  for (double total = 0; seconds.size() < 5 || total < 1;) {
    const Clock::time_point start = Clock::now();
    body();
    seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    total += seconds.back();
  }
  std::nth_element(seconds.begin(), seconds.begin() + seconds.size() / 2, seconds.end());
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
