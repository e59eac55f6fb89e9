#include <filesystem>
#include <functional>

#include "convllava/config/yaml.h"
#include "convllava/core/error.h"
#include "convllava/stage/check_config.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/unit/stage/valid_config.h"

namespace convllava::stage {

namespace fs = std::filesystem;
using convllava::testing::Parts;
using convllava::testing::TemporaryFolder;
using convllava::testing::thrown;

constexpr const char* kDoesNotExist = "does not exist";

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
    return thrown<ConfigError>([&] { check_paths(changed, "a.yaml"); });
  };
  CHECK(refusal_of([](auto& c) { c.model.from = "runs/none"; }) ==
        Parts{.where = "a.yaml",
              .field = "model.from",
              .kind = kDoesNotExist,
              .got = "runs/none",
              .expected = "the run folder or checkpoint of the previous stage"});
  CHECK(refusal_of([&](auto& c) { c.model.from = root + "/a.json"; }) ==
        Parts{.where = "a.yaml",
              .field = "model.from",
              .kind = "is not a folder",
              .got = root + "/a.json",
              .expected = "the run folder or checkpoint of the previous stage"});
  CHECK(refusal_of([](auto& c) { c.model.vision_from = "none"; }) ==
        Parts{.where = "a.yaml",
              .field = "model.vision_from",
              .kind = kDoesNotExist,
              .got = "none",
              .expected = "a directory with a ConvNeXt or a CLIP ViT"});
  CHECK(refusal_of([](auto& c) { c.model.llm_from = "none"; }) == Parts{.where = "a.yaml",
                                                                        .field = "model.llm_from",
                                                                        .kind = kDoesNotExist,
                                                                        .got = "none",
                                                                        .expected = "a Hugging Face LLaMA directory"});
  CHECK(refusal_of([](auto& c) { c.model.tokenizer = "none"; }) == Parts{.where = "a.yaml",
                                                                         .field = "model.tokenizer",
                                                                         .kind = kDoesNotExist,
                                                                         .got = "none",
                                                                         .expected = "a tokenizer.model file"});
  const auto resume = [&](const std::function<void(RunConfig&)>& change) {
    RunConfig changed = config;
    change(changed);
    check_paths(changed, "a.yaml", /*can_resume=*/true);
  };
  CHECK_NOTHROW(resume([](auto& c) {
    c.model.from = "none";
    c.model.vision_from = "none";
    c.model.llm_from = "none";
    c.model.tokenizer = "none";
  }));
  CHECK(thrown<ConfigError>([&] { resume([](auto& c) { c.data.root = "none"; }); }) ==
        Parts{.where = "a.yaml", .field = "data.root", .kind = kDoesNotExist});
  CHECK(refusal_of([](auto& c) { c.data.root = "none"; }) == Parts{.where = "a.yaml",
                                                                   .field = "data.root",
                                                                   .kind = kDoesNotExist,
                                                                   .got = "none",
                                                                   .expected = "the folder of the data sets"});
  CHECK(refusal_of([](auto& c) { c.data.train[0].annotations = "b.json"; }) ==
        Parts{.where = "a.yaml",
              .field = "data.train.0.annotations",
              .kind = kDoesNotExist,
              .got = root + "/b.json",
              .expected = "a file of LLaVA annotations"});
  CHECK(refusal_of([](auto& c) { c.data.train[0].annotations = "."; }) ==
        Parts{.where = "a.yaml",
              .field = "data.train.0.annotations",
              .kind = "is a folder",
              .got = root + "/.",
              .expected = "a file of LLaVA annotations"});
  CHECK(refusal_of([](auto& c) { c.data.train[0].images = "images"; }) ==
        Parts{.where = "a.yaml",
              .field = "data.train.0.images",
              .kind = kDoesNotExist,
              .got = root + "/images",
              .expected = "the folder of the images"});
  CHECK(refusal_of([](auto& c) {
          c.data.validation = {{"v.json", "", 1.0}};
        }) == Parts{.where = "a.yaml",
                    .field = "data.validation.0.annotations",
                    .kind = kDoesNotExist,
                    .got = root + "/v.json",
                    .expected = "a file of LLaVA annotations"});
  fs::create_symlink("loop", folder.path() / "loop");
  CHECK(refusal_of([&](auto& c) { c.model.from = root + "/loop"; }) ==
        Parts{.where = "a.yaml",
              .field = "model.from",
              .kind = "cannot be read (Too many levels of symbolic links)",
              .got = root + "/loop",
              .expected = "the run folder or checkpoint of the previous stage"});
}

TEST_CASE("paths that must exist are named with their line", "[config]") {
  const TemporaryFolder folder;
  const std::string root = folder.path().string();
  const fs::path file = folder.write("a.yaml", kValidYaml);
  folder.write("tokenizer.model", "x");
  const std::vector<std::string> overrides = {"data.root=" + root, "model.tokenizer=" + root + "/tokenizer.model"};
  const auto refusal_of = [&](const std::vector<std::string>& given) {
    return thrown<ConfigError>([&] { load_run_config(file, given, Paths::kMustExist); });
  };
  CHECK(refusal_of(overrides) == Parts{.where = file.string() + ":11",
                                       .field = "data.train.0.annotations",
                                       .kind = kDoesNotExist,
                                       .got = root + "/a.json",
                                       .expected = "a file of LLaVA annotations"});
  CHECK(refusal_of({"model.tokenizer=none"}) == Parts{.where = "--set model.tokenizer=none",
                                                      .field = "model.tokenizer",
                                                      .kind = kDoesNotExist,
                                                      .got = "none",
                                                      .expected = "a tokenizer.model file"});
  CHECK_NOTHROW(load_run_config(file, overrides));
  const auto of_a_resumed_run = [&](bool can_resume) {
    const std::vector<std::string> given = {"data.root=" + root, "model.tokenizer=none"};
    return thrown<ConfigError>(
        [&] { load_run_config(file, given, Paths::kMustExist, [&](const auto&) { return can_resume; }); });
  };
  CHECK(of_a_resumed_run(false) == Parts{.field = "model.tokenizer", .kind = kDoesNotExist});
  CHECK(of_a_resumed_run(true) == Parts{.field = "data.train.0.annotations", .kind = kDoesNotExist});
  folder.write("a.json", "[]");
  CHECK_NOTHROW(load_run_config(file, overrides, Paths::kMustExist));
}

}  // namespace convllava::stage
