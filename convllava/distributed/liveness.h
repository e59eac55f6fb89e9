#pragma once

// Internal: how a rank learns at once, and from whichever place it is in, that another rank is gone.
//
// The ranks form a ring. Each keeps a receive open from its predecessor. When a process ends, however it ends, the
// kernel closes its connections: the successor's receive fails, the successor knows who died, and passes one message
// round the ring. A rank that leaves on purpose starts the same message with its reason. Whoever leaves because of such
// a message has passed it on before, so nobody takes the first victims of a death for its cause. Nobody has to outlive
// the others.
//
// A process that is stopped, or whose machine is cut off, closes nothing. So each rank sends its successor a beat every
// two seconds, and a rank that gets none for `silence` reports its predecessor like one that died.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "convllava/distributed/backends.h"

namespace convllava::distributed {

/// The first failure of the run, and the place to wait for it beside something else.
class FailureSignal {
 public:
  /// The first reason stays.
  void raise(const std::string& reason);
  std::optional<std::string> reason() const;
  /// Makes waiting threads ask `done` again.
  void wake();
  /// Returns when `done()`, on a failure, or after `timeout`, whichever is first.
  void wait(const std::function<bool()>& done, std::optional<std::chrono::milliseconds> timeout = {});

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::string> reason_;
};

class Liveness {
 public:
  /// `ring` must carry nothing else. `silence`: how long the predecessor may send nothing. `on_failure` runs once, on
  /// a thread of this object or in `leave`, after `signal` was raised.
  Liveness(BackendPtr ring, std::chrono::milliseconds silence, std::shared_ptr<FailureSignal> signal,
           std::function<void()> on_failure);
  /// Leaves without a reason unless `leave` or `finish` came before.
  ~Liveness();
  Liveness(const Liveness&) = delete;
  Liveness& operator=(const Liveness&) = delete;

  /// Tells the others that this rank goes and why; nothing after a failure that they already know.
  void leave(const std::string& reason);
  /// Leaves in order; all ranks do so at the same point.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  struct Message;
  void watch();
  void beat();
  void time_silence();
  /// Waits for the next message; nothing once this rank leaves.
  std::optional<Message> receive();
  void announce(const Message& message);
  /// To the successor, unless the message is about it; ends the beats.
  void send_last(const Message& message);
  void send(const Message& message);

  BackendPtr ring_;
  const std::chrono::milliseconds silence_;
  std::shared_ptr<FailureSignal> signal_;
  std::function<void()> on_failure_;
  int successor_;
  int predecessor_;
  at::Tensor inbox_;
  std::atomic<Clock::time_point> last_beat_ = Clock::now();  ///< of the predecessor
  std::mutex receiving_;                                     ///< of the next two
  c10::intrusive_ptr<c10d::Work> incoming_;
  bool closing_ = false;
  std::mutex sending_;
  std::condition_variable leaving_;
  c10::intrusive_ptr<c10d::Work> outgoing_;  ///< the last beat; of `sending_`
  std::atomic<bool> spoken_ = false;         ///< beats apart, each rank sends one message in its life, its last one
  std::atomic<bool> watching_ = true;
  std::thread watcher_;
  std::thread beater_;
  std::thread timer_;
};

}  // namespace convllava::distributed
