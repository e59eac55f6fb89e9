#include "convllava/checkpoint/retention.h"

#include <unistd.h>

#include <chrono>
#include <optional>
#include <thread>

#include "tests/catch.h"
#include "tests/unit/checkpoint/fixtures.h"

namespace convllava::checkpoint {
namespace {

using namespace testing;
using convllava::testing::contains;
using convllava::testing::message_of;
using Names = std::set<std::string>;

void make_directories(const TemporaryFolder& folder, const Names& names) {
  for (const auto& name : names) {
    std::filesystem::create_directories(folder / name / "vision_tower");
    write_text(folder / name / "config.json", "{}");
  }
}

std::vector<int64_t> steps_of(const std::filesystem::path& run) {
  std::vector<int64_t> steps;
  for (const auto& checkpoint : list_checkpoints(run)) steps.push_back(checkpoint.step);
  return steps;
}

}  // namespace

TEST_CASE("checkpoints are listed by step, not by name", "[checkpoint]") {
  const TemporaryFolder folder("list");
  make_directories(folder, {"checkpoint-1000", "checkpoint-200", "checkpoint-0"});
  CHECK(steps_of(folder.path()) == std::vector<int64_t>{0, 200, 1000});
  CHECK(latest_checkpoint(folder.path())->path == folder / "checkpoint-1000");
  CHECK(step_directory(folder.path(), 1000) == folder / "checkpoint-1000");
}

TEST_CASE("a checkpoint that is a link is listed, also when its target is gone", "[checkpoint]") {
  const TemporaryFolder folder("link");
  make_directories(folder, {"checkpoint-2", "elsewhere"});
  std::filesystem::create_directory_symlink(folder / "elsewhere", folder / "checkpoint-4");
  std::filesystem::create_directory_symlink(folder / "gone", folder / "checkpoint-6");
  CHECK(steps_of(folder.path()) == std::vector<int64_t>{2, 4, 6});
}

TEST_CASE("foreign names, files and unfinished checkpoints are not listed", "[checkpoint]") {
  const TemporaryFolder folder("foreign");
  make_directories(
      folder, {"checkpoint-", "checkpoint-1x", "checkpoint--1", "checkpoint-01", "checkpoint-best", "my-checkpoint-3",
               ".checkpoint-4.tmp", ".checkpoint-5.old", ".checkpoint-6.removed", "checkpoint-99999999999999999999"});
  write_text(folder / "checkpoint-7", "a file");
  CHECK(list_checkpoints(folder.path()).empty());
  CHECK(latest_checkpoint(folder.path()) == std::nullopt);
  CHECK(list_checkpoints(folder / "absent").empty());
}

TEST_CASE("the oldest checkpoints are removed until as many as wanted are left", "[checkpoint]") {
  const TemporaryFolder folder("remove");
  make_directories(folder, {"checkpoint-100", "checkpoint-20", "checkpoint-3", "logs"});
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
  make_directories(folder, {"checkpoint-8", ".checkpoint-9.tmp", ".checkpoint-8.old", ".checkpoint-1.removed",
                            ".cache.tmp", "notes.tmp"});
  SECTION("by the start of a run") { clear_interrupted_saves(folder.path()); }
  SECTION("by the next save") { remove_old_checkpoints(folder.path(), 3); }
  CHECK(folder.names() == Names{"checkpoint-8", ".cache.tmp", "notes.tmp"});
}

TEST_CASE("a checkpoint whose replacement was interrupted is put back", "[checkpoint]") {
  const TemporaryFolder folder("old");
  make_directories(folder, {".checkpoint-8.old", ".checkpoint-8.tmp"});
  clear_interrupted_saves(folder.path());
  CHECK(folder.names() == Names{"checkpoint-8"});
}

TEST_CASE("a checkpoint that cannot be removed is a warning and does not stop the run", "[checkpoint]") {
  const TemporaryFolder folder("locked");
  const TemporaryFolder log("log");
  make_directories(folder, {"checkpoint-1", "checkpoint-2", ".checkpoint-3.tmp"});
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
  make_directories(folder, {"checkpoint-1", "checkpoint-2", ".checkpoint-2.old", "checkpoint-3", "checkpoint-4"});
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
  make_directories(folder, {"checkpoint-1", "checkpoint-2"});
  std::filesystem::create_directories(folder / "checkpoint-1/eval/textvqa");
  write_text(folder / "eval", "a file");
  CapturedStderr captured(log / "stderr");
  remove_old_checkpoints(folder.path(), 1);
  CHECK_THAT(captured.text(), contains("checkpoint-1: not removed, because its results cannot be moved to ") &&
                                  contains("eval/checkpoint-1: "));
  CHECK(steps_of(folder.path()) == std::vector<int64_t>{1, 2});
}

TEST_CASE("a checkpoint that another program has open is not removed", "[checkpoint]") {
  const TemporaryFolder folder("open");
  const TemporaryFolder log("log");
  make_directories(folder, {"checkpoint-1", "checkpoint-2", "checkpoint-3"});
  CapturedStderr captured(log / "stderr");
  {
    const OpenCheckpoint first(folder / "checkpoint-1");
    const OpenCheckpoint again(folder / "checkpoint-1");
    const OpenCheckpoint newest(folder.path());
    CHECK(first.path() == folder / "checkpoint-1");
    CHECK(newest.path() == folder / "checkpoint-3");
    remove_old_checkpoints(folder.path(), 1);
    CHECK(steps_of(folder.path()) == std::vector<int64_t>{1, 3});
  }
  CHECK_THAT(captured.text(), contains("checkpoint-1: not removed yet, because another program has it open"));
  remove_old_checkpoints(folder.path(), 1);
  CHECK(steps_of(folder.path()) == std::vector<int64_t>{3});
}

TEST_CASE("a checkpoint that is being removed is not opened", "[checkpoint]") {
  const TemporaryFolder folder("going");
  make_directories(folder, {"checkpoint-1", "checkpoint-2"});
  std::optional<core::DirectoryLock> removal(std::in_place, folder / "checkpoint-2",
                                             core::DirectoryLock::Kind::kExclusive);
  std::thread remover([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    std::filesystem::remove_all(folder / "checkpoint-2");
    removal.reset();
  });
  const OpenCheckpoint opened(folder.path());
  remover.join();
  CHECK(opened.path() == folder / "checkpoint-1");
}

TEST_CASE("a path means a checkpoint or the newest of a run", "[checkpoint]") {
  const TemporaryFolder folder("find");
  make_directories(folder, {"checkpoint-2", "checkpoint-10"});
  CHECK(find_checkpoint(folder / "checkpoint-2") == folder / "checkpoint-2");
  CHECK(find_checkpoint(folder.path()) == folder / "checkpoint-10");
  CHECK_THAT(
      message_of<CheckpointError>([&] { find_checkpoint(folder / "checkpoint-2/vision_tower"); }),
      contains("vision_tower: no checkpoint here; got a path without config.json, *.safetensors and checkpoint-<step>; "
               "expected a checkpoint directory or a run folder"));
  CHECK_THAT(message_of<CheckpointError>([&] { find_checkpoint(folder / "absent"); }),
             contains("absent: no checkpoint here; got a path that does not exist"));
}

TEST_CASE("a directory of weights without config.json, as OpenCLIP writes it, is a checkpoint", "[checkpoint]") {
  CHECK(find_checkpoint(golden("openclip")) == golden("openclip"));
}

}  // namespace convllava::checkpoint
