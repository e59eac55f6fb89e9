#include "convllava/core/mapped_file.h"

#include <sys/stat.h>

#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/support/files.h"

namespace convllava::core {

TEST_CASE("a mapped file shows its bytes", "[core]") {
  const testing::TemporaryFolder folder("mapped");
  const std::string bytes("a\0b", 3);
  CHECK(MappedFile(folder.write("some", bytes)).text() == bytes);
  CHECK(MappedFile(folder.write("none", "")).text().empty());
}

TEST_CASE("what cannot be mapped is refused with the reason alone", "[core]") {
  const testing::TemporaryFolder folder("unmapped");
  const auto reason = [](const std::filesystem::path& path) {
    return testing::message_of<Error>([&] { MappedFile file(path); });
  };
  CHECK(reason(folder / "absent") == "No such file or directory");
  CHECK(reason(folder.path()) == "Is a directory");
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(reason(folder / "pipe") == "a pipe or a device");
}

}  // namespace convllava::core
