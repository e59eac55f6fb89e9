#include "convllava/core/progress.h"

#include <poll.h>
#include <pty.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "convllava/core/log.h"
#include "tests/catch.h"
#include "tests/support/process.h"

namespace convllava::core {
namespace {

using convllava::testing::contains;
using testing::CapturedStderr;
using testing::TemporaryFolder;

// A terminal in place of stderr while it lives, where the system gives one: a chroot without /dev/pts does not.
class TerminalStderr {
 public:
  TerminalStderr() : saved_(dup(STDERR_FILENO)) {
    int terminal = -1;
    if (openpty(&other_end_, &terminal, nullptr, nullptr, nullptr) != 0) {
      problem_ = std::strerror(errno);
      return;
    }
    dup2(terminal, STDERR_FILENO);
    close(terminal);
  }
  ~TerminalStderr() {
    restore();
    hang_up();
  }
  TerminalStderr(const TerminalStderr&) = delete;
  TerminalStderr& operator=(const TerminalStderr&) = delete;

  /// Why there is no terminal, or "".
  const std::string& problem() const { return problem_; }

  /// From now on nothing can be written to it.
  void hang_up() {
    if (other_end_ >= 0) close(other_end_);
    other_end_ = -1;
  }

  /// All that was printed. Ends the capture; a terminal that nobody writes to any more answers the last read with EIO.
  std::string text() {
    restore();
    std::string text;
    std::array<char, 4096> buffer;
    for (pollfd ready{other_end_, POLLIN, 0}; poll(&ready, 1, /*milliseconds=*/5000) > 0;) {
      const ssize_t count = read(other_end_, buffer.data(), buffer.size());
      if (count <= 0) break;
      text.append(buffer.data(), static_cast<size_t>(count));
    }
    return text;
  }

 private:
  void restore() {
    if (saved_ < 0) return;
    dup2(saved_, STDERR_FILENO);
    close(saved_);
    saved_ = -1;
  }

