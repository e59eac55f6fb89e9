#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "convllava/eval/benchmark.h"

// The table of benchmarks.

namespace convllava::eval {

struct BenchmarkEntry {
  const char* name;        ///< of `eval --bench`
  int64_t max_new_tokens;  ///< limit of an answer's length
  /// Reads the benchmark's files, once. `data` is the folder that holds the official file, or the file itself. Throws
  /// DataError with the reason when neither exists, or the place in a file that is invalid.
  std::unique_ptr<Benchmark> (*load)(const std::filesystem::path& data);
};

/// Throws ConfigError with the names of all benchmarks, and the nearest one, for an unknown name.
const BenchmarkEntry& find_benchmark(const std::string& name);
std::vector<std::string> benchmark_names();

}  // namespace convllava::eval
