#include "convllava/distributed/error_file.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

namespace convllava::distributed {
namespace {

using testing::contains;

/// The text that the variable of the environment names a file for, until the end of the scope.
class ErrorFile {
 public:
  explicit ErrorFile(const std::string& path) { setenv("TORCHELASTIC_ERROR_FILE", path.c_str(), 1); }
  ~ErrorFile() { unsetenv("TORCHELASTIC_ERROR_FILE"); }
  ErrorFile(const ErrorFile&) = delete;
  ErrorFile& operator=(const ErrorFile&) = delete;
};

}  // namespace

TEST_CASE("torchrun's error file holds the message and when it came", "[distributed]") {
  const testing::TemporaryFolder folder;
  const auto path = folder / "error.json";
  const ErrorFile file(path);
  write_error_file("data.json:7: not a \"JSON\" object, but \xff");
  const auto error = nlohmann::json::parse(testing::text_of(path));
  CHECK(error["message"]["message"] == "data.json:7: not a \"JSON\" object, but \xef\xbf\xbd");
  CHECK(std::stoll(error["message"]["extraInfo"]["timestamp"].get<std::string>()) > 1'700'000'000);
}

TEST_CASE("an error file that cannot be written is a warning", "[distributed]") {
  const testing::TemporaryFolder folder;
  testing::CapturedStderr captured(folder / "stderr");
  {
    const ErrorFile file(folder / "absent/error.json");
    write_error_file("what happened");
  }
  write_error_file("without torchrun nothing is written");
  const auto text = captured.text();
  CHECK_THAT(text, contains("cannot pass the error to torchrun: ") && contains("absent/error.json") &&
                       contains("No such file or directory"));
  CHECK_THAT(text, !contains("without torchrun"));
}

}  // namespace convllava::distributed
