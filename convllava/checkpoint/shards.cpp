#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "convllava/checkpoint/file_access.h"
#include "convllava/checkpoint/json_object.h"
#include "convllava/checkpoint/safetensors.h"
#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/nn/libtorch.h"

// Hugging Face's way of splitting a model over several files.

namespace convllava::checkpoint {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

[[noreturn]] void fail(const Place& place, std::string_view kind, std::string_view got = {},
                       std::string_view expected = {}) {
  throw CheckpointError(place, kind, got, expected);
}

int64_t bytes_of(const torch::Tensor& tensor) { return tensor.numel() * static_cast<int64_t>(tensor.element_size()); }

/// Tensor name -> file name.
std::map<std::string, std::string> read_index(const fs::path& path) {
  const JsonObject index(path);
  if (!index.is_object("weight_map"))
    fail({path.string(), "weight_map"}, "missing or not an object", {}, "an object: tensor name -> file name");
  auto weight_map = index.texts("weight_map");
  for (const auto& [name, file] : weight_map) {
    if (fs::path(file).filename() == file && file.find('\0') == std::string::npos) continue;
    fail({path.string(), "weight_map." + name}, "not the name of a file in this directory",
         fmt::format("\"{}\"", file));
  }
  return weight_map;
}

/// The only safetensors file of a directory.
fs::path only_file(const fs::path& directory) {
  std::vector<fs::path> files;
  std::vector<std::string> pickles;
  for (const auto& path : directory_entries(directory)) {
    if (path.extension() == ".safetensors") files.push_back(path);
    if (path.extension() == ".bin") pickles.push_back(path.filename().string());
  }
  if (files.size() == 1) return files.front();
  if (files.size() > 1) {
    fail(directory.string(), "several safetensors files, but no index", fmt::format("{} files", files.size()),
         kIndexFile);
  }
  if (pickles.empty()) fail(directory.string(), "no weights", {}, kSingleFile);
  fail(directory.string(),
       "only safetensors files are supported. Convert in Python with transformers' save_pretrained, or with "
       "safetensors.torch.save_file(torch.load(file, weights_only=True), \"model.safetensors\")",
       *std::min_element(pickles.begin(), pickles.end()), kSingleFile);
}

}  // namespace

std::vector<ShardFile> plan_shards(const std::vector<std::pair<std::string, int64_t>>& bytes_by_name, int64_t files,
                                   int64_t shard_bytes) {
  int64_t total = 0;
  for (const auto& item : bytes_by_name) total += item.second;
  const int64_t most = std::min(shard_bytes, std::max<int64_t>(1, total / std::max<int64_t>(files, 1)));
  std::vector<ShardFile> shards(1);
  int64_t used = 0;
  for (const auto& [name, bytes] : bytes_by_name) {
    if (!shards.back().tensors.empty() && used + bytes > most && (files > 1 || total > shard_bytes)) {
      shards.emplace_back();
      used = 0;
    }
    shards.back().tensors.push_back(name);
    used += bytes;
  }
  for (size_t i = 0; i < shards.size(); ++i) {
    shards[i].name = shards.size() == 1 ? std::string(kSingleFile)
                                        : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
  }
  return shards;
}

void write_shard_index(const fs::path& directory, const std::vector<ShardFile>& files, int64_t total_bytes) {
  if (files.size() == 1) return;
  nlohmann::json index;
  for (const auto& file : files) {
    for (const auto& name : file.tensors) index["weight_map"][name] = file.name;
  }
  index["metadata"]["total_size"] = total_bytes;
  core::write_file_atomic(directory / kIndexFile, index.dump(2) + "\n");
}

void write_model_shards(const fs::path& directory, const NamedTensors& tensors, int64_t shard_bytes) {
  std::vector<std::pair<std::string, int64_t>> sizes;
  std::map<std::string, torch::Tensor> by_name;
  int64_t total = 0;
  for (const auto& [name, tensor] : tensors) {
    sizes.emplace_back(name, bytes_of(tensor));
    by_name[name] = tensor;
    total += bytes_of(tensor);
  }
  const auto files = plan_shards(sizes, 1, shard_bytes);
  for (const auto& file : files) {
    NamedTensors part;
    for (const auto& name : file.tensors) part.emplace_back(name, by_name.at(name));
    write_safetensors(directory / file.name, part, kModelMetadata);
  }
  write_shard_index(directory, files, total);
}

ModelShards::ModelShards(const fs::path& directory) {
  if (!directory_exists(directory)) fail(directory.string(), "no such checkpoint directory");
  // Where both are there, transformers reads the single file; so does this.
  const fs::path single = directory / kSingleFile;
  const fs::path index = directory / kIndexFile;
  const bool has_single = path_exists(single);
  if (has_single || !path_exists(index)) {
    files_.emplace_back(has_single ? single : only_file(directory));
    infos_ = files_.front().tensors();
    for (const auto& [name, info] : infos_) file_of_[name] = 0;
    return;
  }
  std::map<std::string, size_t> opened;
  for (const auto& [name, file] : read_index(index)) {
    if (!opened.contains(file)) {
      if (!path_exists(directory / file)) fail(index.string(), "a file of the index is missing", file);
      opened[file] = files_.size();
      files_.emplace_back(directory / file);
    }
    const auto& tensors = files_[opened[file]].tensors();
    const auto found = tensors.find(name);
    if (found == tensors.end())
      fail(index.string(), fmt::format("tensor {} is not in the file that the index names", name), file);
    file_of_[name] = opened[file];
    infos_[name] = found->second;
  }
}

torch::Tensor ModelShards::tensor(const std::string& name) const {
  const auto found = file_of_.find(name);
  if (found == file_of_.end()) throw CheckpointError(name, "unknown tensor");
  return files_[found->second].tensor(name);
}

}  // namespace convllava::checkpoint
