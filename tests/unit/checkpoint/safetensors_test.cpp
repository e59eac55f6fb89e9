#include "convllava/checkpoint/safetensors.h"

#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/formats/fixtures.h"

namespace convllava::checkpoint {
namespace {

using namespace formats::testing;
using convllava::testing::Parts;
using convllava::testing::thrown;

constexpr const char* kCannotWrite = "cannot write";

/// What scripts/golden/checkpoint.py stores in types.safetensors.
NamedTensors golden_tensors() {
  const auto numbers = torch::arange(-6, 6);
  const auto counts = torch::arange(5);
  return {{"bool", numbers > 0},
          {"u8", counts.to(torch::kUInt8)},
          {"i8", numbers.to(torch::kInt8)},
          {"i16", numbers.to(torch::kInt16) * 300},
          {"u16", counts.to(torch::kUInt16)},
          {"i32", numbers.to(torch::kInt32) * 70000},
          {"u32", counts.to(torch::kUInt32)},
          {"i64", numbers * 5'000'000'000},
          {"u64", counts.to(torch::kUInt64)},
          {"f8_e4m3", (numbers / 4).to(torch::kFloat8_e4m3fn)},
          {"f8_e5m2", (numbers / 4).to(torch::kFloat8_e5m2)},
          {"f16", (numbers / 8).to(torch::kFloat16)},
          {"bf16", (numbers / 8).to(torch::kBFloat16)},
          {"f32", (numbers / 8).to(torch::kFloat32).view({3, 4})},
          {"f64", (numbers / 8).to(torch::kFloat64).view({2, 2, 3})},
          {"c64", (numbers / 8).to(torch::kComplexFloat)},
          {"empty", torch::empty({0, 7})},
          {"scalar", torch::tensor(2.5F)}};
}

bool same_bytes(const torch::Tensor& a, const torch::Tensor& b) {
  if (a.scalar_type() != b.scalar_type() || a.sizes() != b.sizes()) return false;
  return a.nbytes() == 0 || std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0;
}

}  // namespace

TEST_CASE("a safetensors file of the Python library is read in every dtype", "[checkpoint]") {
  const SafetensorsFile file(golden("types.safetensors"));
  CHECK(file.metadata() == std::map<std::string, std::string>{{"format", "pt"}});
  const auto expected = golden_tensors();
  CHECK(file.tensors().size() == expected.size());
  for (const auto& [name, tensor] : expected) {
    INFO(name);
    CHECK(file.tensors().at(name).shape == tensor.sizes().vec());
    CHECK(file.tensors().at(name).bytes == static_cast<int64_t>(tensor.nbytes()));
    CHECK(same_bytes(file.tensor(name), tensor));
  }
  CHECK(file.tensors().at("bf16").dtype == "BF16");
}

TEST_CASE("a written safetensors file equals the Python library's byte for byte", "[checkpoint]") {
  const TemporaryFolder folder("written");
  write_safetensors(folder / "types.safetensors", golden_tensors(), {{"format", "pt"}});
  CHECK(text_of(folder / "types.safetensors") == text_of(golden("types.safetensors")));
}

TEST_CASE("a tensor outlives its file", "[checkpoint]") {
  const TemporaryFolder folder("outlives");
  write_safetensors(folder / "a.safetensors", {{"a", torch::arange(4)}});
  torch::Tensor tensor;
  {
    const SafetensorsFile file(folder / "a.safetensors");
    tensor = file.tensor("a");
  }
  std::filesystem::remove(folder / "a.safetensors");
  CHECK(torch::equal(tensor, torch::arange(4)));
}

TEST_CASE("tensors of any stride are stored in row-major order", "[checkpoint]") {
  const TemporaryFolder folder("strides");
  const auto image = torch::rand({2, 3, 4, 5}).contiguous(torch::MemoryFormat::ChannelsLast);
  const auto slice = torch::rand({6, 6}).slice(1, 1, 6, 2);
  write_safetensors(folder / "a.safetensors", {{"image", image}, {"slice", slice}});
  const SafetensorsFile file(folder / "a.safetensors");
  CHECK(torch::equal(file.tensor("image"), image));
  CHECK(file.tensor("image").is_contiguous());
  CHECK(torch::equal(file.tensor("slice"), slice));
}

TEST_CASE("a tensor that requires grad is stored as its value", "[checkpoint]") {
  const TemporaryFolder folder("grad");
  write_safetensors(folder / "a.safetensors", {{"a", torch::ones({2}, torch::requires_grad())}});
  CHECK_FALSE(SafetensorsFile(folder / "a.safetensors").tensor("a").requires_grad());
}

TEST_CASE("a file without tensors is written and read", "[checkpoint]") {
  const TemporaryFolder folder("none");
  write_safetensors(folder / "a.safetensors", {}, {{"note", "nothing"}});
  const SafetensorsFile file(folder / "a.safetensors");
  CHECK(file.tensors().empty());
  CHECK(file.metadata().at("note") == "nothing");
}

TEST_CASE("asking a file for a tensor it does not hold names both", "[checkpoint]") {
  const SafetensorsFile file(golden("types.safetensors"));
  const auto error = thrown<CheckpointError>([&] { file.tensor("f31"); });
  CHECK(error == Parts{.where = "types.safetensors", .kind = "unknown tensor", .got = "f31"});
}

TEST_CASE("writing fails with the system's reason", "[checkpoint]") {
  const TemporaryFolder folder("full");
  const auto ones = torch::ones({100000});
  CHECK(thrown<CheckpointError>([&] {
          write_safetensors("/dev/full", {{"a", ones}});
        }) == Parts{.where = "/dev/full", .kind = kCannotWrite, .got = "No space left on device"});
  CHECK(thrown<CheckpointError>([&] {
          write_safetensors(folder / "no/where", {{"a", ones}});
        }) == Parts{.kind = "cannot create the file", .got = "No such file or directory"});
  const FileSizeLimit limit(100'000);
  CHECK(thrown<CheckpointError>([&] {
          write_safetensors(folder / "a.safetensors", {{"a", ones}});
        }) == Parts{.where = "a.safetensors", .kind = kCannotWrite, .got = "File too large"});
}

TEST_CASE("what the format cannot hold is refused before a file appears", "[checkpoint]") {
  const TemporaryFolder folder("refused");
  const auto path = folder / "a.safetensors";
  CHECK(thrown<CheckpointError>([&] {
          write_safetensors(path, {{"a", torch::ones({2}, torch::kComplexDouble)}});
        }) == Parts{.where = "a.safetensors", .kind = "tensor a cannot be stored", .got = "ComplexDouble"});
  CHECK(thrown<CheckpointError>([&] {
          write_safetensors(path, {{"a", torch::ones({2})}, {"a", torch::ones({3})}});
        }) == Parts{.where = "a.safetensors", .kind = "two tensors have the same name", .got = "a"});
  CHECK_FALSE(std::filesystem::exists(path));
}

}  // namespace convllava::checkpoint
