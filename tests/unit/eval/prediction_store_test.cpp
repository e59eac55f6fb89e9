#include "convllava/eval/prediction_store.h"

#include <optional>

#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/eval/fixtures.h"

namespace convllava::eval {
namespace {

using convllava::testing::Parts;
using convllava::testing::thrown;
using testing::FileSizeLimit;
using testing::OrdinaryUser;
using testing::TemporaryFolder;
using testing::text_of;
using testing::write_text;

const PredictionIdentity kIdentity = {{"benchmark", "tiny"}, {"weights", "12"}};
const char* const kIdentityText = R"({"benchmark": "tiny", "weights": "12"})";
const std::vector<Question> kStoreQuestions = {
    {.id = "a", .text = "?"}, {.id = "b", .text = "?"}, {.id = "c", .text = "?"}};

}  // namespace

TEST_CASE("the parts of several ranks are joined in the order of the questions", "[eval]") {
  const TemporaryFolder folder("eval_store_join");
  PredictionStore first(folder.path(), kIdentity, 0);
  PredictionStore second(folder.path(), kIdentity, 1);
  first.start();
  second.start();
  first.append({{"c", "3", ""}, {"a", "1", ""}});
  second.append({{"b", "2", ""}});
  const auto joined = first.join(kStoreQuestions);
  REQUIRE(joined.size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(joined[i].id == kStoreQuestions[i].id);
    CHECK(joined[i].text == std::to_string(i + 1));
  }
  CHECK(folder.names() == std::set<std::string>{".lock", "predictions.json", "predictions.jsonl"});
}

TEST_CASE("what a process killed in the middle of a line left is cut off before more is added", "[eval]") {
  const TemporaryFolder folder("eval_store_cut");
  const std::string whole = prediction_line({"a", "1", ""}) + "\n";
  write_text(folder / "predictions.json", kIdentityText);
  write_text(folder / "predictions.rank0.jsonl", whole + whole.substr(0, 12));
  PredictionStore store(folder.path(), kIdentity, 0);
  CHECK(store.has("a"));
  CHECK_FALSE(store.has("b"));
  store.start();
  store.append({{"b", "2", ""}});
  CHECK(text_of(folder / "predictions.rank0.jsonl") == whole + prediction_line({"b", "2", ""}) + "\n");
}

TEST_CASE("an answer outweighs an error, whichever comes first", "[eval]") {
  const TemporaryFolder folder("eval_store_errors");
  write_text(folder / "predictions.json", kIdentityText);
  const std::string answer = prediction_line({"a", "1", ""}) + "\n";
  const std::string error = prediction_line({"a", "", "gone"}) + "\n";
  for (const auto& lines : {answer + error, error + answer}) {
    write_text(folder / "predictions.rank3.jsonl", lines);
    CHECK(PredictionStore(folder.path(), kIdentity, 0).has("a"));
  }
  write_text(folder / "predictions.rank3.jsonl", error);
  CHECK_FALSE(PredictionStore(folder.path(), kIdentity, 0).has("a"));
}

TEST_CASE("a record of the folder's model that cannot be read counts as another model's", "[eval]") {
  const TemporaryFolder folder("eval_store_identity");
  write_text(folder / "predictions.json", "{\"bench");
  CHECK(thrown<ConfigError>([&] { PredictionStore(folder.path(), kIdentity, 0); }) ==
        Parts{.field = "benchmark", .got = "unknown", .expected = "tiny"});
}

TEST_CASE("answers without predictions.json are rejected", "[eval]") {
  for (const char* name : {"predictions.jsonl", "predictions.rank0.jsonl"}) {
    const TemporaryFolder folder("eval_store_unknown");
    write_text(folder / name, "{\"question_id\": \"a\", \"text\": \"1\"}\n");
    CHECK(thrown<ConfigError>([&] { PredictionStore(folder.path(), kIdentity, 0); }) ==
          Parts{.where = "predictions.json",
                .kind = "the file is missing, so the evaluation that wrote the answers in this folder is unknown. "
                        "Choose another --output, or delete the answers"});
  }
}

TEST_CASE("a store that cannot be written says so", "[eval]") {
  const TemporaryFolder folder("eval_store_unwritable");
  write_text(folder / "file", "");
  CHECK(thrown<ConfigError>([&] { PredictionStore(folder / "file/out", kIdentity, 0); }) ==
        Parts{.where = "file/out", .kind = "cannot create the folder"});

  PredictionStore store(folder.path(), kIdentity, 0);
  store.start();
  CHECK(thrown<DataError>([&] { store.join(kStoreQuestions); }) ==
        Parts{.kind = "the answer of another rank is missing",
              .got = "a",
              .expected = "an output folder that all ranks share"});
}

TEST_CASE("files without read permission are reported with the reason", "[eval]") {
  namespace fs = std::filesystem;
  const TemporaryFolder folder("eval_store_permissions");
  write_text(folder / "predictions.json", kIdentityText);
  write_text(folder / "predictions.rank1.jsonl", prediction_line({"a", "1", ""}) + "\n");
  fs::permissions(folder / "predictions.rank1.jsonl", fs::perms(0444));
  fs::permissions(folder.path(), fs::perms(0777));
  {
    const OrdinaryUser user;
    PredictionStore store(folder.path(), kIdentity, 1);
    CHECK(thrown<DataError>([&] { store.start(); }) ==
          Parts{.where = "predictions.rank1.jsonl", .got = "Permission denied"});
  }
  fs::permissions(folder.path(), fs::perms(0333));
  {
    const OrdinaryUser user;
    CHECK(thrown<DataError>([&] { PredictionStore(folder.path(), kIdentity, 1); }) ==
          Parts{.where = folder.path().string(), .kind = "cannot list the folder", .got = "Permission denied"});
  }
  fs::permissions(folder.path(), fs::perms(0755));
}

TEST_CASE("a full disk is noticed when an answer is added", "[eval]") {
  const TemporaryFolder folder("eval_store_full");
  PredictionStore store(folder.path(), kIdentity, 0);
  store.start();
  std::optional<DataError> error;
  {
    const FileSizeLimit limit(100);
    error = thrown<DataError>([&] { store.append({{"a", std::string(200, 'x'), ""}}); });
  }
  CHECK(error.value() == Parts{.where = "predictions.rank0.jsonl", .kind = "cannot write", .got = "File too large"});
}

}  // namespace convllava::eval
