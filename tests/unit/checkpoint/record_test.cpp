#include "convllava/checkpoint/record.h"

#include <optional>

#include "convllava/config/yaml.h"
#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "tests/catch.h"
#include "tests/support/environment.h"
#include "tests/support/errors.h"
#include "tests/unit/formats/fixtures.h"

namespace convllava::checkpoint {
namespace {

using namespace convllava::testing;
using namespace convllava::formats::testing;

constexpr const char* kMissing = "missing. The file may be truncated";

CheckpointError refusal(const std::filesystem::path& directory) {
  return convllava::testing::thrown<CheckpointError>([&] { read_record(directory); });
}

/// A record as version 0.1.0 wrote it first, without what its readers do not need.
constexpr const char* kFormat1 = R"(format: 1
written_by: convllava 0.1.0
template: plain
image:
  size: 128
  aspect: native
max_length: 96
step: 5
config:
  output_dir: "~/$RUNS/a"
  trainable: [projector]
  an_option_of_that_version: {a: 1}
  train:
    lr: not a number any more
    lr_per_module: {projector: 0.001}
  report:
    tensorboard: true
)";

/// A part of a run's configuration.
struct Options {
  int64_t seed = 1;
  std::string output_dir = "none";
  void visit_fields(config::FieldVisitor& visitor) {
    visitor.field("seed", seed, "");
    visitor.path("output_dir", output_dir, "");
  }
};

}  // namespace

TEST_CASE("the record of a checkpoint comes back", "[checkpoint]") {
  const TemporaryFolder folder("record");
  CHECK(read_record(folder.path()) == std::nullopt);
  Record record;
  record.written_by = "convllava 0.1.0";
  record.prompt_template = text::Template::kPlain;
  record.image = {1536, image::Aspect::kNative};
  record.max_length = 512;
  record.step = 77;
  record.total_steps = 100;
  record.started_from.from = {"/runs/$b/checkpoint-3", "abc"};
  record.run = {"runs/a", {"projector", "llm"}, {{"llm", 1e-5}}};
  record.run_config = "seed: 3\noutput_dir: runs/a\n";
  write_record(folder.path(), record);
  const auto copy = read_record(folder.path());
  REQUIRE(copy);
  CHECK(copy->written_by == "convllava 0.1.0");
  CHECK(copy->prompt_template == text::Template::kPlain);
  CHECK(copy->image.size == 1536);
  CHECK(copy->image.aspect == image::Aspect::kNative);
  CHECK(copy->max_length == 512);
  CHECK(copy->step == 77);
  CHECK(copy->total_steps == 100);
  CHECK(copy->started_from.from.checkpoint == "/runs/$b/checkpoint-3");
  CHECK(copy->started_from.from.digest == "abc");
  CHECK(copy->run.output_dir == "runs/a");
  CHECK(copy->run.trainable == record.run.trainable);
  CHECK(copy->run.lr_per_module == record.run.lr_per_module);
}

TEST_CASE("the configuration of the run is read by whoever knows its fields, and by nobody else", "[checkpoint]") {
  const TemporaryFolder folder("config");
  const Variable home("HOME", std::nullopt);
  Record record;
  record.run_config = "seed: 3\nrenamed_since: 1\noutput_dir: \"~/$RUNS/a\"\nsection:\n  seed: [1, 2]\n";
  write_record(folder.path(), record);
  CHECK(read_record(folder.path()));
  Options options;
  read_run_config(folder.path(), config::fields_of(options));
  CHECK(options.seed == 3);
  CHECK(options.output_dir == "~/$RUNS/a");  // as it was on the machine that wrote it
  write_text(folder / "convllava.yaml", "format: 2\n");
  CHECK(convllava::testing::thrown<CheckpointError>([&] {
          read_run_config(folder.path(), config::fields_of(options));
        }) == convllava::testing::Parts{.where = "convllava.yaml", .field = "config", .kind = kMissing});
}

TEST_CASE("a record of format 1 opens, whatever options its version had", "[checkpoint]") {
  const TemporaryFolder folder("format_1");
  const std::string text = kFormat1;
  write_text(folder / "convllava.yaml", text);
  const auto record = read_record(folder.path());
  REQUIRE(record);
  CHECK(record->prompt_template == text::Template::kPlain);
  CHECK(record->image.size == 128);
  CHECK(record->max_length == 96);
  CHECK(record->step == 5);
  CHECK(record->run.output_dir == "~/$RUNS/a");
  CHECK(record->run.trainable == std::vector<std::string>{"projector"});
  CHECK(record->run.lr_per_module == std::map<std::string, double>{{"projector", 1e-3}});
  write_text(folder / "convllava.yaml", text.substr(0, text.find("  report:")));
  CHECK(refusal(folder.path()) == convllava::testing::Parts{.field = "config.report.tensorboard", .kind = kMissing});
}

TEST_CASE("a record that was cut off anywhere is refused", "[checkpoint]") {
  const TemporaryFolder folder("cut");
  save(folder.path(), random_model(small_config()));
  const auto whole = core::read_file(folder / "convllava.yaml");
  CHECK(read_record(folder.path()));
  for (size_t length = 0; length + 1 < whole.size(); ++length) {
    INFO(whole.substr(0, length));
    core::write_file_atomic(folder / "convllava.yaml", whole.substr(0, length));
    CHECK_THROWS_AS(read_record(folder.path()), CheckpointError);
  }
  CHECK(refusal(folder.path()) == convllava::testing::Parts{.field = "complete", .got = "tru"});
  core::write_file_atomic(folder / "convllava.yaml", "format: 1\nwritten_by: a\ntemplate: v1\n");
  CHECK(refusal(folder.path()) == convllava::testing::Parts{.field = "image.size", .kind = kMissing});
}

TEST_CASE("a record of a later format is refused, and fields of a later version are not", "[checkpoint]") {
  const TemporaryFolder folder("later");
  save(folder.path(), random_model(small_config()));
  const auto text = core::read_file(folder / "convllava.yaml");
  write_text(folder / "convllava.yaml", "of_a_later_version: 1\n" + text);
  CHECK(read_record(folder.path())->image.size == 320);
  write_text(folder / "convllava.yaml", "format: 3\n");
  CHECK(refusal(folder.path()) == convllava::testing::Parts{.where = (folder / "convllava.yaml").string() + ":1",
                                                            .field = "format",
                                                            .got = "3",
                                                            .expected = "an integer, 1 to 2"});
}

TEST_CASE("a folder in the place of a record is an error of the checkpoint", "[checkpoint]") {
  const TemporaryFolder folder("else");
  std::filesystem::create_directory(folder / "convllava.yaml");
  CHECK(refusal(folder.path()) == convllava::testing::Parts{.where = "convllava.yaml", .got = "Is a directory"});
}

}  // namespace convllava::checkpoint
