// Which folder is continued by which configuration, with weights and data that move, change and disappear.

#include "convllava/stage/same_run.h"

#include "convllava/config/yaml.h"
#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/formats/model_directory.h"
#include "convllava/nn/libtorch.h"
#include "convllava/stage/training_run.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/process.h"
#include "tests/support/tiny_run.h"
#include "tests/unit/stage/runs.h"

using namespace convllava;
using testing::contains;
using testing::Parts;
using testing::run;
using testing::thrown;
namespace fs = std::filesystem;

namespace {

/// Two first stages that differ in their seed, and a second one that was trained for a step from the first of them.
struct Stages {
  Stages() {
    testing::write_records(folder.path(), 16);
    first = testing::tiny_run(folder.path());
    first.output_dir = (folder / "first").string();
    first.train.max_steps = 1;
    first.report.samples = 0;
    run(first);
    auto other = first;
    other.output_dir = (folder / "other").string();
    other.seed = 7;
    run(other);
    second = first;
    second.model = {};
    second.model.from = first.output_dir;
    second.output_dir = (folder / "second").string();
    run(second);
  }

  /// The second stage for one more step, from `from`.
  stage::RunConfig more(const std::string& from) const {
    auto config = second;
    config.train.max_steps = checkpoint::latest_checkpoint(config.output_dir)->step + 1;
    config.model.from = from;
    return config;
  }
  void resume(const std::string& from) const { run(more(from)); }
  ConfigError refusal(const std::string& from) const {
    return thrown<ConfigError>([&] { resume(from); });
  }
  std::string differs() const { return "differs from the run saved in " + at("second"); }
  std::string at(const std::string& name) const { return (folder / name).string(); }

  testing::TemporaryFolder folder;
  stage::RunConfig first;
  stage::RunConfig second;
};

/// Rewrites the record of a run's checkpoint as the version without these fields wrote it.
void forget_start(const std::string& run) {
  const auto file = checkpoint::latest_checkpoint(run)->path / "convllava.yaml";
  auto text = core::read_file(file);
  const auto steps = text.find("total_steps: ");
  text.erase(steps, text.find('\n', steps) + 1 - steps);
  const auto begin = text.find("started_from:");
  text.erase(begin, text.find("\nrun:") + 1 - begin);
  testing::write_text(file, text);
  testing::forget_checksums(file.parent_path());
}

}  // namespace

TEST_CASE("a run is not continued with another model.from", "[stage]") {
  const Stages stages;
  CHECK(stages.refusal(stages.at("other")) == Parts{.field = "model.from",
                                                    .kind = stages.differs(),
                                                    .got = stages.at("other"),
                                                    .expected = stages.at("first") + ", or another output_dir"});
  CHECK(stages.refusal(stages.at("none")) == Parts{.got = stages.at("none")});
  auto fresh = stages.first;
  fresh.output_dir = stages.at("second");
  CHECK(thrown<ConfigError>([&] { run(fresh); }) == Parts{.field = "model.size"});
  fresh.model.size = "";
  fresh.model.llm_from = stages.at("first");
  fresh.model.vision_from = stages.at("first");
  fresh.model.vision_depths = {};
  fresh.model.vision_hidden_sizes = {};
  fresh.model.layer_scale_init_value = 0;
  CHECK(thrown<ConfigError>([&] { run(fresh); }) ==
        Parts{.field = "model.from", .kind = stages.differs(), .got = "\"\""});
}

TEST_CASE("weights are known by what they are, wherever they lie", "[stage]") {
  const Stages stages;
  CHECK(stages.refusal(stages.at("second/checkpoint-1")) == Parts{.field = "output_dir"});
  fs::create_directory_symlink(stages.at("first"), stages.at("link"));
  fs::copy(stages.at("first"), stages.at("copy"), fs::copy_options::recursive);
  for (const std::string from : {"first/", "first/checkpoint-1", "other/../first", "link", "copy"}) {
    CHECK_NOTHROW(stages.resume(stages.at(from)));
  }
  CHECK(checkpoint::latest_checkpoint(stages.at("second"))->step == 6);
}

