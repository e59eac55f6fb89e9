#pragma once

// Loads one micro-batch in a thread pool: one task per sample; the last task packs the batch.

#include <cstdint>
#include <functional>
#include <future>
#include <vector>

#include "convllava/core/thread_pool.h"
#include "convllava/data/loader.h"

namespace convllava::data {

struct LoadedBatch {
  PackedBatch packed;
  std::vector<BadSample> bad;
  int64_t samples = 0;      ///< in `packed`
  int64_t cut_samples = 0;  ///< samples with labels beyond max_length
  int64_t cut_tokens = 0;   ///< number of these labels
};

/// Starts to load `indices`. If `load` throws DataError, the sample is skipped and listed in `bad`; the future rethrows
/// core::FileChanged and all other exceptions. `load` is called from several threads at once.
std::future<LoadedBatch> load_batch(core::ThreadPool& pool, std::function<Sample(int64_t index)> load,
                                    std::vector<int64_t> indices, int64_t max_length);

}  // namespace convllava::data
