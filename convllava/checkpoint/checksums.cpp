#include "convllava/checkpoint/checksums.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "convllava/checkpoint/file_access.h"
#include "convllava/core/crc32c.h"
#include "convllava/core/error.h"
#include "convllava/core/json.h"

namespace convllava::checkpoint {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kChecksumsFormat = 1;

core::WatchedFile open(const fs::path& path) {
  try {
    return core::WatchedFile(path);
  } catch (const Error& reason) {
    throw CheckpointError(path.string(), "cannot read the file", reason.what());
  }
}

int64_t chunks_of(int64_t bytes) { return (bytes + kChecksumChunk - 1) / kChecksumChunk; }

/// Of a file in a checkpoint's directory or in a folder of it.
std::optional<FileChecksum> expected_checksum(const fs::path& file) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  const std::string name = file.filename().string();
  for (const auto& [directory, key] : {std::pair(folder, name), std::pair(folder / "..", std::string())}) {
    const auto checksums = read_checksums(directory);
    if (!checksums) continue;
    std::error_code ignored;
    const auto found =
        checksums->find(key.empty() ? fs::weakly_canonical(folder, ignored).filename().string() + "/" + name : key);
    if (found != checksums->end()) return found->second;
  }
  return std::nullopt;
}

uint32_t parse_crc(const std::string& text) {
  uint32_t crc = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), crc, 16);
  if (text.size() != 8 || result.ptr != text.data() + text.size()) throw Error("no checksum: \"" + text + "\"");
  return crc;
}

void require_size(const fs::path& file, int64_t found, int64_t expected) {
  if (found == expected) return;
  throw CheckpointError(file.string(), "another size than checksums.json says", fmt::format("{} bytes", found),
                        fmt::format("{} bytes", expected));
}

}  // namespace

void RunningChecksum::add(std::string_view bytes) {
  while (!bytes.empty()) {
    const int64_t room = kChecksumChunk - done_.bytes % kChecksumChunk;
    const auto part = bytes.substr(0, static_cast<size_t>(room));
    open_ = core::crc32c(part, open_);
    done_.bytes += static_cast<int64_t>(part.size());
    if (done_.bytes % kChecksumChunk == 0) done_.chunks.push_back(std::exchange(open_, 0));
    bytes.remove_prefix(part.size());
  }
}

FileChecksum RunningChecksum::result() const {
  auto checksum = done_;
  if (checksum.bytes % kChecksumChunk != 0) checksum.chunks.push_back(open_);
  return checksum;
}

FileChecksum checksum_of(const fs::path& path) {
  const auto file = open(path);
  RunningChecksum checksum;
  std::string bytes;
  for (int64_t offset = 0; offset < file.size(); offset += static_cast<int64_t>(bytes.size())) {
    try {
      bytes = file.read(offset, std::min(kChecksumChunk, file.size() - offset));
    } catch (const DataError& error) {
      throw error_as<CheckpointError>(error);
    }
    checksum.add(bytes);
  }
  return checksum.result();
}

std::string checksums_text(const Checksums& checksums) {
  nlohmann::ordered_json files = nlohmann::ordered_json::object();
  for (const auto& [path, checksum] : checksums) {
    std::vector<std::string> chunks;
    for (const uint32_t crc : checksum.chunks) chunks.push_back(fmt::format("{:08x}", crc));
    files[path] = {{"bytes", checksum.bytes}, {"crc32c", chunks}};
  }
  return nlohmann::ordered_json({{"format", kChecksumsFormat}, {"chunk", kChecksumChunk}, {"files", files}}).dump(1) +
         "\n";
}

