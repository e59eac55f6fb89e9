#include "convllava/checkpoint/checksums.h"

#include "convllava/core/crc32c.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace convllava::checkpoint {
namespace {

using testing::contains;
using testing::Parts;
using testing::TemporaryFolder;
using testing::thrown;
using testing::write_text;

/// 40 MiB whose bytes differ.
std::string large_text() {
  std::string text(size_t{40} << 20, '\0');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 7 + (i >> 12));
  return text;
}

/// A folder with `text` as model.safetensors, and its checksums.
void write_with_checksums(const TemporaryFolder& folder, const std::string& text) {
  write_text(folder / "model.safetensors", text);
  write_text(folder / kChecksumsFile,
             checksums_text({{"model.safetensors", checksum_of(folder / "model.safetensors")}}));
}

}  // namespace

TEST_CASE("checksums are those of the chunks, however the bytes come", "[checkpoint]") {
  const auto text = large_text();
  RunningChecksum running;
  for (size_t at = 0; at < text.size(); at += 5'000'011) running.add(std::string_view(text).substr(at, 5'000'011));
  const auto checksum = running.result();
  CHECK(checksum.bytes == static_cast<int64_t>(text.size()));
  REQUIRE(checksum.chunks.size() == 3);
  const auto chunk = static_cast<size_t>(kChecksumChunk);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(checksum.chunks[i] == core::crc32c(std::string_view(text).substr(i * chunk, chunk)));
  }
  CHECK(RunningChecksum().result().chunks.empty());
}

TEST_CASE("checksums come back from their text", "[checkpoint]") {
  const Checksums checksums = {
      {"state/a.json", {5, {0xE3069283}}}, {"b", {0, {}}}, {"c", {kChecksumChunk + 1, {1, 2}}}};
  const auto parsed = parse_checksums(checksums_text(checksums), "x");
  REQUIRE(parsed.size() == 3);
  CHECK(parsed.at("state/a.json").chunks == checksums.at("state/a.json").chunks);
  CHECK(parsed.at("c").bytes == kChecksumChunk + 1);
  CHECK(parsed.at("c").chunks == std::vector<uint32_t>{1, 2});
}

TEST_CASE("every byte that is read is compared, in parts and across chunks", "[checkpoint]") {
  const TemporaryFolder folder;
  auto text = large_text();
  write_with_checksums(folder, text);
  const auto read = [&](int64_t offset, int64_t count) {
    std::string bytes(static_cast<size_t>(count), '\0');
    CheckedFile(folder / "model.safetensors").read(offset, count, bytes.data(), "tensor a.b");
    return bytes;
  };
  for (const auto& [offset, count] : {std::pair<int64_t, int64_t>{0, 40 << 20},
                                      {5, 100},
                                      {kChecksumChunk - 3, 6},
                                      {3, (40 << 20) - 5},
                                      {(40 << 20) - 1, 1},
                                      {7, 0}}) {
    CHECK(read(offset, count) == text.substr(static_cast<size_t>(offset), static_cast<size_t>(count)));
  }
  const auto changed = static_cast<size_t>(kChecksumChunk) + 77;
  text[changed] = static_cast<char>(text[changed] ^ 1);
  write_text(folder / "model.safetensors", text);
  CHECK(read(0, kChecksumChunk).size() == static_cast<size_t>(kChecksumChunk));
  CHECK(read(2 * kChecksumChunk, 10).size() == 10);
  for (const auto& [offset, count] : {std::pair<int64_t, int64_t>{kChecksumChunk, 1}, {0, 40 << 20}}) {
    CHECK(thrown<CheckpointError>([&, offset = offset, count = count] { read(offset, count); }) ==
          Parts{.where = "model.safetensors",
                .kind = "damaged, noticed at tensor a.b: bytes 16777216 to 33554432 have another checksum than "
                        "checksums.json says"});
  }
}

TEST_CASE("a file of another size, a missing one and a damaged list are refused", "[checkpoint]") {
  const TemporaryFolder folder;
  CHECK_NOTHROW(check_files(folder.path()));  // of another program
  write_with_checksums(folder, "123456789");
  CHECK_NOTHROW(check_files(folder.path()));
  const auto error = [&] { return thrown<CheckpointError>([&] { check_files(folder.path()); }); };
  write_text(folder / "model.safetensors", "12345678");
  CHECK(error() == Parts{.where = "model.safetensors",
                         .kind = "another size than checksums.json says",
                         .got = "8 bytes",
                         .expected = "9 bytes"});
  CHECK(thrown<CheckpointError>([&] { CheckedFile{folder / "model.safetensors"}; }) == Parts{.got = "8 bytes"});
  write_text(folder / "model.safetensors", "123456780");
  CHECK(error() == Parts{.where = "model.safetensors", .expected = "e3069283"});
  std::filesystem::remove(folder / "model.safetensors");
  CHECK(error() == Parts{.where = "model.safetensors", .kind = "a file of the checkpoint cannot be read"});
  for (const char* text :
       {"", "{}", R"({"format": 1, "chunk": 16777216, "files": {"a": {"bytes": 5}}})",
        R"({"format": 1, "chunk": 16777216, "files": {"a": {"bytes": 5, "crc32c": ["e306928"]}}})"}) {
    write_text(folder / kChecksumsFile, text);
    CHECK(error() == Parts{.where = kChecksumsFile, .kind = "damaged"});
  }
  write_text(folder / kChecksumsFile,
             R"({"format": 1, "chunk": 16777216, "files": {"a": {"bytes": 5, "crc32c": []}}})");
  CHECK(error() == Parts{.where = kChecksumsFile, .field = "a", .kind = "the checksums do not fit the size"});
  write_text(folder / kChecksumsFile, R"({"format": 2, "chunk": 16777216, "files": {}})");
  CHECK(error() == Parts{.where = kChecksumsFile, .kind = "unknown format. A newer version may have written it"});
}

}  // namespace convllava::checkpoint
