#include "convllava/core/process.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <limits>
#include <string>
#include <system_error>

#include "convllava/core/error.h"

namespace convllava::core {
namespace {

/// A stream that the caller has closed would lend its number to the next file, which then got the log. Results for a
/// closed output are an error; the log goes nowhere.
void open_standard_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) >= 0) continue;
    const int mode = descriptor == STDOUT_FILENO ? O_RDONLY : O_RDWR;
    if (::open("/dev/null", mode) != descriptor) std::abort();  // the lowest free number
  }
}

}  // namespace

void tune_allocator() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

void start_with_environment(const std::vector<std::pair<std::string, std::string>>& defaults, char** argv) {
  bool changed = false;
  for (const auto& [name, value] : defaults) {
    if (std::getenv(name.c_str()) != nullptr) continue;
    if (::setenv(name.c_str(), value.c_str(), 1) != 0) return;
    changed = true;
  }
  // Not /proc/self/exe itself, which would be the name that `top` and `pkill` see. It is another program where the
  // dynamic loader was called with this one as its argument.
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto* started = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  if (!changed || error || started == nullptr || !std::filesystem::equivalent(started, program, error)) return;
  ::execv(program.c_str(), argv);
}

int run_main(const char* program, const std::function<int()>& body) {
  open_standard_streams();
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    const int code = body();
    std::cout.flush();
    if (!std::cout || std::fflush(stdout) != 0) {
      throw Error("standard output", "cannot be written", std::strerror(errno));
    }
    return code;
  } catch (const std::exception& error) {
    const std::string message = fmt::format("{}: {}\n", program, error.what());
    std::fwrite(message.data(), 1, message.size(), stderr);  // where this fails there is nobody to tell
    return exit_code(error);
  }
}

}  // namespace convllava::core
