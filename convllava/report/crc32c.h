#pragma once

#include <cstdint>
#include <string_view>

namespace convllava::report {

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4), the checksum of TFRecord files.
uint32_t crc32c(std::string_view bytes);

}  // namespace convllava::report
