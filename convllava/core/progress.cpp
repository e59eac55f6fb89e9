#include "convllava/core/progress.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

namespace convllava::core {
namespace {

// A run outlives its terminal: what cannot be written is lost, where fmt::print would throw.
void to_stderr(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

std::string format_duration(double seconds) {
  constexpr double kMost = 1e15;  // an estimate divided by zero is not an integer
  const auto total = static_cast<int64_t>(std::min(std::max(0.0, seconds), kMost) + 0.5);
  if (total < 60) return fmt::format("{} s", total);
  if (total < 3600) return fmt::format("{}:{:02}", total / 60, total % 60);
  return fmt::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
}

std::string format_bytes(double bytes) {
  constexpr double kKibi = 1024;
  if (bytes >= kKibi * kKibi * kKibi) return fmt::format("{:.1f} GiB", bytes / (kKibi * kKibi * kKibi));
  if (bytes >= kKibi * kKibi) return fmt::format("{:.0f} MiB", bytes / (kKibi * kKibi));
  return fmt::format("{:.0f} KiB", bytes / kKibi);
}

double Stopwatch::seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

int64_t peak_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

int64_t resident_bytes() {
  int64_t size = 0;
  int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

Progress::Progress(std::string label, int64_t total, int64_t done, bool enabled)
    : label_(std::move(label)),
      total_(std::max<int64_t>(total, 1)),
      first_(done),
      enabled_(enabled),
      terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() { finish(); }

void Progress::update(int64_t done, std::string_view detail) {
  if (!enabled_) return;
  const int64_t tenth = done * 10 / total_;
  const bool due = terminal_ ? (since_print_.seconds() > 0.1 || done == total_ || !open_)
                             : (tenth != last_tenth_ || since_print_.seconds() > 30);
  if (!due) return;
  last_tenth_ = tenth;
  since_print_.restart();
  const double eta = done > first_ ? since_start_.seconds() / double(done - first_) * double(total_ - done) : 0;
  const int filled = static_cast<int>(std::min<int64_t>(20, done * 20 / total_));
  const std::string bar = std::string(filled, '#') + std::string(20 - filled, '-');
  const std::string line = fmt::format("{} [{}] {}/{} {}% eta {} {}", label_, bar, done, total_, done * 100 / total_,
                                       done > first_ ? format_duration(eta) : "?", detail);
  to_stderr(fmt::format("{}{}{}", terminal_ ? "\r\033[K" : "", line, terminal_ ? "" : "\n"));
  open_ = true;
}

void Progress::finish() {
  if (enabled_ && terminal_ && open_) to_stderr("\n");
  open_ = false;
}

}  // namespace convllava::core
