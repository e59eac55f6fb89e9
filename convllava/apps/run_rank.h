#pragma once

// For the programs that a launcher may start as several ranks.

#include <exception>
#include <functional>

#include "convllava/core/process.h"
#include "convllava/distributed/error_file.h"

namespace convllava::apps {

/// `core::run_main` whose error also reaches the launcher.
inline int run_rank(const char* program, const std::function<int()>& body) {
  return core::run_main(program, [&] {
    try {
      return body();
    } catch (const std::exception& error) {
      distributed::write_error_file(error.what());
      throw;
    }
  });
}

}  // namespace convllava::apps
