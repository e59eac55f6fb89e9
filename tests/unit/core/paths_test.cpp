#include "convllava/core/paths.h"

#include <optional>

#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/support/environment.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace convllava::core {
namespace {

namespace fs = std::filesystem;
using convllava::testing::Parts;
using convllava::testing::TemporaryFolder;
using convllava::testing::thrown;
using convllava::testing::Variable;

ConfigError refusal(const std::string& text) {
  return thrown<ConfigError>([&] { expand_path(text); });
}

}  // namespace

TEST_CASE("~ and variables of a path are expanded as a shell does", "[config]") {
  const Variable home("HOME", "/home/kim");
  const Variable scratch("SCRATCH", "/scratch/k m");
  const Variable nested("NESTED_1", "~/$SCRATCH");
  CHECK(expand_path("~") == "/home/kim");
  CHECK(expand_path("~/runs/a") == "/home/kim/runs/a");
  CHECK(expand_path("$SCRATCH/runs") == "/scratch/k m/runs");
  CHECK(expand_path("a/${SCRATCH}b$SCRATCH") == "a//scratch/k mb/scratch/k m");
  CHECK(expand_path("$NESTED_1/x") == "~/$SCRATCH/x");  // once
  CHECK(expand_path("runs/a~b/~") == "runs/a~b/~");
  CHECK(expand_path("cost$$5$5 $.jpg$") == "cost$5$5 $.jpg$");
  CHECK(expand_path("").empty());
}

TEST_CASE("what a path cannot be expanded to is named", "[config]") {
  const Variable home("HOME", std::nullopt);
  const Variable scratch("SCRATCH", "");
  CHECK(refusal("~/runs") == Parts{.kind = "environment variable HOME is not set"});
  CHECK(refusal("$SCRATCH/runs") == Parts{.kind = "environment variable SCRATCH is empty"});
  CHECK(refusal("${NO_SUCH_VARIABLE}") == Parts{.kind = "environment variable NO_SUCH_VARIABLE is not set"});
  CHECK(refusal("~kim/runs") ==
        Parts{.kind = "only ~ and ~/... are expanded, not ~user. Write ./~ for a name that begins with ~"});
  for (const char* text : {"${", "${}", "${A", "${A B}", "${1}"}) {
    CHECK(refusal(text) == Parts{.kind = "invalid variable after \"${\". Write $$ for a dollar sign"});
  }
}

TEST_CASE("a path survives being written and read", "[config]") {
  for (const std::string path : {"/a/b", "a$b", "$HOME/${X}", "$$", "", "x~"}) {
    CHECK(expand_path(path_text(path)) == path);
    CHECK(path_of_text(path_text(path)) == path);
  }
  CHECK(expand_path(path_text("~kim/a")) == "./~kim/a");
}

TEST_CASE("a place has one name", "[config]") {
  const TemporaryFolder folder;
  const auto real = fs::canonical(folder.path()) / "real";
  fs::create_directories(real / "inside");
  fs::create_directory_symlink("real", folder / "link");
  for (const std::string name :
       {"real", "real/", "link", "link/.", "real/inside/..", "link/inside/../", "none/../real"}) {
    CHECK(real_path(folder / name) == real);
  }
  CHECK(real_path(folder / "link/none/") == real / "none");
  CHECK(real_path("runs/a/") == fs::current_path() / "runs/a");
  CHECK(real_path("/") == "/");
}

}  // namespace convllava::core
