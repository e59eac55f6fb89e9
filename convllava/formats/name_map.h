#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Which tensor of a file is which parameter of `model::ConvLlavaImpl`.

namespace convllava::formats {

/// Name in a ConvLLaVA or LLaMA model file of a parameter: "llm.model.norm.weight" -> "model.norm.weight".
std::string file_name_of(std::string_view parameter);

/// The reverse; nothing for a tensor that is no parameter of the model.
std::optional<std::string> parameter_of(std::string_view file_name);

/// Parameter ("vision_tower. ...") behind a name in a ConvNeXt file: Hugging Face's, with or without the prefix of its
/// classifier class or of a ConvLLaVA file, OpenCLIP's or timm's. Nothing for text towers, heads and the pooled norm.
std::optional<std::string> tower_parameter_of(std::string_view file_name);

/// Tensors of older files that are ignored: rotary frequencies, the norm behind the tower's pooling.
bool is_obsolete(std::string_view file_name);

/// 0-based stage of a tower parameter; nothing for the stem.
std::optional<int64_t> stage_of(std::string_view parameter);

}  // namespace convllava::formats
