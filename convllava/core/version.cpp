#include "convllava/core/version.h"

namespace convllava::core {

std::string_view version() { return CONVLLAVA_VERSION; }

std::string_view version_and_build() { return CONVLLAVA_VERSION ", " CONVLLAVA_BUILD; }

}  // namespace convllava::core
