// One training step of a stage's configuration on random images and texts: time, MFU, and peak memory beside what
// `inspect --params` expects. The model is the configured one with random weights; `--layers` keeps only the first
// layers of the language model, so that stages which need many GPUs fit on one: seconds grow linearly with layers.
//
//   benchmark_train_step --config configs/stage2.yaml [--set key=value]... [--layers 4] [--text 256] [--steps 6]
//                        [--trace FILE]

#include "convllava/train/train_step.h"

#include <ATen/DeviceAccelerator.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "benchmark.h"
#include "convllava/apps/command_line.h"
#include "convllava/apps/start.h"
#include "convllava/core/process.h"
#include "convllava/core/progress.h"
#include "convllava/core/random.h"
#include "convllava/hardware/device_info.h"
#include "convllava/infer/tensors.h"
#include "convllava/model/training_flops.h"
#include "convllava/nn/init.h"
#include "convllava/setup/build_model.h"
#include "convllava/stage/check_config.h"
#include "convllava/stage/memory_needs.h"
#include "convllava/stage/training_run.h"
#include "device_timer.h"
#include "operator_trace.h"

namespace {

using namespace convllava;

struct Arguments {
  std::string config;
  std::vector<std::string> overrides;
  int64_t layers = 0;
  int64_t text = stage::kTypicalText;
  size_t steps = 6;
  std::string trace;
};

/// An image of noise and a text of which the second half is learnt.
data::Sample random_sample(core::Random& random, const model::ModelConfig& shape, int64_t side, int64_t text) {
  data::Sample sample;
  image::Image image{side, side, std::vector<uint8_t>(side * side * 3)};
  for (auto& value : image.pixels) value = static_cast<uint8_t>(random.below(256));
  sample.image = std::move(image);
  sample.visual_tokens = shape.vision->num_tokens(side, side);
  for (int64_t i = 0; i < text; ++i) {
    sample.prompt.input_ids.push_back(3 + static_cast<int64_t>(random.below(shape.llm.vocab_size - 3)));
    sample.prompt.labels.push_back(i < text / 2 ? text::kIgnoreLabel : sample.prompt.input_ids.back());
  }
  sample.prompt.input_ids[1] = text::kImageToken;
  sample.prompt.labels[1] = text::kIgnoreLabel;
  return sample;
}

class StepBenchmark {
 public:
  explicit StepBenchmark(const Arguments& arguments)
      : arguments_(arguments),
        config_(stage::load_run_config(arguments.config, arguments.overrides, stage::Paths::kMayBeAbsent)),
        device_(hardware::numbered_device(hardware::pick_device(config_.device, 0))),
        shape_(setup::resolve_model_shape(config_.model)) {
    if (arguments_.layers > 0) shape_.llm.num_hidden_layers = arguments_.layers;
    model_ = model::ConvLlava(shape_, torch::TensorOptions(device_).dtype(hardware::scalar_type(config_.dtype)));
    nn::initialize(model_->blocks());
    setup::set_trainable(*model_, config_.trainable);
    model_->set_recompute(config_.train.recompute);
    core::Random random(1);
    const int64_t micro = config_.train.micro_batch_size;
    for (int64_t done = 0; done < config_.train.global_batch_size; done += micro) {
      std::vector<data::Sample> samples;
      for (int64_t i = 0; i < micro; ++i) {
        samples.push_back(random_sample(random, shape_, config_.image.size, arguments_.text));
      }
      batch_.micro_batches.push_back(data::pack(samples, config_.data.max_length));
      batch_.samples += micro;
    }
  }

  void run() {
    std::cerr << apps::set_arithmetic(device_) << "\n";
    distributed::ProcessGroup group;
    parallel::Engine engine(model_->blocks(), group);
    optim::Optimizer optimizer(optim::make_rule({}), engine.shards());
    const auto counts = train::global_counts(batch_, group);
    double loss = 0;
    const auto step = [&] {
      const auto outcome =
          train::train_step(*model_, batch_, counts, engine, optimizer, config_.train, [&](const parallel::FlatRange&) {
            return optim::Rates{1e-6, 0.0};
          });
      loss = outcome.loss.item<double>();  // as the trainer does when it logs
    };
    step();
    const double first_loss = loss;
    const auto seconds = benchmark::device_seconds(device_, arguments_.steps, 0, step);
    report(seconds, counts.tokens, first_loss);
    if (arguments_.trace.empty()) return;
    benchmark::OperatorTrace trace(device_);
    step();
    std::cout << trace.finish(arguments_.trace);
  }

 private:
  void report(const std::vector<double>& seconds, double tokens, double first_loss) const {
    const double median = seconds[seconds.size() / 2];
    const model::TrainingFlops flops(model_->blocks());
    double work = 0;
    for (const auto& micro : batch_.micro_batches) work += flops(infer::shape_of(micro));
    const auto& micro = batch_.micro_batches.front();
    const auto needs =
        stage::memory_needs(*model_, config_, {micro.tokens(), config_.train.micro_batch_size, config_.image.size});
    const auto peak_flops = hardware::peak_bf16_flops(device_);
    benchmark::print_result(
        fmt::format("{} {}px, {} layers, {} x {}", arguments_.config, config_.image.size, shape_.llm.num_hidden_layers,
                    config_.train.micro_batch_size, batch_.micro_batches.size()),
        median,
        {{"fastest", seconds.front()},
         {"slowest", seconds.back()},
         {"ms_per_sample", 1e3 * median / static_cast<double>(batch_.samples)},
         {"tokens_per_second", tokens / median},
         {"TFLOP/s", work / median / 1e12},
         {"MFU", peak_flops ? work / median / *peak_flops : 0},
         {"peak_GB", static_cast<double>(hardware::peak_memory_bytes(device_)) / 1e9},
         {"expected_GB", static_cast<double>(needs.total()) / 1e9},
         {"first_loss", first_loss}});
  }

  Arguments arguments_;
  stage::RunConfig config_;
  torch::Device device_;
  model::ModelConfig shape_;
  model::ConvLlava model_{nullptr};
  data::StepBatch batch_;
};

}  // namespace

int main(int argc, char** argv) {
  apps::start(argv);
  CLI::App app("Times one training step of a stage's configuration on random data.");
  Arguments arguments;
  app.add_option("--config", arguments.config, "YAML file of the stage")->required();
  app.add_option("--set", arguments.overrides, "Override a field: --set image.size=1536")->take_all();
  app.add_option("--layers", arguments.layers, "Keep this many layers of the language model; 0 keeps all");
  app.add_option("--text", arguments.text, "Tokens of text in a sample")->check(CLI::Range(4, 1 << 20));
  app.add_option("--steps", arguments.steps, "Steps to time")->check(CLI::Range(1, 1000));
  app.add_option("--trace", arguments.trace, "Record one more step into this file and add it up by kernel");
  if (const auto code = apps::parse_command_line(app, argc, argv)) return *code;
  return core::run_main("benchmark_train_step", [&] {
    StepBenchmark(arguments).run();
    return 0;
  });
}
