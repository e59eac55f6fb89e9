#include "convllava/hardware/device_info.h"

namespace convllava::hardware {

std::string gpu_name(const torch::Device&) { return {}; }

}  // namespace convllava::hardware
