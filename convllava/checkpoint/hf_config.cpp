#include "convllava/checkpoint/hf_config.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "convllava/checkpoint/file_access.h"
#include "convllava/checkpoint/json_object.h"
#include "convllava/checkpoint/model_directory.h"
#include "convllava/checkpoint/name_tables.h"
#include "convllava/checkpoint/preprocessor_check.h"
#include "convllava/checkpoint/special_tokens.h"
#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/core/log.h"
#include "convllava/nn/libtorch.h"

namespace convllava::checkpoint {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kConfigFile = "config.json";
constexpr const char* kPreprocessorFile = "preprocessor_config.json";
constexpr double kNormEps = 1e-6;  // Hugging Face's ConvNeXt has it in its code, not in its configuration
// The tensors do not tell that timm makes ConvNeXt-XXL, and no other size, with another one.
const std::vector<int64_t> kXxlHiddenSizes = {384, 768, 1536, 3072};
constexpr double kXxlNormEps = 1e-5;

// Beyond these a number is a mistake or an attack: even an outline of the model would take all memory.
constexpr int64_t kMostLayers = 1000;
constexpr int64_t kMostChannels = int64_t{1} << 20;
constexpr int64_t kMostTokens = int64_t{1} << 24;
constexpr int64_t kMostPatch = 1024;
constexpr int64_t kLeastPicture = 64;  // pixels on a side
constexpr int64_t kMostPicture = 16384;

void write_json(const fs::path& path, const Json& value) { core::write_file_atomic(path, value.dump(2) + "\n"); }

std::string dtype_name(torch::ScalarType dtype) {
  switch (dtype) {
    case torch::kBFloat16:
      return "bfloat16";
    case torch::kFloat16:
      return "float16";
    case torch::kFloat64:
      return "float64";
    default:
      return "float32";
  }
}

/// LLaVA's word for it, which differs for one.
std::string_view llava_aspect_name(image::Aspect aspect) {
  return aspect == image::Aspect::kCrop ? "square" : image::aspect_name(aspect);
}

Json rate_of(const config::OptimizationConfig& train, const char* module) {
  const auto found = train.lr_per_module.find(module);
  return found == train.lr_per_module.end() ? Json(nullptr) : Json(found->second);
}

/// LLaVA's fields, of which `mm_vision_tower` names the tower that this checkpoint holds.
void add_llava_fields(Json& json, const config::ModelConfig& model, const config::CheckpointRecord& record) {
  const auto trains = [&](std::string_view module) {
    for (const auto& pattern : record.config.trainable) {
      if (pattern.starts_with(module)) return true;
    }
    return false;
  };
  const bool vision = trains("vision");
  const bool projector = trains("projector");
  const bool llm = trains("llm");
  json["mm_vision_tower"] = "vision_tower";
  json["mm_hidden_size"] = model.vision.hidden_sizes.back();
  json["mm_projector_type"] = "mlp2x_gelu";
  json["mm_vision_select_layer"] = -1;
  json["mm_vision_select_feature"] = "patch";
  json["mm_patch_merge_type"] = "flat";
  json["mm_use_im_start_end"] = false;
  json["mm_use_im_patch_token"] = false;
  json["image_aspect_ratio"] = llava_aspect_name(record.image.aspect);
  json["image_grid_pinpoints"] = nullptr;
  json["tokenizer_model_max_length"] = record.max_length;
  json["tokenizer_padding_side"] = "right";
  json["tune_mm_mlp_adapter"] = projector && !vision && !llm;
  json["freeze_mm_mlp_adapter"] = !projector;
  json["tune_vision_tower"] = vision;
  json["tune_entire_model"] = vision && projector && llm;
  json["mm_projector_lr"] = rate_of(record.config.train, "projector");
  json["vision_tower_lr"] = rate_of(record.config.train, "vision");
  json["use_mm_proj"] = true;
}

Json id_or_null(const std::optional<int64_t>& id) { return id ? Json(*id) : Json(nullptr); }

/// One id alone, as every reader knows it; transformers reads lists too.
Json ids_or_null(const std::vector<int64_t>& ids) {
  if (ids.empty()) return nullptr;
  return ids.size() == 1 ? Json(ids.front()) : Json(ids);
}

Json llama_json(const config::LlamaConfig& llm) {
  return {{"vocab_size", llm.vocab_size},
          {"hidden_size", llm.hidden_size},
          {"intermediate_size", llm.intermediate_size},
          {"num_hidden_layers", llm.num_hidden_layers},
          {"num_attention_heads", llm.num_attention_heads},
          {"num_key_value_heads", llm.num_key_value_heads},
          {"head_dim", llm.head_dim()},
          {"hidden_act", "silu"},
          {"max_position_embeddings", llm.max_position_embeddings},
          {"rms_norm_eps", llm.rms_norm_eps},
          {"rope_theta", llm.rope_theta},
          {"rope_scaling", nullptr},
          {"initializer_range", llm.initializer_range},
          {"tie_word_embeddings", llm.tie_word_embeddings},
          {"attention_bias", false},
          {"attention_dropout", 0.0},
          {"mlp_bias", false},
          {"pretraining_tp", 1},
          {"bos_token_id", id_or_null(llm.bos_token_id)},
          {"eos_token_id", ids_or_null(llm.eos_token_id)},
          {"pad_token_id", id_or_null(llm.pad_token_id)},
          {"use_cache", true}};
}

/// config::validate, as an error of the checkpoint.
void check(const config::ModelConfig& model, const std::string& where) {
  try {
    config::validate(model, where);
  } catch (const ConfigError& error) {
    throw CheckpointError(error.what());
  }
}

int64_t read_size(const JsonObject& file, const char* field, int64_t most,
                  std::optional<int64_t> fallback = std::nullopt) {
  const int64_t size = file.whole(field, fallback);
  if (size > most) file.fail_value(field, fmt::format("at most {}", most));
  return size;
}

std::vector<int64_t> read_sizes(const JsonObject& file, const char* field, int64_t most) {
  const auto sizes = file.whole_list(field);
  for (const int64_t size : sizes) {
    if (size > most) file.fail_value(field, fmt::format("at most {} each", most));
  }
  return sizes;
}

/// RoPE's base, from either generation of transformers' fields; scaled variants are refused.
double read_rope_theta(const JsonObject& file) {
  for (const char* field : {"rope_parameters", "rope_scaling"}) {
    const JsonObject rope = file.object(field);
    const std::string kind = rope.text("rope_type", rope.text("type", "default"));
    if (kind != "default") file.fail_value(field, "rope_type \"default\"");
  }
  const JsonObject rope = file.object("rope_parameters");
  return rope.has("rope_theta") ? rope.number("rope_theta") : file.number("rope_theta", 10000.0);
}

/// What LLaMA's descendants may switch on and this library's LLaMA does not have.
void refuse_variants(const JsonObject& file, const config::LlamaConfig& llm) {
  if (file.text("hidden_act", "silu") != "silu") file.fail_value("hidden_act", "\"silu\"");
  if (file.flag("attention_bias", false)) file.fail_value("attention_bias", "false");
  if (file.flag("mlp_bias", false)) file.fail_value("mlp_bias", "false");
  if (llm.num_attention_heads > 0 && file.whole("head_dim", llm.head_dim()) != llm.head_dim()) {
    file.fail_value("head_dim", fmt::format("hidden_size / num_attention_heads = {}", llm.head_dim()));
  }
}

/// The same of LLaVA's.
void refuse_llava_variants(const JsonObject& file) {
  if (file.text("mm_projector_type", "mlp2x_gelu") != "mlp2x_gelu") {
    file.fail_value("mm_projector_type", "\"mlp2x_gelu\"");
  }
  if (file.whole("mm_vision_select_layer", -1) != -1) file.fail_value("mm_vision_select_layer", "-1");
  if (file.flag("mm_use_im_start_end", false)) file.fail_value("mm_use_im_start_end", "false");
}

bool is_llava(const std::string& model_type) { return model_type == "llava" || model_type == "llava_llama"; }

/// The side of the square pictures: `crop_size`, or `size` where that is absent. Older files write the number alone.
int64_t read_picture_size(const JsonObject& file) {
  const char* field = file.has("crop_size") ? "crop_size" : "size";
  int64_t side = 0;
  if (!file.is_object(field)) {
    side = file.whole(field);
  } else if (const JsonObject size = file.object(field); size.has("shortest_edge")) {
    side = size.whole("shortest_edge");
  } else {
    side = size.whole("height");
    if (size.whole("width") != side) file.fail_value(field, "a square");
  }
  if (side < kLeastPicture || side > kMostPicture) {
    file.fail_value(field, fmt::format("{} to {} pixels on a side", kLeastPicture, kMostPicture));
  }
  return side;
}

/// The same where there is no preprocessor_config.json: what the tower's name ends with ("...-ConvNeXt-1536"), or the
/// default.
int64_t guess_picture_size(const JsonObject& model, const fs::path& absent) {
  const std::string tower = model.text("mm_vision_tower", "");
  const size_t dash = tower.rfind('-');
  const std::string_view end = dash == tower.npos ? "" : std::string_view(tower).substr(dash + 1);
  int64_t size = 0;
  const auto number = std::from_chars(end.data(), end.data() + end.size(), size);
  const bool whole = number.ec == std::errc() && number.ptr == end.data() + end.size();
  if (whole && size >= kLeastPicture && size <= kMostPicture) return size;
  const int64_t assumed = image::PreprocessOptions().size;
  core::log_warning(
      fmt::format("{}: absent; pictures are assumed to have {} pixels on a side", absent.string(), assumed));
  return assumed;
}

config::VisionConfig read_convnext(const JsonObject& file) {
  config::VisionConfig vision;
  vision.depths = read_sizes(file, "depths", kMostLayers);
  vision.hidden_sizes = read_sizes(file, "hidden_sizes", kMostChannels);
  vision.patch_size = read_size(file, "patch_size", kMostPatch, 4);
  vision.layer_scale_init_value = file.number("layer_scale_init_value", 1e-6);
  vision.layer_norm_eps = file.number("norm_eps", kNormEps);
  if (file.whole("num_channels", 3) != 3) file.fail_value("num_channels", "3");
  if (file.text("hidden_act", "gelu") != "gelu") file.fail_value("hidden_act", "\"gelu\"");
  config::ModelConfig model;
  model.vision = vision;
  check(model, file.where());
  return vision;
}

}  // namespace

