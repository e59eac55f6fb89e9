#include <cstring>

#include "convllava/checkpoint/safetensors.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/formats/fixtures.h"

// Damaged and malicious headers: each is refused with its own message.

namespace convllava::checkpoint {
namespace {

using namespace formats::testing;
using convllava::testing::Parts;
using convllava::testing::thrown;

constexpr const char* kTooShort = "too short for a safetensors file";
constexpr const char* kHeaderTooLong = "the header is too long";
constexpr const char* kHeaderNotJson = "the header is not JSON";
constexpr const char* kNameTwice = "a name occurs twice in the header";
constexpr const char* kUnknownDtype = "unknown dtype";
constexpr const char* kWrongShape = "wrong shape";
constexpr const char* kShapeTooLarge = "its shape is too large";
constexpr const char* kWrongDataOffsets = "wrong data_offsets";
constexpr const char* kOverlap = "its data overlap those of another tensor";
constexpr const char* kHole = "there is a hole before its data";

std::string with_length(uint64_t length, const std::string& rest) {
  std::string bytes(sizeof(length), '\0');
  std::memcpy(bytes.data(), &length, sizeof(length));
  return bytes + rest;
}

/// The error of a file with this header and so many bytes of data.
void read(const std::string& header, size_t data_bytes = 0) {
  const TemporaryFolder folder("header");
  write_text(folder / "bad.safetensors", with_length(header.size(), header + std::string(data_bytes, '\1')));
  SafetensorsFile file(folder / "bad.safetensors");
}

CheckpointError error_of(const std::string& header, size_t data_bytes = 0) {
  return thrown<CheckpointError>([&] { read(header, data_bytes); });
}

CheckpointError error_of_bytes(const std::string& bytes) {
  const TemporaryFolder folder("bytes");
  write_text(folder / "bad.safetensors", bytes);
  return thrown<CheckpointError>([&] { SafetensorsFile file(folder / "bad.safetensors"); });
}

/// {"a": {...}} with the parts as JSON.
std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"a":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

}  // namespace

TEST_CASE("a path that is no readable file is refused", "[checkpoint]") {
  const TemporaryFolder folder("paths");
  CHECK(thrown<CheckpointError>([&] { SafetensorsFile file(folder / "absent.safetensors"); }) ==
        Parts{.where = "absent.safetensors", .got = "No such file or directory"});
  CHECK(thrown<CheckpointError>([&] { SafetensorsFile file(folder.path()); }) == Parts{.got = "Is a directory"});
}

TEST_CASE("a header length that cannot be is refused", "[checkpoint]") {
  CHECK(error_of_bytes("") == Parts{.where = "bad.safetensors", .kind = kTooShort, .got = "0 bytes"});
  CHECK(error_of_bytes("1234567") == Parts{.kind = kTooShort, .got = "7 bytes", .expected = "at least 8 bytes"});
  CHECK(error_of_bytes(with_length(100'000'001, "{}")) ==
        Parts{.kind = kHeaderTooLong, .got = "100000001 bytes", .expected = "at most 100000000"});
  CHECK(error_of_bytes(with_length(UINT64_MAX, "{}")) ==
        Parts{.kind = kHeaderTooLong, .expected = "at most 100000000"});
  CHECK(error_of_bytes(with_length(3, "{}")) == Parts{.kind = "the header is longer than the file",
                                                      .got = "3 bytes",
                                                      .expected = "at most 2; the file may be cut off"});
}

TEST_CASE("a header that is not a JSON object is refused", "[checkpoint]") {
  CHECK(error_of("PK\3\4 a zip archive") == Parts{.where = "bad.safetensors", .kind = kHeaderNotJson});
  CHECK(error_of(R"({"a":)") == Parts{.kind = kHeaderNotJson, .expected = "a safetensors file"});
  CHECK(error_of("{\"\xff\":1}") == Parts{.kind = kHeaderNotJson, .expected = "a safetensors file"});
  CHECK(error_of("[]") == Parts{.kind = "the header is not a JSON object", .got = "array"});
  CHECK(error_of(R"({"a":3})") ==
        Parts{.where = "tensor a", .kind = "its description is not a JSON object", .got = "number"});
}

TEST_CASE("a key that stands twice is refused", "[checkpoint]") {
  const std::string a = R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  CHECK(error_of("{" + a + "," + a + "}", 1) == Parts{.kind = kNameTwice, .got = "a"});
  CHECK(error_of(R"({"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})", 1) ==
        Parts{.kind = kNameTwice, .got = "dtype"});
}

TEST_CASE("metadata must be an object of texts", "[checkpoint]") {
  CHECK(error_of(R"({"__metadata__":[]})") == Parts{.kind = "__metadata__ is not an object", .got = "array"});
  CHECK(error_of(R"({"__metadata__":{"a":1}})") == Parts{.kind = "__metadata__.a is not text", .got = "number"});
}

TEST_CASE("an unknown dtype is refused with those that are known", "[checkpoint]") {
  CHECK(error_of(entry(R"("F128")", "[1]", "[0,16]"), 16) ==
        Parts{.where = "bad.safetensors: tensor a",
              .kind = kUnknownDtype,
              .got = "\"F128\"",
              .expected = "one of BOOL, U8, I8, F8_E5M2, F8_E4M3, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ, I16, U16, F16, "
                          "BF16, I32, U32, F32, C64, F64, I64, U64"});
  CHECK(error_of(R"({"a":{"shape":[1],"data_offsets":[0,1]}})", 1) == Parts{.kind = kUnknownDtype, .got = "none"});
  CHECK(error_of(entry("4", "[1]", "[0,4]"), 4) == Parts{.kind = kUnknownDtype, .got = "4"});
}

