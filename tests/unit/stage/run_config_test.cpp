#include "convllava/stage/run_config.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>

#include "convllava/config/field_table.h"
#include "convllava/core/error.h"
#include "convllava/stage/check_config.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/unit/stage/valid_config.h"

namespace convllava::stage {
namespace {

namespace fs = std::filesystem;
using convllava::testing::contains;
using convllava::testing::Parts;
using convllava::testing::TemporaryFolder;
using convllava::testing::thrown;

constexpr const char* kCannotBeRead = "cannot be read";
constexpr const char* kNothingToValidate = "there is nothing to validate on";
constexpr const char* kNotGiven = "not given";
constexpr const char* kUnknownModule = "unknown module";
constexpr const char* kNoModel = "the model is not given";
constexpr const char* kCombinedWithFrom = "cannot be combined with model.from, which gives every part";
constexpr const char* kRateOfZero = "a learning rate of 0 trains nothing";
constexpr const char* kHoldsTheStart = "holds the checkpoint that the run starts from";
constexpr const char* kTooManyStages = "too many stages";
constexpr const char* kOutOfRange = "out of range";

/// An error of a field of a.yaml.
Parts wrong(const std::string& field, const std::string& kind, const std::optional<std::string>& got = {},
            const std::optional<std::string>& expected = {}) {
  return {.where = "a.yaml", .field = field, .kind = kind, .got = got, .expected = expected};
}

/// The message for `valid()` after `change`.
void check(const std::function<void(RunConfig&)>& change) {
  RunConfig config = valid();
  change(config);
  check_config(config, "a.yaml");
}

ConfigError refusal(const std::function<void(RunConfig&)>& change) {
  return thrown<ConfigError>([&] { check(change); });
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

ConfigError load_refusal(const std::string& text, const std::vector<std::string>& overrides = {}) {
  const TemporaryFolder folder;
  const fs::path file = folder.write("a.yaml", text);
  return thrown<ConfigError>([&] { load_run_config(file, overrides); });
}

}  // namespace

TEST_CASE("a valid configuration passes", "[config]") {
  CHECK_NOTHROW(check_config(valid(), "a.yaml"));
  const TemporaryFolder folder;
  const RunConfig config = load_run_config(folder.write("a.yaml", kValidYaml), {"train.lr=0.5", "data.template=plain"});
  CHECK(config.train.lr == 0.5);
  CHECK(config.data.prompt_template == text::Template::kPlain);
  CHECK(config.trainable == std::vector<std::string>{"projector", "llm"});
}

TEST_CASE("a file that is not there or not a file is refused", "[config]") {
  CHECK(thrown<ConfigError>([] { load_run_config("no/such.yaml"); }) ==
        Parts{.where = "no/such.yaml", .kind = "no such file", .expected = "a YAML file"});
  const TemporaryFolder folder;
  CHECK(thrown<ConfigError>([&] { load_run_config(folder.path()); }) ==
        Parts{.where = folder.path().string(), .expected = "a YAML file"});
  fs::create_symlink("loop.yaml", folder.path() / "loop.yaml");
  CHECK(thrown<ConfigError>([&] { load_run_config(folder.path() / "loop.yaml"); }) ==
        Parts{.where = folder.path().string() + "/loop.yaml", .kind = kCannotBeRead, .expected = "a YAML file"});
  const fs::path locked = folder.write("locked.yaml", kValidYaml);
  fs::permissions(locked, fs::perms::none);
  if (::access(locked.c_str(), R_OK) == 0) SKIP("this user may read any file");
  CHECK(thrown<ConfigError>([&] { load_run_config(locked); }) ==
        Parts{.where = locked.string(), .kind = kCannotBeRead, .expected = "a YAML file"});
}

TEST_CASE("an empty file lacks what is required", "[config]") {
  CHECK(load_refusal("") == wrong("output_dir", "not given", {}, "the folder that the run writes to"));
}

TEST_CASE("rules that span fields carry the line of the field", "[config]") {
  CHECK(load_refusal(std::string(kValidYaml) + "report:\n  validate_every: 10\n") ==
        Parts{.where = "a.yaml:13", .field = "report.validate_every", .kind = kNothingToValidate, .got = "10"});
  CHECK(load_refusal(kValidYaml, {"report.validate_every=10"}) ==
        Parts{.where = "--set report.validate_every=10", .field = "report.validate_every", .kind = kNothingToValidate});
  CHECK(load_refusal(std::string(kValidYaml) + "    - images: b\n") ==
        Parts{.where = "a.yaml:12", .field = "data.train.1.annotations", .kind = kNotGiven});
  CHECK(load_refusal(std::string(kValidYaml) + "train:\n  lr_per_module:\n    lm: 1e-5\n") ==
        Parts{.where = "a.yaml:14", .field = "train.lr_per_module.lm", .kind = kUnknownModule, .got = "lm"});
  CHECK(load_refusal(kValidYaml, {"trainable=[projektor]"}) ==
        Parts{.where = "--set trainable=[projektor]", .field = "trainable.0"});
}

TEST_CASE("the conversation template is named by `template`", "[config]") {
  const auto choice = load_refusal(kValidYaml, {"data.template=v2"});
  CHECK(choice == Parts{.where = "--set data.template=v2", .field = "data.template", .got = "v2"});
  CHECK_THAT(choice.expected(), contains("one of v1, plain, ") && contains("(did you mean v1?)"));
  CHECK_THAT(load_refusal(kValidYaml, {"device=gpu"}).expected(), contains("(did you mean cuda?)"));
  CHECK_THAT(load_refusal(kValidYaml, {"dtype=fp16"}).expected(), contains("(did you mean bf16?)"));
}

TEST_CASE("a source of the model is required and must be unambiguous", "[config]") {
  CHECK(refusal([](auto& c) { c.model = {}; }) ==
        wrong("model", kNoModel, {}, "size, or from, or vision_from and llm_from"));
  CHECK(refusal([](auto& c) {
          c.model = {};
          c.model.llm_from = "llm";
        }) == wrong("model", kNoModel));
  CHECK_NOTHROW(check([](auto& c) {
    c.model = {};
    c.model.llm_from = "llm";
    c.model.vision_from = "tower";
  }));
  CHECK_NOTHROW(check([](auto& c) {
    c.model = {};
    c.model.from = "runs/b";
  }));
  CHECK(refusal([](auto& c) { c.model.size = "tinny"; }) ==
        wrong("model.size", "unknown model size", "tinny", "one of convllava-7b, small, tiny (did you mean tiny?)"));
  CHECK(refusal([](auto& c) { c.model.tokenizer = ""; }) ==
        wrong("model.tokenizer", "not given, and there is no llm_from to take it from", {}, "a tokenizer.model file"));
  for (const std::string field : {"vision_from", "llm_from", "tokenizer"}) {
    CHECK(refusal([&](auto& c) {
            c.model = {};
            c.model.from = "runs/b";
            (field == "vision_from" ? c.model.vision_from
             : field == "llm_from"  ? c.model.llm_from
                                    : c.model.tokenizer) = "x";
          }) == wrong("model." + field, kCombinedWithFrom, "x", "only size beside from"));
  }
  CHECK(refusal([](auto& c) {
          c.model = {};
          c.model.from = "runs/b";
          c.model.vision_depths = {1};
        }) == wrong("model.vision_depths", kCombinedWithFrom));
  CHECK(refusal([](auto& c) {
          c.model = {};
          c.model.from = "runs/b";
          c.model.vision_hidden_sizes = {1};
        }) == wrong("model.vision_hidden_sizes", kCombinedWithFrom));
  CHECK(refusal([](auto& c) {
          c.model = {};
          c.model.from = "runs/b";
          c.model.layer_scale_init_value = 0.5;
        }) == wrong("model.layer_scale_init_value", kCombinedWithFrom, "0.5", "only size beside from"));
  CHECK(refusal([](auto& c) {
          c.model = {};
          c.model.from = "runs/../runs/a/";
        }) == wrong("output_dir", kHoldsTheStart, "runs/a", "another folder"));
}

TEST_CASE("the folder that a run starts from is known by any of its names", "[config]") {
  const TemporaryFolder folder;
  const std::string real = (folder.path() / "real").string();
  const std::string link = (folder.path() / "link").string();
  fs::create_directory(real);
  fs::create_directory_symlink("real", link);
  const auto starting = [](const std::string& from, const std::string& output_dir) {
    return [=](RunConfig& c) {
      c.model = {};
      c.model.from = from;
      c.output_dir = output_dir;
    };
  };
  const auto refusal_of = [&](const std::string& from, const std::string& output_dir) {
    return refusal(starting(from, output_dir));
  };
  const auto holds = [](const std::optional<std::string>& got) {
    return Parts{.field = "output_dir", .kind = kHoldsTheStart, .got = got, .expected = "another folder"};
  };
  CHECK(refusal_of(link, real) == holds(real));
  CHECK(refusal_of(real + "/", link) == holds(link));
  CHECK(refusal_of(link, link + "/../link/.") == holds(link + "/../link/."));
  CHECK(refusal_of("runs/a", fs::absolute("runs/a").string()) == holds({}));
  CHECK(refusal_of("runs/a/checkpoint-6", "runs/a") == holds({}));
  fs::create_directory(real + "/checkpoint-6");
  CHECK(refusal_of(real + "/checkpoint-6", link) == holds({}));
  CHECK_NOTHROW(check(starting(link, real + "/next")));
}

TEST_CASE("a tower of more stages than strides can be counted for is refused", "[config]") {
  const auto stages = [](size_t depths, size_t widths) {
    return [=](RunConfig& c) {
      c.model.vision_depths.assign(depths, 1);
      c.model.vision_hidden_sizes.assign(widths, 8);
      c.image.size = 8192;
    };
  };
  const auto too_many = [](const char* field, const char* got) {
    return wrong(field, kTooManyStages, got, "at most 12");
  };
  CHECK(refusal(stages(64, 64)) == too_many("model.vision_depths", "64"));
  CHECK(refusal(stages(13, 0)) == too_many("model.vision_depths", "13"));
  CHECK(refusal(stages(0, 13)) == too_many("model.vision_hidden_sizes", "13"));
  CHECK_NOTHROW(check(stages(12, 12)));
}

TEST_CASE("depths and widths of the tower belong together", "[config]") {
  const std::string what = "depths and hidden sizes of the tower are not of equal length";
  CHECK(refusal([](auto& c) {
          c.model.vision_depths = {1, 1, 1};
        }) == wrong("model.vision_depths", what, "3 depths and 5 hidden sizes", "one of each per stage"));
  CHECK(refusal([](auto& c) {
          c.model.vision_hidden_sizes = {8, 8};
        }) == wrong("model.vision_hidden_sizes", what, "5 depths and 2 hidden sizes", "one of each per stage"));
  CHECK_NOTHROW(check([](auto& c) { c.model.vision_depths = {2, 2, 2, 2, 2}; }));
}

TEST_CASE("something must be trained, and only parts that exist", "[config]") {
  CHECK(refusal([](auto& c) { c.trainable = {}; }) ==
        wrong("trainable", "nothing to train", {}, "for example [projector, llm]"));
  CHECK(refusal([](auto& c) {
          c.trainable = {"projector", "visoin.stages.5"};
        }) == wrong("trainable.1", "unknown part of the model", "visoin.stages.5",
                    "one of vision, projector, llm (did you mean vision?)"));
}

TEST_CASE("settings per module name a module that is trained", "[config]") {
  CHECK(refusal([](auto& c) {
          c.train.lr_per_module = {{"projecter", 1e-3}};
        }) == wrong("train.lr_per_module.projecter", kUnknownModule, "projecter",
                    "one of vision, projector, llm (did you mean projector?)"));
  CHECK(refusal([](auto& c) {
          c.train.weight_decay_per_module = {{"lmm", 0.1}};
        }) == wrong("train.weight_decay_per_module.lmm", kUnknownModule, "lmm",
                    "one of vision, projector, llm (did you mean llm?)"));
  CHECK(refusal([](auto& c) {
          c.train.lr_per_module = {{"llm", 1e-3}};
        }) == wrong("train.lr_per_module.llm", "would have no effect: this module is not in `trainable`", "llm",
                    "a module of vision.stages.5, projector"));
  CHECK_NOTHROW(check([](auto& c) { c.train.lr_per_module = {{"vision", 1e-3}}; }));
}

TEST_CASE("a learning rate of 0 for what is trained is refused", "[config]") {
  CHECK(refusal([](auto& c) { c.train.lr = 0; }) ==
        wrong("train.lr", kRateOfZero, "0", "a rate above 0, or `trainable` without vision"));
  CHECK(refusal([](auto& c) {
          c.train.lr_per_module = {{"projector", 0.0}};
        }) ==
        wrong("train.lr_per_module.projector", kRateOfZero, "0", "a rate above 0, or `trainable` without projector"));
  CHECK_NOTHROW(check([](auto& c) {
    c.train.lr = 0;
    c.train.lr_per_module = {{"projector", 1e-3}, {"vision", 1e-3}};
  }));
}

TEST_CASE("there must be data to train on", "[config]") {
  CHECK(refusal([](auto& c) { c.data.train = {}; }) ==
        wrong("data.train", "no data to train on", {}, "a list of sets, each with its annotations"));
  CHECK(refusal([](auto& c) {
          c.data.train = {{"", "images", 1.0}};
        }) == wrong("data.train.0.annotations", kNotGiven, {}, "a file of LLaVA annotations"));
  CHECK(refusal([](auto& c) { c.data.train[0].weight = 0; }) ==
        wrong("data.train", "every set has weight 0", {}, "a positive weight"));
  CHECK_NOTHROW(check([](auto& c) { c.data.train.push_back({"b.json", "", 0}); }));
}

TEST_CASE("validation needs data, once", "[config]") {
  CHECK(refusal([](auto& c) { c.report.validate_every = 5; }) ==
        wrong("report.validate_every", kNothingToValidate, "5", "data.validation or data.validation_share beside it"));
  CHECK_NOTHROW(check([](auto& c) {
    c.report.validate_every = 5;
    c.data.validation_share = 0.1;
  }));
  CHECK(refusal([](auto& c) {
          c.data.validation = {{"v.json", "", 1.0}};
          c.data.validation_share = 0.1;
        }) == wrong("data.validation_share", "would have no effect beside data.validation", "0.1", "one of the two"));
  CHECK(refusal([](auto& c) {
          c.data.validation = {{"", "", 1.0}};
        }) == wrong("data.validation.0.annotations", kNotGiven, {}, "a file of LLaVA annotations"));
  CHECK(refusal([](auto& c) {
          c.data.validation = {{"v.json", "", 0.5}};
        }) == wrong("data.validation.0.weight", "validation sets are used whole", "0.5", "no weight"));
}

TEST_CASE("images must give a token and leave room for text", "[config]") {
  CHECK(refusal([](auto& c) {
          c.model.vision_depths = {1, 1, 1, 1, 1, 1};
          c.model.vision_hidden_sizes = {8, 8, 8, 8, 8, 8};
          c.image.size = 100;
        }) == wrong("image.size", "gives no visual token", "100", "at least 128 pixels on a side"));
  CHECK(refusal([](auto& c) { c.image.size = 1536; }) ==
        wrong("data.max_length", "an image leaves no room for text", "512",
              "more than the 576 visual tokens of an image of 1536 pixels"));
  CHECK(refusal([](auto& c) { c.data.max_length = 1024; }) ==
        wrong("data.max_length", "more than the positions of the language model", "1024", "at most 512 for tiny"));
  // The directory, not the named size, decides how many positions there are.
  CHECK_NOTHROW(check([](auto& c) {
    c.model.llm_from = "llm";
    c.data.max_length = 1024;
  }));
}

TEST_CASE("the optimisation must make sense", "[config]") {
  CHECK(refusal([](auto& c) {
          c.train.global_batch_size = 8;
          c.train.micro_batch_size = 16;
        }) == wrong("train.micro_batch_size", "more than train.global_batch_size", "16", "at most 8"));
  CHECK(refusal([](auto& c) { c.train.epochs = -1; }) == wrong("train.epochs", kOutOfRange, "-1", "0 to 1000000"));
  CHECK(refusal([](auto& c) { c.train.betas = {0.9}; }) ==
        wrong("train.betas", "not two numbers", "1", "two, for example [0.9, 0.999]"));
  CHECK(refusal([](auto& c) {
          c.train.betas = {0.9, 1.0};
        }) == wrong("train.betas.1", kOutOfRange, "1", "0 to 0.999999"));
  CHECK(refusal([](auto& c) { c.train.recompute = {"vison"}; }) ==
        wrong("train.recompute.0", "unknown part", "vison", "one of vision, llm (did you mean vision?)"));
  CHECK(refusal([](auto& c) {
          c.trainable = {"projector", "llm.layers.0"};
          c.train.recompute = {"llm", "vision"};
        }) == wrong("train.recompute.1", "would have no effect: no part of vision is in `trainable`", "vision",
                    "llm, or an empty list"));
  CHECK_NOTHROW(check([](auto& c) {
    c.trainable = {"vision.stages.5"};
    c.train.recompute = {"llm", "vision"};
  }));
}

TEST_CASE("ranges of the training configuration are kept by the reader", "[config]") {
  for (const std::string assignment :
       {"image.size=63", "data.validation_share=0.6", "data.max_length=0", "data.workers=0", "data.prefetch_steps=0",
        "data.train.0.weight=-1", "train.global_batch_size=0", "train.lr=-1e-5", "train.warmup_ratio=1.5",
        "train.eps=0", "train.max_grad_norm=-1", "train.betas=[0.9, 1.1]", "checkpoint.keep_last=0",
        "report.log_every=0", "seed=-1", "model.vision_depths=[0]"}) {
    INFO(assignment);
    CHECK(load_refusal(kValidYaml, {assignment}) == Parts{.kind = kOutOfRange});
  }
  CHECK(load_refusal(kValidYaml, {"train.epochs=-1"}) == Parts{.expected = "a number, 0 to 1000000"});
  CHECK(load_refusal(kValidYaml, {"train.betas=[0.9, 1]"}) == Parts{.expected = "a number, 0 to 0.999999"});
}

TEST_CASE("numbers that only a slip of the finger makes so large are refused", "[config]") {
  for (const std::string field : {"data.max_length", "train.global_batch_size", "train.micro_batch_size",
                                  "train.epochs", "checkpoint.keep_last", "checkpoint.every_minutes"}) {
    INFO(field);
    CHECK(load_refusal(kValidYaml, {field + "=1000001"}) == Parts{.kind = kOutOfRange});
  }
  for (const std::string field : {"train.max_steps", "train.max_skipped_steps", "checkpoint.every_steps",
                                  "report.log_every", "report.validate_every"}) {
    INFO(field);
    CHECK(load_refusal(kValidYaml, {field + "=1000000001"}) == Parts{.kind = kOutOfRange});
  }
  for (const std::string assignment : {"model.vision_depths=[1001]", "model.vision_hidden_sizes=[65537]",
                                       "data.train.0.weight=1001", "train.max_grad_norm=1e300"}) {
    INFO(assignment);
    CHECK(load_refusal(kValidYaml, {assignment}) == Parts{.kind = kOutOfRange});
  }
}

TEST_CASE("the reference of the training configuration names each field once and explains it", "[config]") {
  RunConfig config;
  const auto visit = config::fields_of(config);
  const std::string reference = config::reference_markdown(visit);
  size_t fields = 0;
  for (const config::FieldRow& row : config::field_rows(visit)) {
    INFO(row.path);
    CHECK(row.meaning.size() > 10);
    CHECK(row.meaning.back() == '.');
    if (row.has_fields()) {
      CHECK(count_of(reference, "\n## " + row.path + (row.type == "list" ? "[]" : "") + "\n") == 1);
      continue;
    }
    CHECK(count_of(reference, "| `" + row.path + "` |") == 1);
    ++fields;
  }
  CHECK(count_of(reference, "\n| `") == fields);
}

}  // namespace convllava::stage
