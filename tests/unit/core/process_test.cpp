#include "convllava/core/process.h"

#include <csignal>

#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/unit/core/fixtures.h"

namespace convllava::core {
namespace {

using testing::CapturedStderr;
using testing::in_child;
using testing::TemporaryFolder;

}  // namespace

TEST_CASE("run_main turns errors into a message and an exit code", "[core]") {
  const TemporaryFolder folder("main");
  CapturedStderr captured(folder / "stderr");
  CHECK(run_main("train", [] { return 0; }) == 0);
  CHECK(run_main("train", [] { return 7; }) == 7);
  CHECK(run_main("train", []() -> int { throw DataError("a.json: not JSON"); }) == 3);
  CHECK(run_main("eval", []() -> int { throw std::runtime_error("odd"); }) == 1);
  CHECK(captured.text() == "train: a.json: not JSON\neval: odd\n");
}

TEST_CASE("a stop signal sets a flag and then the exit code", "[core]") {
  for (const int signal : {SIGTERM, SIGINT}) {
    const int status = in_child([&] {
      install_stop_handler();
      if (stop_signal() != 0) return 1;
      return run_main("train", [&] {
        std::raise(signal);
        return stop_signal() == signal ? 0 : 1;
      });
    });
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 128 + signal);
  }
}

TEST_CASE("a second interrupt ends the process, a second request to terminate does not", "[core]") {
  const int interrupted = in_child([] {
    install_stop_handler();
    std::raise(SIGINT);
    std::raise(SIGINT);
    return 0;
  });
  REQUIRE(WIFSIGNALED(interrupted));
  CHECK(WTERMSIG(interrupted) == SIGINT);
  const int terminated = in_child([] {
    install_stop_handler();
    std::raise(SIGTERM);
    std::raise(SIGTERM);
    return 0;
  });
  CHECK(WIFEXITED(terminated));
}

}  // namespace convllava::core
