#pragma once

#include <torch/types.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "convllava/checkpoint/checksums.h"
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
  /// Elements [begin, end) of a tensor, in the order of the file: [end - begin]. Throws as `tensor` does.
  torch::Tensor elements(const std::string& name, int64_t begin, int64_t end) const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

/// Writes tensors one after another without copying the whole model; any device, any strides. Not atomic: meant for a
/// core::PendingDirectory. Throws CheckpointError with the system's reason.
FileChecksum write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                               const std::map<std::string, std::string>& metadata = {});

/// Of a model's files: transformers refuses those that do not say which library's tensors they hold.
inline const std::map<std::string, std::string> kModelMetadata = {{"format", "pt"}};

/// A file of a model's directory, and the names of its tensors.
struct ShardFile {
  std::string name;
  std::vector<std::string> tensors;
};

/// The same with its path in a checkpoint, and the parameter behind each tensor.
struct WeightsFile {
  std::filesystem::path path;
  std::vector<std::pair<std::string, std::string>> tensors = {};  ///< name of the parameter, name in the file
};

/// How tensors are divided into files, in their order: `model.safetensors`, or `model-0000k-of-0000n.safetensors` of at
/// most `shard_bytes` each (one larger tensor aside), and at least `files` of them where there are as many tensors.
std::vector<ShardFile> plan_shards(const std::vector<std::pair<std::string, int64_t>>& bytes_by_name, int64_t files = 1,
                                   int64_t shard_bytes = int64_t{5} << 30);
/// Writes `model.safetensors.index.json`; nothing for one file.
void write_shard_index(const std::filesystem::path& directory, const std::vector<ShardFile>& files,
                       int64_t total_bytes);

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
