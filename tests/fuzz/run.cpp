#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <sstream>

#include "convllava/core/error.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/files.h"

// For the sanitizers' run-time library, which asks for it.
extern "C" const char* __asan_default_options() { return "max_allocation_size_mb=2048:hard_rss_limit_mb=4096"; }

namespace convllava::fuzz {
namespace fs = std::filesystem;
namespace {

constexpr int kProcessorSeconds = 20;  // however busy the machine is
constexpr int kSecondsInAll = 600;     // a reader may also wait
constexpr int kMostFailures = 10;

/// The process ends by SIGPROF or SIGALRM when a limit is over; 0 takes it away.
void limit_time(int processor_seconds, int seconds) {
  const itimerval processor = {{0, 0}, {processor_seconds, 0}};
  setitimer(ITIMER_PROF, &processor, nullptr);
  alarm(static_cast<unsigned>(seconds));
}

/// What the child tells the parent, in memory that both have.
struct Progress {
  uint64_t index = 0;
  uint64_t read = 0;
  uint64_t refused = 0;
};

/// True when it was read, false when it was refused; anything else ends the process.
bool is_read(const Reader& reader, const std::string& input) {
  try {
    reader.read(input);
    return true;
  } catch (const Error&) {
    return false;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "not a convllava::Error: %s\n", error.what());
    std::abort();
  }
}

/// `log` takes what goes to stderr: codecs print much, and a sanitizer the reason.
[[noreturn]] void run_child(const Reader& reader, uint64_t first, uint64_t count, Progress& progress, int log) {
  dup2(log, STDERR_FILENO);
#ifndef __SANITIZE_ADDRESS__
  const rlimit memory{rlim_t{16} << 30, rlim_t{16} << 30};  // of addresses, which LibTorch reserves generously
  setrlimit(RLIMIT_AS, &memory);
#endif
  for (uint64_t index = first; index < count; ++index) {
    progress.index = index;
    const std::string input = make_input(reader, index);
    if (ftruncate(log, 0) == 0) lseek(log, 0, SEEK_SET);
    limit_time(kProcessorSeconds, kSecondsInAll);
    is_read(reader, input) ? ++progress.read : ++progress.refused;
    limit_time(0, 0);
  }
  std::exit(0);  // a leak is found here
}

std::string reason_of(int status) {
  if (WIFEXITED(status)) return "exit code " + std::to_string(WEXITSTATUS(status));
  if (WTERMSIG(status) == SIGPROF) return "more than " + std::to_string(kProcessorSeconds) + " s of a processor";
  if (WTERMSIG(status) == SIGALRM) return "more than " + std::to_string(kSecondsInAll) + " s";
  return strsignal(WTERMSIG(status));
}

void report(const Reader& reader, const std::string& program, const Progress& progress, int status,
            const fs::path& log) {
  const std::string file = fs::path(program).filename().string() + "." + std::to_string(progress.index) + ".input";
  testing::write_text(file, make_input(reader, progress.index));
  std::printf("input %lu: %s\n%.4000s\nrun it again: %s %s\n", progress.index, reason_of(status).c_str(),
              testing::text_of(log).c_str(), program.c_str(), fs::absolute(file).c_str());
  std::fflush(stdout);
}

/// Inputs that the children read until one of them reached the end, or too many failed.
int run_all(const Reader& reader, const std::string& program, uint64_t count) {
  void* shared = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 1;
  auto& progress = *new (shared) Progress;
  const testing::TemporaryFolder folder("fuzz");
  const int log = open((folder / "log").c_str(), O_RDWR | O_CREAT | O_APPEND, 0644);
  int failures = 0;
  for (uint64_t first = 0; first < count && failures < kMostFailures; first = progress.index + 1) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) run_child(reader, first, count, progress, log);
    int status = 0;
    waitpid(child, &status, 0);
    if (status == 0) break;
    ++failures;
    report(reader, program, progress, status, folder / "log");
  }
  std::printf("%lu inputs read, %lu refused, %d failures\n", progress.read, progress.refused, failures);
  // An input that is read shows that the corpus fits the reader, a refused one that it was changed.
  return failures == 0 && progress.read > 0 && progress.refused > 0 ? 0 : 1;
}

}  // namespace

int run(const Reader& reader, int argc, char** argv) {
  const std::string argument = argc == 2 ? argv[1] : "";
  uint64_t count = 0;
  const char* end = argument.data() + argument.size();
  const auto parsed = std::from_chars(argument.data(), end, count);
  if (!argument.empty() && parsed.ec == std::errc() && parsed.ptr == end) return run_all(reader, argv[0], count);
  if (!fs::is_regular_file(argument)) {
    std::fprintf(stderr, "usage: %s <number of inputs, or the file of one>\n", argv[0]);
    return 2;
  }
  try {
    reader.read(testing::text_of(argument));
    std::puts("read");
  } catch (const Error& error) {
    std::puts(error.what());
  }
  return 0;
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

std::vector<std::string> files_in(const std::string& folder, const std::string& extension) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(CONVLLAVA_SOURCE_DIR) / folder)) {
    const bool wanted = extension.empty() || entry.path().extension() == extension;
    if (entry.is_regular_file() && wanted) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());  // the number of an input means the same everywhere
  std::vector<std::string> texts;
  for (const auto& path : paths) texts.push_back(testing::text_of(path));
  return texts;
}

}  // namespace convllava::fuzz
