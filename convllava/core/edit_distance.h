#pragma once

#include <cstddef>
#include <string_view>

namespace convllava::core {

/// Levenshtein distance in code points: the least number of insertions, deletions and replacements.
size_t edit_distance(std::u32string_view from, std::u32string_view to);

}  // namespace convllava::core
