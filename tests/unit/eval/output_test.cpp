#include "convllava/eval/output.h"

#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/eval/fixtures.h"

namespace convllava::eval {
namespace {

using convllava::testing::Parts;
using convllava::testing::thrown;
using testing::OrdinaryUser;
using testing::TemporaryFolder;
using testing::text_of;
using testing::write_text;

constexpr const char* kCannotCreate = "cannot create the folder";

}  // namespace

TEST_CASE("scores are written as JSON in their order, into a folder that need not be there", "[eval]") {
  const TemporaryFolder folder("eval_scores");
  write_scores(folder / "a/b", {{"accuracy", 71.5}, {"accuracy/a \"sign\"\\", 100}, {"unanswered", 2}});
  CHECK(text_of(folder / "a/b/scores.json") ==
        "{\n  \"accuracy\": 71.5,\n  \"accuracy/a \\\"sign\\\"\\\\\": 100.0,\n  \"unanswered\": 2.0\n}\n");
}

TEST_CASE("a folder that scores cannot be written into is refused with another in mind", "[eval]") {
  const TemporaryFolder folder("eval_scores_folder");
  write_text(folder / "file", "");
  const auto error = [&](const std::filesystem::path& path) {
    return thrown<ConfigError>([&] { write_scores(path, {{"accuracy", 1}}); });
  };
  CHECK(error(folder / "file/out") == Parts{.where = "file/out", .kind = kCannotCreate, .got = "Not a directory"});
  CHECK(error(folder / std::string(300, 'n')) == Parts{.kind = kCannotCreate, .got = "File name too long"});
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
  {
    const OrdinaryUser user;
    CHECK(error(folder.path()) == Parts{.kind = "cannot write into the folder",
                                        .got = "Permission denied",
                                        .expected = "a folder for --output that this user can write to"});
    CHECK(error(folder / "out") == Parts{.kind = kCannotCreate, .got = "Permission denied"});
  }
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
}

}  // namespace convllava::eval
