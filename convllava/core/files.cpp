#include "convllava/core/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

#include "convllava/core/error.h"
#include "convllava/core/log.h"

namespace convllava::core {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const fs::path& path, std::string_view what) {
  throw CheckpointError(path.string(), what, std::strerror(errno));
}

class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags) : value_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }
  int release() { return std::exchange(value_, -1); }

 private:
  int value_;
};

void write_all(int descriptor, const fs::path& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(path, "cannot write");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

// Hidden, and on the same file system.
fs::path beside(const fs::path& target, std::string_view suffix) {
  return target.parent_path() / fmt::format(".{}{}", target.filename().string(), suffix);
}

// The errors of flock on Lustre without its mount option and on some NFS servers.
bool has_no_locks(int error) { return error == ENOSYS || error == ENOLCK || error == EOPNOTSUPP; }

void warn_unlocked(const fs::path& folder, std::string_view reason) {
  static std::once_flag warned;
  std::call_once(warned, [&] {
    log_warning(
        error_message(folder.string(), "this file system has no locks, so a second run here is not detected", reason));
  });
}

}  // namespace

std::string read_file(const fs::path& path, size_t most_bytes) {
  const auto refuse = [&] {
    throw DataError(path.string(), "cannot read the file", std::strerror(errno), "a readable file");
  };
  const Descriptor file(path, O_RDONLY | O_NONBLOCK);  // a FIFO would wait for its writer
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) refuse();
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
    throw DataError(path.string(), "cannot read the file", "a pipe or a device", "a regular file");
  }
  const auto check_size = [&](size_t size) {
    if (size <= most_bytes) return;
    throw DataError(path.string(), "the file is too large", fmt::format("{} bytes", size),
                    fmt::format("at most {}", most_bytes));
  };
  check_size(static_cast<size_t>(status.st_size));
  std::string bytes(static_cast<size_t>(status.st_size) + 1, '\0');  // one more, to meet the end without growing
  size_t filled = 0;
  for (;;) {
    const ssize_t count = ::read(file.get(), bytes.data() + filled, bytes.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) refuse();
    if (count == 0) break;
    check_size(filled += static_cast<size_t>(count));
    if (filled == bytes.size()) bytes.resize(2 * bytes.size());
  }
  bytes.resize(filled);
  return bytes;
}

void flush_to_disk(const fs::path& path) {
  const Descriptor file(path, O_RDONLY);
  if (file.get() < 0) fail(path, "cannot open to flush");
  std::error_code ignored;
  const bool directory = fs::is_directory(path, ignored);
  if (::fsync(file.get()) == 0) return;
  if (directory && (errno == EINVAL || errno == ENOTSUP)) return;  // FUSE and CIFS cannot flush a directory
  fail(path, "cannot flush to the disk");
}

void write_file_atomic(const fs::path& path, std::string_view bytes) {
  const fs::path temporary = path.string() + ".tmp";
  try {
    const Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (file.get() < 0) fail(temporary, "cannot create");
    write_all(file.get(), temporary, bytes);
    if (::fsync(file.get()) != 0) fail(temporary, "cannot flush to the disk");
    if (::rename(temporary.c_str(), path.c_str()) != 0) fail(path, "cannot rename into place");
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  flush_to_disk(path.has_parent_path() ? path.parent_path() : fs::path("."));
}

fs::path PendingDirectory::path_for(fs::path target) {
  return beside(target.has_filename() ? target : target.parent_path(), ".tmp");
}

PendingDirectory::PendingDirectory(fs::path target) : target_(std::move(target)) {
  if (!target_.has_filename()) target_ = target_.parent_path();
  temporary_ = path_for(target_);
  const fs::path old = beside(target_, ".old");
  std::error_code error;
  // The leftovers of a process that was killed between the two renames of `commit`.
  if (!fs::exists(target_, error) && fs::exists(old, error)) fs::rename(old, target_, error);
  fs::remove_all(temporary_, error);
  if (!error) fs::create_directories(temporary_, error);
  if (error) throw CheckpointError(temporary_.string(), "cannot create the directory", error.message());
}

PendingDirectory::~PendingDirectory() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(temporary_, ignored);
}

void PendingDirectory::commit() {
  const fs::path old = beside(target_, ".old");
  std::error_code ignored;
  try {
    for (const auto& entry : fs::recursive_directory_iterator(temporary_)) flush_to_disk(entry.path());
    flush_to_disk(temporary_);
    fs::remove_all(old);
    if (fs::exists(target_)) fs::rename(target_, old);
    fs::rename(temporary_, target_);
  } catch (const fs::filesystem_error& error) {
    if (!fs::exists(target_, ignored)) fs::rename(old, target_, ignored);
    throw CheckpointError(target_.string(), "cannot put the directory in place", error.code().message());
  }
  committed_ = true;
  fs::remove_all(old, ignored);
  flush_to_disk(target_.has_parent_path() ? target_.parent_path() : fs::path("."));
}

FolderLock::FolderLock(const fs::path& folder) {
  const fs::path path = folder / ".lock";
  Descriptor file(path, O_RDWR | O_CREAT);
  const bool locked = file.get() >= 0 && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0;
  if (!locked && errno == EWOULDBLOCK) {
    const std::string holder = read_file(path);  // empty while the other process has not written its number yet
    throw ConfigError(folder.string(),
                      "another run is writing into this folder. Use a different output_dir (train) or --output (eval)",
                      "a lock held by " + (holder.empty() ? "another process" : "process " + holder));
  }
  if (!locked && (file.get() < 0 || !has_no_locks(errno))) {
    throw ConfigError(folder.string(), "cannot lock the folder", std::strerror(errno));
  }
  if (!locked) warn_unlocked(folder, std::strerror(errno));
  if (::ftruncate(file.get(), 0) != 0) fail(path, "cannot truncate");
  write_all(file.get(), path, std::to_string(::getpid()));
  descriptor_ = file.release();
}

FolderLock::~FolderLock() { ::close(descriptor_); }

DirectoryLock::DirectoryLock(const fs::path& folder, Kind kind) {
  Descriptor file(folder, O_RDONLY | O_DIRECTORY);
  if (file.get() < 0) return;
  const bool locked = ::flock(file.get(), (kind == Kind::kShared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0;
  refused_ = !locked && errno == EWOULDBLOCK;
  if (locked) descriptor_ = file.release();
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), refused_(other.refused_) {}

DirectoryLock::~DirectoryLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace convllava::core
