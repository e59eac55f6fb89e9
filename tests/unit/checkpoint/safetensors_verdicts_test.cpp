#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/formats/fixtures.h"

// Each header of scripts/golden/safetensors_headers.py gets the verdict of the safetensors library.

namespace convllava::checkpoint {
namespace {

using namespace formats::testing;
using nlohmann::json;

/// What the library reads and this does not: our message. docs/checkpoints.md gives the reasons.
const std::map<std::string, std::string> kRefusedHere = {
    {"a name twice", "a name occurs twice in the header; got a"},
    {"a key of metadata twice", "a name occurs twice in the header; got x"},
    {"a field more twice", "a name occurs twice in the header; got more"},
    {"a tensor as a list", "tensor a: its description is not a JSON object; got array"},
    {"dtype is an object", "tensor a: unknown dtype; got {\"U8\":null}"},
    {"F4", "tensor a: unknown dtype; got \"F4\""},
    {"F6_E2M3", "tensor a: unknown dtype; got \"F6_E2M3\""},
    {"nothing times 2^124", "tensor a: its shape is too large; got [0, 4611686018427387904, 4611686018427387904]"},
    {"nothing times 2^64-1", "tensor a: its shape is too large; got [0, 18446744073709551615]"},
};

/// The bytes of a header that is written in Latin-1, with lists in lists in the place of "@".
std::string header_of(const json& test) {
  std::string bytes;
  const std::string latin = test["header"].get<std::string>();
  for (size_t i = 0; i < latin.size(); ++i) {
    const auto c = static_cast<unsigned char>(latin[i]);
    bytes += c < 0x80 ? latin[i] : static_cast<char>(c << 6 | (latin[++i] & 0x3F));
  }
  if (test.contains("depth")) {
    const auto depth = test["depth"].get<size_t>();
    bytes.replace(bytes.find('@'), 1, std::string(depth, '[') + std::string(depth, ']'));
  }
  return bytes;
}

std::string file_of(const json& test) {
  const std::string header = header_of(test);
  const uint64_t length = test.value("length", uint64_t{header.size()});
  std::string bytes(sizeof(length), '\0');
  std::memcpy(bytes.data(), &length, sizeof(length));
  return bytes + header + std::string(test["data_bytes"].get<size_t>(), '\1');
}

json read(const std::filesystem::path& path) {
  json verdict = {{"tensors", json::object()}, {"metadata", json::object()}};
  try {
    const SafetensorsFile file(path);
    for (const auto& [name, info] : file.tensors()) {
      verdict["tensors"][name] = {info.dtype, info.shape};
      CHECK(file.tensor(name).sizes() == info.shape);
    }
    for (const auto& [key, value] : file.metadata()) verdict["metadata"][key] = value;
  } catch (const CheckpointError& error) {
    return {{"error", error.what()}};
  }
  return verdict;
}

}  // namespace

TEST_CASE("a header gets the verdict of the safetensors library", "[checkpoint]") {
  const TemporaryFolder folder("verdicts");
  const auto tests = json::parse(text_of(CONVLLAVA_SOURCE_DIR "/tests/golden/safetensors/verdicts.json"))["cases"];
  REQUIRE(tests.size() > 150);
  for (const auto& test : tests) {
    const auto name = test["name"].get<std::string>();
    CAPTURE(name);
    const auto path = folder.write("case.safetensors", file_of(test));
    const json ours = read(path);
    if (const auto different = kRefusedHere.find(name); different != kRefusedHere.end()) {
      REQUIRE(test.contains("tensors"));
      CHECK_THAT(ours.value("error", ""), convllava::testing::contains(different->second));
    } else if (test.contains("error")) {
      CHECK_THAT(ours.value("error", ""), convllava::testing::contains("case.safetensors: "));
    } else {
      CHECK(ours == json{{"tensors", test["tensors"]}, {"metadata", test["metadata"]}});
    }
  }
}

TEST_CASE("a safetensors file that is cut off or rewritten while it is open is an error", "[checkpoint]") {
  const TemporaryFolder folder("shrinks");
  const auto path = folder / "a.safetensors";
  write_safetensors(path, {{"a", torch::ones({100'000})}});
  const SafetensorsFile file(path);
  std::filesystem::resize_file(path, 1000);
  CHECK(convllava::testing::thrown<CheckpointError>([&] { file.tensor("a"); }) ==
        convllava::testing::Parts{.where = "a.safetensors", .got = ""});
  std::filesystem::resize_file(path, file.tensors().at("a").bytes + 1000);
  CHECK(convllava::testing::thrown<CheckpointError>([&] { file.tensor("a"); }) ==
        convllava::testing::Parts{.where = "a.safetensors", .got = ""});
}

}  // namespace convllava::checkpoint
