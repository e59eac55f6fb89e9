#pragma once

// Catch2, whichever major version the system has: Debian 12 ships 2.13, newer Ubuntu releases ship 3.

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
namespace convllava::testing {
inline auto contains(const std::string& text) { return Catch::Matchers::ContainsSubstring(text); }
}  // namespace convllava::testing
#else
#include <catch2/catch.hpp>
namespace convllava::testing {
inline auto contains(const std::string& text) { return Catch::Matchers::Contains(text); }
}  // namespace convllava::testing
   // Catch2 3 skips a test at run time; in 2.13 the same is a warning and an early return.
#define SKIP(reason)             \
  do {                           \
    WARN("skipped: " << reason); \
    return;                      \
  } while (false)
#endif
