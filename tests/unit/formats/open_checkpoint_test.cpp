#include "convllava/formats/open_checkpoint.h"

#include <chrono>
#include <optional>
#include <thread>

#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/formats/fixtures.h"

namespace convllava::formats {
namespace {

using namespace testing;
using convllava::testing::contains;
using convllava::testing::Parts;
using convllava::testing::thrown;

constexpr const char* kNoCheckpointHere = "no checkpoint here";

}  // namespace

TEST_CASE("a checkpoint that another program has open is not removed", "[checkpoint]") {
  const TemporaryFolder folder("open");
  const TemporaryFolder log("log");
  make_checkpoints(folder, {"checkpoint-1", "checkpoint-2", "checkpoint-3"});
  CapturedStderr captured(log / "stderr");
  {
    const OpenCheckpoint first(folder / "checkpoint-1");
    const OpenCheckpoint again(folder / "checkpoint-1");
    const OpenCheckpoint newest(folder.path());
    CHECK(first.path() == folder / "checkpoint-1");
    CHECK(newest.path() == folder / "checkpoint-3");
    checkpoint::remove_old_checkpoints(folder.path(), 1);
    CHECK(steps_of(folder.path()) == std::vector<int64_t>{1, 3});
  }
  CHECK_THAT(captured.text(), contains("checkpoint-1: not removed yet, because another program has it open"));
  checkpoint::remove_old_checkpoints(folder.path(), 1);
  CHECK(steps_of(folder.path()) == std::vector<int64_t>{3});
}

TEST_CASE("a checkpoint that is being removed is not opened", "[checkpoint]") {
  const TemporaryFolder folder("going");
  make_checkpoints(folder, {"checkpoint-1", "checkpoint-2"});
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
  make_checkpoints(folder, {"checkpoint-2", "checkpoint-10"});
  CHECK(find_checkpoint(folder / "checkpoint-2") == folder / "checkpoint-2");
  CHECK(find_checkpoint(folder.path()) == folder / "checkpoint-10");
  CHECK(thrown<CheckpointError>([&] { find_checkpoint(folder / "checkpoint-2/vision_tower"); }) ==
        Parts{.where = "vision_tower",
              .kind = kNoCheckpointHere,
              .got = "a path without config.json, *.safetensors and checkpoint-<step>",
              .expected = "a checkpoint directory or a run folder"});
  CHECK(thrown<CheckpointError>([&] { find_checkpoint(folder / "absent"); }) ==
        Parts{.where = "absent", .kind = kNoCheckpointHere, .got = "a path that does not exist"});
}

TEST_CASE("a directory of weights without config.json, as OpenCLIP writes it, is a checkpoint", "[checkpoint]") {
  CHECK(find_checkpoint(golden("openclip")) == golden("openclip"));
}

}  // namespace convllava::formats
