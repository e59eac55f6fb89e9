#include "convllava/report/metric_log.h"

#include <cmath>
#include <limits>

#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/process.h"
#include "tests/unit/report/fixtures.h"

namespace convllava::report {
namespace {

using convllava::testing::contains;
using convllava::testing::Parts;
using convllava::testing::thrown;
using testing::TemporaryFolder;
using testing::text_of;
using testing::write_text;

constexpr const char* kNotAMetricsRecord = "not a metrics record";

std::vector<int64_t> steps_of(const std::filesystem::path& file) {
  std::vector<int64_t> steps;
  for (const auto& [step, scalars] : read_metrics(file)) steps.push_back(step);
  return steps;
}

void write_steps(const TemporaryFolder& run, int64_t last_step, int64_t from, int64_t to) {
  MetricLog log(run.path(), last_step, {false});
  for (int64_t step = from; step <= to; ++step) log.write(step, {{"train/loss", 1.0 / static_cast<double>(step + 1)}});
}

}  // namespace

TEST_CASE("metrics are lines of JSON that are there at once", "[report]") {
  const TemporaryFolder run("sinks_lines");
  MetricLog log(run.path(), 0, {false});
  log.write(3, {{"train/loss", 1.5}, {"train/lr/llm", 2e-5}});
  CHECK(text_of(run / "metrics.jsonl") == "{\"step\":3,\"train/loss\":1.5,\"train/lr/llm\":2e-05}\n");
  CHECK_FALSE(std::filesystem::exists(run / "tensorboard"));
}

TEST_CASE("metrics are read back with every bit, also when they are no numbers", "[report]") {
  const TemporaryFolder run("sinks_read");
  const double infinity = std::numeric_limits<double>::infinity();
  const Scalars scalars = {{"third", 1.0 / 3}, {"inf", infinity}, {"-inf", -infinity}, {"nan", std::nan("")}};
  MetricLog(run.path(), 0, {false}).write(7, scalars);
  CHECK_THAT(text_of(run / "metrics.jsonl"), contains("\"inf\":\"inf\",\"-inf\":\"-inf\",\"nan\":\"nan\""));
  const auto records = read_metrics(run / "metrics.jsonl");
  REQUIRE(records.size() == 1);
  CHECK(records[0].first == 7);
  const auto& read = records[0].second;
  REQUIRE(read.size() == 4);
  for (size_t i = 0; i < 3; ++i) CHECK(read[i] == scalars[i]);
  CHECK(std::isnan(read[3].second));
}

TEST_CASE("a resumed run has each step once", "[report]") {
  const TemporaryFolder run("sinks_resume");
  write_steps(run, 0, 0, 9);
  const auto whole = text_of(run / "metrics.jsonl");
  write_text(run / "metrics.jsonl", whole + "{\"step\":10,\"train/lo");
  CHECK(steps_of(run / "metrics.jsonl") == std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  write_steps(run, 6, 7, 11);
  CHECK(steps_of(run / "metrics.jsonl") == std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  CHECK(text_of(run / "metrics.jsonl").starts_with(whole));
  // From the beginning: the validation at step 0 must not stand there twice either.
  write_steps(run, 0, 0, 1);
  CHECK(steps_of(run / "metrics.jsonl") == std::vector<int64_t>{0, 1});
}

TEST_CASE("a resumed run skips a damaged line of metrics and keeps the lines after it", "[report]") {
  const TemporaryFolder run("sinks_damaged");
  write_steps(run, 0, 1, 2);
  write_text(run / "metrics.jsonl", text_of(run / "metrics.jsonl") + std::string("{\"step\":3,\0\0\0\n", 14) +
                                        "{\"step\":4,\"train/loss\":0.5}\n");
  convllava::testing::CapturedStderr log(run / "log");
  write_steps(run, 5, 6, 7);
  CHECK_THAT(log.text(), contains("metrics.jsonl:3: not a metrics record; line skipped"));
  CHECK(steps_of(run / "metrics.jsonl") == std::vector<int64_t>{1, 2, 4, 6, 7});
}

TEST_CASE("what cannot be read of metrics is named", "[report]") {
  const TemporaryFolder run("sinks_broken");
  const auto message = [&](const std::string& line) {
    write_text(run / "metrics.jsonl", "{\"step\":1}\n" + line + "\n");
    return thrown<DataError>([&] { read_metrics(run / "metrics.jsonl"); });
  };
  CHECK(message("oops") == Parts{.where = "metrics.jsonl:2", .kind = kNotAMetricsRecord, .got = "oops"});
  CHECK(message("{\"train/loss\":1}") == Parts{.where = "metrics.jsonl:2", .kind = kNotAMetricsRecord});
  CHECK(message("{\"step\":2,\"train/loss\":\"low\"}") == Parts{.expected = "{\"step\": 3, \"train/loss\": 1.5, ...}"});
  CHECK(thrown<DataError>([&] { read_metrics(run / "none.jsonl"); }) == Parts{.where = "none.jsonl"});
}

TEST_CASE("a log that cannot be written says so", "[report]") {
  const TemporaryFolder run("sinks_unwritable");
  CHECK(thrown<CheckpointError>([&] { MetricLog(run / "absent", 0, {false}); }) ==
        Parts{.where = "absent/metrics.jsonl", .kind = "cannot open for writing", .got = "No such file or directory"});
  write_text(run / "tensorboard", "a file");
  CHECK(thrown<CheckpointError>([&] { MetricLog(run.path(), 0, {true}); }) ==
        Parts{.where = "tensorboard", .kind = "cannot create the folder"});
}

TEST_CASE("a full disk is noticed at the first record that does not fit", "[report]") {
  const TemporaryFolder run("sinks_full");
  MetricLog log(run.path(), 0, {false});
  log.write(1, {{"train/loss", 1.0}});
  const testing::FileSizeLimit limit(64);
  CHECK(thrown<CheckpointError>([&] {
          for (int64_t step = 2; step < 9; ++step) log.write(step, {{"train/loss", 1.0}});
        }) == Parts{.where = "metrics.jsonl", .got = "File too large"});
}

}  // namespace convllava::report
