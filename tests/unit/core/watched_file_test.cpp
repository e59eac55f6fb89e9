#include "convllava/core/watched_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace convllava::core {
namespace {

using testing::Parts;
using testing::TemporaryFolder;
using testing::thrown;

}  // namespace

TEST_CASE("a watched file is read in pieces", "[core]") {
  const TemporaryFolder folder("watched");
  const std::string bytes("a\0bc", 4);
  const WatchedFile file(folder.write("some", bytes));
  CHECK(file.size() == 4);
  CHECK(file.read(0, 4) == bytes);
  CHECK(file.read(2, 1) == "b");
  CHECK(file.read(4, 0).empty());
  CHECK(WatchedFile(folder.write("none", "")).read(0, 0).empty());
}

TEST_CASE("what cannot be watched is refused with the reason alone", "[core]") {
  const TemporaryFolder folder("unwatched");
  const auto reason = [](const std::filesystem::path& path) { return thrown<Error>([&] { WatchedFile file(path); }); };
  CHECK(reason(folder / "absent") == Parts{.kind = "No such file or directory"});
  CHECK(reason(folder.path()) == Parts{.kind = "Is a directory"});
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(reason(folder / "pipe") == Parts{.kind = "a pipe or a device"});
}

TEST_CASE("a file modified while it is in use is reported", "[core]") {
  const TemporaryFolder folder("changed");
  const auto path = folder.write("set.json", "0123456789");
  testing::age(path);
  const WatchedFile file(path);
  SECTION("emptied") { folder.write("set.json", ""); }
  SECTION("shortened") { folder.write("set.json", "01234"); }
  SECTION("made longer") { std::ofstream(path, std::ios::app) << "more"; }
  SECTION("other contents of the same size") { folder.write("set.json", "9876543210"); }
  CHECK(thrown<FileChanged>([&] { file.read(0, 2); }) ==
        Parts{.where = path.string(),
              .kind = "the file was changed while it is in use. Write a new version beside it, or move one over it",
              .expected = "the same contents until the end"});
}

TEST_CASE("a file that takes the name of one in use does not matter", "[core]") {
  const TemporaryFolder folder("replaced");
  const auto path = folder.write("set.json", "old");
  const WatchedFile file(path);
  SECTION("by a rename") { std::filesystem::rename(folder.write("new.json", "new one"), path); }
  SECTION("after it was deleted") {
    std::filesystem::remove(path);
    folder.write("set.json", "new one");
  }
  CHECK(file.read(0, 3) == "old");
}

}  // namespace convllava::core
