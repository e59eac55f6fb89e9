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

/// Larger batches are rejected: their images do not fit into memory.
inline constexpr int64_t kMaxBatchSize = 65536;

struct PredictOptions {
  std::filesystem::path output;  ///< folder for predictions.jsonl
  int64_t batch_size = 16;
  int64_t max_new_tokens = 0;  ///< 0: the benchmark's; at most infer::kMaxNewTokens
};

/// Rank r answers questions r, r + world, ... and appends each batch to predictions.rank<r>.jsonl. Questions that a
/// file of any rank answers already are skipped. Rank 0 joins the parts into `output`/predictions.jsonl in the order of
/// the questions and returns them; other ranks return nothing.
///
/// A question whose image is unreadable, or which exceeds the model's context, gets an empty answer with an `error` and
/// a warning; the next run retries it. Throws DataError when no image is readable, and when a question has no image or
/// several. Throws ConfigError when the folder belongs to another model, precision or benchmark or is not writable,
/// when an option is out of range, and when the model has no vision tower.
std::vector<Prediction> predict(infer::Pretrained& pretrained, const BenchmarkEntry& benchmark,
                                const std::vector<Question>& questions, const PredictOptions& options,
                                distributed::ProcessGroup group);

}  // namespace convllava::eval
