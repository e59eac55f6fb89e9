#include "convllava/core/watched_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace convllava::core {

WatchedFile::WatchedFile(std::filesystem::path path) : path_(std::move(path)) {
  // O_NONBLOCK: without it, opening a pipe waits for a writer.
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) throw Error(std::strerror(errno));
  struct stat status {};
  const bool known = ::fstat(descriptor_, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    const std::string reason = !known                    ? std::strerror(errno)
                               : S_ISDIR(status.st_mode) ? std::strerror(EISDIR)
                                                         : "a pipe or a device";
    ::close(descriptor_);
    throw Error(reason);
  }
  size_ = status.st_size;
  modified_seconds_ = status.st_mtim.tv_sec;
  modified_nanoseconds_ = status.st_mtim.tv_nsec;
}

WatchedFile::~WatchedFile() { ::close(descriptor_); }

bool WatchedFile::is_unchanged() const {
  struct stat status {};
  return ::fstat(descriptor_, &status) == 0 && status.st_size == size_ && status.st_mtim.tv_sec == modified_seconds_ &&
         status.st_mtim.tv_nsec == modified_nanoseconds_;
}

std::string WatchedFile::read(int64_t offset, int64_t count) const {
  std::string bytes(static_cast<size_t>(count), '\0');
  read(offset, count, bytes.data());
  return bytes;
}

void WatchedFile::read(int64_t offset, int64_t count, void* bytes) const {
  int64_t filled = 0;
  while (filled < count) {
    const ssize_t more = ::pread(descriptor_, static_cast<char*>(bytes) + filled, count - filled, offset + filled);
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) {
      throw DataError(path_.string(), "cannot read the file", std::strerror(errno), "a readable file");
    }
    if (more == 0) break;  // it has been shortened
    filled += more;
  }
  // Asked afterwards: what was read before a change may be used.
  if (filled == count && is_unchanged()) return;
  throw FileChanged(path_.string(),
                    "the file was changed while it is in use. Write a new version beside it, or move one over it", {},
                    "the same contents until the end");
}

}  // namespace convllava::core
