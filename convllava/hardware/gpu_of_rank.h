#pragma once

#include <torch/types.h>

namespace convllava::hardware {

/// Which of `gpus` visible GPUs belongs to a local rank: the one with its number, or the only one, since a launcher may
/// show each rank the GPU that is its own. Throws ConfigError when there are several, but fewer than ranks.
int gpu_of_rank(int local_rank, int gpus);

/// That GPU, made the current one; the CPU where there is none.
torch::Device use_gpu_of_rank(int local_rank);

}  // namespace convllava::hardware
