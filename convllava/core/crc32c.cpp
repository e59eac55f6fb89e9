#include "convllava/core/crc32c.h"

#include <array>
#include <cstring>

namespace convllava::core {
namespace {

constexpr std::array<uint32_t, 256> make_table() {
  constexpr uint32_t kReversedPolynomial = 0x82F63B78;
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? kReversedPolynomial : 0);
    table[byte] = value;
  }
  return table;
}

constexpr auto kTable = make_table();

uint32_t by_table(std::string_view bytes, uint32_t value) {
  for (const char c : bytes) value = (value >> 8) ^ kTable[(value ^ static_cast<uint8_t>(c)) & 0xFF];
  return value;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) uint32_t by_instruction(std::string_view bytes, uint32_t value) {
  uint64_t wide = value;
  while (bytes.size() >= sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof(word));
    wide = __builtin_ia32_crc32di(wide, word);
    bytes.remove_prefix(sizeof(word));
  }
  return by_table(bytes, static_cast<uint32_t>(wide));
}

bool has_instruction() {
  static const bool has = __builtin_cpu_supports("sse4.2") != 0;
  return has;
}
#else
uint32_t by_instruction(std::string_view bytes, uint32_t value) { return by_table(bytes, value); }
bool has_instruction() { return false; }
#endif

}  // namespace

uint32_t crc32c(std::string_view bytes, uint32_t before) {
  return ~(has_instruction() ? by_instruction(bytes, ~before) : by_table(bytes, ~before));
}

}  // namespace convllava::core