void write_model_json(const fs::path& directory, const config::ModelConfig& model,
                      const config::CheckpointRecord& record, torch::ScalarType dtype) {
  // The official code's model_type; transformers' own "llava" is another model.
  const bool sees = model.vision.num_stages() > 0;
  Json json = {{"architectures", Json::array({sees ? "LlavaLlamaForCausalLM" : "LlamaForCausalLM"})},
               {"model_type", sees ? "llava_llama" : "llama"},
               {"torch_dtype", dtype_name(dtype)}};
  json.update(llama_json(model.llm));
  if (sees) add_llava_fields(json, model, record);
  write_json(directory / kConfigFile, json);
  write_json(directory / "generation_config.json", {{"bos_token_id", id_or_null(model.llm.bos_token_id)},
                                                    {"eos_token_id", ids_or_null(model.llm.eos_token_id)},
                                                    {"pad_token_id", id_or_null(model.llm.pad_token_id)},
                                                    {"max_length", model.llm.max_position_embeddings}});
}

void write_vision_json(const fs::path& directory, const config::VisionConfig& vision,
                       const image::PreprocessOptions& image, torch::ScalarType dtype) {
  Json stage_names = Json::array({"stem"});
  for (int64_t stage = 1; stage <= vision.num_stages(); ++stage) stage_names.push_back(fmt::format("stage{}", stage));
  write_json(directory / kConfigFile, {{"architectures", Json::array({"ConvNextModel"})},
                                       {"model_type", "convnext"},
                                       {"torch_dtype", dtype_name(dtype)},
                                       {"num_channels", 3},
                                       {"patch_size", vision.patch_size},
                                       {"num_stages", vision.num_stages()},
                                       {"depths", vision.depths},
                                       {"hidden_sizes", vision.hidden_sizes},
                                       {"hidden_act", "gelu"},
                                       {"initializer_range", 0.02},
                                       {"layer_norm_eps", 1e-12},
                                       {"norm_eps", vision.layer_norm_eps},
                                       {"layer_scale_init_value", vision.layer_scale_init_value},
                                       {"drop_path_rate", 0.0},
                                       {"image_size", image.size},
                                       {"stage_names", stage_names},
                                       {"out_features", Json::array({stage_names.back()})},
                                       {"out_indices", Json::array({vision.num_stages()})}});
  write_json(directory / kPreprocessorFile, {{"image_processor_type", "CLIPImageProcessor"},
                                             {"do_convert_rgb", true},
                                             {"do_resize", true},
                                             {"size", {{"shortest_edge", image.size}}},
                                             {"resample", 3},
                                             {"do_center_crop", image.aspect != image::Aspect::kNative},
                                             {"crop_size", {{"height", image.size}, {"width", image.size}}},
                                             {"do_rescale", true},
                                             {"rescale_factor", image::kClipScale},
                                             {"do_normalize", true},
                                             {"image_mean", image::kClipMeanWritten},
                                             {"image_std", image::kClipStdWritten}});
}

