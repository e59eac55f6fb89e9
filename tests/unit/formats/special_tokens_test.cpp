#include "convllava/formats/special_tokens.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "convllava/formats/hf_config.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/formats/fixtures.h"

namespace convllava::formats {
namespace {

using namespace testing;
using convllava::testing::contains;
using convllava::testing::Parts;
using convllava::testing::thrown;
using Json = nlohmann::json;

constexpr const char* kNotInTheVocabulary = "not in the vocabulary";

/// The rest of LLaMA's fields with those of `special`; `generation` is null for no generation_config.json.
void write_files(const std::filesystem::path& folder, const Json& special, const Json& generation) {
  auto json = Json::parse(R"({"model_type": "llama", "vocab_size": 600, "hidden_size": 64, "intermediate_size": 172,
                              "num_hidden_layers": 5, "num_attention_heads": 8})");
  json.update(special);
  write_text(folder / "config.json", json.dump());
  if (!generation.is_null()) write_text(folder / "generation_config.json", generation.dump());
}

model::LanguageConfig read(const Json& special, const Json& generation = nullptr) {
  const TemporaryFolder folder("special");
  write_files(folder.path(), special, generation);
  return read_language_config(folder.path());
}

CheckpointError refusal(const Json& special, const Json& generation = nullptr) {
  return thrown<CheckpointError>([&] { read(special, generation); });
}

/// null, an id or a list of them.
std::set<int64_t> ids_of(const Json& value) {
  if (value.is_null()) return {};
  return value.is_array() ? value.get<std::set<int64_t>>() : std::set<int64_t>{value.get<int64_t>()};
}

std::optional<int64_t> id_of(const Json& value) {
  return value.is_null() || value == -1 ? std::nullopt : std::optional<int64_t>(value.get<int64_t>());
}

}  // namespace

TEST_CASE("the end tokens are those that transformers reads from either file", "[checkpoint]") {
  const auto file = std::filesystem::path(CONVLLAVA_SOURCE_DIR) / "tests/golden/model/generation.json";
  const auto cases = Json::parse(text_of(file))["special_tokens"];
  REQUIRE(cases.size() >= 40);
  for (const auto& golden : cases) {
    INFO(golden.dump());
    if (!golden.contains("read")) {
      CHECK_THROWS_AS(read(golden["config"], golden["generation"]), CheckpointError);
      continue;
    }
    const auto llm = read(golden["config"], golden["generation"]);
    const auto& expected = golden["read"];
    auto end_tokens = ids_of(expected["config"]);
    end_tokens.merge(ids_of(expected["generation"]));
    CHECK(std::set<int64_t>(llm.eos_token_id.begin(), llm.eos_token_id.end()) == end_tokens);
    CHECK(llm.eos_token_id.size() == end_tokens.size());
    CHECK(llm.bos_token_id == id_of(expected["bos"]));
    CHECK(llm.pad_token_id == id_of(expected["pad"]));
  }
}

TEST_CASE("special tokens that no vocabulary has are refused, naming the file", "[checkpoint]") {
  CHECK(refusal({{"eos_token_id", -1}}) == Parts{.where = "config.json",
                                                 .field = "eos_token_id",
                                                 .kind = kNotInTheVocabulary,
                                                 .got = "-1",
                                                 .expected = "0 to 599"});
  CHECK(refusal({{"eos_token_id", {2, 600}}}) == Parts{.where = "config.json",
                                                       .field = "eos_token_id",
                                                       .kind = kNotInTheVocabulary,
                                                       .got = "[2,600]",
                                                       .expected = "0 to 599"});
  CHECK(refusal({{"eos_token_id", "2"}}) ==
        Parts{.field = "eos_token_id", .got = "\"2\"", .expected = "a whole number, a list of them, or null"});
  CHECK(refusal(Json::object(), {{"eos_token_id", 600}}) == Parts{.where = "generation_config.json",
                                                                  .field = "eos_token_id",
                                                                  .kind = kNotInTheVocabulary,
                                                                  .got = "600",
                                                                  .expected = "0 to 599"});
  CHECK(refusal(Json::object(), {{"eos_token_id", {2, "3"}}}) ==
        Parts{.where = "generation_config.json", .field = "eos_token_id", .got = "[2,\"3\"]"});
  CHECK(refusal(Json::object(), Json::array()) ==
        Parts{.where = "generation_config.json", .kind = "not a JSON object"});
  CHECK(refusal({{"bos_token_id", -2}}) == Parts{.where = "config.json",
                                                 .field = "bos_token_id",
                                                 .kind = kNotInTheVocabulary,
                                                 .got = "-2",
                                                 .expected = "0 to 599, or null"});
  CHECK(refusal({{"pad_token_id", 600}}) ==
        Parts{.where = "config.json", .field = "pad_token_id", .kind = kNotInTheVocabulary, .got = "600"});
}

TEST_CASE("a checkpoint keeps the special tokens that it was given", "[checkpoint]") {
  auto config = small_config();
  const std::vector<std::vector<int64_t>> lists = {{}, {2}, {2, 505}};
  for (const auto& eos : lists) {
    config.llm.eos_token_id = eos;
    config.llm.bos_token_id.reset();
    config.llm.pad_token_id = eos.empty() ? std::nullopt : std::optional<int64_t>(7);
    const TemporaryFolder folder("kept");
    write_model_json(folder.path(), config, small_record(), torch::kFloat32);
    CHECK(read_language_config(folder.path()) == config.llm);
    const auto written = eos.empty() ? Json() : eos.size() == 1 ? Json(2) : Json(eos);
    for (const char* name : {"config.json", "generation_config.json"}) {
      const auto json = Json::parse(text_of(folder / name));
      CHECK(json.at("eos_token_id") == written);
      CHECK(json.at("bos_token_id").is_null());
    }
  }
}

}  // namespace convllava::formats
