#pragma once

// Internal: what the ranks tell each other through the run's store, beside their collectives: that they run, and how
// many collectives they have begun. While the ranks connect, nothing else shows that one of them is gone; afterwards
// Liveness does, and the numbers tell who keeps the others waiting.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "convllava/distributed/backends.h"
#include "convllava/distributed/liveness.h"

namespace convllava::distributed {

class Heartbeat {
 public:
  /// How long a rank may give no heartbeat while the ranks connect.
  static constexpr std::chrono::milliseconds kSilence = std::chrono::seconds(5);

  /// `store` must be a separate connection (c10d::Store::clone): one call holds up the next. Until `connected`,
  /// `signal` is raised when another rank leaves or is silent.
  Heartbeat(const StorePtr& store, const LaunchEnvironment& environment, std::shared_ptr<FailureSignal> signal);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  /// Gives the ranks that still connect the reason why this one leaves, unless they have one. The last sign of life.
  /// Rank 0, whose end is the store's, returns when the others have left, or after `kSilence`.
  void leave(const std::string& reason);
  /// From here on, ranks that keep others waiting are named in a warning of the lowest rank that waits.
  void connected();
  /// This rank begins its next collective; `name` is a literal.
  void begin_collective(const char* name);
  void stop();

 private:
  using Clock = std::chrono::steady_clock;

  void run();
  void say_farewell();
  void watch_neighbour();
  void watch_progress();
  std::vector<std::string> beats() const;
  void warn(const std::vector<std::string>& latest, std::chrono::seconds waited) const;

  const StorePtr store_;
  const LaunchEnvironment environment_;
  const std::shared_ptr<FailureSignal> signal_;
  std::atomic<bool> connected_ = false;
  std::atomic<int64_t> begun_ = 0;
  std::atomic<const char*> collective_ = "";

  // Of the thread alone.
  std::string neighbour_;  ///< its last beat
  Clock::time_point neighbour_since_;
  int64_t own_ = -1;  ///< collectives begun when this rank was last seen to go on
  Clock::time_point own_since_;
  std::chrono::milliseconds next_note_{};
  std::vector<std::string> halfway_;  ///< all beats, half of `next_note_` before it

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::string farewell_;
  std::thread thread_;
};

}  // namespace convllava::distributed
