#include "convllava/formats/model_directory.h"

#include "convllava/checkpoint/file_access.h"
#include "convllava/checkpoint/safetensors.h"
#include "convllava/core/error.h"
#include "convllava/formats/hf_config.h"
#include "convllava/formats/hf_config_names.h"
#include "convllava/formats/name_map.h"
#include "convllava/formats/stored_weights.h"
#include "convllava/nn/libtorch.h"

namespace convllava::formats {
namespace fs = std::filesystem;

namespace {

/// The parameters of a part of the directory, "" or the tower's: name, name in its files, bytes.
struct StoredParameter {
  std::string parameter;
  std::string name;
  int64_t bytes;
};

std::vector<StoredParameter> stored_parameters(const model::ConvLlavaImpl& model, bool tower) {
  std::vector<StoredParameter> stored;
  for (const auto& item : model.named_parameters()) {
    const auto& name = item.key();
    if (name.starts_with(kTowerPrefix) != tower) continue;
    const auto bytes = item.value().numel() * static_cast<int64_t>(item.value().element_size());
    stored.push_back({name, tower ? name.substr(kTowerPrefix.size()) : file_name_of(name), bytes});
  }
  return stored;
}

std::vector<checkpoint::ShardFile> plan_part(const std::vector<StoredParameter>& stored, int64_t files) {
  std::vector<std::pair<std::string, int64_t>> sizes;
  for (const auto& item : stored) sizes.emplace_back(item.name, item.bytes);
  return checkpoint::plan_shards(sizes, files);
}

/// The index of a part of the directory, as `plan` divides it.
void write_index(const fs::path& directory, const fs::path& part, const model::ConvLlavaImpl& model,
                 const std::vector<checkpoint::WeightsFile>& plan) {
  std::vector<checkpoint::ShardFile> files;
  for (const auto& file : plan) {
    if (file.path.parent_path() != part) continue;
    files.push_back({file.path.filename().string(), {}});
    for (const auto& item : file.tensors) files.back().tensors.push_back(item.second);
  }
  int64_t total = 0;
  for (const auto& item : stored_parameters(model, !part.empty())) total += item.bytes;
  checkpoint::write_shard_index(directory / part, files, total);
}

}  // namespace

std::vector<checkpoint::WeightsFile> plan_weights(const model::ConvLlavaImpl& model, int64_t files) {
  std::vector<checkpoint::WeightsFile> plan;
  for (const bool tower : {false, true}) {
    const auto stored = stored_parameters(model, tower);
    if (stored.empty()) continue;
    size_t next = 0;
    for (const auto& file : plan_part(stored, files)) {
      plan.push_back({tower ? fs::path(kTowerDirectory) / file.name : fs::path(file.name)});
      for (const auto& name : file.tensors) plan.back().tensors.emplace_back(stored[next++].parameter, name);
    }
  }
  return plan;
}

void save_model_files(const fs::path& directory, const model::ConvLlavaImpl& model, const text::Tokenizer& tokenizer,
                      const checkpoint::Record& record, const std::vector<checkpoint::WeightsFile>& plan) {
  const auto dtype = model.llm->head_weight().scalar_type();
  write_index(directory, "", model, plan);
  write_model_json(directory, model.config(), record, dtype);
  write_tokenizer(directory, tokenizer, record.max_length);
  checkpoint::write_record(directory, record);
  if (!model.vision_tower) return;
  const fs::path tower = directory / kTowerDirectory;
  checkpoint::make_directories(tower);
  write_index(directory, kTowerDirectory, model, plan);
  write_vision_json(tower, model.config().tower(), record.image, dtype);
}

void save_model(const fs::path& directory, const model::ConvLlavaImpl& model, const text::Tokenizer& tokenizer,
                const checkpoint::Record& record) {
  const auto plan = plan_weights(model);
  save_model_files(directory, model, tokenizer, record, plan);
  const auto parameters = model.named_parameters();
  for (const auto& file : plan) {
    checkpoint::NamedTensors tensors;
    for (const auto& [parameter, name] : file.tensors) tensors.emplace_back(name, parameters[parameter]);
    checkpoint::write_safetensors(directory / file.path, tensors, checkpoint::kModelMetadata);
  }
}

void check_model(const fs::path& directory, const model::ConvLlavaImpl& outline) {
  StoredWeights::of_model(directory, outline);
}

void load_model(const fs::path& directory, model::ConvLlavaImpl& model) {
  StoredWeights::of_model(directory, model).write_all();
}

void check_language_model(const fs::path& directory, const model::LanguageModel& outline) {
  StoredWeights::of_language_model(directory, outline);
}

void load_language_model(const fs::path& directory, model::LanguageModel& llm) {
  StoredWeights::of_language_model(directory, llm).write_all();
}

void check_vision_tower(const fs::path& directory, const model::VisionTower& outline) {
  StoredWeights::of_vision_tower(directory, outline);
}

std::vector<nn::Block> load_vision_tower(const fs::path& directory, model::VisionTower& tower) {
  const auto weights = StoredWeights::of_vision_tower(directory, tower);
  weights.write_all();
  return weights.absent();
}

text::Tokenizer load_tokenizer(const std::filesystem::path& directory) {
  try {
    return text::Tokenizer::load(directory);
  } catch (const DataError& error) {
    throw error_as<CheckpointError>(error);
  }
}

}  // namespace convllava::formats
