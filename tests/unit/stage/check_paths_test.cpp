#include <filesystem>
#include <functional>

#include "convllava/config/yaml.h"
#include "convllava/core/error.h"
#include "convllava/stage/check_config.h"
#include "tests/catch.h"
#include "tests/support/files.h"
#include "tests/unit/stage/valid_config.h"

namespace convllava::stage {

namespace fs = std::filesystem;
using convllava::testing::contains;
using convllava::testing::message_of;
using convllava::testing::TemporaryFolder;

TEST_CASE("data paths start at data.root unless they are absolute", "[config]") {
  DataConfig data;
  CHECK(data.resolve("a/b.json") == "a/b.json");
  CHECK(data.resolve("").empty());
  data.root = "datasets";
  CHECK(data.resolve("a/b.json") == "datasets/a/b.json");
  CHECK(data.resolve("/abs/b.json") == "/abs/b.json");
  CHECK(data.resolve("") == "datasets");
}

TEST_CASE("paths that do not exist are named with their field", "[config]") {
  const TemporaryFolder folder;
  const std::string root = folder.path().string();
  folder.write("a.json", "[]");
  folder.write("tokenizer.model", "x");
  RunConfig config = valid();
  config.data.root = root;
  config.model.tokenizer = root + "/tokenizer.model";
  CHECK_NOTHROW(check_paths(config, "a.yaml"));

  const auto refusal_of = [&](const std::function<void(RunConfig&)>& change) {
    RunConfig changed = config;
    change(changed);
    return message_of<ConfigError>([&] { check_paths(changed, "a.yaml"); });
  };
  CHECK(
      refusal_of([](auto& c) { c.model.from = "runs/none"; }) ==
      "a.yaml: model.from: does not exist; got runs/none; expected the run folder or checkpoint of the previous stage");
  CHECK(refusal_of([&](auto& c) { c.model.from = root + "/a.json"; }) ==
        "a.yaml: model.from: is not a folder; got " + root +
            "/a.json; expected the run folder or checkpoint of the previous stage");
  CHECK(refusal_of([](auto& c) { c.model.vision_from = "none"; }) ==
        "a.yaml: model.vision_from: does not exist; got none; expected a Hugging Face ConvNeXt directory");
  CHECK(refusal_of([](auto& c) { c.model.llm_from = "none"; }) ==
        "a.yaml: model.llm_from: does not exist; got none; expected a Hugging Face LLaMA directory");
  CHECK(refusal_of([](auto& c) { c.model.tokenizer = "none"; }) ==
        "a.yaml: model.tokenizer: does not exist; got none; expected a tokenizer.model file");
  const auto goes_on = [&](const std::function<void(RunConfig&)>& change) {
    RunConfig changed = config;
    change(changed);
    return message_of<ConfigError>([&] { check_paths(changed, "a.yaml", true); });
  };
  CHECK(goes_on([](auto& c) {
          c.model.from = "none";
          c.model.vision_from = "none";
          c.model.llm_from = "none";
          c.model.tokenizer = "none";
        }).empty());
  CHECK_THAT(goes_on([](auto& c) { c.data.root = "none"; }), contains("a.yaml: data.root: does not exist"));
  CHECK(refusal_of([](auto& c) { c.data.root = "none"; }) ==
        "a.yaml: data.root: does not exist; got none; expected the folder of the data sets");
  CHECK(refusal_of([](auto& c) { c.data.train[0].annotations = "b.json"; }) ==
        "a.yaml: data.train.0.annotations: does not exist; got " + root +
            "/b.json; expected a file of LLaVA annotations");
  CHECK(refusal_of([](auto& c) { c.data.train[0].annotations = "."; }) ==
        "a.yaml: data.train.0.annotations: is a folder; got " + root + "/.; expected a file of LLaVA annotations");
  CHECK(refusal_of([](auto& c) { c.data.train[0].images = "images"; }) ==
        "a.yaml: data.train.0.images: does not exist; got " + root + "/images; expected the folder of the images");
  CHECK(refusal_of([](auto& c) {
          c.data.validation = {{"v.json", "", 1.0}};
        }) == "a.yaml: data.validation.0.annotations: does not exist; got " + root +
                  "/v.json; expected a file of LLaVA annotations");
  fs::create_symlink("loop", folder.path() / "loop");
  CHECK(refusal_of([&](auto& c) { c.model.from = root + "/loop"; }) ==
        "a.yaml: model.from: cannot be read (Too many levels of symbolic links); got " + root +
            "/loop; expected the run folder or checkpoint of the previous stage");
}

TEST_CASE("paths that must exist are named with their line", "[config]") {
  const TemporaryFolder folder;
  const std::string root = folder.path().string();
  const fs::path file = folder.write("a.yaml", kValidYaml);
  folder.write("tokenizer.model", "x");
  const std::vector<std::string> overrides = {"data.root=" + root, "model.tokenizer=" + root + "/tokenizer.model"};
  const auto refusal_of = [&](const std::vector<std::string>& given) {
    return message_of<ConfigError>([&] { load_run_config(file, given, Paths::kMustExist); });
  };
  CHECK(refusal_of(overrides) == file.string() + ":11: data.train.0.annotations: does not exist; got " + root +
                                     "/a.json; expected a file of LLaVA annotations");
  CHECK(refusal_of({"model.tokenizer=none"}) ==
        "--set model.tokenizer=none: model.tokenizer: does not exist; got none; expected a tokenizer.model file");
  CHECK_NOTHROW(load_run_config(file, overrides));
  const auto of_a_run_that_goes_on = [&](bool goes_on) {
    const std::vector<std::string> given = {"data.root=" + root, "model.tokenizer=none"};
    return message_of<ConfigError>(
        [&] { load_run_config(file, given, Paths::kMustExist, [&](const auto&) { return goes_on; }); });
  };
  CHECK_THAT(of_a_run_that_goes_on(false), contains("model.tokenizer: does not exist"));
  CHECK_THAT(of_a_run_that_goes_on(true), contains("data.train.0.annotations: does not exist"));
  folder.write("a.json", "[]");
  CHECK(refusal_of(overrides).empty());
}

}  // namespace convllava::stage
