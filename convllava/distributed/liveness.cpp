#include "convllava/distributed/liveness.h"

#include <fmt/format.h>

#include <cstring>

#include "convllava/core/log.h"

namespace convllava::distributed {
namespace {

using std::chrono::milliseconds;

constexpr int64_t kMessageBytes = 2048;
constexpr int32_t kNobody = -1;
constexpr int32_t kBeat = -2;
/// A receive or a beat waits for the life of the run: one that times out makes Gloo close the connections to all ranks.
constexpr milliseconds kLifetime = std::chrono::hours(24 * 365);
constexpr milliseconds kBeatPause = std::chrono::seconds(2);
/// For a successor that may itself be gone.
constexpr milliseconds kSendTimeout = std::chrono::seconds(2);
constexpr milliseconds kFinishTimeout = std::chrono::seconds(5);

}  // namespace

void FailureSignal::raise(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (!reason_) reason_ = reason;
  }
  changed_.notify_all();
}

std::optional<std::string> FailureSignal::reason() const {
  const std::lock_guard lock(mutex_);
  return reason_;
}

void FailureSignal::wake() {
  // Taking the lock orders this after the test of a thread that is about to wait.
  { const std::lock_guard lock(mutex_); }
  changed_.notify_all();
}

void FailureSignal::wait(const std::function<bool()>& done, std::optional<milliseconds> timeout) {
  std::unique_lock lock(mutex_);
  const auto ready = [&] { return reason_.has_value() || done(); };
  if (timeout) {
    changed_.wait_for(lock, *timeout, ready);
  } else {
    changed_.wait(lock, ready);
  }
}

/// What goes round the ring: who is gone (kNobody: a farewell at the end of the run; kBeat: a sign of life, for the
/// successor alone) and the sentence about it.
struct Liveness::Message {
  int32_t culprit = kNobody;
  std::string text;

  at::Tensor pack() const {
    const auto bytes = at::zeros({kMessageBytes}, at::kByte);
    auto* data = bytes.mutable_data_ptr<uint8_t>();
    std::memcpy(data, &culprit, sizeof(culprit));
    size_t length = std::min<size_t>(text.size(), kMessageBytes - sizeof(culprit) - 1);
    // Never cut a UTF-8 character in two.
    while (length < text.size() && length > 0 && (text[length] & 0xC0) == 0x80) --length;
    std::memcpy(data + sizeof(culprit), text.data(), length);
    return bytes;
  }

  static Message unpack(const at::Tensor& bytes) {
    Message message;
    const auto* data = bytes.const_data_ptr<uint8_t>();
    std::memcpy(&message.culprit, data, sizeof(message.culprit));
    message.text = reinterpret_cast<const char*>(data + sizeof(message.culprit));
    return message;
  }
};

Liveness::Liveness(BackendPtr ring, milliseconds silence, std::shared_ptr<FailureSignal> signal,
                   std::function<void()> on_failure)
    : ring_(std::move(ring)),
      silence_(silence),
      signal_(std::move(signal)),
      on_failure_(std::move(on_failure)),
      successor_((ring_->getRank() + 1) % ring_->getSize()),
      predecessor_((ring_->getRank() + ring_->getSize() - 1) % ring_->getSize()),
      inbox_(at::zeros({kMessageBytes}, at::kByte)) {
  watcher_ = std::thread([this] { watch(); });
  beater_ = std::thread([this] { beat(); });
  timer_ = std::thread([this] { time_silence(); });
}

Liveness::~Liveness() {
  leave("");
  {
    const std::lock_guard lock(receiving_);
    closing_ = true;
    if (incoming_) incoming_->abort();
  }
  watcher_.join();
  beater_.join();
  timer_.join();
}

void Liveness::leave(const std::string& reason) {
  const int rank = ring_->getRank();
  announce({rank, reason.empty() ? fmt::format("rank {} left without saying why", rank)
                                 : fmt::format("rank {} left: {}", rank, reason)});
}

void Liveness::finish() {
  if (spoken_.exchange(true)) return;
  send_last({});
  signal_->wait([this] { return !watching_; }, kFinishTimeout);
}

std::optional<Liveness::Message> Liveness::receive() {
  {
    const std::lock_guard lock(receiving_);
    if (closing_) return std::nullopt;
    std::vector<at::Tensor> inbox = {inbox_};
    incoming_ = ring_->recv(inbox, predecessor_, 0);
  }
  if (!incoming_->wait(kLifetime)) return std::nullopt;  // aborted
  return Message::unpack(inbox_);
}

void Liveness::watch() {
  try {
    auto message = receive();
    for (; message && message->culprit == kBeat; message = receive()) last_beat_ = Clock::now();
    if (message && message->culprit != kNobody) announce(*message);
  } catch (const std::exception&) {
    announce({predecessor_, fmt::format("rank {} died: it was killed or crashed", predecessor_)});
  }
  watching_ = false;
  signal_->wake();
  leaving_.notify_all();
}

/// A beat to a stopped successor waits until `send_last`.
void Liveness::beat() {
  try {
    while (true) {
      std::unique_lock lock(sending_);
      if (spoken_) return;
      std::vector<at::Tensor> bytes = {Message{kBeat, ""}.pack()};
      const auto beat = outgoing_ = ring_->send(bytes, successor_, 0);
      lock.unlock();
      beat->wait(kLifetime);
      lock.lock();
      leaving_.wait_for(lock, std::min(kBeatPause, silence_ / 4), [this] { return spoken_.load(); });
    }
  } catch (const std::exception&) {
    // The successor is gone: its own successor informs the rest.
  }
}

void Liveness::time_silence() {
  while (true) {
    const auto before = Clock::now();
    {
      std::unique_lock lock(sending_);
      if (leaving_.wait_for(lock, silence_ / 8, [this] { return spoken_ || !watching_; })) return;
    }
    const auto now = Clock::now();
    if (now - before > silence_ / 2) last_beat_ = now;  // this process was stopped itself
    if (now - last_beat_.load() < silence_) continue;
    announce({predecessor_,
              fmt::format("rank {} has been silent for {} s: its process is stopped, or its machine is cut off from "
                          "rank {}",
                          predecessor_, std::chrono::duration_cast<std::chrono::seconds>(silence_).count(),
                          ring_->getRank())});
  }
}

void Liveness::send_last(const Message& message) {
  {
    const std::lock_guard lock(sending_);
    if (outgoing_) outgoing_->abort();
  }
  leaving_.notify_all();
  if (successor_ != message.culprit) send(message);
}

void Liveness::announce(const Message& message) {
  if (spoken_.exchange(true)) return;
  // Before this process learns of it: it may exit the moment it does.
  send_last(message);
  signal_->raise(message.text);
  try {
    on_failure_();
  } catch (const std::exception& error) {  // the reason was already reported
    core::log_warning(fmt::format("collectives could not be aborted: {}", error.what()));
  }
}

void Liveness::send(const Message& message) {
  try {
    std::vector<at::Tensor> bytes = {message.pack()};
    ring_->send(bytes, successor_, 0)->wait(kSendTimeout);
  } catch (const std::exception&) {
    // The successor is gone as well: its own successor informs the rest.
  }
}

}  // namespace convllava::distributed
