// eval --bench textvqa --model DIR --data DIR : answers a benchmark's questions and scores the answers.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "convllava/checkpoint/pretrained.h"
#include "convllava/checkpoint/retention.h"
#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/core/log.h"
#include "convllava/core/process.h"
#include "convllava/core/suggest.h"
#include "convllava/distributed/launch.h"
#include "convllava/eval/benchmark.h"
#include "convllava/eval/predict.h"
#include "convllava/nn/libtorch.h"

using namespace convllava;

namespace {

struct Arguments {
  std::string bench;
  std::string model;
  std::string data;
  std::string predictions;
  eval::PredictOptions options;
  bool predict_only = false;
};

void print_scores(const eval::Benchmark& benchmark, const Arguments& arguments,
                  const std::vector<eval::Prediction>& predictions) {
  std::string json = "{";
  for (const auto& score : benchmark.score(arguments.data, predictions)) {
    fmt::print("{} {}: {:.2f}\n", benchmark.name(), score.name, score.value);
    json += fmt::format("{}\"{}\": {}", json.size() > 1 ? ", " : "", score.name, score.value);
  }
  if (!arguments.options.output.empty())
    core::write_file_atomic(arguments.options.output / "scores.json", json + "}\n");
}

int evaluate(Arguments arguments) {
  const auto benchmark = eval::make_benchmark(arguments.bench);
  if (!arguments.predictions.empty()) {
    print_scores(*benchmark, arguments, eval::read_predictions(arguments.predictions));
    return 0;
  }
  if (arguments.model.empty()) {
    throw ConfigError(error_message("--model", "missing", "nothing", "a checkpoint, or --predictions to score a file"));
  }
  const auto environment = distributed::launch_environment();
  core::set_log_rank(environment.rank, environment.world_size);
  const bool cuda = torch::cuda::is_available();
  const auto device = cuda ? torch::Device(torch::kCUDA, environment.local_rank) : torch::Device(torch::kCPU);
  distributed::ProcessGroup group(environment, device);
  try {
    const auto checkpoint = checkpoint::find_checkpoint(arguments.model);
    if (arguments.options.output.empty()) arguments.options.output = checkpoint / "eval" / benchmark->name();
    auto pretrained = checkpoint::load_pretrained(checkpoint, device, cuda ? torch::kBFloat16 : torch::kFloat);
    const auto predictions = eval::predict(pretrained, *benchmark, arguments.data, arguments.options, group);
    if (group.rank() == 0 && !arguments.predict_only) print_scores(*benchmark, arguments, predictions);
  } catch (const std::exception& error) {
    group.abandon(error.what());
    throw;
  }
  group.shutdown();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  core::tune_allocator();
  CLI::App app("Evaluates a checkpoint on a benchmark, or scores a file of predictions.");
  Arguments arguments;
  app.add_option("--bench", arguments.bench, "One of: " + core::join(eval::benchmark_names()))->required();
  app.add_option("--model", arguments.model, "Checkpoint or run folder");
  app.add_option("--data", arguments.data, "Folder of the benchmark's official files")->required();
  app.add_option("--output", arguments.options.output,
                 "Folder for predictions and scores (default: in the checkpoint)");
  app.add_option("--batch-size", arguments.options.batch_size, "Questions answered at a time")
      ->check(CLI::PositiveNumber);
  app.add_option("--max-new-tokens", arguments.options.max_new_tokens, "Longest answer (default: the benchmark's)");
  app.add_option("--predictions", arguments.predictions, "Score this predictions.jsonl without a model");
  app.add_flag("--predict-only", arguments.predict_only, "Write predictions.jsonl and do not score");
  CLI11_PARSE(app, argc, argv);
  return core::run_main("eval", [&] { return evaluate(arguments); });
}
