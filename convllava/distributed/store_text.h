#pragma once

// Internal: the store's values as text.

#include <cstdint>
#include <string>
#include <vector>

namespace convllava::distributed {

inline std::string text_of(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }
inline std::vector<uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

}  // namespace convllava::distributed
