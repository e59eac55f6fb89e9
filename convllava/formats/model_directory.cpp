#include "convllava/formats/model_directory.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "convllava/checkpoint/file_access.h"
#include "convllava/checkpoint/safetensors.h"
#include "convllava/core/error.h"
#include "convllava/core/files.h"
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

using Parameters = std::vector<std::pair<std::string, torch::Tensor>>;

Parameters parameters_of(const torch::nn::Module& module, std::string_view prefix = {}) {
  Parameters parameters;
  for (const auto& parameter : module.named_parameters()) {
    parameters.emplace_back(std::string(prefix) + parameter.key(), parameter.value());
  }
  return parameters;
}

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

/// The files of all parts and what they offer.
struct ModelFiles {
  ModelFiles(const fs::path& directory, const model::ModelConfig& config) : shards(directory) {
    const fs::path tower_path = directory / kTowerDirectory;
    const bool own_tower = checkpoint::directory_exists(tower_path);
    collect_model(directory, shards, config.vision.get(), !own_tower, offer);
    if (own_tower && config.vision) {
      tower.emplace(tower_path);
      collect_tower(tower_path, *tower, *config.vision, offer);
    }
    drop_tied_head(directory, config.llm, offer);
  }
  ModelFiles(const ModelFiles&) = delete;  // the offer points to the files
  ModelFiles& operator=(const ModelFiles&) = delete;

  checkpoint::ModelShards shards;
  std::optional<checkpoint::ModelShards> tower;
  Offer offer;
};

/// The files of a language model and what they offer; other tensors in them do not matter.
struct LanguageFiles {
  LanguageFiles(const fs::path& directory, const model::LanguageConfig& llm) : shards(directory) {
    collect_model(directory, shards, nullptr, false, offer);
    offer.foreign.clear();
    std::erase_if(offer.sources, [](const auto& entry) { return !entry.first.starts_with(kLlmPrefix); });
    drop_tied_head(directory, llm, offer);
  }
  LanguageFiles(const LanguageFiles&) = delete;
  LanguageFiles& operator=(const LanguageFiles&) = delete;

  checkpoint::ModelShards shards;
  Offer offer;
};

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

