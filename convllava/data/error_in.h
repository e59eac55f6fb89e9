#pragma once

#include <string>
#include <string_view>

#include "convllava/core/error.h"

namespace convllava::data {

/// The same error with `where` in front of its place: "turn 2" in "a.json:7: record 3" is "a.json:7: record 3: turn 2".
inline DataError error_in(std::string_view where, const DataError& error) {
  const Place& inner = error.place();
  std::string place(where);
  if (!inner.where.empty()) place.append(": ").append(inner.where);
  return DataError({place, inner.field}, error.kind(), error.got(), error.expected());
}

}  // namespace convllava::data
