#include "convllava/checkpoint/file_access.h"

#include <functional>

#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/formats/fixtures.h"

namespace convllava::checkpoint {
namespace {

using namespace formats::testing;
using convllava::testing::Parts;
using convllava::testing::thrown;

constexpr const char* kCannotReadStatus = "cannot read the file status";

CheckpointError error_of(const std::function<void()>& body) { return thrown<CheckpointError>(body); }

}  // namespace

TEST_CASE("files and directories exist, other paths do not", "[checkpoint]") {
  const TemporaryFolder folder("present");
  write_text(folder / "file", "text");
  CHECK(read_text(folder / "file") == "text");
  CHECK(path_exists(folder / "file"));
  CHECK_FALSE(directory_exists(folder / "file"));
  CHECK(directory_exists(folder.path()));
  for (const char* absent : {"none", "none/below", "file/below"}) {
    CHECK_FALSE(path_exists(folder / absent));
    CHECK_FALSE(directory_exists(folder / absent));
  }
  make_directories(folder / "a/b");
  make_directories(folder / "a/b");
  CHECK(directory_exists(folder / "a/b"));
  CHECK(directory_entries(folder.path()).size() == 2);
}

TEST_CASE("what the file system refuses is an error of the checkpoint", "[checkpoint]") {
  const TemporaryFolder folder("refused");
  const auto circle = folder / "circle";
  std::filesystem::create_symlink(circle, circle);
  CHECK(error_of([&] { path_exists(circle); }) ==
        Parts{.where = "circle", .kind = kCannotReadStatus, .got = "Too many levels of symbolic links"});
  CHECK(error_of([&] { directory_exists(circle / "below"); }) ==
        Parts{.where = "below", .kind = kCannotReadStatus, .got = "Too many levels of symbolic links"});
  CHECK(error_of([&] { directory_entries(folder / "none"); }) ==
        Parts{.where = "none", .kind = "cannot list the directory", .got = "No such file or directory"});
  CHECK(error_of([&] { read_text(folder.path()); }) == Parts{.kind = "cannot read the file", .got = "Is a directory"});
  write_text(folder / "file", "");
  CHECK(error_of([&] { make_directories(folder / "file"); }) ==
        Parts{.where = "file", .kind = "cannot create the directory", .got = "Not a directory"});
}

}  // namespace convllava::checkpoint
