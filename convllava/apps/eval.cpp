// eval --bench textvqa --model DIR --data DIR : answers a benchmark's questions and scores the answers.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "convllava/apps/command_line.h"
#include "convllava/apps/run_rank.h"
#include "convllava/apps/start.h"
#include "convllava/checkpoint/run_folder.h"
#include "convllava/core/error.h"
#include "convllava/core/log.h"
#include "convllava/core/process.h"
#include "convllava/core/suggest.h"
#include "convllava/distributed/launch.h"
#include "convllava/eval/benchmark.h"
#include "convllava/eval/output.h"
#include "convllava/eval/predict.h"
#include "convllava/eval/registry.h"
#include "convllava/formats/open_checkpoint.h"
#include "convllava/hardware/gpu_of_rank.h"
#include "convllava/infer/pretrained.h"
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

int64_t warn_of_unanswered(const std::vector<eval::Prediction>& predictions, const std::filesystem::path& file) {
  const auto count = std::count_if(predictions.begin(), predictions.end(),
                                   [](const auto& prediction) { return !prediction.error.empty(); });
  if (count > 0) {
    core::log_warning(
        fmt::format("{} of {} questions have no answer (see {})", count, predictions.size(), file.string()));
  }
  return count;
}

/// Scores the predictions in `file`, prints the scores in per cent and on the scale of lmms-eval (0 to 1), and writes
/// them into the output folder if there is one.
void print_scores(const eval::Benchmark& benchmark, const Arguments& arguments,
                  const std::vector<eval::Prediction>& predictions, const std::filesystem::path& file,
                  int64_t unanswered) {
  auto scores = benchmark.score(predictions, file);
  for (const auto& score : scores) {
    fmt::print("{} {}: {:.2f} % ({:.4f} of 1)\n", arguments.bench, score.name, score.value, score.value / 100);
  }
  if (unanswered > 0) {
    fmt::print("{} unanswered: {}\n", arguments.bench, unanswered);
    scores.push_back({"unanswered", static_cast<double>(unanswered)});
  }
  fmt::print("{} predictions: {}\n", arguments.bench, file.string());
  const auto& output = arguments.options.output;
  if (!output.empty()) fmt::print("{} scores: {}\n", arguments.bench, eval::write_scores(output, scores).string());
}

void score_file(const eval::Benchmark& benchmark, const Arguments& arguments) {
  const auto predictions = eval::read_predictions(arguments.predictions);
  const auto unanswered = warn_of_unanswered(predictions, arguments.predictions);
  print_scores(benchmark, arguments, predictions, arguments.predictions, unanswered);
}

/// The predictions of one of the ranks, scored by rank 0 where there is something to compare them with.
void predict_and_score(const eval::BenchmarkEntry& entry, Arguments arguments, const torch::Device& device,
                       const distributed::ProcessGroup& group) {
  const auto loaded = entry.load(arguments.data);
  const eval::Benchmark& benchmark = *loaded;
  // Checked before the hours that predicting may take.
  const bool scored = !arguments.predict_only && benchmark.has_answers();
  const formats::OpenCheckpoint opened(arguments.model);  // to the end: the answers go into it
  const auto& checkpoint = opened.path();
  auto& output = arguments.options.output;
  if (output.empty()) output = checkpoint / "eval" / arguments.bench / benchmark.file().stem();
  auto pretrained = infer::load_pretrained(checkpoint, device, device.is_cuda() ? torch::kBFloat16 : torch::kFloat);
  const auto predictions = eval::predict(pretrained, entry, benchmark.questions(), arguments.options, group);
  if (group.rank() != 0) return;
  const auto file = output / "predictions.jsonl";
  const auto unanswered = warn_of_unanswered(predictions, file);
  if (scored) {
    print_scores(benchmark, arguments, predictions, file, unanswered);
  } else {
    fmt::print("{} predictions: {}{}\n", arguments.bench, file.string(),
               arguments.predict_only ? "" : " (not scored: the benchmark's file has no reference answers)");
  }
}

int evaluate(const Arguments& arguments) {
  const auto& entry = eval::find_benchmark(arguments.bench);
  const auto environment = distributed::launch_environment();
  core::set_log_rank(environment.rank, environment.world_size);
  if (!arguments.predictions.empty()) {
    if (environment.rank == 0) score_file(*entry.load(arguments.data), arguments);
    return 0;
  }
  if (arguments.model.empty()) {
    throw ConfigError({"", "--model"}, "missing", "", "a checkpoint, or --predictions to score a file");
  }
  const auto device = hardware::use_gpu_of_rank(environment.local_rank);
  core::log_info(apps::set_arithmetic(device));
  distributed::ProcessGroup group(environment, device);
  try {
    predict_and_score(entry, arguments, device, group);
  } catch (const std::exception& error) {
    group.abandon(error.what());
    throw;
  }
  group.shutdown();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  apps::start(argv);
  CLI::App app("Evaluates a checkpoint on a benchmark, or scores a file of predictions.");
  Arguments arguments;
  app.add_option("--bench", arguments.bench, "One of: " + core::join(eval::benchmark_names()))->required();
  auto* model = app.add_option("--model", arguments.model, "Checkpoint or run folder")->transform(apps::path());
  app.add_option("--data", arguments.data, "Folder of the benchmark's official files, or one of them")
      ->required()
      ->transform(apps::path());
  app.add_option("--output", arguments.options.output,
                 "Folder for predictions and scores (default: eval/<benchmark>/<file> in the checkpoint)")
      ->transform(apps::path());
  auto* batch_size =
      app.add_option("--batch-size", arguments.options.batch_size, "Questions answered at a time (default: 16)");
  batch_size->transform(apps::whole_number(1, eval::kMaxBatchSize));
  auto* max_new_tokens = app.add_option("--max-new-tokens", arguments.options.max_new_tokens,
                                        "Longest answer in tokens (default: the benchmark's)");
  max_new_tokens->transform(apps::whole_number(1, infer::kMaxNewTokens));
  auto* predict_only = app.add_flag("--predict-only", arguments.predict_only, "Write predictions.jsonl, do not score");
  app.add_option("--predictions", arguments.predictions, "Score this predictions.jsonl without a model")
      ->transform(apps::path())
      ->excludes(model)
      ->excludes(batch_size)
      ->excludes(max_new_tokens)
      ->excludes(predict_only);
  if (const auto code = apps::parse_command_line(app, argc, argv)) return *code;
  return apps::run_rank("eval", [&] { return evaluate(arguments); });
}
