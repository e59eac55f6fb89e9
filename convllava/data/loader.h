#pragma once

// Threads that load and pack the micro-batches of an epoch ahead of the training step.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "convllava/data/dataset.h"
#include "convllava/data/packed_batch.h"
#include "convllava/data/sampler.h"

namespace convllava::data {

/// This rank's share of one optimizer step.
struct StepBatch {
  int64_t epoch = 0;
  int64_t step_in_epoch = 0;
  std::vector<PackedBatch> micro_batches;  ///< the same number on every rank; some may be empty
  std::vector<BadSample> bad;
  int64_t samples = 0;
  int64_t cut_samples = 0;  ///< samples with answer tokens beyond max_length
  int64_t cut_tokens = 0;   ///< number of these tokens
};

/// Options of order and loading (section `data`).
struct LoaderOptions {
  Grouping group_by = Grouping::kModalityLength;
  int64_t workers = 4;         ///< threads
  int64_t prefetch_steps = 2;  ///< optimizer steps prepared ahead
  void visit_fields(config::FieldVisitor& visitor);
};

/// Options of the batch size (section `train`).
struct BatchOptions {
  int64_t global_batch_size = 256;  ///< samples per optimizer step over all ranks
  int64_t micro_batch_size = 16;    ///< samples per forward pass and rank
  void visit_fields(config::FieldVisitor& visitor);
};

struct LoaderSetup : LoaderOptions, BatchOptions {
  uint64_t seed = 42;
  int rank = 0;
  int world_size = 1;
};

/// Endless over epochs. The batches do not depend on `workers` and `prefetch_steps`.
class Loader {
 public:
  /// `members` are dataset indices. The first batch is that of step `first_step`, counted over all epochs. `dataset`
  /// must outlive the loader. Throws ConfigError for numbers out of range and for an epoch without samples.
  Loader(const Dataset& dataset, std::vector<int64_t> members, LoaderSetup setup, int64_t first_step = 0);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Waits for the next step. Unusable records and images are skipped and listed; other errors of a worker are
  /// rethrown.
  StepBatch next();

  int64_t steps_per_epoch() const;
  /// Of each rank in a step; the last step of an epoch may have fewer.
  int64_t micro_batches_per_step() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// All `members` in ascending order, `micro_batch_size` samples per batch (for validation). Bad samples are skipped and
/// added to `bad`.
std::vector<PackedBatch> load_in_order(const Dataset& dataset, const std::vector<int64_t>& members,
                                       int64_t micro_batch_size, std::vector<BadSample>& bad);

}  // namespace convllava::data
