#include "convllava/core/stop_signal.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

#include "tests/catch.h"
#include "tests/support/process.h"

namespace convllava::core {

using testing::in_child;

TEST_CASE("a stop signal sets a flag, and the first one counts", "[core]") {
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGXCPU}) {
    const int status = in_child([&] {
      install_stop_handler();
      if (stop_signal() != 0) return 1;
      std::raise(signal);
      std::raise(SIGINT);  // at once: the same request
      return stop_signal() == signal ? 7 : 1;
    });
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
  }
}

TEST_CASE("a hang-up is a stop signal unless nohup has it ignored", "[core]") {
  for (const bool ignored : {false, true}) {
    const int status = in_child([&] {
      std::signal(SIGHUP, ignored ? SIG_IGN : SIG_DFL);
      install_stop_handler();
      std::raise(SIGHUP);
      return stop_signal();
    });
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == (ignored ? 0 : SIGHUP));
  }
}

TEST_CASE("a reader of the output that goes away does not end a run", "[core]") {
  const int status = in_child([] {
    install_stop_handler();
    int ends[2];
    if (pipe(ends) != 0) return 1;
    close(ends[0]);
    return write(ends[1], "a", 1) < 0 && errno == EPIPE ? 7 : 1;
  });
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);
}

TEST_CASE("the same signal again, later, ends the process; another one does not", "[core]") {
  const int status = in_child([] {
    install_stop_handler();
    std::raise(SIGUSR1);
    std::this_thread::sleep_for(std::chrono::milliseconds(5100));
    std::raise(SIGTERM);
    if (stop_signal() != SIGUSR1) return 1;
    std::raise(SIGUSR1);
    return 0;
  });
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGUSR1);
}

}  // namespace convllava::core
