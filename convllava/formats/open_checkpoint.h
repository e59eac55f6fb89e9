#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "convllava/core/files.h"

// The checkpoint that a path selects, complete and kept while it is read.

namespace convllava::formats {

/// Why a model cannot be loaded from a directory, as far as its files tell without their tensors being read: a file
/// that is missing, cut off or no JSON. Nothing when it is whole. Checkpoints of other programs need no convllava.yaml.
std::optional<std::string> damage_of_model(const std::filesystem::path& directory);

/// The checkpoint that a path selects: itself when it holds a model (config.json, or only weights, as OpenCLIP writes
/// them), the newest inside when it is a run folder.
/// Throws CheckpointError when it is neither, and when the newest is damaged: the message then names the newest whole
/// one.
std::filesystem::path find_checkpoint(const std::filesystem::path& path);

/// A checkpoint while it is read: the run that it belongs to does not remove it.
class OpenCheckpoint {
 public:
  /// The result of `find_checkpoint`.
  explicit OpenCheckpoint(const std::filesystem::path& path);
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::optional<core::DirectoryLock> lock_;
};

}  // namespace convllava::formats
