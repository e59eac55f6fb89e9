#include <fmt/format.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>

#include "convllava/core/crc32c.h"
#include "convllava/core/error.h"
#include "convllava/report/metric_log.h"

namespace convllava::report {
namespace {

namespace fs = std::filesystem;

// Field numbers from tensorflow/core/util/event.proto and framework/summary.proto.
namespace event {
constexpr int kWallTime = 1;     // double
constexpr int kStep = 2;         // int64
constexpr int kFileVersion = 3;  // string
constexpr int kSummary = 5;      // message with repeated field kValue
constexpr int kSessionLog = 7;   // message with enum field kStatus
}  // namespace event
namespace summary {
constexpr int kValue = 1;  // message with fields kTag, kSimpleValue
}
namespace value {
constexpr int kTag = 1;          // string
constexpr int kSimpleValue = 2;  // float
}  // namespace value
namespace session_log {
constexpr int kStatus = 1;
constexpr uint64_t kStart = 1;
}  // namespace session_log

/// Little-endian bytes of a number.
template <class Number>
std::string bytes_of(Number number) {
  std::string bytes;
  for (size_t i = 0; i < sizeof(Number); ++i) bytes += static_cast<char>((number >> (8 * i)) & 0xFF);
  return bytes;
}

/// A protocol buffer under construction.
class Message {
 public:
  Message& varint(int field, uint64_t value) { return key(field, 0).raw_varint(value); }
  Message& fixed64(int field, double value) { return key(field, 1).append(bytes_of(std::bit_cast<uint64_t>(value))); }
  Message& fixed32(int field, float value) { return key(field, 5).append(bytes_of(std::bit_cast<uint32_t>(value))); }
  Message& text(int field, const std::string& value) { return key(field, 2).raw_varint(value.size()).append(value); }
  Message& message(int field, const Message& value) { return text(field, value.bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  Message& key(int field, int wire_type) { return raw_varint(static_cast<uint64_t>(field) << 3 | wire_type); }
  Message& raw_varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(0x80 | (value & 0x7F));
    bytes_ += static_cast<char>(value);
    return *this;
  }
  Message& append(const std::string& bytes) {
    bytes_ += bytes;
    return *this;
  }

  std::string bytes_;
};

/// TFRecord: length, its checksum, the bytes, their checksum.
std::string record(const std::string& bytes) {
  const auto masked = [](const std::string& of) { return bytes_of(std::rotr(core::crc32c(of), 15) + 0xA282EAD8); };
  const std::string length = bytes_of(static_cast<uint64_t>(bytes.size()));
  return length + masked(length) + bytes + masked(bytes);
}

std::chrono::microseconds now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch());
}

/// TensorBoard reads the files of a directory in the order of their names.
std::string file_name() {
  char host[256] = "localhost";
  gethostname(host, sizeof(host) - 1);
  const int64_t time = now().count();
  return fmt::format("events.out.tfevents.{:010}.{:06}.{}.{}", time / 1'000'000, time % 1'000'000, host, getpid());
}

}  // namespace

struct TensorBoardWriter::Impl {
  fs::path path;
  std::ofstream file;

  void write(int64_t step, const auto& fill) {
    Message event;
    event.fixed64(event::kWallTime, static_cast<double>(now().count()) * 1e-6);
    event.varint(event::kStep, static_cast<uint64_t>(step));
    fill(event);
    file << record(event.bytes()) << std::flush;
    if (!file) throw CheckpointError(path.string(), "cannot write", std::strerror(errno));
  }
};

TensorBoardWriter::TensorBoardWriter(const fs::path& directory, int64_t first_step) : impl_(std::make_unique<Impl>()) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) throw CheckpointError(directory.string(), "cannot create the folder", error.message());
  impl_->path = directory / file_name();
  impl_->file.open(impl_->path, std::ios::binary);
  impl_->write(0, [](Message& message) { message.text(event::kFileVersion, "brain.Event:2"); });
  impl_->write(first_step, [](Message& message) {
    message.message(event::kSessionLog, Message().varint(session_log::kStatus, session_log::kStart));
  });
}

TensorBoardWriter::~TensorBoardWriter() = default;

void TensorBoardWriter::write(int64_t step, const Scalars& scalars) {
  Message all;
  for (const auto& [name, number] : scalars) {
    all.message(summary::kValue,
                Message().text(value::kTag, name).fixed32(value::kSimpleValue, static_cast<float>(number)));
  }
  impl_->write(step, [&](Message& message) { message.message(event::kSummary, all); });
}

}  // namespace convllava::report
