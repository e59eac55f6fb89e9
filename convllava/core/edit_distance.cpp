#include "convllava/core/edit_distance.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace convllava::core {

size_t edit_distance(std::u32string_view from, std::u32string_view to) {
  std::vector<size_t> row(to.size() + 1);  // distances from the prefix of `from` read so far to each prefix of `to`
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < from.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < to.size(); ++j) {
      const size_t replaced = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace convllava::core
