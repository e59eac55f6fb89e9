#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "convllava/distributed/process_group.h"
#include "convllava/eval/benchmark.h"
#include "convllava/eval/registry.h"
#include "convllava/infer/pretrained.h"

// Answers to a benchmark's questions: greedy, batched, shared out over ranks, resumable.

namespace convllava::eval {

/// Larger batches are refused: no memory holds their images.
inline constexpr int64_t kMaxBatchSize = 65536;

struct PredictOptions {
  std::filesystem::path output;  ///< folder for predictions.jsonl
  int64_t batch_size = 16;
  int64_t max_new_tokens = 0;  ///< 0: the benchmark's; at most infer::kMaxNewTokens
};

/// Rank r answers questions r, r + world, ... and appends to predictions.rank<r>.jsonl batch by batch; what is there
/// already, from however many ranks, is not asked again. Rank 0 joins the parts into `output`/predictions.jsonl in the
/// order of the questions. Returns them on rank 0, nothing elsewhere.
///
/// An image that cannot be read, or a question that does not fit into the model, gives an empty answer with its
/// `error` and a warning; the next run tries it again. DataError when no image at all can be read, and when a question
/// has no image or several: the model takes one. ConfigError when the folder holds answers of another model, precision
/// or benchmark or cannot be written into, when an option is out of range, and when the model has no vision tower.
std::vector<Prediction> predict(infer::Pretrained& pretrained, const BenchmarkEntry& benchmark,
                                const std::vector<Question>& questions, const PredictOptions& options,
                                distributed::ProcessGroup group);

}  // namespace convllava::eval
