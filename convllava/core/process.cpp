#include "convllava/core/process.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <limits>

#include "convllava/core/error.h"

namespace convllava::core {
namespace {

std::atomic<int> requested_signal = 0;
static_assert(std::atomic<int>::is_always_lock_free);

void on_signal(int signal) { requested_signal = signal; }

}  // namespace

void tune_allocator() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

void install_stop_handler() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  action.sa_flags |= SA_RESETHAND;
  sigaction(SIGINT, &action, nullptr);
}

int stop_signal() { return requested_signal; }

int run_main(const char* program, const std::function<int()>& body) {
  try {
    const int code = body();
    return code == 0 && stop_signal() != 0 ? 128 + stop_signal() : code;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", program, error.what());
    return exit_code(error);
  }
}

}  // namespace convllava::core
