#include "convllava/checkpoint/run_folder.h"

#include <unistd.h>

#include <optional>

#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/formats/fixtures.h"

namespace convllava::checkpoint {
namespace {

using namespace formats::testing;
using convllava::testing::contains;
using convllava::testing::Parts;
using convllava::testing::thrown;
using Names = std::set<std::string>;

}  // namespace

TEST_CASE("checkpoints are listed by step, not by name", "[checkpoint]") {
  const TemporaryFolder folder("list");
  make_checkpoints(folder, {"checkpoint-1000", "checkpoint-200", "checkpoint-0"});
  CHECK(steps_of(folder.path()) == std::vector<int64_t>{0, 200, 1000});
  CHECK(latest_checkpoint(folder.path())->path == folder / "checkpoint-1000");
  CHECK(step_directory(folder.path(), 1000) == folder / "checkpoint-1000");
}

TEST_CASE("a checkpoint that is a link is listed, also when its target is gone", "[checkpoint]") {
  const TemporaryFolder folder("link");
  make_checkpoints(folder, {"checkpoint-2", "elsewhere"});
  std::filesystem::create_directory_symlink(folder / "elsewhere", folder / "checkpoint-4");
  std::filesystem::create_directory_symlink(folder / "gone", folder / "checkpoint-6");
  CHECK(steps_of(folder.path()) == std::vector<int64_t>{2, 4, 6});
}

TEST_CASE("foreign names, files and unfinished checkpoints are not listed", "[checkpoint]") {
  const TemporaryFolder folder("foreign");
  make_checkpoints(
      folder, {"checkpoint-", "checkpoint-1x", "checkpoint--1", "checkpoint-01", "checkpoint-best", "my-checkpoint-3",
               ".checkpoint-4.tmp", ".checkpoint-5.old", ".checkpoint-6.removed", "checkpoint-99999999999999999999"});
  write_text(folder / "checkpoint-7", "a file");
  CHECK(list_checkpoints(folder.path()).empty());
  CHECK(latest_checkpoint(folder.path()) == std::nullopt);
  CHECK(list_checkpoints(folder / "absent").empty());
}

TEST_CASE("the oldest checkpoints are removed until as many as wanted are left", "[checkpoint]") {
  const TemporaryFolder folder("remove");
  make_checkpoints(folder, {"checkpoint-100", "checkpoint-20", "checkpoint-3", "logs"});
  write_text(folder / "metrics.jsonl", "");
  remove_old_checkpoints(folder.path(), 2);
  CHECK(folder.names() == Names{"checkpoint-20", "checkpoint-100", "logs", "metrics.jsonl"});
  remove_old_checkpoints(folder.path(), 5);
  CHECK(steps_of(folder.path()) == std::vector<int64_t>{20, 100});
  remove_old_checkpoints(folder.path(), 0);
  CHECK(folder.names() == Names{"logs", "metrics.jsonl"});
}

TEST_CASE("what interrupted saves and removals left behind is removed", "[checkpoint]") {
  const TemporaryFolder folder("leftovers");
  make_checkpoints(folder, {"checkpoint-8", ".checkpoint-9.tmp", ".checkpoint-8.old", ".checkpoint-1.removed",
                            ".cache.tmp", "notes.tmp"});
  SECTION("by the start of a run") { clear_interrupted_saves(folder.path()); }
  SECTION("by the next save") { remove_old_checkpoints(folder.path(), 3); }
  CHECK(folder.names() == Names{"checkpoint-8", ".cache.tmp", "notes.tmp"});
}

TEST_CASE("a checkpoint whose replacement was interrupted is put back", "[checkpoint]") {
  const TemporaryFolder folder("old");
  make_checkpoints(folder, {".checkpoint-8.old", ".checkpoint-8.tmp"});
  clear_interrupted_saves(folder.path());
  CHECK(folder.names() == Names{"checkpoint-8"});
}

TEST_CASE("a checkpoint that cannot be removed is a warning and does not stop the run", "[checkpoint]") {
  const TemporaryFolder folder("locked");
  const TemporaryFolder log("log");
  make_checkpoints(folder, {"checkpoint-1", "checkpoint-2", ".checkpoint-3.tmp"});
  std::string text;
  {
    CapturedStderr captured(log / "stderr");
    {
      const OrdinaryUser user;
      std::error_code ignored;
      std::filesystem::permissions(folder.path(), std::filesystem::perms(0555), ignored);
      remove_old_checkpoints(folder.path(), 1);
      std::filesystem::permissions(folder.path(), std::filesystem::perms(0755), ignored);
    }
    text = captured.text();
  }
  CHECK(steps_of(folder.path()) == std::vector<int64_t>{1, 2});
  CHECK_THAT(text, contains("checkpoint-1: cannot remove: Permission denied"));
  CHECK_THAT(text, contains(".checkpoint-3.tmp: cannot remove: Permission denied"));
}

TEST_CASE("answers and scores of a removed checkpoint stay in the run", "[checkpoint]") {
  const TemporaryFolder folder("results");
  make_checkpoints(folder, {"checkpoint-1", "checkpoint-2", ".checkpoint-2.old", "checkpoint-3", "checkpoint-4"});
  const auto write_scores = [&](const std::string& checkpoint, const std::string& text) {
    std::filesystem::create_directories(folder / checkpoint / "eval/textvqa");
    write_text(folder / checkpoint / "eval/textvqa/scores.json", text);
  };
  write_scores("checkpoint-1", "1");
  write_scores(".checkpoint-2.old", "old 2");
  write_scores("checkpoint-2", "2");
  write_scores("checkpoint-4", "4");
  remove_old_checkpoints(folder.path(), 1);
  CHECK(folder.names() == Names{"checkpoint-4", "eval"});
  CHECK(text_of(folder / "eval/checkpoint-1/textvqa/scores.json") == "1");
  CHECK(text_of(folder / "eval/checkpoint-2/textvqa/scores.json") == "old 2");
  CHECK(text_of(folder / "eval/checkpoint-2.2/textvqa/scores.json") == "2");
  CHECK_FALSE(std::filesystem::exists(folder / "eval/checkpoint-3"));
  CHECK(text_of(folder / "checkpoint-4/eval/textvqa/scores.json") == "4");
}

TEST_CASE("a checkpoint whose results have no other place stays", "[checkpoint]") {
  const TemporaryFolder folder("no-place");
  const TemporaryFolder log("log");
  make_checkpoints(folder, {"checkpoint-1", "checkpoint-2"});
  std::filesystem::create_directories(folder / "checkpoint-1/eval/textvqa");
  write_text(folder / "eval", "a file");
  CapturedStderr captured(log / "stderr");
  remove_old_checkpoints(folder.path(), 1);
  CHECK_THAT(captured.text(), contains("checkpoint-1: not removed, because its results cannot be moved to ") &&
                                  contains("eval/checkpoint-1: "));
  CHECK(steps_of(folder.path()) == std::vector<int64_t>{1, 2});
}

}  // namespace convllava::checkpoint