Checksums parse_checksums(const std::string& text, const std::string& where) {
  Checksums checksums;
  try {
    const auto value = core::parse_json<nlohmann::json>(text);
    if (value.at("format") != kChecksumsFormat || value.at("chunk") != kChecksumChunk) {
      throw CheckpointError(where, "unknown format. A newer version may have written it");
    }
    for (const auto& [path, file] : value.at("files").items()) {
      FileChecksum& checksum = checksums[path];
      checksum.bytes = file.at("bytes").get<int64_t>();
      for (const auto& chunk : file.at("crc32c")) checksum.chunks.push_back(parse_crc(chunk.get<std::string>()));
      if (checksum.bytes < 0 || chunks_of(checksum.bytes) != static_cast<int64_t>(checksum.chunks.size())) {
        throw CheckpointError({where, path}, "the checksums do not fit the size",
                              fmt::format("{} of {} bytes", checksum.chunks.size(), checksum.bytes));
      }
    }
  } catch (const CheckpointError&) {
    throw;
  } catch (const std::exception& error) {
    throw CheckpointError(where, "damaged", error.what(), "the checksums of a checkpoint");
  }
  return checksums;
}

std::optional<Checksums> read_checksums(const fs::path& directory) {
  const fs::path file = directory / kChecksumsFile;
  if (!path_exists(file)) return std::nullopt;
  return parse_checksums(read_text(file), file.string());
}

void check_files(const fs::path& directory) {
  const auto checksums = read_checksums(directory);
  if (!checksums) return;
  for (const auto& [path, checksum] : *checksums) {
    const fs::path file = directory / path;
    std::error_code error;
    const auto bytes = fs::file_size(file, error);
    if (error) throw CheckpointError(file.string(), "a file of the checkpoint cannot be read", error.message());
    require_size(file, static_cast<int64_t>(bytes), checksum.bytes);
    if (checksum.chunks.size() != 1) continue;
    std::string contents(static_cast<size_t>(bytes), '\0');
    CheckedFile(file).read(0, checksum.bytes, contents.data(), "the file");
  }
}

CheckedFile::CheckedFile(const fs::path& path) : path_(path), file_(open(path)), checksum_(expected_checksum(path)) {
  if (checksum_) require_size(path_, file_.size(), checksum_->bytes);
}

void CheckedFile::read(int64_t offset, int64_t count, void* bytes, std::string_view what) const {
  if (!checksum_) return read_plain(offset, count, bytes);
  auto* out = static_cast<char*>(bytes);
  for (int64_t at = offset; at < offset + count;) {
    const int64_t chunk = at / kChecksumChunk;
    const int64_t begin = chunk * kChecksumChunk;
    const int64_t end = std::min(begin + kChecksumChunk, checksum_->bytes);
    const int64_t take = std::min(end, offset + count) - at;
    if (take == end - begin) {
      read_plain(at, take, out);
      check(chunk, {out, static_cast<size_t>(take)}, what);
    } else {
      const std::lock_guard lock(mutex_);
      if (cached_ != chunk) {
        cached_ = -1;
        cache_.resize(static_cast<size_t>(end - begin));
        read_plain(begin, end - begin, cache_.data());
        check(chunk, cache_, what);
        cached_ = chunk;
      }
      std::memcpy(out, cache_.data() + (at - begin), static_cast<size_t>(take));
    }
    at += take;
    out += take;
  }
}

void CheckedFile::read_plain(int64_t offset, int64_t count, void* bytes) const {
  try {
    file_.read(offset, count, bytes);
  } catch (const DataError& error) {
    throw error_as<CheckpointError>(error);
  }
}

void CheckedFile::check(int64_t chunk, std::string_view bytes, std::string_view what) const {
  const uint32_t found = core::crc32c(bytes);
  const uint32_t expected = checksum_->chunks[static_cast<size_t>(chunk)];
  if (found == expected) return;
  const int64_t begin = chunk * kChecksumChunk;
  throw CheckpointError(
      path_.string(),
      fmt::format("damaged, noticed at {}: bytes {} to {} have another checksum than checksums.json says", what, begin,
                  begin + static_cast<int64_t>(bytes.size())),
      fmt::format("{:08x}", found), fmt::format("{:08x}", expected));
}

}  // namespace convllava::checkpoint
