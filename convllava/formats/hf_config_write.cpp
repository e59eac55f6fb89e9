#include <nlohmann/json.hpp>

#include "convllava/core/files.h"
#include "convllava/formats/hf_config.h"
#include "convllava/formats/hf_config_names.h"
#include "convllava/formats/language_format.h"
#include "convllava/formats/tower_format.h"
#include "convllava/nn/libtorch.h"

namespace convllava::formats {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

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

Json rate_of(const checkpoint::RunFacts& run, const char* module) {
  const auto found = run.lr_per_module.find(module);
  return found == run.lr_per_module.end() ? Json(nullptr) : Json(found->second);
}

/// LLaVA's fields, of which `mm_vision_tower` names the tower that this checkpoint holds.
void add_llava_fields(Json& json, const model::ModelConfig& model, const checkpoint::Record& record) {
  const auto trains = [&](std::string_view module) {
    for (const auto& pattern : record.run.trainable) {
      if (pattern.starts_with(module)) return true;
    }
    return false;
  };
  const bool vision = trains("vision");
  const bool projector = trains("projector");
  const bool llm = trains("llm");
  json["mm_vision_tower"] = kTowerDirectory;
  json["mm_hidden_size"] = model.vision->output_size();
  json["mm_projector_type"] = model.projector_type;
  json["mm_vision_select_layer"] = format_of(*model.vision).select_layer;
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
  json["mm_projector_lr"] = rate_of(record.run, "projector");
  json["vision_tower_lr"] = rate_of(record.run, "vision");
  json["use_mm_proj"] = true;
}

Json id_or_null(const std::optional<int64_t>& id) { return id ? Json(*id) : Json(nullptr); }

/// One id alone, as every reader knows it; transformers reads lists too.
Json ids_or_null(const std::vector<int64_t>& ids) {
  if (ids.empty()) return nullptr;
  return ids.size() == 1 ? Json(ids.front()) : Json(ids);
}

}  // namespace

void write_model_json(const fs::path& directory, const model::ModelConfig& model, const checkpoint::Record& record,
                      torch::ScalarType dtype) {
  const auto& format = language_format_of(model.llm);
  const bool sees = model.vision != nullptr;
  // The official code's model_type; transformers' own "llava" is another model.
  Json json = {{"architectures", Json::array({sees ? format.llava_architecture : format.architecture})},
               {"model_type", sees ? format.llava_model_types.back() : format.model_type},
               {"torch_dtype", dtype_name(dtype)}};
  json.update(Json::parse(format.write_config(model.llm)));
  const Json tokens = {{"bos_token_id", id_or_null(model.llm.bos_token_id)},
                       {"eos_token_id", ids_or_null(model.llm.eos_token_id)},
                       {"pad_token_id", id_or_null(model.llm.pad_token_id)}};
  json.update(tokens);
  if (sees) add_llava_fields(json, model, record);
  write_json(directory / kConfigFile, json);
  Json generation = tokens;
  generation["max_length"] = model.llm.max_position_embeddings;
  write_json(directory / "generation_config.json", generation);
}

void write_vision_json(const fs::path& directory, const model::VisionConfig& vision,
                       const image::PreprocessOptions& image, torch::ScalarType dtype) {
  core::write_file_atomic(directory / kConfigFile,
                          format_of(vision).write_config(vision, image.size, dtype_name(dtype)));
  const image::PixelStats stats = vision.pixel_stats();
  write_json(directory / kPreprocessorFile, {{"image_processor_type", "CLIPImageProcessor"},
                                             {"do_convert_rgb", true},
                                             {"do_resize", true},
                                             {"size", {{"shortest_edge", image.size}}},
                                             {"resample", 3},
                                             {"do_center_crop", image.aspect != image::Aspect::kNative},
                                             {"crop_size", {{"height", image.size}, {"width", image.size}}},
                                             {"do_rescale", true},
                                             {"rescale_factor", image::kPixelScale},
                                             {"do_normalize", true},
                                             {"image_mean", stats.mean},
                                             {"image_std", stats.std}});
}

void write_tokenizer(const fs::path& directory, const text::Tokenizer& tokenizer, int64_t max_length) {
  for (const auto& [name, contents] : tokenizer.files(max_length)) {
    core::write_file_atomic(directory / name, contents);
  }
}

}  // namespace convllava::formats
