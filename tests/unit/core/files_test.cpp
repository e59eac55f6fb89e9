#include "convllava/core/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <optional>
#include <thread>

#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/process.h"

namespace convllava::core {
namespace {

namespace fs = std::filesystem;
using convllava::testing::Parts;
using convllava::testing::thrown;
using testing::FileSizeLimit;
using testing::in_child;
using testing::TemporaryFolder;
using testing::text_of;
using testing::write_text;
using Names = std::set<std::string>;

constexpr const char* kCannotReadTheFile = "cannot read the file";
constexpr const char* kFileTooLarge = "the file is too large";

}  // namespace

TEST_CASE("a pipe in the place of a file is refused, not waited for", "[core]") {
  const TemporaryFolder folder("pipe");
  REQUIRE(mkfifo((folder / "image.jpg").c_str(), 0644) == 0);
  CHECK(thrown<DataError>([&] { read_file(folder / "image.jpg"); }) ==
        Parts{.where = "image.jpg", .got = "a pipe or a device", .expected = "a regular file"});
}

TEST_CASE("a file is read whole", "[core]") {
  const TemporaryFolder folder("read");
  std::string bytes(300000, 'x');
  bytes[5] = '\0';
  for (const auto& text : {std::string(), std::string("a"), bytes}) {
    write_text(folder / "a", text);
    CHECK(read_file(folder / "a") == text);
  }
  CHECK(read_file("/proc/self/status").starts_with("Name:"));  // its size is said to be 0
}

TEST_CASE("a file that cannot be read is refused with its path and the reason", "[core]") {
  const TemporaryFolder folder("unreadable");
  CHECK(thrown<DataError>([&] { read_file(folder / "none"); }) == Parts{.where = (folder / "none").string(),
                                                                        .kind = kCannotReadTheFile,
                                                                        .got = "No such file or directory",
                                                                        .expected = "a readable file"});
  CHECK(thrown<DataError>([&] { read_file(folder.path()); }) == Parts{.where = folder.path().string(),
                                                                      .kind = kCannotReadTheFile,
                                                                      .got = "Is a directory",
                                                                      .expected = "a readable file"});
  CHECK(thrown<DataError>([] { read_file("/proc/self/mem"); }) == Parts{.got = "Input/output error"});
}

TEST_CASE("a file beyond the bytes that a reader takes is refused", "[core]") {
  const TemporaryFolder folder("large");
  folder.write("a", "0123456789");
  CHECK(read_file(folder / "a", 10) == "0123456789");
  CHECK(thrown<DataError>([&] { read_file(folder / "a", 9); }) ==
        Parts{.where = (folder / "a").string(), .kind = kFileTooLarge, .got = "10 bytes", .expected = "at most 9"});
  CHECK(thrown<DataError>([] { read_file("/proc/self/status", 9); }) ==
        Parts{.kind = kFileTooLarge, .expected = "at most 9"});
}

TEST_CASE("write_file_atomic replaces a file", "[core]") {
  const TemporaryFolder folder("atomic");
  write_file_atomic(folder / "a", "old");
  CHECK(text_of(folder / "a") == "old");
  write_file_atomic(folder / "a", std::string(100000, 'n'));
  CHECK(text_of(folder / "a") == std::string(100000, 'n'));
  CHECK(folder.names() == Names{"a"});
}

TEST_CASE("write_file_atomic writes into the current folder", "[core]") {
  const TemporaryFolder folder("current");
  const auto previous = fs::current_path();
  fs::current_path(folder.path());
  write_file_atomic("a", "text");
  fs::current_path(previous);
  CHECK(text_of(folder / "a") == "text");
}

TEST_CASE("a full disk leaves the old file and no other", "[core]") {
  const TemporaryFolder folder("full");
  write_file_atomic(folder / "a", "old");
  std::optional<CheckpointError> error;
  {
    const FileSizeLimit limit(4096);
    error = thrown<CheckpointError>([&] { write_file_atomic(folder / "a", std::string(100000, 'n')); });
  }
  CHECK(error.value() == Parts{.where = (folder / "a.tmp").string(), .got = "File too large"});
  CHECK(text_of(folder / "a") == "old");
  CHECK(folder.names() == Names{"a"});
}

TEST_CASE("write_file_atomic says why it cannot write", "[core]") {
  const TemporaryFolder folder("refused");
  CHECK(thrown<CheckpointError>([&] { write_file_atomic(folder / "none" / "a", "x"); }) ==
        Parts{.where = (folder / "none" / "a.tmp").string(),
              .kind = "cannot create",
              .got = "No such file or directory"});
  fs::create_directories(folder / "is_folder" / "inner");
  CHECK(thrown<CheckpointError>([&] { write_file_atomic(folder / "is_folder", "x"); }) ==
        Parts{.where = (folder / "is_folder").string(), .kind = "cannot rename into place", .got = "Is a directory"});
  CHECK(folder.names() == Names{"is_folder"});
}

TEST_CASE("flush_to_disk takes files and directories", "[core]") {
  const TemporaryFolder folder("flush");
  write_text(folder / "a", "x");
  CHECK_NOTHROW(flush_to_disk(folder / "a"));
  CHECK_NOTHROW(flush_to_disk(folder.path()));
  CHECK(thrown<CheckpointError>([&] { flush_to_disk(folder / "b"); }) ==
        Parts{.where = (folder / "b").string(), .kind = "cannot open to flush", .got = "No such file or directory"});
}

TEST_CASE("a pending directory appears when it is committed", "[core]") {
  const TemporaryFolder folder("pending");
  {
    PendingDirectory pending(folder / "step-1/");
    fs::create_directories(pending.path() / "state");
    write_text(pending.path() / "state" / "a", "new");
    CHECK_FALSE(fs::exists(folder / "step-1"));
    pending.commit();
    CHECK(text_of(folder / "step-1" / "state" / "a") == "new");
  }
  CHECK(text_of(folder / "step-1" / "state" / "a") == "new");
  CHECK(folder.names() == Names{"step-1"});
}

TEST_CASE("a pending directory makes the folders above it", "[core]") {
  const TemporaryFolder folder("deep");
  PendingDirectory pending(folder / "runs" / "a" / "step-1");
  pending.commit();
  CHECK(fs::is_directory(folder / "runs" / "a" / "step-1"));
}

TEST_CASE("a pending directory that is not committed leaves nothing", "[core]") {
  const TemporaryFolder folder("dropped");
  { write_text(PendingDirectory(folder / "step-1").path() / "a", "x"); }
  CHECK(folder.names().empty());
}

TEST_CASE("a commit replaces the directory of the same name whole", "[core]") {
  const TemporaryFolder folder("replace");
  fs::create_directories(folder / "last");
  write_text(folder / "last" / "stale", "x");
  PendingDirectory pending(folder / "last");
  write_text(pending.path() / "a", "new");
  CHECK(fs::exists(folder / "last" / "stale"));
  pending.commit();
  CHECK(text_of(folder / "last" / "a") == "new");
  CHECK_FALSE(fs::exists(folder / "last" / "stale"));
  CHECK(folder.names() == Names{"last"});
}

TEST_CASE("a commit that fails keeps the directory of the same name", "[core]") {
  const TemporaryFolder folder("failed");
  fs::create_directories(folder / "last");
  write_text(folder / "last" / "a", "old");
  PendingDirectory pending(folder / "last");
  fs::remove_all(pending.path());
  CHECK(thrown<CheckpointError>([&] { pending.commit(); }) == Parts{.where = (folder / "last").string(),
                                                                    .kind = "cannot put the directory in place",
                                                                    .got = "No such file or directory"});
  CHECK(text_of(folder / "last" / "a") == "old");
}

TEST_CASE("what a killed process left is cleared up", "[core]") {
  const TemporaryFolder folder("killed");
  const int status = in_child([&] {
    const PendingDirectory pending(folder / "step-1");
    write_text(pending.path() / "half", "x");
    std::raise(SIGKILL);
    return 0;
  });
  REQUIRE(WIFSIGNALED(status));
  CHECK_FALSE(fs::exists(folder / "step-1"));
  CHECK(folder.names() == Names{".step-1.tmp"});

  PendingDirectory pending(folder / "step-1");
  CHECK_FALSE(fs::exists(pending.path() / "half"));
  write_text(pending.path() / "a", "x");
  pending.commit();
  CHECK(folder.names() == Names{"step-1"});
  CHECK_FALSE(fs::exists(folder / "step-1" / "half"));
}

TEST_CASE("a directory that a killed commit had set aside comes back", "[core]") {
  const TemporaryFolder folder("aside");
  fs::create_directories(folder / ".last.old");
  write_text(folder / ".last.old" / "a", "old");
  { const PendingDirectory pending(folder / "last"); }
  CHECK(text_of(folder / "last" / "a") == "old");
  CHECK(folder.names() == Names{"last"});
}

TEST_CASE("a pending directory that cannot be made is refused", "[core]") {
  const TemporaryFolder folder("unmade");
  write_text(folder / "file", "x");
  CHECK(thrown<CheckpointError>([&] { PendingDirectory(folder / "file" / "step-1"); }) ==
        Parts{.where = (folder / "file" / ".step-1.tmp").string(), .got = "Not a directory"});
}

TEST_CASE("a folder is locked once", "[core]") {
  const TemporaryFolder folder("lock");
  {
    const FolderLock lock(folder.path());
    CHECK(
        thrown<ConfigError>([&] { FolderLock second(folder.path()); }) ==
        Parts{.where = folder.path().string(),
              .kind = "another run is writing into this folder. Use a different output_dir (train) or --output (eval)",
              .got = "a lock held by process " + std::to_string(getpid())});
    const int status = in_child([&] {
      const auto error = thrown<ConfigError>([&] { FolderLock second(folder.path()); });
      return error.got().find(std::to_string(getppid())) == std::string::npos ? 1 : 0;
    });
    CHECK(status == 0);
  }
  CHECK_NOTHROW(FolderLock(folder.path()));
}

TEST_CASE("a lock whose holder has not written its number yet is held by another process", "[core]") {
  const TemporaryFolder folder("unnumbered");
  const int other = open((folder / ".lock").c_str(), O_RDWR | O_CREAT, 0644);
  REQUIRE(flock(other, LOCK_EX) == 0);
  CHECK(thrown<ConfigError>([&] { FolderLock lock(folder.path()); }) == Parts{.got = "a lock held by another process"});
  close(other);
}

TEST_CASE("the lock of a killed process is free", "[core]") {
  const TemporaryFolder folder("freed");
  in_child([&] {
    const FolderLock lock(folder.path());
    std::raise(SIGKILL);
    return 0;
  });
  CHECK_NOTHROW(FolderLock(folder.path()));
}

TEST_CASE("a folder that is not there cannot be locked", "[core]") {
  const TemporaryFolder folder("absent");
  CHECK(thrown<ConfigError>([&] { FolderLock lock(folder / "none"); }) ==
        Parts{.where = (folder / "none").string(), .got = "No such file or directory"});
}

TEST_CASE("readers share a folder, and keep out the one that may remove it", "[core]") {
  using Kind = DirectoryLock::Kind;
  const TemporaryFolder folder;
  {
    const DirectoryLock reader(folder.path(), Kind::kShared);
    const DirectoryLock other(folder.path(), Kind::kShared);
    CHECK_FALSE(reader.refused());
    CHECK_FALSE(other.refused());
    CHECK(DirectoryLock(folder.path(), Kind::kExclusive).refused());
  }
  const DirectoryLock owner(folder.path(), Kind::kExclusive);
  CHECK_FALSE(owner.refused());
  CHECK(DirectoryLock(folder.path(), Kind::kShared).refused());
  CHECK_FALSE(DirectoryLock(folder / "absent", Kind::kExclusive).refused());
}

}  // namespace convllava::core
