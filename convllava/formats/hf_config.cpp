#include "convllava/formats/hf_config.h"

#include <fmt/format.h>

#include <charconv>

#include "convllava/checkpoint/file_access.h"
#include "convllava/checkpoint/json_object.h"
#include "convllava/core/error.h"
#include "convllava/core/log.h"
#include "convllava/formats/hf_config_names.h"
#include "convllava/formats/model_directory.h"
#include "convllava/formats/name_map.h"
#include "convllava/formats/preprocessor_check.h"
#include "convllava/formats/special_tokens.h"
#include "convllava/nn/libtorch.h"

namespace convllava::formats {
namespace fs = std::filesystem;
namespace {

constexpr double kNormEps = 1e-6;  // Hugging Face's ConvNeXt has it in its code, not in its configuration
// The tensors do not tell that timm makes ConvNeXt-XXL, and no other size, with another one.
const std::vector<int64_t> kXxlHiddenSizes = {384, 768, 1536, 3072};
constexpr double kXxlNormEps = 1e-5;

// Beyond these a number is a mistake or an attack: even an outline of the model would take all memory.
constexpr int64_t kMostLayers = 1000;
constexpr int64_t kMostChannels = int64_t{1} << 20;
constexpr int64_t kMostTokens = int64_t{1} << 24;
constexpr int64_t kMostPatch = 1024;
constexpr int64_t kLeastImage = 64;  // pixels on a side
constexpr int64_t kMostImage = 16384;

/// model::validate, as an error of the checkpoint.
void check(const model::ModelConfig& model, const std::string& where) {
  try {
    model::validate(model, where);
  } catch (const ConfigError& error) {
    throw CheckpointError(error.what());
  }
}

int64_t read_size(const checkpoint::JsonObject& file, const char* field, int64_t most,
                  std::optional<int64_t> fallback = std::nullopt) {
  const int64_t size = file.whole(field, fallback);
  if (size > most) file.fail_value(field, fmt::format("at most {}", most));
  return size;
}

std::vector<int64_t> read_sizes(const checkpoint::JsonObject& file, const char* field, int64_t most) {
  const auto sizes = file.whole_list(field);
  for (const int64_t size : sizes) {
    if (size > most) file.fail_value(field, fmt::format("at most {} each", most));
  }
  return sizes;
}

/// RoPE's base, from either generation of transformers' fields; scaled variants are refused.
double read_rope_theta(const checkpoint::JsonObject& file) {
  for (const char* field : {"rope_parameters", "rope_scaling"}) {
    const checkpoint::JsonObject rope = file.object(field);
    const std::string kind = rope.text("rope_type", rope.text("type", "default"));
    if (kind != "default") file.fail_value(field, "rope_type \"default\"");
  }
  const checkpoint::JsonObject rope = file.object("rope_parameters");
  return rope.has("rope_theta") ? rope.number("rope_theta") : file.number("rope_theta", 10000.0);
}

/// What LLaMA's descendants may switch on and this library's LLaMA does not have.
void refuse_variants(const checkpoint::JsonObject& file, const model::LlamaConfig& llm) {
  if (file.text("hidden_act", "silu") != "silu") file.fail_value("hidden_act", "\"silu\"");
  if (file.flag("attention_bias", false)) file.fail_value("attention_bias", "false");
  if (file.flag("mlp_bias", false)) file.fail_value("mlp_bias", "false");
  if (llm.num_attention_heads > 0 && file.whole("head_dim", llm.head_dim()) != llm.head_dim()) {
    file.fail_value("head_dim", fmt::format("hidden_size / num_attention_heads = {}", llm.head_dim()));
  }
}

/// The same of LLaVA's.
void refuse_llava_variants(const checkpoint::JsonObject& file) {
  if (file.text("mm_projector_type", "mlp2x_gelu") != "mlp2x_gelu") {
    file.fail_value("mm_projector_type", "\"mlp2x_gelu\"");
  }
  if (file.whole("mm_vision_select_layer", -1) != -1) file.fail_value("mm_vision_select_layer", "-1");
  if (file.flag("mm_use_im_start_end", false)) file.fail_value("mm_use_im_start_end", "false");
}

bool is_llava(const std::string& model_type) { return model_type == "llava" || model_type == "llava_llama"; }

/// The side of the square images: `crop_size`, or `size` where that is absent. Older files write the number alone.
int64_t read_image_size(const checkpoint::JsonObject& file) {
  const char* field = file.has("crop_size") ? "crop_size" : "size";
  int64_t side = 0;
  if (!file.is_object(field)) {
    side = file.whole(field);
  } else if (const checkpoint::JsonObject size = file.object(field); size.has("shortest_edge")) {
    side = size.whole("shortest_edge");
  } else {
    side = size.whole("height");
    if (size.whole("width") != side) file.fail_value(field, "a square");
  }
  if (side < kLeastImage || side > kMostImage) {
    file.fail_value(field, fmt::format("{} to {} pixels on a side", kLeastImage, kMostImage));
  }
  return side;
}

/// The same where there is no preprocessor_config.json: what the tower's name ends with ("...-ConvNeXt-1536"), or the
/// default.
int64_t guess_image_size(const checkpoint::JsonObject& model, const fs::path& absent) {
  const std::string tower = model.text("mm_vision_tower", "");
  const size_t dash = tower.rfind('-');
  const std::string_view end = dash == tower.npos ? "" : std::string_view(tower).substr(dash + 1);
  int64_t size = 0;
  const auto number = std::from_chars(end.data(), end.data() + end.size(), size);
  const bool whole = number.ec == std::errc() && number.ptr == end.data() + end.size();
  if (whole && size >= kLeastImage && size <= kMostImage) return size;
  const int64_t assumed = image::PreprocessOptions().size;
  core::log_warning(fmt::format("{}: missing; assuming images with sides of {} pixels", absent.string(), assumed));
  return assumed;
}

model::VisionConfig read_convnext(const checkpoint::JsonObject& file) {
  model::VisionConfig vision;
  vision.depths = read_sizes(file, "depths", kMostLayers);
  vision.hidden_sizes = read_sizes(file, "hidden_sizes", kMostChannels);
  vision.patch_size = read_size(file, "patch_size", kMostPatch, 4);
  vision.layer_scale_init_value = file.number("layer_scale_init_value", 1e-6);
  vision.layer_norm_eps = file.number("norm_eps", kNormEps);
  if (file.whole("num_channels", 3) != 3) file.fail_value("num_channels", "3");
  if (file.text("hidden_act", "gelu") != "gelu") file.fail_value("hidden_act", "\"gelu\"");
  model::ModelConfig model;
  model.vision = vision;
  check(model, file.where());
  return vision;
}

}  // namespace

image::PreprocessOptions read_image_options(const fs::path& directory) {
  const checkpoint::JsonObject model(directory / kConfigFile);
  const std::string aspect = model.text("image_aspect_ratio", "square");
  if (aspect.starts_with("anyres")) {
    model.fail_value("image_aspect_ratio", "\"pad\", \"native\" or \"square\"");
  }
  image::PreprocessOptions options;
  options.aspect = image::Aspect::kCrop;
  for (const auto& [name, known] : image::kAspectNames) {
    if (aspect == llava_aspect_name(known)) options.aspect = known;
  }
  check_preprocessor(directory);
  const fs::path path = tower_directory(directory) / kPreprocessorFile;
  options.size =
      checkpoint::path_exists(path) ? read_image_size(checkpoint::JsonObject(path)) : guess_image_size(model, path);
  return options;
}

fs::path tower_directory(const fs::path& directory) {
  const fs::path inside = directory / "vision_tower";
  return checkpoint::directory_exists(inside) ? inside : directory;
}

model::VisionConfig vision_config_of(const std::map<std::string, checkpoint::TensorInfo>& tensors,
                                     const fs::path& directory) {
  std::map<std::string, std::vector<int64_t>> shapes;
  bool timm = false;  // OpenCLIP's towers are timm's
  for (const auto& [name, info] : tensors) {
    if (const auto parameter = tower_parameter_of(name)) shapes[*parameter] = info.shape;
    timm = timm || name.ends_with("stem.0.weight");
  }
  model::VisionConfig vision{.depths = {}, .hidden_sizes = {}};
  const auto scale_of = [&](int64_t stage, int64_t block) {
    return shapes.find(fmt::format("vision_tower.encoder.stages.{}.layers.{}.layer_scale_parameter", stage, block));
  };
  for (int64_t stage = 0; scale_of(stage, 0) != shapes.end(); ++stage) {
    int64_t depth = 1;
    while (scale_of(stage, depth) != shapes.end()) ++depth;
    const auto& shape = scale_of(stage, 0)->second;
    vision.depths.push_back(depth);
    vision.hidden_sizes.push_back(shape.size() == 1 ? shape.front() : 0);
  }
  const auto stem = shapes.find("vision_tower.embeddings.patch_embeddings.weight");
  if (vision.depths.empty() || stem == shapes.end() || stem->second.size() != 4) {
    throw CheckpointError(directory.string(), "no ConvNeXt weights in it", {},
                          "a config.json with model_type \"convnext\", or tensors with Hugging Face's, "
                          "OpenCLIP's or timm's names");
  }
  vision.patch_size = stem->second.back();
  if (vision.patch_size > kMostPatch) {
    throw CheckpointError(directory.string(), "the stem's patches are too large",
                          fmt::format("{} pixels", vision.patch_size), fmt::format("at most {}", kMostPatch));
  }
  if (timm && vision.hidden_sizes == kXxlHiddenSizes) vision.layer_norm_eps = kXxlNormEps;
  model::ModelConfig model;
  model.vision = vision;
  check(model, directory.string());
  return vision;
}

model::LlamaConfig read_llama_config(const fs::path& directory) {
  const checkpoint::JsonObject file(directory / kConfigFile);
  const std::string type = file.text("model_type");
  if (type != "llama" && !is_llava(type)) file.fail_value("model_type", "\"llama\", \"llava\" or \"llava_llama\"");
  // Where a field may be absent, transformers' default takes its place.
  model::ModelConfig model;
  auto& llm = model.llm;
  llm.vocab_size = read_size(file, "vocab_size", kMostTokens);
  llm.hidden_size = read_size(file, "hidden_size", kMostChannels);
  llm.intermediate_size = read_size(file, "intermediate_size", kMostChannels);
  llm.num_hidden_layers = read_size(file, "num_hidden_layers", kMostLayers);
  llm.num_attention_heads = file.whole("num_attention_heads");
  llm.num_key_value_heads = file.whole("num_key_value_heads", llm.num_attention_heads);
  llm.max_position_embeddings = file.whole("max_position_embeddings", 2048);
  llm.rms_norm_eps = file.number("rms_norm_eps", 1e-6);
  llm.rope_theta = read_rope_theta(file);
  llm.initializer_range = file.number("initializer_range", 0.02);
  llm.tie_word_embeddings = file.flag("tie_word_embeddings", false);
  check(model, file.where());
  read_special_tokens(directory, llm);
  refuse_variants(file, llm);
  return llm;
}

model::VisionConfig read_vision_config(const fs::path& directory) {
  const fs::path tower = tower_directory(directory);
  if (checkpoint::path_exists(tower / kConfigFile)) {
    const checkpoint::JsonObject file(tower / kConfigFile);
    const std::string type = file.text("model_type", "");
    if (type == "convnext") return read_convnext(file);
    if (!type.empty() && !is_llava(type)) file.fail_value("model_type", "\"convnext\"");
  }
  return vision_config_of(checkpoint::ModelShards(tower).tensors(), tower);
}

model::ModelConfig read_model_config(const fs::path& directory) {
  model::ModelConfig model;
  model.llm = read_llama_config(directory);
  const checkpoint::JsonObject file(directory / kConfigFile);
  if (is_llava(file.text("model_type"))) {
    refuse_llava_variants(file);
    model.vision = read_vision_config(directory);
  } else {
    model.vision.depths.clear();
    model.vision.hidden_sizes.clear();
  }
  return model;
}

}  // namespace convllava::formats
