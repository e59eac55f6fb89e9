#include "convllava/setup/build_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "convllava/checkpoint/run_folder.h"
#include "convllava/core/error.h"
#include "convllava/core/log.h"
#include "convllava/formats/model_directory.h"
#include "convllava/formats/open_checkpoint.h"
#include "convllava/nn/block_pattern.h"
#include "convllava/nn/init.h"
#include "convllava/nn/libtorch.h"

namespace convllava::setup {
namespace fs = std::filesystem;
namespace {

std::string with_thousands(int64_t value) {
  std::string digits = std::to_string(value);
  for (auto i = static_cast<int64_t>(digits.size()) - 3; i > 0; i -= 3) digits.insert(static_cast<size_t>(i), 1, ',');
  return digits;
}

/// "fresh", "from PATH" or "from PATH (vision.stages.5 fresh)".
std::string origin(const std::string& path, const std::vector<nn::Block>& fresh) {
  if (path.empty()) return "fresh";
  std::vector<std::string> groups;
  for (const auto& block : fresh) {
    if (groups.empty() || groups.back() != block.group()) groups.push_back(block.group());
  }
  return "from " + path + (groups.empty() ? "" : fmt::format(" ({} fresh)", fmt::join(groups, ", ")));
}

struct Row {
  std::string name;
  std::string module;
  int64_t all = 0;
  int64_t trainable = 0;
  int64_t tensors = 0;

  void add(const torch::Tensor& parameter) {
    all += parameter.numel();
    trainable += parameter.requires_grad() ? parameter.numel() : 0;
    tensors += 1;
  }
};

/// A row for each group of blocks; a tied tensor counts once.
std::vector<Row> rows_of(const std::vector<nn::Block>& blocks) {
  std::vector<Row> rows;
  std::set<std::string> seen;
  for (const auto& block : blocks) {
    const std::string group = block.group();
    auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& r) { return r.name == group; });
    if (row == rows.end()) row = rows.insert(rows.end(), {group, block.module()});
    for (const auto& [name, tensor] : block.parameters) {
      if (seen.insert(name).second) row->add(tensor);
    }
  }
  return rows;
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
    throw ConfigError({"", "model.tokenizer"}, "a new model needs a tokenizer", "none",
                      "the path of a SentencePiece tokenizer.model");
  }
  return formats::load_tokenizer(formats::OpenCheckpoint(path).path());
}

StartWeights::StartWeights(const ModelSource& source, const model::ConvLlavaImpl& model, int64_t seed)
    : source_(source) {
  torch::manual_seed(static_cast<uint64_t>(seed));
  const auto add = [this](const std::vector<nn::Block>& blocks) {
    blocks_.insert(blocks_.end(), blocks.begin(), blocks.end());
  };
  const auto open = [this](const std::string& path) {
    return open_.emplace_back(std::make_unique<formats::OpenCheckpoint>(path))->path();
  };
  const auto add_stored = [&](const formats::StoredWeights& weights) {
    add(weights.blocks());
    for (const auto& block : weights.blocks()) stored_.emplace(block.name, weights);
  };
  if (!source.from.empty()) {
    add_stored(formats::StoredWeights::of_model(open(source.from), model));
    return;
  }
  add(model.mm_projector->blocks());
  if (source.vision_from.empty()) {
    add(model.vision_tower->blocks());
  } else {
    const auto weights = formats::StoredWeights::of_vision_tower(open(source.vision_from), *model.vision_tower);
    add_stored(weights);
    add(absent_ = weights.absent());
  }
  if (source.llm_from.empty()) {
    add(model.llm->blocks());
  } else {
    add_stored(formats::StoredWeights::of_language_model(open(source.llm_from), *model.llm));
  }
}

void StartWeights::write(const nn::Block& block) const {
  const torch::NoGradGuard no_grad;
  const auto stored = stored_.find(block.name);
  if (stored != stored_.end()) {
    stored->second.write(block);
  } else {
    nn::initialize({block});
  }
}

std::string StartWeights::description() const {
  if (!source_.from.empty()) return "all from " + open_.front()->path().string();
  return fmt::format("vision {}; projector fresh; language model {}", origin(source_.vision_from, absent_),
                     origin(source_.llm_from, {}));
}

model::ConvLlava build_model(const ModelSource& source, const model::ModelConfig& shape,
                             const torch::TensorOptions& options, int64_t seed) {
  model::ConvLlava model(shape, options);
  const StartWeights weights(source, *model, seed);
  for (const auto& block : weights.blocks()) weights.write(block);
  core::log_info("weights: " + weights.description());
  return model;
}

void set_trainable(model::ConvLlavaImpl& model, const std::vector<std::string>& patterns) {
  const auto blocks = model.blocks();
  const auto selected = nn::select(patterns, blocks, "trainable");
  for (auto& parameter : model.parameters()) parameter.set_requires_grad(false);
  for (size_t i = 0; i < blocks.size(); ++i) {
    for (auto item : blocks[i].parameters) {
      if (selected[i]) item.second.set_requires_grad(true);
    }
  }
}

void RecomputeOptions::visit_fields(config::FieldVisitor& visitor) {
  visitor.field("recompute", recompute,
                "Parts, of `vision` and `llm`, whose blocks compute their activations again in the backward pass: much "
                "less memory for about a third more work in that part.");
}

std::string parameter_table(const model::ConvLlavaImpl& model, const optim::GroupOptions& groups) {
  const auto rows = rows_of(model.blocks());
  Row total{"total", ""};
  std::map<std::string, int64_t> per_module;
  for (const auto& row : rows) {
    total.all += row.all;
    total.trainable += row.trainable;
    total.tensors += row.tensors;
    per_module[row.module] += row.all;
  }
  std::string text = fmt::format("{:<18} {:>15} {:>8} {:>15} {:>9} {:>7}\n", "part", "parameters", "tensors",
                                 "trainable", "peak lr", "decay");
  for (const auto& row : rows) {
    text += fmt::format("{:<18} {:>15} {:>8} {:>15}", row.name, with_thousands(row.all), row.tensors,
                        row.trainable == 0 ? "frozen" : with_thousands(row.trainable));
    if (row.trainable > 0)
      text += fmt::format(" {:>9.2g} {:>7.2g}", groups.peak(row.module).lr, groups.peak(row.module).weight_decay);
    text += "\n";
  }
  for (const auto& [module, count] : per_module) {
    text += fmt::format("{:<18} {:>15}\n", "all " + module, with_thousands(count));
  }
  return text + fmt::format("{:<18} {:>15} {:>8} {:>15}\n", "total", with_thousands(total.all), total.tensors,
                            with_thousands(total.trainable));
}

}  // namespace convllava::setup
