#include "convllava/core/version.h"

#include <fmt/format.h>

#include <fstream>

#include "convllava/core/crc32c.h"

namespace convllava::core {

std::string_view version() { return CONVLLAVA_VERSION; }

std::string_view version_and_build() { return CONVLLAVA_VERSION ", " CONVLLAVA_BUILD; }

std::string program_digest() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  std::string bytes(size_t{1} << 20, '\0');
  uint32_t crc = 0;
  size_t size = 0;
  while (file.read(bytes.data(), static_cast<std::streamsize>(bytes.size())), file.gcount() > 0) {
    const auto count = static_cast<size_t>(file.gcount());
    crc = crc32c({bytes.data(), count}, crc);
    size += count;
  }
  return fmt::format("{:08x}, {} bytes", crc, size);
}

}  // namespace convllava::core
