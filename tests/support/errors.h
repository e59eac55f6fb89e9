#pragma once

// The errors that tests provoke, compared by their parts: another wording of a message then concerns one test.

#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>

#include "convllava/core/error.h"

namespace convllava::testing {

/// The `E` that `call` throws. The test fails where it throws nothing, or anything else, which is passed on.
template <class E, class Call>
E thrown(Call&& call) {
  try {
    std::forward<Call>(call)();
  } catch (const E& error) {
    return error;
  }
  throw std::logic_error("the call threw no error");
}

/// Parts of an error that a test expects: `CHECK(thrown<DataError>(...) == Parts{.got = "a", .expected = "b"})`. Those
/// that are not given may be anything.
struct Parts {
  std::optional<std::string> where = {};  ///< its end: tests work in folders with random names
  std::optional<std::string> field = {};
  std::optional<std::string> kind = {};
  std::optional<std::string> got = {};
  std::optional<std::string> expected = {};
};

inline bool operator==(const Error& error, const Parts& parts) {
  const auto same = [](const std::optional<std::string>& part, const std::string& found) {
    return !part || *part == found;
  };
  return (!parts.where || error.place().where.ends_with(*parts.where)) && same(parts.field, error.place().field) &&
         same(parts.kind, error.kind()) && same(parts.got, error.got()) && same(parts.expected, error.expected());
}

inline std::ostream& operator<<(std::ostream& stream, const Parts& parts) {
  const auto print = [&stream](const char* name, const std::optional<std::string>& part) {
    if (part) stream << name << " \"" << *part << "\" ";
  };
  print("where", parts.where);
  print("field", parts.field);
  print("kind", parts.kind);
  print("got", parts.got);
  print("expected", parts.expected);
  return stream;
}

}  // namespace convllava::testing
