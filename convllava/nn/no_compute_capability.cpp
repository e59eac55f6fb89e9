#include "convllava/nn/compute_capability.h"

namespace convllava::nn {

int compute_capability(const torch::Device&) { return 0; }

}  // namespace convllava::nn
