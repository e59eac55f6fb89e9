#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "convllava/config/fields.h"

// The metrics of a run: metrics.jsonl and TensorBoard event files.

namespace convllava::report {

/// Outputs other than metrics.jsonl (section `report`).
struct SinkOptions {
  bool tensorboard = true;
  void visit_fields(config::FieldVisitor& visitor);
};

/// Named numbers of one step, for example {"train/loss", 1.5}.
using Scalars = std::vector<std::pair<std::string, double>>;

/// TensorBoard's event file format: TFRecord frames with masked CRC-32C around `Event` protocol buffers, encoded here
/// because three message types do not justify a dependency. Each writer creates a new file in `directory`. TensorBoard
/// then ignores steps from `first_step` on in earlier files. Throws CheckpointError if a file cannot be written.
class TensorBoardWriter {
 public:
  explicit TensorBoardWriter(const std::filesystem::path& directory, int64_t first_step = 0);
  ~TensorBoardWriter();
  void write(int64_t step, const Scalars& scalars);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// `run`/metrics.jsonl: one JSON object per line, {"step": 3, "train/loss": 1.5, ...}, flushed after each line.
/// Non-finite numbers are strings ("nan", "inf", "-inf"). Event files are in `run`/tensorboard.
///
/// `last_step` is the step of the checkpoint that the run resumes from. Later lines of the interrupted run are removed,
/// so that a resumed run has each step once; 0, for a new run, removes all (set_aside_earlier_run keeps a copy). A line
/// that is not a metrics record is skipped with a warning. Throws CheckpointError if a file cannot be written.
class MetricLog {
 public:
  MetricLog(const std::filesystem::path& run, int64_t last_step, const SinkOptions& options);
  ~MetricLog();
  void write(int64_t step, const Scalars& scalars);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The lines of metrics.jsonl: (step, scalars). An incomplete last line is skipped. Throws DataError with file and
/// line.
std::vector<std::pair<int64_t, Scalars>> read_metrics(const std::filesystem::path& file);

}  // namespace convllava::report
