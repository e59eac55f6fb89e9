#pragma once

#include <optional>
#include <string>
#include <string_view>

// Which tensor of a file is which parameter of `model::ConvLlavaImpl`.

namespace convllava::formats {

/// The beginning of a parameter's name and that of its name in a file. `#` is a number.
struct Rename {
  std::string_view parameter;
  std::string_view file;
};

/// `name` with its beginning `from` replaced by `to`, numbers carried over in order. Nothing where it begins otherwise.
std::optional<std::string> rename(std::string_view name, std::string_view from, std::string_view to);

/// Beginning of the names of a tower's tensors in the files of a whole model, as the published checkpoints have it.
inline constexpr std::string_view kStoredTowerPrefix = "model.vision_tower.vision_tower.";
/// A tensor's name without it, also in files of a tower alone, which do not have it.
inline std::string_view without_stored_prefix(std::string_view name) {
  return name.starts_with(kStoredTowerPrefix) ? name.substr(kStoredTowerPrefix.size()) : name;
}
/// Beginning of the names of the tower's parameters.
inline constexpr std::string_view kTowerPrefix = "vision_tower.";

/// Name in a ConvLLaVA or LLaMA model file of a parameter: "llm.model.norm.weight" -> "model.norm.weight".
std::string file_name_of(std::string_view parameter);

/// The reverse; nothing for a tensor that is no parameter of the model.
std::optional<std::string> parameter_of(std::string_view file_name);

}  // namespace convllava::formats
