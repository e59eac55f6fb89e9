#pragma once

// The error types of the library. Library code throws them and never exits; a program's `main` hands what it caught to
// `exit_code`. Nothing to link, so that folders without other needs can throw them.

#include <stdexcept>
#include <string>
#include <string_view>

namespace convllava {

/// Base of every error that is the caller's to mend. `what()` reads "where: what; got X; expected Y".
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

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

/// "where: what; got X; expected Y"; the parts whose text is empty are left out.
inline std::string error_message(std::string_view where, std::string_view what, std::string_view got = {},
                                 std::string_view expected = {}) {
  std::string text;
  if (!where.empty()) text.append(where).append(": ");
  text.append(what);
  if (!got.empty()) text.append("; got ").append(got);
  if (!expected.empty()) text.append("; expected ").append(expected);
  return text;
}

/// 2 ConfigError, 3 DataError, 4 CheckpointError, 5 DistributedError, 1 anything else.
inline int exit_code(const std::exception& error) noexcept {
  if (dynamic_cast<const ConfigError*>(&error)) return 2;
  if (dynamic_cast<const DataError*>(&error)) return 3;
  if (dynamic_cast<const CheckpointError*>(&error)) return 4;
  if (dynamic_cast<const DistributedError*>(&error)) return 5;
  return 1;
}

}  // namespace convllava