TEST_CASE("a shape that is no list of counts is refused", "[checkpoint]") {
  const std::string expected = "a list of whole numbers >= 0";
  CHECK(error_of(entry(R"("U8")", "[-1]", "[0,1]"), 1) ==
        Parts{.where = "tensor a", .kind = kWrongShape, .got = "[-1]", .expected = expected});
  CHECK(error_of(entry(R"("U8")", "[1.5]", "[0,1]"), 1) ==
        Parts{.kind = kWrongShape, .got = "[1.5]", .expected = expected});
  CHECK(error_of(entry(R"("U8")", "1", "[0,1]"), 1) == Parts{.kind = kWrongShape, .got = "1", .expected = expected});
  CHECK(error_of(R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", 1) ==
        Parts{.kind = kWrongShape, .got = "none", .expected = expected});
}

TEST_CASE("a shape whose bytes no number can count is refused", "[checkpoint]") {
  CHECK(error_of(entry(R"("F32")", "[4294967296,4294967296]", "[0,4]"), 4) ==
        Parts{.where = "tensor a", .kind = kShapeTooLarge, .got = "[4294967296, 4294967296]"});
  CHECK(error_of(entry(R"("U8")", "[18446744073709551615]", "[0,1]"), 1) == Parts{.kind = kShapeTooLarge});
  CHECK(error_of(entry(R"("U8")", "[0,18446744073709551615]", "[0,0]")) == Parts{.kind = kShapeTooLarge});
}

TEST_CASE("offsets must be two counts in order and inside of the file", "[checkpoint]") {
  CHECK(error_of(entry(R"("U8")", "[1]", "[0]"), 1) ==
        Parts{.where = "tensor a", .kind = kWrongDataOffsets, .got = "[0]"});
  CHECK(error_of(entry(R"("U8")", "[1]", "[1,0]"), 1) == Parts{.kind = kWrongDataOffsets, .got = "[1, 0]"});
  CHECK(error_of(entry(R"("U8")", "[1]", "[-1,0]"), 1) == Parts{.kind = kWrongDataOffsets, .got = "[-1,0]"});
  CHECK(error_of(entry(R"("U8")", "[4]", "[0,4]"), 3) == Parts{.where = "tensor a",
                                                               .kind = "its data lie outside of the file",
                                                               .got = "bytes 0 to 4",
                                                               .expected = "at most 3; the file may be cut off"});
}

TEST_CASE("data that do not fit the shape are refused", "[checkpoint]") {
  CHECK(error_of(entry(R"("F32")", "[2,3]", "[0,20]"), 20) == Parts{.where = "tensor a",
                                                                    .kind = "its data do not fit its shape",
                                                                    .got = "20 bytes for F32 [2, 3]",
                                                                    .expected = "24 bytes"});
}

TEST_CASE("overlapping data, holes and bytes behind the last tensor are refused", "[checkpoint]") {
  const auto two = [](const std::string& first, const std::string& second) {
    return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + first +
           R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}";
  };
  CHECK(error_of(two("[0,4]", "[2,6]"), 6) ==
        Parts{.where = "tensor b", .kind = kOverlap, .got = "a", .expected = "to begin at byte 4"});
  CHECK(error_of(two("[0,4]", "[0,4]"), 4) == Parts{.where = "tensor b", .kind = kOverlap, .got = "a"});
  CHECK(error_of(two("[0,4]", "[6,10]"), 10) ==
        Parts{.where = "tensor b", .kind = kHole, .got = "bytes 4 to 6", .expected = "data without holes"});
  CHECK(error_of(two("[1,5]", "[5,9]"), 9) == Parts{.where = "tensor a", .kind = kHole});
  CHECK(error_of(two("[4,8]", "[0,4]"), 9) ==
        Parts{.kind = "bytes after the last tensor", .got = "9 bytes of data", .expected = "8"});
  CHECK_NOTHROW(read(two("[4,8]", "[0,4]"), 8));
}

TEST_CASE("an empty tensor may lie anywhere between others", "[checkpoint]") {
  CHECK_NOTHROW(read(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                     R"("b":{"dtype":"F32","shape":[0,3],"data_offsets":[4,4]},)"
                     R"("c":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}})",
                     5));
}

TEST_CASE("data that are not aligned are read all the same", "[checkpoint]") {
  const TemporaryFolder folder("unaligned");
  const std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                             R"("b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})";
  const float values[] = {1.5F, -2.0F};
  std::string data(9, '\1');
  std::memcpy(data.data() + 1, values, sizeof(values));
  write_text(folder / "a.safetensors", with_length(header.size(), header + data));
  const auto tensor = SafetensorsFile(folder / "a.safetensors").tensor("b");
  CHECK(reinterpret_cast<uintptr_t>(tensor.data_ptr()) % sizeof(float) == 0);
  CHECK(torch::equal(tensor, torch::tensor({1.5F, -2.0F})));
}

}  // namespace convllava::checkpoint
