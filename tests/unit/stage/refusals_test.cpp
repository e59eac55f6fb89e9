// Runs that the trainer refuses, and those that it ends because nothing comes of them.

#include <functional>

#include "convllava/checkpoint/run_folder.h"
#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/stage/training_run.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/process.h"
#include "tests/support/tiny_run.h"
#include "tests/unit/stage/runs.h"

using namespace convllava;
using testing::contains;
using testing::next_stage;
using testing::Parts;
using testing::poison;
using testing::run;
using testing::thrown;
namespace fs = std::filesystem;

namespace {

/// A run of `steps` on `records` records of its own.
stage::RunConfig small_run(const fs::path& folder, int records, int64_t steps) {
  testing::write_records(folder, records);
  auto config = testing::tiny_run(folder);
  config.train.max_steps = steps;
  config.report.samples = 0;
  return config;
}

}  // namespace

TEST_CASE("a configuration made in C++ is checked like a file", "[stage]") {
  const testing::TemporaryFolder folder;
  auto config = small_run(folder.path(), 16, 1);
  config.report.log_every = 0;
  CHECK(thrown<ConfigError>([&] { run(config); }) ==
        Parts{.where = "configuration", .field = "report.log_every", .got = "0", .expected = "1 to 1000000000"});
  CHECK_FALSE(fs::exists(config.output_dir));
}

TEST_CASE("samples longer than the positions of a checkpoint's language model are refused", "[stage]") {
  const testing::TemporaryFolder folder;
  const auto config = small_run(folder.path(), 16, 1);
  run(config);
  auto next = next_stage(config);
  next.data.max_length = 513;
  CHECK(thrown<ConfigError>([&] { run(next); }) ==
        Parts{.field = "data.max_length", .got = "513", .expected = "at most 512"});
}

TEST_CASE("a folder is continued only by the run that it holds", "[stage]") {
  const testing::TemporaryFolder folder;
  const auto config = small_run(folder.path(), 16, 1);
  run(config);
  const auto refusal = [&](const std::function<void(stage::RunConfig&)>& change) {
    auto other = config;
    other.train.max_steps = 2;
    change(other);
    return thrown<ConfigError>([&] { run(other); });
  };
  const fs::path stored = fs::path(config.output_dir) / "config.yaml";
  const auto before = core::read_file(stored);
  const std::string kind = "differs from the run saved in " + config.output_dir;
  CHECK(refusal([](auto& c) { c.trainable = {"projector"}; }) ==
        Parts{.field = "trainable",
              .kind = kind,
              .got = "[projector]",
              .expected = "[llm, projector, vision.stages.3-5], or another output_dir"});
  CHECK(refusal([](auto& c) { c.train.global_batch_size = 4; }) ==
        Parts{.field = "train.global_batch_size", .kind = kind});
  CHECK(refusal([&](auto& c) {
          c.model.tokenizer = (folder / "tokenizer.model").string();
          fs::copy(testing::kTokenizer, c.model.tokenizer);
          testing::write_text(folder / "tokenizer_config.json", R"({"legacy": true})");
        }) == Parts{.field = "model.tokenizer"});
  testing::write_records(folder.path(), 20);
  CHECK(refusal([](auto&) {}) == Parts{.field = "data.train.0"});
  CHECK(core::read_file(stored) == before);
}

TEST_CASE("a folder that cannot be made is named with the reason", "[stage]") {
  const testing::TemporaryFolder folder;
  auto config = small_run(folder.path(), 16, 1);
  config.output_dir = (folder.write("file", "") / "run").string();
  CHECK(thrown<ConfigError>([&] { run(config); }) ==
        Parts{.field = "output_dir", .got = config.output_dir + ": Not a directory"});
}

TEST_CASE("steps with non-finite gradients are skipped and counted", "[stage]") {
  const testing::TemporaryFolder folder;
  const auto config = small_run(folder.path(), 32, 1);
  run(config);
  // "z" is the answer of one record and stands nowhere else.
  const int64_t z = testing::small_tokenizer().encode("z", /*add_bos=*/false).back();
  poison(config.output_dir, "model.embed_tokens.weight", [&](int64_t id) { return id == z; });
  auto next = next_stage(config);
  next.train.max_steps = 4;  // an epoch
  testing::CapturedStderr log(folder / "log");
  CHECK(run(next).steps == 4);
  CHECK_THAT(log.text(), contains("skipped 1 of the last 1 steps: the gradient was not finite"));
}

TEST_CASE("too many such steps in a row end the run, and so does a run of nothing else", "[stage]") {
  const testing::TemporaryFolder folder;
  const auto config = small_run(folder.path(), 16, 1);
  run(config);
  poison(config.output_dir, "model.norm.weight", [](int64_t row) { return row == 0; });
  auto next = next_stage(config);
  next.train.max_steps = 8;
  next.train.max_skipped_steps = 3;
  const std::string kind = "too many steps in a row had non-finite gradients. Resume with a lower learning rate";
  CHECK(thrown<Error>([&] { run(next); }) ==
        Parts{.field = "train.max_skipped_steps", .kind = kind, .got = "4 steps", .expected = "at most 3"});
  // The entry of the newest step too, though there is nothing to save.
  CHECK_THAT(core::read_file(fs::path(next.output_dir) / "metrics.jsonl"), contains(R"({"step":5,"train/loss":"nan")"));
  next.report.log_every = 8;  // the entries of the log have nothing to do with it
  CHECK(thrown<Error>([&] { run(next); }) == Parts{.kind = kind, .got = "4 steps", .expected = "at most 3"});
  CHECK_THAT(core::read_file(fs::path(next.output_dir) / "metrics.jsonl"), contains(R"({"step":4,"train/loss":"nan")"));
  next.train.max_skipped_steps = 8;
  CHECK(thrown<Error>([&] { run(next); }) ==
        Parts{.kind = "no step changed the weights, because no gradient was finite", .got = "8 steps"});
  CHECK_FALSE(checkpoint::latest_checkpoint(next.output_dir));
}

TEST_CASE("a run without a sample that can be used is not a result", "[stage]") {
  const testing::TemporaryFolder folder;
  auto config = small_run(folder.path(), 1, 1);
  testing::write_text(folder / "images/0.ppm", "not an image");
  config.train.global_batch_size = config.train.micro_batch_size = 1;
  config.data.max_bad_share = 1;
  CHECK_THAT(thrown<DataError>([&] { run(config); }).what(), contains("data.train: no sample could be used; got "));
  CHECK_FALSE(checkpoint::latest_checkpoint(config.output_dir));
}
