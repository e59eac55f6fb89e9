#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace convllava::core {

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4), with the processor's instruction where it has one. In parts:
///
///     uint32_t crc = crc32c(first);
///     crc = crc32c(second, crc);
uint32_t crc32c(std::string_view bytes, uint32_t before = 0);

}  // namespace convllava::core