TEST_CASE("a run resumes, and a finished one stays unchanged, without its initial weights", "[stage]") {
  Stages stages;
  fs::create_directory(stages.at("archive"));
  fs::rename(stages.at("first"), stages.at("archive/first"));
  CHECK(run(stages.second).steps == 1);
  CHECK_NOTHROW(stages.resume(stages.at("first")));
  CHECK_NOTHROW(stages.resume(stages.at("archive/first")));
  CHECK(stages.refusal(stages.at("archive/none")) == Parts{.kind = stages.differs()});
  fs::remove_all(stages.at("archive"));
  const auto start = checkpoint::read_record(checkpoint::latest_checkpoint(stages.at("second"))->path)->started_from;
  CHECK(start.from.checkpoint == fs::canonical(stages.folder.path()) / "first/checkpoint-1");
  CHECK_NOTHROW(stages.resume(start.from.checkpoint));
  CHECK(stages.refusal(stages.at("other")) == Parts{.kind = stages.differs()});
}

TEST_CASE("another checkpoint in the same place is not what a run started from", "[stage]") {
  Stages stages;
  fs::remove_all(stages.at("first"));
  fs::copy(stages.at("other"), stages.at("first"), fs::copy_options::recursive);
  const auto kind = "other weights than those that the run in " + stages.at("second") + " started from";
  const auto error = stages.refusal(stages.at("first"));
  CHECK(error == Parts{.where = "model.from", .kind = kind});
  CHECK(error.got().starts_with(stages.at("first")));
  CHECK(stages.refusal(stages.at("first/checkpoint-1")) == Parts{.where = "model.from", .kind = kind});
}

TEST_CASE("checkpoints without a digest of their start are continued from the same place", "[stage]") {
  Stages stages;
  forget_start(stages.at("second"));
  CHECK(stages.refusal(stages.at("other")) == Parts{.field = "model.from",
                                                    .kind = stages.differs(),
                                                    .got = stages.at("other"),
                                                    .expected = stages.at("first") + ", or another output_dir"});
  CHECK_NOTHROW(stages.resume(stages.at("other/../first/")));
  CHECK(stages.refusal(stages.at("other")) == Parts{.kind = stages.differs()});
  fs::remove_all(stages.at("first"));
  CHECK_NOTHROW(stages.resume(stages.at("first")));
}

TEST_CASE("the towers and language models of others are known in the same way", "[stage]") {
  Stages stages;
  auto config = stages.first;
  config.output_dir = stages.at("mixed");
  config.model = {};
  config.model.vision_from = stages.at("first");
  config.model.llm_from = stages.at("other");
  run(config);
  config.train.max_steps = 2;
  const auto with = [&](const std::string& vision, const std::string& llm) {
    auto changed = config;
    changed.model.vision_from = stages.at(vision);
    changed.model.llm_from = stages.at(llm);
    return changed;
  };
  CHECK(thrown<ConfigError>([&] { run(with("other", "other")); }) == Parts{.field = "model.vision_from"});
  CHECK(thrown<ConfigError>([&] { run(with("first", "first")); }) == Parts{.field = "model.llm_from"});
  // A tower alone, as another program keeps it.
  fs::copy(formats::find_checkpoint(stages.at("first")) / "vision_tower", stages.at("tower"));
  fs::remove_all(stages.at("other"));
  CHECK_NOTHROW(run(with("tower", "other")));
}

TEST_CASE("the tokenizer that a run was started with may be gone, and no other takes its place", "[stage]") {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 16);
  auto config = testing::tiny_run(folder.path());
  config.train.max_steps = 1;
  config.report.samples = 0;
  config.model.tokenizer = (folder / "tokenizer.model").string();
  fs::copy(testing::kTokenizer, config.model.tokenizer);
  run(config);
  fs::remove(config.model.tokenizer);
  CHECK(run(config).steps == 1);
  config.train.max_steps = 2;
  auto other = config;
  other.model.tokenizer = (folder / "other.model").string();
  CHECK(thrown<ConfigError>([&] { run(other); }) == Parts{.field = "model.tokenizer",
                                                          .kind = "differs from the run saved in " + config.output_dir,
                                                          .got = other.model.tokenizer});
  CHECK(run(config).steps == 2);
}

