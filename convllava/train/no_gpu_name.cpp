#include "convllava/train/hardware.h"

namespace convllava::train {

std::string gpu_name(const torch::Device&) { return {}; }

}  // namespace convllava::train
