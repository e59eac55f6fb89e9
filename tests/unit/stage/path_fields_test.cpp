#include <optional>

#include "convllava/config/yaml.h"
#include "convllava/core/error.h"
#include "convllava/stage/check_config.h"
#include "tests/catch.h"
#include "tests/support/environment.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace convllava::stage {
namespace {

using convllava::testing::contains;
using convllava::testing::Parts;
using convllava::testing::TemporaryFolder;
using convllava::testing::thrown;
using convllava::testing::Variable;

std::string yaml(const std::string& output_dir) {
  return "output_dir: " + output_dir +
         "\nmodel:\n  size: tiny\n  tokenizer: t.model\ntrainable: [llm]\nimage:\n  size: 64\n"
         "data:\n  max_length: 256\n  train:\n    - annotations: $SETS/a.json\n      images: ~/images\n";
}

}  // namespace

TEST_CASE("every path of a configuration is expanded, its record keeps what it was expanded to", "[config]") {
  const TemporaryFolder folder;
  const Variable home("HOME", "/home/kim");
  const Variable sets("SETS", "/sets");
  const auto file = folder.write("a.yaml", yaml("~/runs/x"));
  RunConfig config = load_run_config(file, {"model.tokenizer=${SETS}/t.model", "data.root=~/"});
  CHECK(config.output_dir == "/home/kim/runs/x");
  CHECK(config.model.tokenizer == "/sets/t.model");
  CHECK(config.data.root == "/home/kim/");
  CHECK(config.data.train[0].annotations == "/sets/a.json");
  CHECK(config.data.train[0].images == "/home/kim/images");
  CHECK_THAT(config::write_yaml(config::fields_of(config)), contains("output_dir: /home/kim/runs/x\n"));
  config = load_run_config(file, {"model={from: ~/before}"});
  CHECK(config.model.from == "/home/kim/before");
  config = load_run_config(file, {"model={vision_from: ~/tower, llm_from: $SETS/llm}"});
  CHECK(config.model.vision_from == "/home/kim/tower");
  CHECK(config.model.llm_from == "/sets/llm");
}

TEST_CASE("a path that cannot be expanded is refused with its line", "[config]") {
  const TemporaryFolder folder;
  const Variable home("HOME", "/home/kim");
  const Variable sets("SETS", std::nullopt);
  const auto file = folder.write("a.yaml", yaml("runs/x"));
  CHECK(thrown<ConfigError>([&] { load_run_config(file); }) == Parts{.where = file.string() + ":11",
                                                                     .field = "data.train.0.annotations",
                                                                     .kind = "environment variable SETS is not set",
                                                                     .got = "$SETS/a.json"});
  CHECK(thrown<ConfigError>([&] { load_run_config(file, {"output_dir=~root/x"}); }) ==
        Parts{.where = "--set output_dir=~root/x",
              .field = "output_dir",
              .kind = "only ~ and ~/... are expanded, not ~user. Write ./~ for a name that begins with ~"});
}

TEST_CASE("a record keeps the paths of the machine that wrote it, and may hold keys of a later version", "[config]") {
  const Variable home("HOME", std::nullopt);
  RunConfig config;
  config::read_yaml("of_a_later_version: 1\noutput_dir: \"~/$SCRATCH/x\"\n", "convllava.yaml",
                    config::fields_of(config), {}, config::YamlKind::kRecord);
  CHECK(config.output_dir == "~/$SCRATCH/x");
}

}  // namespace convllava::stage
