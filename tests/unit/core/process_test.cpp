#include "convllava/core/process.h"

#include <chrono>
#include <csignal>
#include <thread>

#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/support/process.h"

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

TEST_CASE("run_main gives the exit code also when its message cannot be written", "[core]") {
  const CapturedStderr full("/dev/full");
  CHECK(run_main("train", []() -> int { throw DataError("a.json: not JSON"); }) == 3);
}

TEST_CASE("a stop signal sets a flag, and the first one counts", "[core]") {
  for (const int signal : {SIGTERM, SIGINT}) {
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

TEST_CASE("a later signal ends the process", "[core]") {
  const int status = in_child([] {
    install_stop_handler();
    std::raise(SIGTERM);
    std::this_thread::sleep_for(std::chrono::milliseconds(5100));
    std::raise(SIGINT);
    return 0;
  });
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGINT);
}

}  // namespace convllava::core