TEST_CASE("a stage before that has not reached its end is named", "[stage]") {
  Stages stages;
  const auto record = checkpoint::read_record(checkpoint::latest_checkpoint(stages.at("first"))->path);
  CHECK(record->total_steps == 1);
  const auto warned = [&](const std::string& total_steps) {
    const auto file = checkpoint::latest_checkpoint(stages.at("first"))->path / "convllava.yaml";
    auto text = core::read_file(file);
    const auto at = text.find("total_steps: ");
    text.replace(at, text.find('\n', at) - at, "total_steps: " + total_steps);
    testing::write_text(file, text);
    fs::remove_all(stages.at("second"));
    testing::CapturedStderr log(stages.folder / "log");
    run(stages.second);
    return log.text();
  };
  CHECK_THAT(warned("8"),
             contains("model.from: " + (fs::canonical(stages.folder.path()) / "first/checkpoint-1").string() +
                      " comes from an unfinished run: step 1 of 8"));
  CHECK(warned("1").find("unfinished run") == std::string::npos);
  CHECK(warned("0").find("unfinished run") == std::string::npos);  // not known
}

TEST_CASE("records in another order are other data, moved ones are not", "[stage]") {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 16);
  auto config = testing::tiny_run(folder.path());
  config.train.max_steps = 1;
  config.report.samples = 0;
  run(config);
  config.train.max_steps = 2;
  const auto file = folder / "train.json";
  const auto before = core::read_file(file);
  auto after = before;
  std::swap(after[after.find("number 0") + 7], after[after.find("number 1") + 7]);
  testing::write_text(file, after);
  CHECK(thrown<ConfigError>([&] { run(config); }) ==
        Parts{.field = "data.train.0", .kind = "differs from the run saved in " + config.output_dir});
  testing::write_text(file, before);
  fs::create_directory(folder / "moved");
  fs::rename(file, folder / "moved/x.json");
  fs::rename(folder / "images", folder / "moved/images");
  config.data.root = (folder / "moved").string();
  config.data.train[0].annotations = "x.json";
  CHECK(run(config).steps == 2);
}

TEST_CASE("what an earlier run without a checkpoint wrote is set aside", "[stage]") {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 16);
  auto config = testing::tiny_run(folder.path());
  config.train.max_steps = 1;
  config.report.samples = 0;
  const fs::path run_folder = config.output_dir;
  fs::create_directory(run_folder);
  testing::write_text(run_folder / "metrics.jsonl", "{\"step\":1,\"train/loss\":2.0}\n");
  testing::write_text(run_folder / "quarantine.rank1.jsonl", "{}\n");
  testing::write_text(run_folder / "notes.txt", "mine");
  testing::CapturedStderr log(folder / "log");
  run(config);
  CHECK_THAT(log.text(), contains("moved to " + (run_folder / "earlier-1").string()));
  CHECK(core::read_file(run_folder / "earlier-1/metrics.jsonl") == "{\"step\":1,\"train/loss\":2.0}\n");
  CHECK(core::read_file(run_folder / "earlier-1/quarantine.rank1.jsonl") == "{}\n");
  CHECK(core::read_file(run_folder / "notes.txt") == "mine");
  CHECK(testing::logged_losses(run_folder).size() == 1);

  fs::remove_all(run_folder / "checkpoint-1");
  run(config);
  CHECK(fs::exists(run_folder / "earlier-2/report.html"));
  config.train.max_steps = 2;
  run(config);
  CHECK_FALSE(fs::exists(run_folder / "earlier-3"));
  CHECK(testing::logged_losses(run_folder).size() == 2);
}
