// Forward, backward and optimizer step of the tower, the language model and the whole model, fp32 on a CPU.
// training.py does the same work with transformers on the same shapes.
//
//   benchmark_training convnext|llama|convllava [onednn]
//
// Here oneDNN multiplies where `train` would let it; with `onednn` the Python side does so too.

#include <iostream>
#include <map>
#include <string>

#include "benchmark.h"
#include "convllava/apps/start.h"
#include "convllava/core/error.h"
#include "convllava/core/process.h"
#include "convllava/core/progress.h"
#include "convllava/model/vision/convnext.h"
#include "convllava/nn/head_loss.h"
#include "convllava/nn/init.h"
#include "convllava/nn/libtorch.h"
#include "convllava/train/train_step.h"

namespace {

using namespace convllava;

model::ModelConfig shape() {
  model::ModelConfig config;
  model::ConvNextConfig tower;
  tower.depths = {2, 2, 6, 2, 2};
  tower.hidden_sizes = {48, 96, 192, 384, 768};
  config.vision = std::make_shared<model::ConvNextConfig>(tower);
  config.llm.vocab_size = 8000;
  config.llm.hidden_size = 384;
  config.llm.intermediate_size = 1024;
  config.llm.num_hidden_layers = 6;
  config.llm.num_attention_heads = 6;
  config.llm.num_key_value_heads = 6;
  return config;
}

constexpr int64_t kBatch = 4;
constexpr int64_t kPixels = 256;
constexpr int64_t kLength = 128;

void report(const std::string& name, double seconds) {
  benchmark::print_result("training/" + name, seconds,
                          {{"peak_bytes", static_cast<double>(core::peak_resident_bytes())}});
}

void tower(const std::string& suffix) {
  const auto tower = shape().vision->make(torch::kFloat);
  nn::initialize(tower->blocks());
  const auto pixels = torch::randn({kBatch, 3, kPixels, kPixels});
  report("convnext_forward_backward" + suffix, benchmark::median_seconds([&] {
           tower->zero_grad();
           tower->forward(pixels).sum().backward();
         }));
}

void language_model(const std::string& suffix) {
  const auto llama = model::make_language_model(shape().llm, torch::kFloat);
  nn::initialize(llama->blocks());
  const auto ids = torch::randint(3, 8000, {kBatch * kLength}, torch::kLong);
  const auto positions = torch::arange(kLength).repeat({kBatch});
  std::vector<int64_t> boundaries;
  for (int64_t i = 0; i <= kBatch; ++i) boundaries.push_back(i * kLength);
  const auto layout = nn::SequenceLayout::make(boundaries, torch::kCPU);
  report("llama_forward_backward" + suffix, benchmark::median_seconds([&] {
           llama->zero_grad();
           const auto states = llama->hidden_states(llama->embed(ids), positions, layout);
           nn::head_cross_entropy(states, llama->head_weight(), ids, 1.0 / (kBatch * kLength)).backward();
         }));
}

/// `kBatch` images, each in front of a text of which the second half is learnt.
data::StepBatch batch() {
  std::vector<data::Sample> samples(kBatch);
  for (auto& sample : samples) {
    sample.image = image::Image{kPixels, kPixels, std::vector<uint8_t>(kPixels * kPixels * 3, 100)};
    sample.visual_tokens = 16;
    sample.prompt.input_ids.assign(kLength - 15, 5);
    sample.prompt.input_ids[1] = text::kImageToken;
    sample.prompt.labels.assign(kLength - 15, text::kIgnoreLabel);
    for (size_t i = (kLength - 15) / 2; i < sample.prompt.labels.size(); ++i) sample.prompt.labels[i] = 5;
  }
  data::StepBatch step;
  step.micro_batches = {data::pack(samples, 2048)};
  return step;
}

void whole_model(const std::string& suffix) {
  model::ConvLlava model(shape());
  nn::initialize(model->blocks());
  distributed::ProcessGroup group;
  parallel::Engine engine(model->blocks(), group);
  optim::Optimizer optimizer(optim::make_rule({}), engine.shards());
  const auto step = batch();
  const auto counts = train::global_counts(step, group);
  report("convllava_step" + suffix, benchmark::median_seconds([&] {
           train::train_step(*model, step, counts, engine, optimizer, {}, [](const parallel::FlatRange&) {
             return optim::Rates{1e-5, 0.0};
           });
         }));
}

}  // namespace

int main(int argc, char** argv) {
  apps::start(argv);
  return core::run_main("benchmark_training", [&] {
    const std::map<std::string, void (*)(const std::string&)> measurements = {
        {"convnext", tower}, {"llama", language_model}, {"convllava", whole_model}};
    const auto chosen = measurements.find(argc > 1 ? argv[1] : "");
    const bool onednn = argc == 3 && std::string(argv[2]) == "onednn";
    if (chosen == measurements.end() || argc > (onednn ? 3 : 2)) {
      throw ConfigError("no measurement; usage: benchmark_training convnext|llama|convllava [onednn]");
    }
    std::cerr << apps::set_arithmetic(torch::kCPU) << "\n";
    chosen->second(onednn ? "_onednn" : "");
    return 0;
  });
}