image::PreprocessOptions read_image_options(const fs::path& directory) {
  const JsonObject model(directory / kConfigFile);
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
  options.size = path_exists(path) ? read_picture_size(JsonObject(path)) : guess_picture_size(model, path);
  return options;
}

void write_tokenizer(const fs::path& directory, const text::Tokenizer& tokenizer, int64_t max_length) {
  core::write_file_atomic(directory / "tokenizer.model", tokenizer.model_bytes());
  const Json special = {{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"unk_token", "<unk>"}, {"pad_token", "<unk>"}};
  write_json(directory / "special_tokens_map.json", special);
  Json json = {{"tokenizer_class", "LlamaTokenizer"},
               {"legacy", tokenizer.behaviour() == text::TokenizerBehaviour::kLegacy},
               {"add_bos_token", true},
               {"add_eos_token", false},
               {"model_max_length", max_length},
               {"padding_side", "right"},
               {"clean_up_tokenization_spaces", false},
               {"sp_model_kwargs", Json::object()}};
  json.update(special);
  write_json(directory / "tokenizer_config.json", json);
}

fs::path tower_directory(const fs::path& directory) {
  const fs::path inside = directory / "vision_tower";
  return directory_exists(inside) ? inside : directory;
}

config::VisionConfig vision_config_of(const std::map<std::string, TensorInfo>& tensors, const fs::path& directory) {
  std::map<std::string, std::vector<int64_t>> shapes;
  bool timm = false;  // OpenCLIP's towers are timm's
  for (const auto& [name, info] : tensors) {
    if (const auto parameter = tower_parameter_of(name)) shapes[*parameter] = info.shape;
    timm = timm || name.ends_with("stem.0.weight");
  }
  config::VisionConfig vision{.depths = {}, .hidden_sizes = {}};
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
    throw CheckpointError(error_message(directory.string(), "there is no ConvNeXt in it", {},
                                        "a config.json with model_type \"convnext\", or tensors with Hugging Face's, "
                                        "OpenCLIP's or timm's names"));
  }
  vision.patch_size = stem->second.back();
  if (vision.patch_size > kMostPatch) {
    throw CheckpointError(error_message(directory.string(), "the stem's patches are too large",
                                        fmt::format("{} pixels", vision.patch_size),
                                        fmt::format("at most {}", kMostPatch)));
  }
  if (timm && vision.hidden_sizes == kXxlHiddenSizes) vision.layer_norm_eps = kXxlNormEps;
  config::ModelConfig model;
  model.vision = vision;
  check(model, directory.string());
  return vision;
}

