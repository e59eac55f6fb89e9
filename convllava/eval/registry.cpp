#include "convllava/eval/registry.h"

#include "convllava/core/error.h"
#include "convllava/core/suggest.h"

namespace convllava::eval {

using Load = std::unique_ptr<Benchmark>(const std::filesystem::path& data);

// A new benchmark is a source in benchmarks/, its name here and its line in the table: see docs/adding/benchmark.md.
Load load_docvqa, load_infovqa, load_textvqa;

namespace {

constexpr BenchmarkEntry kBenchmarks[] = {
    {"docvqa", 32, load_docvqa},
    {"infovqa", 32, load_infovqa},
    {"textvqa", 128, load_textvqa},
};

}  // namespace

std::vector<std::string> benchmark_names() {
  std::vector<std::string> names;
  for (const auto& entry : kBenchmarks) names.emplace_back(entry.name);
  return names;
}

const BenchmarkEntry& find_benchmark(const std::string& name) {
  for (const auto& entry : kBenchmarks) {
    if (name == entry.name) return entry;
  }
  throw ConfigError({"", "--bench"}, "unknown benchmark", name, core::one_of(benchmark_names(), name, "\""));
}

}  // namespace convllava::eval
