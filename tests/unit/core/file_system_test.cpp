// File systems that lack what others have: here the system calls flock and fsync answer as they do there.

#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/process.h"

namespace {

// 0: the system's own answer.
int flock_error = 0;
int fsync_error = 0;

int refuse(int error) {
  errno = error;
  return -1;
}

// While it lives, the call whose error it was given fails with it.
class Failing {
 public:
  Failing(int& call, int error) : call_(call) { call_ = error; }
  ~Failing() { call_ = 0; }
  Failing(const Failing&) = delete;
  Failing& operator=(const Failing&) = delete;

 private:
  int& call_;
};

}  // namespace

// In place of the C library's, for the whole test program.
extern "C" int flock(int descriptor, int operation) noexcept {
  return flock_error == 0 ? static_cast<int>(syscall(SYS_flock, descriptor, operation)) : refuse(flock_error);
}
extern "C" int fsync(int descriptor) {
  return fsync_error == 0 ? static_cast<int>(syscall(SYS_fsync, descriptor)) : refuse(fsync_error);
}

namespace convllava::core {
namespace {

using convllava::testing::Parts;
using convllava::testing::thrown;
using testing::CapturedStderr;
using testing::in_child;
using testing::TemporaryFolder;
using testing::write_text;

size_t occurrences(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("a run continues after one warning on a file system without locks", "[core]") {
  const TemporaryFolder folder("no_locks");
  for (const int error : {ENOSYS, ENOLCK, EOPNOTSUPP}) {
    CAPTURE(error);
    // A process of its own for each: it warns once in its life.
    const int status = in_child([&] {
      const Failing failing(flock_error, error);
      CapturedStderr captured(folder / "stderr");
      const FolderLock first(folder.path());
      const FolderLock second(folder.path());
      const auto text = captured.text();
      return occurrences(text, "warn") == 1 && occurrences(text, folder.path().string() + ": this file system") == 1 &&
                     occurrences(text, std::strerror(error)) == 1
                 ? 0
                 : 1;
    });
    CHECK(status == 0);
  }
}

TEST_CASE("a lock that fails for another reason is refused with it", "[core]") {
  const TemporaryFolder folder("lock_fails");
  const Failing failing(flock_error, EIO);
  CHECK(thrown<ConfigError>([&] { FolderLock lock(folder.path()); }) ==
        Parts{.where = folder.path().string(), .kind = "cannot lock the folder", .got = "Input/output error"});
}

TEST_CASE("a directory that its file system cannot flush is left, a file is not", "[core]") {
  const TemporaryFolder folder("no_flush");
  write_text(folder / "a", "x");
  for (const int error : {EINVAL, ENOTSUP, EOPNOTSUPP}) {
    CAPTURE(error);
    const Failing failing(fsync_error, error);
    CHECK_NOTHROW(flush_to_disk(folder.path()));
    CHECK(thrown<CheckpointError>([&] { flush_to_disk(folder / "a"); }) ==
          Parts{.where = (folder / "a").string(), .kind = "cannot flush to the disk", .got = std::strerror(error)});
  }
  const Failing failing(fsync_error, EIO);
  CHECK(thrown<CheckpointError>([&] { flush_to_disk(folder.path()); }) == Parts{.got = "Input/output error"});
}

}  // namespace convllava::core