config::LlamaConfig read_llama_config(const fs::path& directory) {
  const JsonObject file(directory / kConfigFile);
  const std::string type = file.text("model_type");
  if (type != "llama" && !is_llava(type)) file.fail_value("model_type", "\"llama\", \"llava\" or \"llava_llama\"");
  // Where a field may be absent, transformers' default takes its place.
  config::ModelConfig model;
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

config::VisionConfig read_vision_config(const fs::path& directory) {
  const fs::path tower = tower_directory(directory);
  if (path_exists(tower / kConfigFile)) {
    const JsonObject file(tower / kConfigFile);
    const std::string type = file.text("model_type", "");
    if (type == "convnext") return read_convnext(file);
    if (!type.empty() && !is_llava(type)) file.fail_value("model_type", "\"convnext\"");
  }
  return vision_config_of(ModelShards(tower).tensors(), tower);
}

config::ModelConfig read_model_config(const fs::path& directory) {
  config::ModelConfig model;
  model.llm = read_llama_config(directory);
  const JsonObject file(directory / kConfigFile);
  if (is_llava(file.text("model_type"))) {
    refuse_llava_variants(file);
    model.vision = read_vision_config(directory);
  } else {
    model.vision.depths.clear();
    model.vision.hidden_sizes.clear();
  }
  return model;
}

}  // namespace convllava::checkpoint
