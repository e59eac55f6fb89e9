#include "convllava/distributed/rendezvous.h"

#include <c10/util/Logging.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "convllava/core/error.h"
#include "convllava/core/log.h"
#include "convllava/distributed/generation.h"

namespace convllava::distributed {
namespace {

using Clock = std::chrono::steady_clock;

std::string address_of(const LaunchEnvironment& environment) {
  return fmt::format("{}:{}", environment.master_address, environment.master_port);
}

double seconds(std::chrono::milliseconds time) { return time.count() / 1000.0; }

/// Says what this rank waits for, every so often.
void note_waiting(const std::string& what, const LaunchEnvironment& environment, Clock::duration waited) {
  core::log_warning(fmt::format("waiting for {} at {} ({} s)", what, address_of(environment),
                                std::chrono::duration_cast<std::chrono::seconds>(waited).count()));
}

/// Notes while it lives, for a call that blocks.
class Notes {
 public:
  Notes(std::string what, const LaunchEnvironment& environment)
      : thread_([this, what = std::move(what), &environment, start = Clock::now()] {
          std::unique_lock lock(mutex_);
          while (!changed_.wait_for(lock, environment.join_note, [this] { return done_; })) {
            note_waiting(what, environment, Clock::now() - start);
          }
        }) {}
  ~Notes() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Notes(const Notes&) = delete;
  Notes& operator=(const Notes&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread thread_;  ///< last, since it uses the others
};

[[noreturn]] void fail(const LaunchEnvironment& environment, const std::string& what, const std::string& got,
                       const std::string& expected = {}) {
  throw DistributedError(fmt::format("rank {} of {}", environment.rank, environment.world_size), what, got, expected);
}

/// c10d prints a backtrace for every attempt that fails; what it throws in the end says enough.
class QuietLog {
 public:
  QuietLog() { FLAGS_caffe2_log_level = 3; }
  ~QuietLog() { FLAGS_caffe2_log_level = before_; }
  QuietLog(const QuietLog&) = delete;
  QuietLog& operator=(const QuietLog&) = delete;

 private:
  int before_ = FLAGS_caffe2_log_level;
};

StorePtr connect(const LaunchEnvironment& environment) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(environment.master_port);
  options.isServer = environment.rank == 0 && !environment.agent_store;
  options.waitWorkers = false;
  options.timeout = environment.join_timeout;
  const Notes notes(environment.agent_store ? "torchrun's store" : "rank 0", environment);
  try {
    return c10::make_intrusive<c10d::TCPStore>(environment.master_address, options);
  } catch (const std::exception& error) {
    if (options.isServer) {
      fail(environment, fmt::format("cannot serve the store at {}", address_of(environment)), brief(error),
           "a free port in MASTER_PORT");
    }
    fail(environment,
         fmt::format("{} did not answer at {} within {} s", store_host(environment), address_of(environment),
                     seconds(environment.join_timeout)),
         brief(error), "a running rank 0 that this machine can reach under MASTER_ADDR and MASTER_PORT");
  }
}

[[noreturn]] void fail_missing(const LaunchEnvironment& environment, const Generation& generation) {
  const auto other = generation.other_world_sizes();
  fail(environment, fmt::format("not all ranks joined within {} s", seconds(environment.join_timeout)),
       other.empty() ? "no connection from " + list_of(generation.missing()) : other,
       fmt::format("{} processes", environment.world_size));
}

/// A look at the store costs it a few messages for each rank.
std::chrono::milliseconds pause_between_looks(int world_size) {
  return std::chrono::milliseconds(std::clamp(world_size, 20, 500));
}

}  // namespace

std::string store_host(const LaunchEnvironment& environment) {
  return environment.agent_store ? "torchrun's store" : "rank 0, which serves the store,";
}

std::string list_of(const std::vector<int>& ranks) {
  std::vector<std::string> parts;
  for (size_t begin = 0, end = 0; begin < ranks.size(); begin = end) {
    for (end = begin + 1; end < ranks.size() && ranks[end] == ranks[end - 1] + 1;) ++end;
    if (end - begin > 2) {
      parts.push_back(fmt::format("{}-{}", ranks[begin], ranks[end - 1]));
    } else {
      for (size_t i = begin; i < end; ++i) parts.push_back(std::to_string(ranks[i]));
    }
  }
  return fmt::format("{} {}", ranks.size() == 1 ? "rank" : "ranks", fmt::join(parts, ", "));
}

bool speaks(int rank, const std::vector<int>& missing) {
  return std::count_if(missing.begin(), missing.end(), [&](int other) { return other < rank; }) == rank;
}

std::string brief(const std::exception& error) {
  const auto* c10_error = dynamic_cast<const c10::Error*>(&error);
  const std::string text = c10_error != nullptr ? c10_error->what_without_backtrace() : error.what();
  auto line = text.substr(0, text.find('\n'));
  while (line.ends_with('.')) line.pop_back();
  return line;
}

StorePtr join(const LaunchEnvironment& environment) {
  const QuietLog quiet;
  const auto start = Clock::now();
  const auto run = c10::make_intrusive<c10d::PrefixStore>(environment.run_id, connect(environment));
  std::vector<int> missing;
  try {
    Generation generation(run, environment);
    for (auto note = start + environment.join_note; !generation.look();) {
      missing = generation.missing();
      const auto now = Clock::now();
      if (now >= start + environment.join_timeout) fail_missing(environment, generation);
      if (now >= note && !missing.empty() && speaks(environment.rank, missing)) {
        note_waiting(fmt::format("{} of {} ranks ({})", missing.size(), environment.world_size, list_of(missing)),
                     environment, now - start);
      }
      if (now >= note) note += environment.join_note;
      std::this_thread::sleep_for(pause_between_looks(environment.world_size));
    }
    return c10::make_intrusive<c10d::PrefixStore>(generation.id(), run);
  } catch (const c10::Error& error) {
    fail(environment, fmt::format("{} disconnected during the wait for {}", store_host(environment), list_of(missing)),
         brief(error));
  }
}

}  // namespace convllava::distributed
