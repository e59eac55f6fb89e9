#include "convllava/core/error.h"
#include "convllava/stage/same_run.h"
#include "tests/catch.h"
#include "tests/support/process.h"

namespace convllava::stage {
namespace {

using testing::contains;
using testing::message_of;

data::DataIdentity identity() {
  return {{{"train", "/data/a b.json", 0x1, 1.0}, {"train", "/data/c.json", 0x2, 0.5}, {"validation", "v.json", 3, 1}},
          5,
          {0, 1, 3, 4},
          {2}};
}

/// Why the data after `change` are not those that `identity()` was saved of.
std::string refusal(const std::function<void(data::DataIdentity&)>& change) {
  auto data = identity();
  change(data);
  return message_of<ConfigError>([&] { require_same_data("runs/a", identity().text(), data); });
}

}  // namespace

TEST_CASE("the text of a run's data has a line for each set", "[stage]") {
  const auto text = identity().text();
  CHECK(text.starts_with("contents 1\ntrained on 4 of 5 records, split "));
  CHECK_THAT(text, contains("\ntrain 0000000000000001 weight 1 a b.json\ntrain 0000000000000002 weight 0.5 c.json\n"
                            "validation 0000000000000003 weight 1 v.json"));
}

TEST_CASE("data are the same wherever their files lie", "[stage]") {
  CHECK(refusal([](auto& data) {
          data.sets[0].annotations = "/other/x.json";
          data.sets[1].annotations = "y\n.json";
        }).empty());
}

TEST_CASE("data of other contents, weights or split are refused, naming the set", "[stage]") {
  CHECK(refusal([](auto& data) { data.sets[1].contents = 9; }) ==
        "data.train.1: differs from the run saved in runs/a; got train 0000000000000009 weight 0.5 "
        "c.json (/data/c.json); expected train 0000000000000002 weight 0.5 c.json: a file with the same contents, in "
        "any folder, or another output_dir");
  CHECK_THAT(refusal([](auto& data) { data.sets[0].weight = 2; }), contains("data.train.0: differs from the run"));
  CHECK_THAT(refusal([](auto& data) { data.sets[2].contents = 9; }),
             contains("data.validation.0: differs from the run"));
  CHECK_THAT(refusal([](auto& data) { std::swap(data.sets[0], data.sets[1]); }),
             contains("data.train.0: differs from the run"));
  CHECK_THAT(refusal([](auto& data) { data.sets.pop_back(); }), contains("data: differs from the run"));
  CHECK_THAT(refusal([](auto& data) { std::swap(data.training[0], data.validation[0]); }),
             contains("data.validation_share: differs from the run"));
}

TEST_CASE("data of a version that knew sizes only are compared by sizes, aloud", "[stage]") {
  const testing::TemporaryFolder folder;
  auto data = identity();
  data.sets.resize(1);
  data.sets[0].annotations = folder.write("a.json", "0123456789").string();
  // FNV-1a of "; 10 1", as that version wrote it.
  const std::string saved = "4 of 5 records, fingerprint of the sets 501104c8a2ca771c";
  CHECK(data.text_of_sizes() == saved);
  testing::CapturedStderr log(folder / "log");
  CHECK_NOTHROW(require_same_data("runs/a", saved, data));
  CHECK_THAT(log.text(), contains("whose contents cannot be compared"));
  folder.write("a.json", "01234567890");
  CHECK_THAT(message_of<ConfigError>([&] { require_same_data("runs/a", saved, data); }),
             contains("data.train: differs from the run saved in runs/a"));
}

}  // namespace convllava::stage
