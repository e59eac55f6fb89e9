#pragma once

#include <torch/types.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "convllava/checkpoint/tensor_source.h"

// The safetensors file format (github.com/huggingface/safetensors), and Hugging Face's way of splitting a model over
// several such files.

namespace convllava::checkpoint {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

/// A file whose header is read when it is opened, and each tensor when it is asked for. Thread-safe.
class SafetensorsFile : public TensorSource {
 public:
  /// Checks the whole header: length, JSON, dtypes, shapes, offsets without overlap or hole. Throws CheckpointError
  /// naming file and tensor. docs/checkpoints.md lists what the safetensors library reads and this does not.
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::map<std::string, TensorInfo>& tensors() const override;
  const std::map<std::string, std::string>& metadata() const;
  /// In its own memory. Throws CheckpointError for an unknown tensor, or when the file was cut off or
  /// rewritten since it was opened.
  torch::Tensor tensor(const std::string& name) const override;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

/// Writes tensors one after another without copying the whole model; any device, any strides. Not atomic: meant for a
/// core::PendingDirectory. Throws CheckpointError with the system's reason.
void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// `model.safetensors`, or `model-00001-of-0000n.safetensors` + `model.safetensors.index.json` above `shard_bytes`.
void write_model_shards(const std::filesystem::path& directory, const NamedTensors& tensors,
                        int64_t shard_bytes = int64_t{5} << 30);

/// The files of a model directory as one set of names: `model.safetensors`, or else those of
/// `model.safetensors.index.json`, or else the only `*.safetensors` there is (transformers' order).
class ModelShards : public TensorSource {
 public:
  /// Throws CheckpointError when the directory holds no safetensors (with advice where it holds `pytorch_model*.bin`),
  /// a file of the index is missing, or a tensor is not in the file that the index names.
  explicit ModelShards(const std::filesystem::path& directory);
  const std::map<std::string, TensorInfo>& tensors() const override { return infos_; }
  torch::Tensor tensor(const std::string& name) const override;

 private:
  std::vector<SafetensorsFile> files_;
  std::map<std::string, size_t> file_of_;
  std::map<std::string, TensorInfo> infos_;
};

}  // namespace convllava::checkpoint
