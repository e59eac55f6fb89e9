#include "convllava/stage/restarts.h"

#include "convllava/core/error.h"
#include "convllava/stage/training_run.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/tiny_run.h"
#include "tests/unit/stage/runs.h"

namespace convllava::stage {
namespace {

using convllava::testing::contains;
using convllava::testing::thrown;

}  // namespace

TEST_CASE("the fourth start from one step without progress is refused", "[stage]") {
  const testing::TemporaryFolder folder;
  const auto start = [&](int64_t step, const char* what = "a") { note_start(folder.path(), step, what); };
  for (int i = 0; i < kMostStarts; ++i) CHECK_NOTHROW(start(40));
  CHECK_THAT(thrown<Error>([&] { start(40); }).what(),
             contains("has started 3 times from step 40 and failed before its next checkpoint"));
  CHECK_NOTHROW(start(40, "another configuration"));
  CHECK_NOTHROW(start(40));
  CHECK_NOTHROW(start(50));
  for (int i = 0; i < kMostStarts; ++i) CHECK_NOTHROW(start(60));
  note_end(folder.path());
  CHECK_NOTHROW(start(60));
}

TEST_CASE("a run that fails at the same step again and again says so at its fourth start", "[stage]") {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 8);
  auto config = testing::tiny_run(folder.path());
  config.report.samples = 0;
  const auto file = std::filesystem::path(config.output_dir) / "restarts.jsonl";
  config.train.max_steps = 1;
  testing::run(config);
  CHECK_FALSE(std::filesystem::exists(file));  // it has ended
  testing::poison(config.output_dir, "model.embed_tokens.weight", [](int64_t) { return true; });
  auto next = testing::next_stage(config);
  next.train.max_skipped_steps = 0;
  for (int i = 0; i < kMostStarts; ++i) {
    CHECK_THAT(thrown<Error>([&] { testing::run(next); }).what(), contains("non-finite gradients"));
  }
  CHECK_THAT(thrown<Error>([&] { testing::run(next); }).what(), contains("has started 3 times from step 0"));
  next.train.lr = 1e-5;
  CHECK_THAT(thrown<Error>([&] { testing::run(next); }).what(), contains("non-finite gradients"));
}

}  // namespace convllava::stage
