#include "convllava/checkpoint/file_access.h"

#include "tests/catch.h"
#include "tests/unit/formats/fixtures.h"

namespace convllava::checkpoint {
namespace {

using namespace formats::testing;
using convllava::testing::contains;
using convllava::testing::message_of;

std::string error_of(const std::function<void()>& body) { return message_of<CheckpointError>(body); }

}  // namespace

TEST_CASE("files and directories are told apart from nothing", "[checkpoint]") {
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
  CHECK_THAT(error_of([&] { path_exists(circle); }),
             contains("circle: cannot read the file status; got Too many levels of symbolic links"));
  CHECK_THAT(error_of([&] { directory_exists(circle / "below"); }),
             contains("below: cannot read the file status; got Too many"));
  CHECK_THAT(error_of([&] { directory_entries(folder / "none"); }),
             contains("none: cannot list the directory; got No such file"));
  CHECK_THAT(error_of([&] { read_text(folder.path()); }), contains("cannot read the file; got Is a directory"));
  write_text(folder / "file", "");
  CHECK_THAT(error_of([&] { make_directories(folder / "file"); }),
             contains("file: cannot create the directory; got Not a directory"));
}

}  // namespace convllava::checkpoint
