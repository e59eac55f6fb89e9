#include "convllava/distributed/heartbeat.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "convllava/core/log.h"
#include "convllava/distributed/rendezvous.h"
#include "convllava/distributed/store_text.h"

namespace convllava::distributed {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kConnectingPause = std::chrono::seconds(1);
constexpr milliseconds kPause = std::chrono::seconds(5);
/// The store answers at once, or is gone.
constexpr milliseconds kStoreTimeout = std::chrono::seconds(10);
constexpr milliseconds kGonePause{50};
constexpr const char* kFarewell = "farewell";
/// How many ranks have read the farewell or written it, without rank 0.
constexpr const char* kGone = "gone";

std::string beat_key(int rank) { return fmt::format("beat/{}", rank); }

/// "<collectives begun> <beat>"
int64_t begun_in(const std::string& beat) {
  int64_t begun = 0;
  std::from_chars(beat.data(), beat.data() + beat.size(), begun);
  return begun;
}

}  // namespace

Heartbeat::Heartbeat(const StorePtr& store, const LaunchEnvironment& environment, std::shared_ptr<FailureSignal> signal)
    : store_(store), environment_(environment), signal_(std::move(signal)), neighbour_since_(Clock::now()) {
  store_->setTimeout(kStoreTimeout);
  thread_ = std::thread([this] { run(); });
}

Heartbeat::~Heartbeat() { stop(); }

void Heartbeat::leave(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    farewell_ = reason;
  }
  stop();
}

void Heartbeat::connected() { connected_ = true; }

void Heartbeat::begin_collective(const char* name) {
  collective_ = name;
  ++begun_;
}

void Heartbeat::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Heartbeat::run() {
  try {
    for (int64_t beat = 0;; ++beat) {
      store_->set(beat_key(environment_.rank), bytes_of(fmt::format("{} {}", begun_.load(), beat)));
      if (connected_) {
        watch_progress();
      } else {
        watch_neighbour();
      }
      std::unique_lock lock(mutex_);
      const auto pause = connected_ ? std::min(kPause, environment_.stall_note / 8) : kConnectingPause;
      changed_.wait_for(lock, pause, [this] { return stopping_; });
      if (!stopping_) continue;
      lock.unlock();
      if (!farewell_.empty()) say_farewell();
      return;
    }
  } catch (const std::exception& error) {
    if (connected_) return;  // Liveness reports why the store is gone
    signal_->raise(fmt::format("{} went away while the ranks connected: {}", store_host(environment_), brief(error)));
  }
}

void Heartbeat::say_farewell() {
  store_->compareSet(kFarewell, {}, bytes_of(farewell_));
  if (environment_.rank != 0 || environment_.agent_store) {
    store_->add(kGone, 1);
    return;
  }
  const auto deadline = Clock::now() + kSilence;
  while (store_->add(kGone, 0) < environment_.world_size - 1 && Clock::now() < deadline) {
    std::this_thread::sleep_for(kGonePause);
  }
}

/// Each rank watches the one before it and informs the others, so that a run of any size costs a store the same per
/// rank.
void Heartbeat::watch_neighbour() {
  if (store_->check({kFarewell})) signal_->raise(text_of(store_->get(kFarewell)));
  const int neighbour = (environment_.rank + environment_.world_size - 1) % environment_.world_size;
  const auto beat = store_->check({beat_key(neighbour)}) ? text_of(store_->get(beat_key(neighbour))) : "";
  const auto now = Clock::now();
  if (beat != neighbour_) {
    neighbour_ = beat;
    neighbour_since_ = now;
  } else if (now - neighbour_since_ > kSilence) {
    const auto reason = fmt::format("rank {} died or was stopped while the ranks connected: no heartbeat for {} s",
                                    neighbour, kSilence / std::chrono::seconds(1));
    store_->compareSet(kFarewell, {}, bytes_of(reason));
    signal_->raise(reason);
  }
}

void Heartbeat::watch_progress() {
  const auto now = Clock::now();
  if (const int64_t begun = begun_; begun != own_) {
    own_ = begun;
    own_since_ = now;
    next_note_ = environment_.stall_note;
    halfway_.clear();
    return;
  }
  const auto waited = now - own_since_;
  if (waited >= next_note_ / 2 && halfway_.empty()) halfway_ = beats();
  if (waited < next_note_) return;
  warn(beats(), std::chrono::duration_cast<std::chrono::seconds>(waited));
  next_note_ *= 2;
  halfway_.clear();
}

std::vector<std::string> Heartbeat::beats() const {
  std::vector<std::string> keys;
  for (int rank = 0; rank < environment_.world_size; ++rank) keys.push_back(beat_key(rank));
  std::vector<std::string> found;
  for (const auto& bytes : store_->multiGet(keys)) found.push_back(text_of(bytes));
  return found;
}

/// Nothing when this rank waits for nobody, or a lower one waits too.
void Heartbeat::warn(const std::vector<std::string>& latest, std::chrono::seconds waited) const {
  std::vector<int> missing;
  std::vector<int> silent;
  for (int rank = 0; rank < environment_.world_size; ++rank) {
    if (begun_in(latest[rank]) >= own_) continue;
    missing.push_back(rank);
    if (latest[rank] == halfway_[rank]) silent.push_back(rank);
  }
  if (missing.empty() || !speaks(environment_.rank, missing)) return;
  const std::string signs =
      silent.empty() ? "" : fmt::format("; no heartbeat from {}: stopped or unreachable", list_of(silent));
  core::log_warning(
      fmt::format("waiting for {} in {} ({} s){}", list_of(missing), collective_.load(), waited.count(), signs));
}

}  // namespace convllava::distributed
