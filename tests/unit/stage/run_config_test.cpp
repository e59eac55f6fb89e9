#include "convllava/stage/run_config.h"

#include <filesystem>
#include <fstream>

#include "convllava/config/field_table.h"
#include "convllava/core/error.h"
#include "convllava/stage/check_config.h"
#include "tests/catch.h"
#include "tests/support/files.h"
#include "tests/unit/stage/valid_config.h"

namespace convllava::stage {
namespace {

namespace fs = std::filesystem;
using convllava::testing::contains;
using convllava::testing::message_of;
using convllava::testing::TemporaryFolder;

/// The message for `valid()` after `change`.
std::string refusal(const std::function<void(RunConfig&)>& change) {
  RunConfig config = valid();
  change(config);
  return message_of<ConfigError>([&] { check_config(config, "a.yaml"); });
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

std::string load_refusal(const std::string& text, const std::vector<std::string>& overrides = {}) {
  const TemporaryFolder folder;
  const fs::path file = folder.write("a.yaml", text);
  std::string message = message_of<ConfigError>([&] { load_run_config(file, overrides); });
  const std::string prefix = folder.path().string() + "/";
  return message.starts_with(prefix) ? message.substr(prefix.size()) : message;
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
  CHECK(message_of<ConfigError>([] { load_run_config("no/such.yaml"); }) ==
        "no/such.yaml: no such file; expected a YAML file");
  const TemporaryFolder folder;
  CHECK(message_of<ConfigError>([&] { load_run_config(folder.path()); }) ==
        folder.path().string() + ": is a folder; expected a YAML file");
  fs::create_symlink("loop.yaml", folder.path() / "loop.yaml");
  CHECK(message_of<ConfigError>([&] { load_run_config(folder.path() / "loop.yaml"); }) ==
        folder.path().string() + "/loop.yaml: cannot be read; expected a YAML file");
  const fs::path locked = folder.write("locked.yaml", kValidYaml);
  fs::permissions(locked, fs::perms::none);
  if (::access(locked.c_str(), R_OK) == 0) SKIP("this user may read any file");
  CHECK(message_of<ConfigError>([&] { load_run_config(locked); }) ==
        locked.string() + ": cannot be read; expected a YAML file");
}

TEST_CASE("an empty file lacks what is required", "[config]") {
  CHECK(load_refusal("") == "a.yaml: output_dir: not given; expected the folder that the run writes to");
}

TEST_CASE("rules that span fields carry the line of the field", "[config]") {
  CHECK_THAT(load_refusal(std::string(kValidYaml) + "report:\n  validate_every: 10\n"),
             contains("a.yaml:13: report.validate_every: there is nothing to validate on; got 10"));
  CHECK_THAT(load_refusal(kValidYaml, {"report.validate_every=10"}),
             contains("--set report.validate_every=10: report.validate_every: there is nothing to validate on"));
  CHECK_THAT(load_refusal(std::string(kValidYaml) + "    - images: b\n"),
             contains("a.yaml:12: data.train.1.annotations: not given"));
  CHECK_THAT(load_refusal(std::string(kValidYaml) + "train:\n  lr_per_module:\n    lm: 1e-5\n"),
             contains("a.yaml:14: train.lr_per_module.lm: unknown module; got lm"));
  CHECK_THAT(load_refusal(kValidYaml, {"trainable=[projektor]"}),
             contains("--set trainable=[projektor]: trainable.0: "));
}

TEST_CASE("the conversation template is named by `template`", "[config]") {
  CHECK_THAT(load_refusal(kValidYaml, {"data.template=v2"}),
             contains("--set data.template=v2: data.template: unknown choice; got v2; expected one of v1, plain, ") &&
                 contains("(did you mean v1?)"));
}

TEST_CASE("a source of the model is required and must be unambiguous", "[config]") {
  CHECK(refusal([](auto& c) { c.model = {}; }) ==
        "a.yaml: model: the model is not given; expected size, or from, or vision_from and llm_from");
  CHECK_THAT(refusal([](auto& c) {
               c.model = {};
               c.model.llm_from = "llm";
             }),
             contains("a.yaml: model: the model is not given"));
  CHECK(refusal([](auto& c) {
          c.model = {};
          c.model.llm_from = "llm";
          c.model.vision_from = "tower";
        }).empty());
  CHECK(refusal([](auto& c) {
          c.model = {};
          c.model.from = "runs/b";
        }).empty());
  CHECK(refusal([](auto& c) { c.model.size = "tinny"; }) ==
        "a.yaml: model.size: unknown model size; got tinny; expected one of convllava-7b, small, tiny (did you mean "
        "tiny?)");
  CHECK(
      refusal([](auto& c) { c.model.tokenizer = ""; }) ==
      "a.yaml: model.tokenizer: not given, and there is no llm_from to take it from; expected a tokenizer.model file");
  for (const std::string field : {"vision_from", "llm_from", "tokenizer"}) {
    CHECK(refusal([&](auto& c) {
            c.model = {};
            c.model.from = "runs/b";
            (field == "vision_from" ? c.model.vision_from
             : field == "llm_from"  ? c.model.llm_from
                                    : c.model.tokenizer) = "x";
          }) ==
          "a.yaml: model." + field +
              ": cannot be combined with model.from, which gives every part; got x; expected only size beside from");
  }
  CHECK_THAT(refusal([](auto& c) {
               c.model = {};
               c.model.from = "runs/b";
               c.model.vision_depths = {1};
             }),
             contains("a.yaml: model.vision_depths: cannot be combined with model.from"));
  CHECK_THAT(refusal([](auto& c) {
               c.model = {};
               c.model.from = "runs/b";
               c.model.vision_hidden_sizes = {1};
             }),
             contains("a.yaml: model.vision_hidden_sizes: cannot be combined with model.from"));
  CHECK(refusal([](auto& c) {
          c.model = {};
          c.model.from = "runs/b";
          c.model.layer_scale_init_value = 0.5;
        }) ==
        "a.yaml: model.layer_scale_init_value: cannot be combined with model.from, which gives every part; got "
        "0.5; expected only size beside from");
  CHECK(refusal([](auto& c) {
          c.model = {};
          c.model.from = "runs/../runs/a/";
        }) == "a.yaml: output_dir: holds the checkpoint that the run starts from; got runs/a; expected another folder");
}

TEST_CASE("the folder that a run starts from is known by any of its names", "[config]") {
  const TemporaryFolder folder;
  const std::string real = (folder.path() / "real").string();
  const std::string link = (folder.path() / "link").string();
  fs::create_directory(real);
  fs::create_directory_symlink("real", link);
  const auto refusal_of = [](const std::string& from, const std::string& output_dir) {
    return refusal([&](auto& c) {
      c.model = {};
      c.model.from = from;
      c.output_dir = output_dir;
    });
  };
  const std::string what = "a.yaml: output_dir: holds the checkpoint that the run starts from; got ";
  CHECK(refusal_of(link, real) == what + real + "; expected another folder");
  CHECK(refusal_of(real + "/", link) == what + link + "; expected another folder");
  CHECK(refusal_of(link, link + "/../link/.") == what + link + "/../link/.; expected another folder");
  CHECK_THAT(refusal_of("runs/a", fs::absolute("runs/a").string()), contains(what));
  CHECK_THAT(refusal_of("runs/a/checkpoint-6", "runs/a"), contains(what));
  fs::create_directory(real + "/checkpoint-6");
  CHECK_THAT(refusal_of(real + "/checkpoint-6", link), contains(what));
  CHECK(refusal_of(link, real + "/next").empty());
}

TEST_CASE("a tower of more stages than strides can be counted for is refused", "[config]") {
  const auto refusal_of = [](size_t depths, size_t widths) {
    return refusal([&](auto& c) {
      c.model.vision_depths.assign(depths, 1);
      c.model.vision_hidden_sizes.assign(widths, 8);
      c.image.size = 8192;
    });
  };
  CHECK(refusal_of(64, 64) == "a.yaml: model.vision_depths: too many stages; got 64; expected at most 12");
  CHECK(refusal_of(13, 0) == "a.yaml: model.vision_depths: too many stages; got 13; expected at most 12");
  CHECK(refusal_of(0, 13) == "a.yaml: model.vision_hidden_sizes: too many stages; got 13; expected at most 12");
  CHECK(refusal_of(12, 12).empty());
}

TEST_CASE("depths and widths of the tower belong together", "[config]") {
  const std::string what = "depths and hidden sizes of the tower are not of equal length";
  CHECK(refusal([](auto& c) {
          c.model.vision_depths = {1, 1, 1};
        }) ==
        "a.yaml: model.vision_depths: " + what + "; got 3 depths and 5 hidden sizes; expected one of each per stage");
  CHECK(refusal([](auto& c) {
          c.model.vision_hidden_sizes = {8, 8};
        }) == "a.yaml: model.vision_hidden_sizes: " + what +
                  "; got 5 depths and 2 hidden sizes; expected one of each per stage");
  CHECK(refusal([](auto& c) { c.model.vision_depths = {2, 2, 2, 2, 2}; }).empty());
}

TEST_CASE("something must be trained, and only parts that exist", "[config]") {
  CHECK(refusal([](auto& c) { c.trainable = {}; }) ==
        "a.yaml: trainable: nothing to train; expected for example [projector, llm]");
  CHECK(refusal([](auto& c) {
          c.trainable = {"projector", "visoin.stages.5"};
        }) ==
        "a.yaml: trainable.1: unknown part of the model; got visoin.stages.5; expected one of vision, projector, llm "
        "(did "
        "you mean vision?)");
}

TEST_CASE("settings per module name a module that is trained", "[config]") {
  CHECK(refusal([](auto& c) {
          c.train.lr_per_module = {{"projecter", 1e-3}};
        }) ==
        "a.yaml: train.lr_per_module.projecter: unknown module; got projecter; expected one of vision, projector, llm "
        "(did "
        "you mean projector?)");
  CHECK(
      refusal([](auto& c) {
        c.train.weight_decay_per_module = {{"lmm", 0.1}};
      }) ==
      "a.yaml: train.weight_decay_per_module.lmm: unknown module; got lmm; expected one of vision, projector, llm (did "
      "you mean llm?)");
  CHECK(refusal([](auto& c) {
          c.train.lr_per_module = {{"llm", 1e-3}};
        }) ==
        "a.yaml: train.lr_per_module.llm: would have no effect: this module is not in `trainable`; got llm; expected a "
        "module of vision.stages.5, projector");
  CHECK(refusal([](auto& c) { c.train.lr_per_module = {{"vision", 1e-3}}; }).empty());
}

TEST_CASE("a learning rate of 0 for what is trained is refused", "[config]") {
  CHECK(refusal([](auto& c) { c.train.lr = 0; }) ==
        "a.yaml: train.lr: a learning rate of 0 trains nothing; got 0; expected a rate above 0, or `trainable` without "
        "vision");
  CHECK(
      refusal([](auto& c) {
        c.train.lr_per_module = {{"projector", 0.0}};
      }) ==
      "a.yaml: train.lr_per_module.projector: a learning rate of 0 trains nothing; got 0; expected a rate above 0, or "
      "`trainable` without projector");
  CHECK(refusal([](auto& c) {
          c.train.lr = 0;
          c.train.lr_per_module = {{"projector", 1e-3}, {"vision", 1e-3}};
        }).empty());
}

TEST_CASE("there must be data to train on", "[config]") {
  CHECK(refusal([](auto& c) { c.data.train = {}; }) ==
        "a.yaml: data.train: no data to train on; expected a list of sets, each with its annotations");
  CHECK(refusal([](auto& c) {
          c.data.train = {{"", "images", 1.0}};
        }) == "a.yaml: data.train.0.annotations: not given; expected a file of LLaVA annotations");
  CHECK(refusal([](auto& c) { c.data.train[0].weight = 0; }) ==
        "a.yaml: data.train: every set has weight 0; expected a positive weight");
  CHECK(refusal([](auto& c) { c.data.train.push_back({"b.json", "", 0}); }).empty());
}

TEST_CASE("validation needs data, once", "[config]") {
  CHECK(refusal([](auto& c) { c.report.validate_every = 5; }) ==
        "a.yaml: report.validate_every: there is nothing to validate on; got 5; expected data.validation or "
        "data.validation_share beside it");
  CHECK(refusal([](auto& c) {
          c.report.validate_every = 5;
          c.data.validation_share = 0.1;
        }).empty());
  CHECK(refusal([](auto& c) {
          c.data.validation = {{"v.json", "", 1.0}};
          c.data.validation_share = 0.1;
        }) ==
        "a.yaml: data.validation_share: would have no effect beside data.validation; got 0.1; expected one of the two");
  CHECK(refusal([](auto& c) {
          c.data.validation = {{"", "", 1.0}};
        }) == "a.yaml: data.validation.0.annotations: not given; expected a file of LLaVA annotations");
  CHECK(refusal([](auto& c) {
          c.data.validation = {{"v.json", "", 0.5}};
        }) == "a.yaml: data.validation.0.weight: validation sets are used whole; got 0.5; expected no weight");
}

TEST_CASE("images must give a token and leave room for text", "[config]") {
  CHECK(refusal([](auto& c) {
          c.model.vision_depths = {1, 1, 1, 1, 1, 1};
          c.model.vision_hidden_sizes = {8, 8, 8, 8, 8, 8};
          c.image.size = 100;
        }) == "a.yaml: image.size: gives no visual token; got 100; expected at least 128 pixels on a side");
  CHECK(refusal([](auto& c) { c.image.size = 1536; }) ==
        "a.yaml: data.max_length: an image leaves no room for text; got 512; expected more than the 576 visual tokens "
        "of an "
        "image of 1536 pixels");
  CHECK(refusal([](auto& c) { c.data.max_length = 1024; }) ==
        "a.yaml: data.max_length: more than the positions of the language model; got 1024; expected at most 512 for "
        "tiny");
  // The directory, not the named size, decides how many positions there are.
  CHECK(refusal([](auto& c) {
          c.model.llm_from = "llm";
          c.data.max_length = 1024;
        }).empty());
}

TEST_CASE("the optimisation must make sense", "[config]") {
  CHECK(refusal([](auto& c) {
          c.train.global_batch_size = 8;
          c.train.micro_batch_size = 16;
        }) == "a.yaml: train.micro_batch_size: more than train.global_batch_size; got 16; expected at most 8");
  CHECK(refusal([](auto& c) { c.train.epochs = -1; }) ==
        "a.yaml: train.epochs: out of range; got -1; expected 0 to 1000000");
  CHECK(refusal([](auto& c) { c.train.betas = {0.9}; }) ==
        "a.yaml: train.betas: not two numbers; got 1; expected two, for example [0.9, 0.999]");
  CHECK(refusal([](auto& c) {
          c.train.betas = {0.9, 1.0};
        }) == "a.yaml: train.betas.1: out of range; got 1; expected 0 to 0.999999");
  CHECK(refusal([](auto& c) { c.train.recompute = {"vison"}; }) ==
        "a.yaml: train.recompute.0: unknown part; got vison; expected one of vision, llm (did you mean vision?)");
  CHECK(refusal([](auto& c) {
          c.trainable = {"projector", "llm.layers.0"};
          c.train.recompute = {"llm", "vision"};
        }) ==
        "a.yaml: train.recompute.1: would have no effect: no part of vision is in `trainable`; got vision; "
        "expected llm, or an empty list");
  CHECK(refusal([](auto& c) {
          c.trainable = {"vision.stages.5"};
          c.train.recompute = {"llm", "vision"};
        }).empty());
}

TEST_CASE("ranges of the training configuration are kept by the reader", "[config]") {
  for (const std::string assignment :
       {"image.size=63", "data.validation_share=0.6", "data.max_length=0", "data.workers=0", "data.prefetch_steps=0",
        "data.train.0.weight=-1", "train.global_batch_size=0", "train.lr=-1e-5", "train.warmup_ratio=1.5",
        "train.eps=0", "train.max_grad_norm=-1", "train.betas=[0.9, 1.1]", "checkpoint.keep_last=0",
        "report.log_every=0", "seed=-1", "model.vision_depths=[0]"}) {
    INFO(assignment);
    CHECK_THAT(load_refusal(kValidYaml, {assignment}), contains("out of range"));
  }
  CHECK_THAT(load_refusal(kValidYaml, {"train.epochs=-1"}), contains("expected a number, 0 to 1000000"));
  CHECK_THAT(load_refusal(kValidYaml, {"train.betas=[0.9, 1]"}), contains("expected a number, 0 to 0.999999"));
}

TEST_CASE("numbers that only a slip of the finger makes so large are refused", "[config]") {
  for (const std::string field : {"data.max_length", "train.global_batch_size", "train.micro_batch_size",
                                  "train.epochs", "checkpoint.keep_last", "checkpoint.every_minutes"}) {
    INFO(field);
    CHECK_THAT(load_refusal(kValidYaml, {field + "=1000001"}), contains("out of range"));
  }
  for (const std::string field : {"train.max_steps", "train.max_skipped_steps", "checkpoint.every_steps",
                                  "report.log_every", "report.validate_every"}) {
    INFO(field);
    CHECK_THAT(load_refusal(kValidYaml, {field + "=1000000001"}), contains("out of range"));
  }
  for (const std::string assignment : {"model.vision_depths=[1001]", "model.vision_hidden_sizes=[65537]",
                                       "data.train.0.weight=1001", "train.max_grad_norm=1e300"}) {
    INFO(assignment);
    CHECK_THAT(load_refusal(kValidYaml, {assignment}), contains("out of range"));
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
