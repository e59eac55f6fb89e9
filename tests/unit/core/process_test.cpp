#include "convllava/core/process.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "tests/catch.h"
#include "tests/support/environment.h"
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

TEST_CASE("what the second start sees", "[.]") {
  REQUIRE(std::getenv("CONVLLAVA_ABSENT") != nullptr);
  REQUIRE(std::getenv("CONVLLAVA_GIVEN") != nullptr);
  CHECK(std::getenv("CONVLLAVA_ABSENT") == std::string("default"));
  CHECK(std::getenv("CONVLLAVA_GIVEN") == std::string("the user's"));
}

TEST_CASE("variables that libraries read while they are loaded are set by a second start, and no third", "[core]") {
  const std::vector<std::pair<std::string, std::string>> defaults = {{"CONVLLAVA_ABSENT", "default"},
                                                                     {"CONVLLAVA_GIVEN", "default"}};
  const testing::Variable given("CONVLLAVA_GIVEN", "the user's");
  std::string name = "test_core";
  std::string hidden = "what the second start sees";
  char* argv[] = {name.data(), hidden.data(), nullptr};
  const auto start = [&] {
    start_with_environment(defaults, argv);
    return 7;
  };
  const int status = in_child(start);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);  // that of the test above
  const testing::Variable absent("CONVLLAVA_ABSENT", "set as well");
  const int once = in_child(start);
  REQUIRE(WIFEXITED(once));
  CHECK(WEXITSTATUS(once) == 7);
}

TEST_CASE("a stream that was closed does not lend its number to a file", "[core]") {
  const TemporaryFolder folder("closed");
  const int status = in_child([&] {
    close(STDERR_FILENO);
    return run_main("train", [&] {
      const int file = open((folder / "file").c_str(), O_WRONLY | O_CREAT, 0644);
      std::fputs("a line of the log", stderr);
      return file == STDERR_FILENO ? 1 : 7;
    });
  });
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);
  CHECK(testing::text_of(folder / "file").empty());
}

TEST_CASE("output that does not arrive is not a success", "[core]") {
  const TemporaryFolder folder("full");
  const int status = in_child([&] {
    const CapturedStderr captured(folder / "stderr");
    dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
    return run_main("inspect", [] {
      std::cout << "a table";
      return 0;
    });
  });
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 1);
  CHECK(testing::text_of(folder / "stderr") ==
        "inspect: standard output: cannot be written; got No space left on device\n");
}

TEST_CASE("a limit on the size of files is an error with a message, not a death", "[core]") {
  const TemporaryFolder folder("limit");
  const int status = in_child([&] {
    const CapturedStderr captured(folder / "stderr");
    const rlimit limit{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    return run_main("train", [&] {
      write_file_atomic(folder / "weights", std::string(5000, 'w'));
      return 0;
    });
  });
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 4);
  CHECK_THAT(testing::text_of(folder / "stderr"), testing::contains("cannot write; got File too large"));
}

}  // namespace convllava::core
