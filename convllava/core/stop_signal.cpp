#include "convllava/core/stop_signal.h"

#include <atomic>
#include <csignal>
#include <cstdint>
#include <ctime>

namespace convllava::core {
namespace {

std::atomic<int> requested_signal = 0;
static_assert(std::atomic<int>::is_always_lock_free);

std::atomic<int64_t> requested_at = 0;
static_assert(std::atomic<int64_t>::is_always_lock_free);

int64_t seconds_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

// Only calls that are allowed in a signal handler.
void on_signal(int signal) {
  constexpr int64_t kSameRequest = 3;  // seconds; a terminal and a launcher send the same Ctrl-C one after the other
  if (requested_signal == 0) {
    requested_at = seconds_now();
    requested_signal = signal;
    return;
  }
  // Another signal is no second request: Slurm sends SIGTERM at the end of the time of which SIGUSR1 warned.
  if (signal != requested_signal || seconds_now() - requested_at <= kSameRequest) return;
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

void install_stop_handler() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGXCPU}) sigaction(signal, &action, nullptr);
  struct sigaction hang_up {};
  sigaction(SIGHUP, nullptr, &hang_up);
  if (hang_up.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

int stop_signal() { return requested_signal; }

}  // namespace convllava::core