/// Throws when the offered tensors are not those of the parameters.
void check(const fs::path& directory, const Parameters& parameters, const Offer& offer) {
  std::vector<std::string> missing;
  std::vector<std::string> misshapen;
  std::vector<std::string> whole;
  std::vector<std::string> unexpected = offer.foreign;
  auto unused = offer.sources;
  for (const auto& [name, parameter] : parameters) {
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

/// Copies the offered tensors into the parameters, or throws before the first one when they are not the same set.
void load(const fs::path& directory, const Parameters& parameters, const Offer& offer) {
  check(directory, parameters, offer);
  const torch::NoGradGuard no_grad;
  for (const auto& [name, parameter] : parameters) {
    const Source& source = offer.sources.at(name);
    auto target = parameter;
    target.copy_(source.shards->tensor(source.name).view(parameter.sizes()));
  }
}

/// The name of a tower's parameter in a model: blocks of a tower inside one have it already.
std::string tower_name(const std::string& name) {
  return name.starts_with(kTowerPrefix) ? name : std::string(kTowerPrefix) + name;
}

/// The first block of the groups (nn::Block::group) at the end of the tower of which nothing is offered. Only numbered
/// groups may be missing: the stages of a ConvNeXt, not all layers of a ViT.
std::vector<nn::Block>::const_iterator blocks_behind(const std::vector<nn::Block>& blocks, const Offer& offer) {
  const auto offered = [&](const nn::Block& block) {
    return std::any_of(block.parameters.begin(), block.parameters.end(),
                       [&](const auto& item) { return offer.sources.contains(tower_name(item.first)); });
  };
  auto end = std::find_if(blocks.rbegin(), blocks.rend(), offered).base();
  while (end != blocks.begin() && end != blocks.end() && end->group() == std::prev(end)->group()) ++end;
  const auto numbered = [](const nn::Block& block) { return std::isdigit(block.group().back()) != 0; };
  return std::all_of(end, blocks.end(), numbered) ? end : blocks.end();
}

/// The files of a tower, what they offer, and which of its blocks they have.
struct TowerFiles {
  TowerFiles(const fs::path& directory, const model::VisionTower& tower)
      : path(tower_directory(directory)), shards(path) {
    collect_tower(path, shards, tower.config(), offer);
    offer.foreign.clear();
    if (offer.sources.empty()) {
      throw CheckpointError(path.string(), "no weights of the tower in it", {},
                            fmt::format("the tensors of a {}", tower.config().model_type()));
    }
    fresh = blocks_behind(tower.blocks(), offer);
    for (auto block = tower.blocks().begin(); block != fresh; ++block) {
      for (const auto& [name, tensor] : block->parameters) stored.emplace_back(tower_name(name), tensor);
    }
  }
  TowerFiles(const TowerFiles&) = delete;
  TowerFiles& operator=(const TowerFiles&) = delete;

  fs::path path;
  checkpoint::ModelShards shards;
  Offer offer;
  std::vector<nn::Block>::const_iterator fresh;
  Parameters stored;  ///< the parameters of the blocks before `fresh`
};

}  // namespace

void save_model(const fs::path& directory, const model::ConvLlavaImpl& model, const text::Tokenizer& tokenizer,
                const checkpoint::Record& record) {
  checkpoint::NamedTensors language;
  checkpoint::NamedTensors tower;
  for (const auto& [name, parameter] : parameters_of(model)) {
    if (name.starts_with(kTowerPrefix)) {
      tower.emplace_back(name.substr(kTowerPrefix.size()), parameter);
    } else {
      language.emplace_back(file_name_of(name), parameter);
    }
  }
  checkpoint::write_model_shards(directory, language);
  write_model_json(directory, model.config(), record, language.front().second.scalar_type());
  write_tokenizer(directory, tokenizer, record.max_length);

  checkpoint::write_record(directory, record);
  if (tower.empty()) return;
  const fs::path tower_path = directory / kTowerDirectory;
  checkpoint::make_directories(tower_path);
  checkpoint::write_model_shards(tower_path, tower);
  write_vision_json(tower_path, model.config().tower(), record.image, tower.front().second.scalar_type());
}

void check_model(const fs::path& directory, const model::ConvLlavaImpl& outline) {
  const ModelFiles files(directory, outline.config());
  check(directory, parameters_of(outline), files.offer);
}

void load_model(const fs::path& directory, model::ConvLlavaImpl& model) {
  const ModelFiles files(directory, model.config());
  load(directory, parameters_of(model), files.offer);
}

void check_language_model(const fs::path& directory, const model::LanguageModel& outline) {
  check(directory, parameters_of(outline, kLlmPrefix), LanguageFiles(directory, outline.config()).offer);
}

void load_language_model(const fs::path& directory, model::LanguageModel& llm) {
  const LanguageFiles files(directory, llm.config());
  load(directory, parameters_of(llm, kLlmPrefix), files.offer);
}

void check_vision_tower(const fs::path& directory, const model::VisionTower& outline) {
  const TowerFiles files(directory, outline);
  check(files.path, files.stored, files.offer);
}

std::vector<nn::Block> load_vision_tower(const fs::path& directory, model::VisionTower& tower) {
  const TowerFiles files(directory, tower);
  load(files.path, files.stored, files.offer);
  return {files.fresh, tower.blocks().end()};
}

text::Tokenizer load_tokenizer(const std::filesystem::path& directory) {
  try {
    return text::Tokenizer::load(directory);
  } catch (const DataError& error) {
    throw error_as<CheckpointError>(error);
  }
}

}  // namespace convllava::formats
