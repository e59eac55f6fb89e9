#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "convllava/config/fields.h"

// Where the numbers of a run go: metrics.jsonl, and TensorBoard event files.

namespace convllava::report {

/// Where they go beside metrics.jsonl (section `report`).
struct SinkOptions {
  bool tensorboard = true;
  void visit_fields(config::FieldVisitor& visitor);
};

/// Named numbers of one step, for example {"train/loss", 1.5}.
using Scalars = std::vector<std::pair<std::string, double>>;

/// TensorBoard's event file format: TFRecord frames with masked CRC-32C around `Event` protocol buffers, written by
/// hand because three message types do not justify a dependency. Each writer makes a file of its own in `directory`,
/// which hides from TensorBoard what earlier files there hold of `first_step` and later. Throws CheckpointError when a
/// file cannot be written.
class TensorBoardWriter {
 public:
  explicit TensorBoardWriter(const std::filesystem::path& directory, int64_t first_step = 0);
  ~TensorBoardWriter();
  void write(int64_t step, const Scalars& scalars);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// `run`/metrics.jsonl: one JSON object a line, {"step": 3, "train/loss": 1.5, ...}, flushed at once. Non-finite
/// numbers are written as strings ("nan", "inf", "-inf"). Event files go to `run`/tensorboard.
///
/// `last_step` is the step of the checkpoint that the run goes on from. What an interrupted run wrote after it is cut
/// off, so that a resumed run has each step once; 0, a run from its beginning, cuts off everything
/// (set_aside_earlier_run keeps it). A line that is no record is left out with a warning.
/// Throws CheckpointError when a file cannot be written.
class MetricLog {
 public:
  MetricLog(const std::filesystem::path& run, int64_t last_step, const SinkOptions& options);
  ~MetricLog();
  void write(int64_t step, const Scalars& scalars);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The lines of metrics.jsonl: (step, scalars). A last line that was not finished is left out. Throws DataError with
/// file and line.
std::vector<std::pair<int64_t, Scalars>> read_metrics(const std::filesystem::path& file);

}  // namespace convllava::report
