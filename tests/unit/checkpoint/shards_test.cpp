#include <nlohmann/json.hpp>

#include "convllava/checkpoint/safetensors.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/formats/fixtures.h"

namespace convllava::checkpoint {
namespace {

using namespace formats::testing;
using convllava::testing::contains;
using convllava::testing::Parts;
using convllava::testing::thrown;

NamedTensors four_tensors() {
  NamedTensors tensors;
  for (const char* name : {"d", "c", "b", "a"}) tensors.emplace_back(name, torch::rand({10}));  // 40 bytes each
  return tensors;
}

CheckpointError error_of(const std::filesystem::path& directory) {
  return thrown<CheckpointError>([&] { ModelShards shards(directory); });
}

}  // namespace

TEST_CASE("a model below the limit is one file without an index", "[checkpoint]") {
  const TemporaryFolder folder("single");
  write_model_shards(folder.path(), four_tensors(), 160);
  CHECK(folder.names() == std::set<std::string>{"model.safetensors"});
  CHECK(SafetensorsFile(folder / "model.safetensors").metadata().at("format") == "pt");
}

TEST_CASE("a model above the limit is split with Hugging Face's names and index", "[checkpoint]") {
  const TemporaryFolder folder("split");
  const auto tensors = four_tensors();
  write_model_shards(folder.path(), tensors, 100);
  CHECK(folder.names() == std::set<std::string>{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                                                "model.safetensors.index.json"});
  const auto index = nlohmann::json::parse(text_of(folder / "model.safetensors.index.json"));
  CHECK(index["metadata"]["total_size"] == 160);
  CHECK(index["weight_map"]["d"] == "model-00001-of-00002.safetensors");
  CHECK(index["weight_map"]["a"] == "model-00002-of-00002.safetensors");

  const ModelShards shards(folder.path());
  CHECK(shards.tensors().size() == 4);
  for (const auto& [name, tensor] : tensors) CHECK(torch::equal(shards.tensor(name), tensor));
  CHECK(thrown<CheckpointError>([&] { shards.tensor("e"); }) == Parts{.where = "e", .kind = "unknown tensor"});
}

TEST_CASE("a tensor larger than the limit has a file of its own", "[checkpoint]") {
  const TemporaryFolder folder("large");
  write_model_shards(folder.path(), {{"a", torch::zeros({1})}, {"b", torch::zeros({50})}, {"c", torch::zeros({1})}}, 8);
  CHECK(folder.names().size() == 4);
  CHECK(ModelShards(folder.path()).tensor("b").numel() == 50);
}

TEST_CASE("a directory without safetensors is refused with advice", "[checkpoint]") {
  const TemporaryFolder folder("absent");
  CHECK(error_of(folder / "nowhere") == Parts{.where = "nowhere", .kind = "no such checkpoint directory"});
  CHECK(error_of(folder.path()) == Parts{.kind = "no weights", .expected = "model.safetensors"});
  write_text(folder / "pytorch_model-00002-of-00002.bin", "");
  write_text(folder / "pytorch_model-00001-of-00002.bin", "");
  const auto error = error_of(folder.path());
  CHECK(error == Parts{.got = "pytorch_model-00001-of-00002.bin", .expected = "model.safetensors"});
  CHECK_THAT(error.kind(), contains("only safetensors files are supported. Convert in Python with"));
}

TEST_CASE("a single file may have another name, several need an index", "[checkpoint]") {
  const TemporaryFolder folder("named");
  write_safetensors(folder / "open_clip_model.safetensors", {{"a", torch::zeros({1})}});
  CHECK(ModelShards(folder.path()).tensors().size() == 1);
  write_safetensors(folder / "other.safetensors", {{"b", torch::zeros({1})}});
  CHECK(error_of(folder.path()) == Parts{.kind = "several safetensors files, but no index",
                                         .got = "2 files",
                                         .expected = "model.safetensors.index.json"});
}

TEST_CASE("an index that does not describe its files is refused", "[checkpoint]") {
  const TemporaryFolder folder("index");
  const auto index = folder / "model.safetensors.index.json";
  const auto error_with = [&](const std::string& text) {
    write_text(index, text);
    return error_of(folder.path());
  };
  write_safetensors(folder / "one.safetensors", {{"a", torch::zeros({1})}});
  CHECK(error_with("{") == Parts{.where = "model.safetensors.index.json", .kind = "not JSON"});
  CHECK(error_with("[]") ==
        Parts{.where = "model.safetensors.index.json", .kind = "not a JSON object", .got = "array"});
  CHECK(error_with(R"({"weight_map":3})") == Parts{.field = "weight_map", .kind = "missing or not an object"});
  CHECK(error_with(R"({"weight_map":{"a":"../one.safetensors"}})") ==
        Parts{.field = "weight_map.a",
              .kind = "not the name of a file in this directory",
              .got = "\"../one.safetensors\""});
  CHECK(error_with(R"({"weight_map":{"a":1}})") ==
        Parts{.where = "weight_map", .field = "a", .got = "1", .expected = "text"});
  CHECK(error_with(R"({"weight_map":{"a":"two.safetensors"}})") == Parts{.where = "model.safetensors.index.json",
                                                                         .kind = "a file of the index is missing",
                                                                         .got = "two.safetensors"});
  CHECK(error_with(R"({"weight_map":{"b":"one.safetensors"}})") ==
        Parts{.kind = "tensor b is not in the file that the index names", .got = "one.safetensors"});
  write_text(index, R"({"weight_map":{"a":"one.safetensors"}})");
  CHECK_NOTHROW(ModelShards(folder.path()));
}

TEST_CASE("where a single file and an index are, the single file counts, as in transformers", "[checkpoint]") {
  const TemporaryFolder folder("both");
  write_safetensors(folder / "shard.safetensors", {{"a", torch::zeros({1})}});
  write_text(folder / "model.safetensors.index.json", R"({"weight_map":{"a":"shard.safetensors"}})");
  CHECK(ModelShards(folder.path()).tensor("a").item<double>() == 0);
  write_safetensors(folder / "model.safetensors", {{"a", torch::ones({1})}});
  CHECK(ModelShards(folder.path()).tensor("a").item<double>() == 1);
}

TEST_CASE("an index or a directory that cannot be read is an error of the checkpoint", "[checkpoint]") {
  const TemporaryFolder folder("unreadable");
  std::filesystem::create_directory(folder / "model.safetensors.index.json");
  CHECK(error_of(folder.path()) == Parts{.where = "index.json", .got = "Is a directory"});
  std::filesystem::create_symlink("circle", folder / "circle");
  CHECK(error_of(folder / "circle") == Parts{.where = "circle", .got = "Too many levels of symbolic links"});
}

}  // namespace convllava::checkpoint
