#pragma once

// One refreshing progress line on stderr, and plain lines where stderr is not a terminal.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace convllava::core {

/// "1:02:03", "4:05" or "12 s".
std::string format_duration(double seconds);

/// "12.3 GiB", "640 MiB", "12 KiB".
std::string format_bytes(double bytes);

/// Seconds since construction or the last `restart`.
class Stopwatch {
 public:
  double seconds() const;
  void restart() { start_ = Clock::now(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

/// The process' largest resident set so far, in bytes; `resident_bytes` is the present one.
int64_t peak_resident_bytes();
int64_t resident_bytes();

/// Shows "label [#####-----] 120/400 30% eta 1:20 detail". On a terminal the line is rewritten in place, elsewhere a
/// line is printed every tenth of the way and at least every 30 seconds. What cannot be written (a terminal that was
/// closed) is lost without an error.
class Progress {
 public:
  Progress(std::string label, int64_t total, int64_t done = 0, bool enabled = true);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(int64_t done, std::string_view detail = {});
  /// Ends the line, so that other text can be printed.
  void finish();

 private:
  std::string label_;
  int64_t total_;
  int64_t first_;
  bool enabled_;
  bool terminal_;
  bool open_ = false;
  int64_t last_tenth_ = -1;
  Stopwatch since_start_;
  Stopwatch since_print_;
};

}  // namespace convllava::core
