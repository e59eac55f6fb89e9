#pragma once

// The error types of the library. Library code throws them and never exits; a program's `main` hands what it caught to
// `exit_code`. Nothing to link, so that folders without other needs can throw them.

#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>

namespace convllava {

/// Where an error is: a file with line or record, a field of it, or both. Prints as "where: field".
struct Place {
  std::string where;
  std::string field;

  Place() = default;
  template <class Text>
  requires std::convertible_to<const Text&, std::string_view> Place(const Text& text, std::string_view name = {})
      : where(std::string_view(text)), field(name) {}
};

/// A part that is itself a message, so that the whole has one "; got" and one "; expected".
inline std::string inner_message(std::string_view part) {
  std::string text(part);
  for (const std::string_view mark : {"; got ", "; expected "}) {
    for (size_t at = 0; (at = text.find(mark, at)) != text.npos;) text[at] = ',';
  }
  return text;
}

/// "where: field: kind; got X; expected Y"; the parts whose text is empty are skipped.
inline std::string error_message(const Place& place, std::string_view kind, std::string_view got = {},
                                 std::string_view expected = {}) {
  std::string text;
  for (const auto& part : {place.where, place.field}) {
    if (!part.empty()) text.append(part).append(": ");
  }
  text.append(inner_message(kind));
  if (!got.empty()) text.append("; got ").append(inner_message(got));
  if (!expected.empty()) text.append("; expected ").append(expected);
  return text;
}

/// Base of every error that the caller can correct. Its parts are data; `what()` is their text (error_message).
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& text) : std::runtime_error(text), kind_(text) {}
  Error(const Place& place, std::string_view kind, std::string_view got = {}, std::string_view expected = {})
      : std::runtime_error(error_message(place, kind, got, expected)),
        place_(place),
        kind_(kind),
        got_(got),
        expected_(expected) {}

  const Place& place() const { return place_; }
  const std::string& kind() const { return kind_; }          ///< what is wrong
  const std::string& got() const { return got_; }            ///< the value found; "" where it adds nothing
  const std::string& expected() const { return expected_; }  ///< what is allowed

 private:
  Place place_;
  std::string kind_;
  std::string got_;
  std::string expected_;
};

/// The same error as one of another type, for a layer whose callers expect that one.
template <class Other>
Other error_as(const Error& error) {
  return Other(error.place(), error.kind(), error.got(), error.expected());
}

/// A mistake in a configuration file or on a command line. Exit code 2.
class ConfigError : public Error {
 public:
  using Error::Error;
};

/// An annotation file, record or image that cannot be used. Exit code 3.
class DataError : public Error {
 public:
  using Error::Error;
};

/// A checkpoint that cannot be read or written. Exit code 4.
class CheckpointError : public Error {
 public:
  using Error::Error;
};

/// A launch environment, peer or collective that failed. Exit code 5.
class DistributedError : public Error {
 public:
  using Error::Error;
};

/// 2 ConfigError, 3 DataError, 4 CheckpointError, 5 DistributedError, 1 anything else.
inline int exit_code(const std::exception& error) noexcept {
  if (dynamic_cast<const ConfigError*>(&error)) return 2;
  if (dynamic_cast<const DataError*>(&error)) return 3;
  if (dynamic_cast<const CheckpointError*>(&error)) return 4;
  if (dynamic_cast<const DistributedError*>(&error)) return 5;
  return 1;
}

}  // namespace convllava
