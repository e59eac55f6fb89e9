#pragma once

// One micro-batch made by the threads of a pool: decoded sample by sample, packed by the thread that ends last.

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
  int64_t samples = 0;      ///< that are in `packed`
  int64_t cut_samples = 0;  ///< those with labels beyond max_length
  int64_t cut_tokens = 0;   ///< these labels
};

/// Starts to load `indices`. A sample whose `load` throws DataError is left out and listed in `bad`; core::FileChanged
/// and anything else that it throws comes out of the future. `load` is called from several threads at once.
std::future<LoadedBatch> load_batch(core::ThreadPool& pool, std::function<Sample(int64_t index)> load,
                                    std::vector<int64_t> indices, int64_t max_length);

}  // namespace convllava::data
