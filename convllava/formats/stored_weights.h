#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "convllava/model/convllava.h"
#include "convllava/nn/block.h"

namespace convllava::formats {

/// The weights of a directory for the blocks of a model or of a part of one, read block by block: no more than one
/// tensor is in memory beside the model. Only names and shapes of the model are looked at; it may be on the meta
/// device.
///
/// The three functions open the files and compare them with the model. They throw CheckpointError listing the missing,
/// unexpected and mis-shaped tensors. model_directory.h says which files of a directory are read.
class StoredWeights {
 public:
  static StoredWeights of_model(const std::filesystem::path& directory, const model::ConvLlavaImpl& model);
  static StoredWeights of_language_model(const std::filesystem::path& directory, const model::LanguageModel& llm);
  static StoredWeights of_vision_tower(const std::filesystem::path& directory, const model::VisionTower& tower);

  const std::vector<nn::Block>& blocks() const;  ///< of which the directory has the weights
  const std::vector<nn::Block>& absent() const;  ///< the last stages of a ConvNeXt, where it lacks them
  /// Sets the parameters of one of `blocks`, whatever the types of file and model. Throws CheckpointError.
  void write(const nn::Block& block) const;
  void write_all() const;

 private:
  struct Files;
  explicit StoredWeights(std::shared_ptr<const Files> files);
  std::shared_ptr<const Files> files_;
};

}  // namespace convllava::formats