  int saved_;
  int other_end_ = -1;
  std::string problem_;
};

}  // namespace

TEST_CASE("durations read as a clock", "[core]") {
  CHECK(format_duration(0) == "0 s");
  CHECK(format_duration(12.4) == "12 s");
  CHECK(format_duration(59.4) == "59 s");
  CHECK(format_duration(59.6) == "1:00");
  CHECK(format_duration(245) == "4:05");
  CHECK(format_duration(3599.6) == "1:00:00");
  CHECK(format_duration(3723) == "1:02:03");
  CHECK(format_duration(100 * 3600) == "100:00:00");
}

TEST_CASE("durations that are not sensible still have a text", "[core]") {
  CHECK(format_duration(-5) == "0 s");
  CHECK(format_duration(std::nan("")) == "0 s");
  CHECK_THAT(format_duration(std::numeric_limits<double>::infinity()), contains(":"));
}

TEST_CASE("sizes have binary units", "[core]") {
  CHECK(format_bytes(0) == "0 KiB");
  CHECK(format_bytes(12 * 1024) == "12 KiB");
  CHECK(format_bytes(640.0 * (1 << 20)) == "640 MiB");
  CHECK(format_bytes(12.3 * (1 << 30)) == "12.3 GiB");
  CHECK(format_bytes(1536.0 * (1ULL << 30)) == "1536.0 GiB");
}

TEST_CASE("the resident set is measured", "[core]") {
  const std::vector<char> block(64 << 20, 1);
  CHECK(resident_bytes() >= 64 << 20);
  CHECK(peak_resident_bytes() >= resident_bytes() - (1 << 20));
  CHECK(block.back() == 1);
}

TEST_CASE("without a terminal progress is a line each tenth", "[core]") {
  const TemporaryFolder folder("progress");
  CapturedStderr captured(folder / "stderr");
  {
    Progress progress("images", 100);
    for (int i = 1; i <= 100; ++i) progress.update(i, "loss 1.5");
  }
  const auto text = captured.text();
  CHECK(std::count(text.begin(), text.end(), '\n') == 11);
  CHECK_THAT(text, contains("images [--------------------] 1/100 1% eta "));
  CHECK_THAT(text, contains("images [##########----------] 50/100 50% eta "));
  CHECK_THAT(text, contains("images [####################] 100/100 100% eta 0 s loss 1.5\n"));
}

TEST_CASE("progress of a resumed run has no estimate at first", "[core]") {
  const TemporaryFolder folder("resumed");
  CapturedStderr captured(folder / "stderr");
  {
    Progress progress("steps", 10, 4);
    progress.update(4);
  }
  CHECK_THAT(captured.text(), contains("4/10 40% eta ?"));
}

TEST_CASE("disabled progress prints nothing", "[core]") {
  const TemporaryFolder folder("disabled");
  CapturedStderr captured(folder / "stderr");
  {
    Progress progress("images", 10, 0, /*enabled=*/false);
    for (int i = 1; i <= 10; ++i) progress.update(i);
  }
  CHECK(captured.text().empty());
}

TEST_CASE("on a terminal progress rewrites its line and ends it once", "[core]") {
  TerminalStderr terminal;
  if (!terminal.problem().empty()) SKIP("no terminal to be had: " << terminal.problem());
  {
    Progress progress("images", 10);
    progress.update(1, "loss 1.5");
    progress.update(10);
    progress.finish();
  }
  // The terminal makes \r\n of a line's end.
  const auto text = terminal.text();
  CHECK(text.starts_with("\r\033[Kimages [##------------------] 1/10 10% eta "));
  CHECK_THAT(text, contains(" loss 1.5\r\033[Kimages [####################] 10/10 100% eta 0 s"));
  CHECK(text.ends_with("\r\n"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
}

TEST_CASE("on a terminal progress that was not finished ends its line, and without a line prints nothing", "[core]") {
  TerminalStderr terminal;
  if (!terminal.problem().empty()) SKIP("no terminal to be had: " << terminal.problem());
  {
    Progress progress("images", 10);
    progress.update(10);
    const Progress silent("never shown", 10);
  }
  const auto text = terminal.text();
  CHECK(text.ends_with("\r\n"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
}

TEST_CASE("progress and log continue when stderr cannot be written", "[core]") {
  const CapturedStderr full("/dev/full");
  Progress progress("images", 2);
  CHECK_NOTHROW(progress.update(1));
  CHECK_NOTHROW(progress.update(2));
  CHECK_NOTHROW(log_warning("lost"));
}

TEST_CASE("progress and log continue when the terminal is gone", "[core]") {
  TerminalStderr terminal;
  if (!terminal.problem().empty()) SKIP("no terminal to be had: " << terminal.problem());
  Progress progress("images", 2);
  progress.update(1);
  terminal.hang_up();
  CHECK_NOTHROW(progress.update(2));
  CHECK_NOTHROW(progress.finish());
  CHECK_NOTHROW(log_warning("lost"));
}

TEST_CASE("only rank 0 logs information, every rank its warnings with its rank", "[core]") {
  const TemporaryFolder folder("log");
  for (const int rank : {0, 3}) {
    const int status = testing::in_child([&] {
      CapturedStderr captured(folder / "stderr");
      set_log_rank(rank, 4);
      log_info("said");
      log_warning("warned {}");
      log_error("failed");
      const auto text = captured.text();
      const std::string prefix = "[rank " + std::to_string(rank) + "] ";
      const auto has = [&](const std::string& part) { return text.find(part) != std::string::npos; };
      const bool right =
          has(prefix + "info said") == (rank == 0) && has(prefix + "warning warned {}") && has(prefix + "error failed");
      return right ? 0 : 1;
    });
    CHECK(status == 0);
  }
}

}  // namespace convllava::core
