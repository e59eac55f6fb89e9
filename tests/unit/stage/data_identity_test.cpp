#include <functional>

#include "convllava/core/error.h"
#include "convllava/stage/same_run.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/process.h"

namespace convllava::stage {
namespace {

using testing::contains;
using testing::Parts;
using testing::thrown;

data::DataIdentity identity() {
  return {{{"train", "/data/a b.json", 0x1, 1.0}, {"train", "/data/c.json", 0x2, 0.5}, {"validation", "v.json", 3, 1}},
          5,
          {0, 1, 3, 4},
          {2}};
}

/// Why the data after `change` are not those that `identity()` was saved of.
ConfigError refusal(const std::function<void(data::DataIdentity&)>& change) {
  auto data = identity();
  change(data);
  return thrown<ConfigError>([&] { require_same_data("runs/a", identity().text(), data); });
}

}  // namespace

TEST_CASE("the text of a run's data has a line for each set", "[stage]") {
  const auto text = identity().text();
  CHECK(text.starts_with("contents 1\ntrained on 4 of 5 records, split "));
  CHECK_THAT(text, contains("\ntrain 0000000000000001 weight 1 a b.json\ntrain 0000000000000002 weight 0.5 c.json\n"
                            "validation 0000000000000003 weight 1 v.json"));
}

TEST_CASE("data are the same wherever their files lie", "[stage]") {
  auto data = identity();
  data.sets[0].annotations = "/other/x.json";
  data.sets[1].annotations = "y\n.json";
  CHECK_NOTHROW(require_same_data("runs/a", identity().text(), data));
}

TEST_CASE("data of other contents, weights or split are refused, naming the set", "[stage]") {
  CHECK(refusal([](auto& data) { data.sets[1].contents = 9; }) ==
        Parts{.field = "data.train.1",
              .kind = "differs from the run saved in runs/a",
              .got = "train 0000000000000009 weight 0.5 c.json (/data/c.json)",
              .expected = "train 0000000000000002 weight 0.5 c.json: a file with the same contents, in any folder, or "
                          "another output_dir"});
  CHECK(refusal([](auto& data) { data.sets[0].weight = 2; }) == Parts{.field = "data.train.0"});
  CHECK(refusal([](auto& data) { data.sets[2].contents = 9; }) == Parts{.field = "data.validation.0"});
  CHECK(refusal([](auto& data) { std::swap(data.sets[0], data.sets[1]); }) == Parts{.field = "data.train.0"});
  CHECK(refusal([](auto& data) { data.sets.pop_back(); }) == Parts{.field = "data"});
  CHECK(refusal([](auto& data) { std::swap(data.training[0], data.validation[0]); }) ==
        Parts{.field = "data.validation_share"});
}

TEST_CASE("data of a version that stored only sizes are compared by sizes, with a warning", "[stage]") {
  const testing::TemporaryFolder folder;
  auto data = identity();
  data.sets.resize(1);
  data.sets[0].annotations = folder.write("a.json", "0123456789").string();
  // FNV-1a of "; 10 1", as that version wrote it.
  const std::string saved = "4 of 5 records, fingerprint of the sets 501104c8a2ca771c";
  CHECK(data.text_of_sizes() == saved);
  testing::CapturedStderr log(folder / "log");
  CHECK_NOTHROW(require_same_data("runs/a", saved, data));
  CHECK_THAT(log.text(), contains("records the sizes of annotation files, not their contents"));
  folder.write("a.json", "01234567890");
  CHECK(thrown<ConfigError>([&] { require_same_data("runs/a", saved, data); }) == Parts{.field = "data.train"});
}

}  // namespace convllava::stage
