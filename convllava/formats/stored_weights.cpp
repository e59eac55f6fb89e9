#include "convllava/formats/stored_weights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <set>

#include "convllava/checkpoint/file_access.h"
#include "convllava/checkpoint/safetensors.h"
#include "convllava/core/error.h"
#include "convllava/core/suggest.h"
#include "convllava/formats/hf_config.h"
#include "convllava/formats/hf_config_names.h"
#include "convllava/formats/name_map.h"
#include "convllava/formats/tower_format.h"
#include "convllava/nn/libtorch.h"

namespace convllava::formats {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kLlmPrefix = "llm.";

/// The name in a model of a parameter: those of a part inside one have it already.
std::string with_prefix(std::string_view prefix, const std::string& name) {
  return name.starts_with(prefix) ? name : std::string(prefix) + name;
}

/// Each once (tied weights).
checkpoint::NamedTensors parameters_of(const std::vector<nn::Block>& blocks, std::string_view prefix) {
  checkpoint::NamedTensors parameters;
  std::set<std::string> seen;
  for (const auto& block : blocks) {
    for (const auto& [own_name, tensor] : block.parameters) {
      const auto name = with_prefix(prefix, own_name);
      if (seen.insert(name).second) parameters.emplace_back(name, tensor);
    }
  }
  return parameters;
}

/// A tensor of a file.
struct Source {
  const checkpoint::ModelShards* shards = nullptr;
  std::string name;
};

/// What files offer: sources by parameter name, and tensors that are nobody's.
struct Offer {
  std::map<std::string, Source> sources;
  std::vector<std::string> foreign;

  void add(const std::string& parameter, const checkpoint::ModelShards& shards, const std::string& name,
           const fs::path& directory) {
    const auto [found, is_new] = sources.try_emplace(parameter, Source{&shards, name});
    if (!is_new) {
      throw CheckpointError(directory.string(), fmt::format("two tensors for {}", parameter),
                            fmt::format("{} and {}", found->second.name, name));
    }
  }
};

/// Whether files of transformers hold the tensor for what its network computes and ours does not: the tower's unused
/// parts, and rotary frequencies in older files.
bool is_unused(std::string_view name, const model::VisionConfig* tower) {
  if (name.ends_with(".rotary_emb.inv_freq")) return true;
  return tower != nullptr && format_of(*tower).is_unused(*tower, without_stored_prefix(name));
}

/// `parameter_of` of a model's file, where the tower's tensors may have the names of any library.
std::optional<std::string> model_parameter(std::string_view name, const model::VisionConfig* tower) {
  if (tower == nullptr || !name.starts_with(kStoredTowerPrefix)) return parameter_of(name);
  const auto parameter = format_of(*tower).parameter_of(without_stored_prefix(name));
  return parameter ? std::optional(std::string(kTowerPrefix) + *parameter) : std::nullopt;
}

/// Language model and projector; also the tower when `with_tower`.
void collect_model(const fs::path& directory, const checkpoint::ModelShards& shards, const model::VisionConfig* tower,
                   bool with_tower, Offer& offer) {
  for (const auto& [name, info] : shards.tensors()) {
    if (is_unused(name, tower)) continue;
    const auto parameter = model_parameter(name, tower);
    if (!parameter) {
      offer.foreign.push_back(name);
    } else if (with_tower || !parameter->starts_with(kTowerPrefix)) {
      offer.add(*parameter, shards, name, directory);
    }
  }
}

void collect_tower(const fs::path& directory, const checkpoint::ModelShards& shards, const model::VisionConfig& config,
                   Offer& offer) {
  for (const auto& [name, info] : shards.tensors()) {
    if (is_unused(name, &config)) continue;
    if (const auto parameter = format_of(config).parameter_of(without_stored_prefix(name))) {
      offer.add(std::string(kTowerPrefix) + *parameter, shards, name, directory);
    } else {
      offer.foreign.push_back(name);
    }
  }
}

/// A tied head in the file is the embedding once more. transformers does not tie where they differ.
void drop_tied_head(const fs::path& directory, const model::LanguageConfig& llm, Offer& offer) {
  const auto head = offer.sources.find("llm.lm_head.weight");
  if (!llm.tie_word_embeddings || head == offer.sources.end()) return;
  const auto embedding = offer.sources.find("llm.model.embed_tokens.weight");
  const auto tensor = [](const Source& source) { return source.shards->tensor(source.name); };
  if (embedding != offer.sources.end() && !torch::equal(tensor(head->second), tensor(embedding->second))) {
    throw CheckpointError(directory.string(), "the head is not tied to the embedding",
                          "lm_head.weight and embed_tokens.weight with different values",
                          "\"tie_word_embeddings\": false in config.json, or a file without lm_head");
  }
  offer.sources.erase(head);
}

/// True for equal shapes, and for a 1x1 convolution's weight [out, in, 1, 1] where a linear layer's [out, in] is
/// expected.
bool fits(const std::vector<int64_t>& stored, torch::IntArrayRef wanted) {
  if (stored == wanted) return true;
  return wanted.size() == 2 && stored == std::vector<int64_t>{wanted[0], wanted[1], 1, 1};
}

std::string listing(const char* title, const std::vector<std::string>& names) {
  constexpr size_t kShown = 10;
  if (names.empty()) return {};
  const std::vector<std::string> shown(names.begin(), names.begin() + std::min(names.size(), kShown));
  return fmt::format("\n  {} {}: {}{}", names.size(), title, core::join(shown), names.size() > kShown ? ", ..." : "");
}

/// Throws when the offered tensors are not those of the blocks.
void check(const fs::path& directory, const std::vector<nn::Block>& blocks, std::string_view prefix,
           const Offer& offer) {
  std::vector<std::string> missing;
  std::vector<std::string> misshapen;
  std::vector<std::string> whole;
  std::vector<std::string> unexpected = offer.foreign;
  auto unused = offer.sources;
  for (const auto& [name, parameter] : parameters_of(blocks, prefix)) {
    const auto found = unused.find(name);
    if (found == unused.end()) {
      missing.push_back(name);
      continue;
    }
    const checkpoint::TensorInfo& stored = found->second.shards->tensors().at(found->second.name);
    if (!fits(stored.shape, parameter.sizes())) {
      misshapen.push_back(
          fmt::format("{} [{}] for [{}]", name, fmt::join(stored.shape, ", "), fmt::join(parameter.sizes(), ", ")));
    }
    // Of quantized weights the scales are elsewhere, if anywhere.
    if (!stored.dtype.starts_with("F") && stored.dtype != "BF16") {
      whole.push_back(fmt::format("{} {}", name, stored.dtype));
    }
    unused.erase(found);
  }
  for (const auto& [parameter, source] : unused) unexpected.push_back(source.name);
  if (!missing.empty() || !unexpected.empty() || !misshapen.empty() || !whole.empty()) {
    throw CheckpointError(directory.string(), "its tensors do not match the model" + listing("missing", missing) +
                                                  listing("unexpected", unexpected) +
                                                  listing("with another shape", misshapen) +
                                                  listing("with integer type", whole));
  }
}

/// The first block of the groups (nn::Block::group) at the end of the tower of which nothing is offered. Only numbered
/// groups may be missing: the stages of a ConvNeXt, not all layers of a ViT.
std::vector<nn::Block>::const_iterator blocks_behind(const std::vector<nn::Block>& blocks, const Offer& offer) {
  const auto offered = [&](const nn::Block& block) {
    return std::any_of(block.parameters.begin(), block.parameters.end(),
                       [&](const auto& item) { return offer.sources.contains(with_prefix(kTowerPrefix, item.first)); });
  };
  auto end = std::find_if(blocks.rbegin(), blocks.rend(), offered).base();
  while (end != blocks.begin() && end != blocks.end() && end->group() == std::prev(end)->group()) ++end;
  const auto numbered = [](const nn::Block& block) { return std::isdigit(block.group().back()) != 0; };
  return std::all_of(end, blocks.end(), numbered) ? end : blocks.end();
}

}  // namespace

