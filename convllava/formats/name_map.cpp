#include "convllava/formats/name_map.h"

#include <array>
#include <cctype>
#include <charconv>
#include <vector>

namespace convllava::formats {
namespace {

constexpr std::string_view kTower = "vision_tower.";
constexpr std::string_view kStages = "vision_tower.encoder.stages.";

struct Rename {
  std::string_view parameter;
  std::string_view file;
};

// Beginnings of names. The last line is the published checkpoints'; this library writes the tower to its own directory.
constexpr std::array<Rename, 6> kModelNames = {{
    {"llm.model.embed_tokens.", "model.embed_tokens."},
    {"llm.model.layers.", "model.layers."},
    {"llm.model.norm.", "model.norm."},
    {"llm.lm_head.", "lm_head."},
    {"mm_projector.", "model.mm_projector."},
    {"vision_tower.", "model.vision_tower.vision_tower."},
}};

// Prefixes of a tower's names in files of different origin.
constexpr std::array<std::string_view, 5> kTowerPrefixes = {"model.vision_tower.vision_tower.", "visual.trunk.",
                                                            "convnext.", "trunk.", ""};

// Beginnings of the tower's names; `#` is a number.
constexpr std::array<Rename, 10> kTowerNames = {{
    // Hugging Face
    {"embeddings.", "embeddings."},
    {"encoder.stages.#.", "encoder.stages.#."},
    // timm, and OpenCLIP behind its prefix
    {"embeddings.patch_embeddings.", "stem.0."},
    {"embeddings.layernorm.", "stem.1."},
    {"encoder.stages.#.downsampling_layer.#.", "stages.#.downsample.#."},
    {"encoder.stages.#.layers.#.dwconv.", "stages.#.blocks.#.conv_dw."},
    {"encoder.stages.#.layers.#.layernorm.", "stages.#.blocks.#.norm."},
    {"encoder.stages.#.layers.#.pwconv1.", "stages.#.blocks.#.mlp.fc1."},
    {"encoder.stages.#.layers.#.pwconv2.", "stages.#.blocks.#.mlp.fc2."},
    {"encoder.stages.#.layers.#.layer_scale_parameter", "stages.#.blocks.#.gamma"},
}};

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

/// `name` with its beginning `from` replaced by `to`, numbers carried over in order.
std::optional<std::string> rename(std::string_view name, std::string_view from, std::string_view to) {
  std::vector<std::string_view> numbers;
  size_t at = 0;
  for (const char expected : from) {
    if (expected == '#') {
      const size_t begin = at;
      while (at < name.size() && is_digit(name[at])) ++at;
      if (at == begin) return std::nullopt;
      numbers.push_back(name.substr(begin, at - begin));
    } else if (at < name.size() && name[at] == expected) {
      ++at;
    } else {
      return std::nullopt;
    }
  }
  std::string renamed;
  size_t next = 0;
  for (const char c : to) {
    if (c == '#') {
      renamed += numbers[next++];
    } else {
      renamed += c;
    }
  }
  return renamed.append(name.substr(at));
}

}  // namespace

std::string file_name_of(std::string_view parameter) {
  for (const auto& [from, to] : kModelNames) {
    if (auto name = rename(parameter, from, to)) return *name;
  }
  return std::string(parameter);
}

std::optional<std::string> parameter_of(std::string_view file_name) {
  for (const auto& [to, from] : kModelNames) {
    if (auto name = rename(file_name, from, to)) return name;
  }
  return std::nullopt;
}

std::optional<std::string> tower_parameter_of(std::string_view file_name) {
  for (const auto prefix : kTowerPrefixes) {
    if (!file_name.starts_with(prefix)) continue;
    for (const auto& [to, from] : kTowerNames) {
      if (auto name = rename(file_name.substr(prefix.size()), from, to)) return std::string(kTower) + *name;
    }
  }
  return std::nullopt;
}

bool is_obsolete(std::string_view file_name) {
  for (const std::string_view norm : {"layernorm.weight", "layernorm.bias"}) {
    for (const auto prefix : kTowerPrefixes) {
      if (file_name.starts_with(prefix) && file_name.substr(prefix.size()) == norm) return true;
    }
  }
  return file_name.ends_with(".rotary_emb.inv_freq");
}

std::optional<int64_t> stage_of(std::string_view parameter) {
  if (!parameter.starts_with(kStages)) return std::nullopt;
  int64_t stage = 0;
  parameter.remove_prefix(kStages.size());
  const auto result = std::from_chars(parameter.data(), parameter.data() + parameter.size(), stage);
  return result.ec == std::errc() ? std::optional(stage) : std::nullopt;
}

}  // namespace convllava::formats
