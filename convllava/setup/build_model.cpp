#include "convllava/setup/build_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "convllava/checkpoint/run_folder.h"
#include "convllava/core/error.h"
#include "convllava/core/log.h"
#include "convllava/formats/model_directory.h"
#include "convllava/formats/open_checkpoint.h"
#include "convllava/model/initialize.h"
#include "convllava/model/trainable.h"
#include "convllava/nn/libtorch.h"

namespace convllava::setup {
namespace fs = std::filesystem;
namespace {

std::string with_thousands(int64_t value) {
  std::string digits = std::to_string(value);
  for (auto i = static_cast<int64_t>(digits.size()) - 3; i > 0; i -= 3) digits.insert(static_cast<size_t>(i), 1, ',');
  return digits;
}

/// "vision stem", "vision stage 3", "projector", "llm embed_tokens", "llm layers", ...
std::string part_of(const std::string& name) {
  const std::string module = model::module_of(name);
  if (module == "projector") return module;
  if (module == "vision") {
    const std::string stages = "vision_tower.encoder.stages.";
    if (!name.starts_with(stages)) return "vision stem";
    return "vision stage " + std::to_string(std::stoll(name.substr(stages.size())) + 1);
  }
  const std::string inner = name.starts_with("llm.model.") ? name.substr(10) : name.substr(4);
  return "llm " + inner.substr(0, inner.find('.'));
}

}  // namespace

const std::string& tokenizer_path(const ModelSource& source) {
  if (!source.tokenizer.empty()) return source.tokenizer;
  return source.from.empty() ? source.llm_from : source.from;
}

text::Tokenizer load_tokenizer(const ModelSource& source) {
  const std::string& path = tokenizer_path(source);
  if (!source.tokenizer.empty()) return text::Tokenizer::load(path);
  if (path.empty()) {
    throw ConfigError(error_message("model.tokenizer", "a model that starts fresh needs a tokenizer", "none",
                                    "the path of a SentencePiece tokenizer.model"));
  }
  return formats::load_tokenizer(formats::OpenCheckpoint(path).path());
}

model::ConvLlava build_model(const ModelSource& source, const model::ModelConfig& shape,
                             const torch::TensorOptions& options, int64_t seed) {
  torch::manual_seed(static_cast<uint64_t>(seed));
  model::ConvLlava model(shape, options);
  const torch::NoGradGuard no_grad;
  if (!source.from.empty()) {
    const formats::OpenCheckpoint from(source.from);
    formats::load_model(from.path(), *model);
    core::log_info(fmt::format("weights: all from {}", from.path().string()));
    return model;
  }
  model::initialize_projector(*model->mm_projector);
  int64_t stages = 0;
  if (!source.vision_from.empty()) {
    stages = formats::load_vision_tower(formats::OpenCheckpoint(source.vision_from).path(), *model->vision_tower);
  }
  if (stages < shape.vision.num_stages()) model::initialize_vision(*model->vision_tower, stages);
  if (source.llm_from.empty()) {
    model::initialize_llama(*model->llm);
  } else {
    formats::load_llama(formats::OpenCheckpoint(source.llm_from).path(), *model->llm);
  }
  const int64_t fresh = shape.vision.num_stages() - stages;
  const std::string vision = stages == 0 ? "fresh"
                                         : fmt::format("stages 1-{} from {}{}", stages, source.vision_from,
                                                       fresh > 0 ? fmt::format(", {} fresh", fresh) : "");
  core::log_info(fmt::format("weights: vision {}; projector fresh; language model {}", vision,
                             source.llm_from.empty() ? "fresh" : "from " + source.llm_from));
  return model;
}

void set_trainable(model::ConvLlavaImpl& model, const std::vector<std::string>& patterns) {
  std::vector<std::string> names;
  for (const auto& item : model.named_parameters()) names.push_back(item.key());
  for (auto& parameter : model.parameters()) parameter.set_requires_grad(false);
  auto parameters = model.named_parameters();
  for (const auto& name : model::select_trainable(patterns, names)) parameters[name].set_requires_grad(true);
}

void RecomputeOptions::visit_fields(config::FieldVisitor& visitor) {
  visitor.field("recompute", recompute,
                "Parts, of `vision` and `llm`, whose blocks compute their activations again in the backward pass: much "
                "less memory for about a third more work in that part.");
}

void set_recompute(model::ConvLlavaImpl& model, const RecomputeOptions& options) {
  for (const auto& part : options.recompute) {
    if (part == "vision") model.vision_tower->set_recompute(true);
    if (part == "llm") model.llm->set_recompute(true);
  }
}

std::string parameter_table(const model::ConvLlavaImpl& model, const optim::GroupOptions& groups) {
  struct Row {
    std::string part;
    std::string module;
    int64_t all = 0;
    int64_t trainable = 0;
    int64_t tensors = 0;
  };
  std::vector<Row> rows;
  Row total{"total", "", 0, 0, 0};
  std::map<std::string, int64_t> per_module;
  for (const auto& item : model.named_parameters()) {
    const std::string part = part_of(item.key());
    auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& r) { return r.part == part; });
    if (row == rows.end()) row = rows.insert(rows.end(), {part, model::module_of(item.key()), 0, 0, 0});
    const int64_t count = item.value().numel();
    for (Row* counted : {&*row, &total}) {
      counted->all += count;
      counted->trainable += item.value().requires_grad() ? count : 0;
      counted->tensors += 1;
    }
    per_module[model::module_of(item.key())] += count;
  }
  std::string text = fmt::format("{:<18}{:>16}{:>9}{:>16}{:>10}{:>8}\n", "part", "parameters", "tensors", "trainable",
                                 "peak lr", "decay");
  for (const auto& row : rows) {
    text += fmt::format("{:<18}{:>16}{:>9}{:>16}", row.part, with_thousands(row.all), row.tensors,
                        row.trainable == 0 ? "frozen" : with_thousands(row.trainable));
    if (row.trainable > 0)
      text += fmt::format("{:>10.2g}{:>8.2g}", groups.peak(row.module).lr, groups.peak(row.module).weight_decay);
    text += "\n";
  }
  for (const auto& [module, count] : per_module) {
    text += fmt::format("{:<18}{:>16}\n", "all " + module, with_thousands(count));
  }
  return text + fmt::format("{:<18}{:>16}{:>9}{:>16}\n", "total", with_thousands(total.all), total.tensors,
                            with_thousands(total.trainable));
}

}  // namespace convllava::setup