struct StoredWeights::Files {
  Files(fs::path of, std::string_view names) : directory(std::move(of)), prefix(names) {}

  fs::path directory;
  std::string prefix;  ///< of the model's names where it is a part
  std::vector<std::unique_ptr<checkpoint::ModelShards>> shards;
  Offer offer;  ///< points to the shards
  std::vector<nn::Block> stored;
  std::vector<nn::Block> absent;

  const checkpoint::ModelShards& open(const fs::path& path) {
    return *shards.emplace_back(std::make_unique<checkpoint::ModelShards>(path));
  }
};

StoredWeights StoredWeights::of_model(const fs::path& directory, const model::ConvLlavaImpl& model) {
  const auto files = std::make_shared<Files>(directory, "");
  files->stored = model.blocks();
  const auto& config = model.config();
  const fs::path tower_path = directory / kTowerDirectory;
  const bool own_tower = checkpoint::directory_exists(tower_path);
  collect_model(directory, files->open(directory), config.vision.get(), !own_tower, files->offer);
  if (own_tower && config.vision) collect_tower(tower_path, files->open(tower_path), *config.vision, files->offer);
  drop_tied_head(directory, config.llm, files->offer);
  return StoredWeights(files);
}

StoredWeights StoredWeights::of_language_model(const fs::path& directory, const model::LanguageModel& llm) {
  const auto files = std::make_shared<Files>(directory, kLlmPrefix);
  files->stored = llm.blocks();
  collect_model(directory, files->open(directory), nullptr, false, files->offer);
  files->offer.foreign.clear();
  std::erase_if(files->offer.sources, [](const auto& entry) { return !entry.first.starts_with(kLlmPrefix); });
  drop_tied_head(directory, llm.config(), files->offer);
  return StoredWeights(files);
}

StoredWeights StoredWeights::of_vision_tower(const fs::path& directory, const model::VisionTower& tower) {
  const auto files = std::make_shared<Files>(tower_directory(directory), kTowerPrefix);
  auto& offer = files->offer;
  collect_tower(files->directory, files->open(files->directory), tower.config(), offer);
  offer.foreign.clear();
  if (offer.sources.empty()) {
    throw CheckpointError(files->directory.string(), "no weights of the tower in it", {},
                          fmt::format("the tensors of a {}", tower.config().model_type()));
  }
  const auto& blocks = tower.blocks();
  const auto behind = blocks_behind(blocks, offer);
  files->stored.assign(blocks.begin(), behind);
  files->absent.assign(behind, blocks.end());
  return StoredWeights(files);
}

StoredWeights::StoredWeights(std::shared_ptr<const Files> files) : files_(std::move(files)) {
  check(files_->directory, files_->stored, files_->prefix, files_->offer);
}

const std::vector<nn::Block>& StoredWeights::blocks() const { return files_->stored; }

const std::vector<nn::Block>& StoredWeights::absent() const { return files_->absent; }

void StoredWeights::write(const nn::Block& block) const {
  const torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : block.parameters) {
    const Source& source = files_->offer.sources.at(with_prefix(files_->prefix, name));
    torch::Tensor(tensor).copy_(source.shards->tensor(source.name).view(tensor.sizes()));
  }
}

void StoredWeights::write_all() const {
  for (const auto& block : blocks()) write(block);
}

}  // namespace convllava::formats
