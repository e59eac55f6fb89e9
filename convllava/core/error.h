#pragma once

// The error types of the library. Library code throws them and never exits; a program's `main` hands what it caught to
// `exit_code`.

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
std::string error_message(std::string_view where, std::string_view what, std::string_view got = {},
                          std::string_view expected = {});

/// 2 ConfigError, 3 DataError, 4 CheckpointError, 5 DistributedError, 1 anything else.
int exit_code(const std::exception& error) noexcept;

}  // namespace convllava
