// The losses of a small run, against those of torch and transformers (scripts/golden/train.py trains the same weights
// on the same samples), and against those that were stored: nothing that changes the course of training goes unnoticed.
// After a change that is meant to: build/bin/test_stage "store the losses"

#include <fmt/format.h>

#include <fstream>
#include <functional>

#include "convllava/core/files.h"
#include "tests/support/golden.h"
#include "tests/support/onednn.h"
#include "tests/support/tiny_run.h"
#include "tests/unit/stage/runs.h"

namespace convllava::stage {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(CONVLLAVA_SOURCE_DIR) / "tests/golden/train";
const fs::path kStored = kGolden / "losses.txt";

/// Training and validation losses of twelve steps with accumulation, clipping, warm-up, decay and text-only samples.
std::vector<double> losses(const std::function<void(RunConfig&)>& change) {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 40);
  auto config = testing::tiny_run(folder.path());
  config.train.max_steps = 12;
  config.train.micro_batch_size = 3;
  config.train.weight_decay = 0.1;
  config.train.warmup_ratio = 0.25;
  config.train.lr_per_module = {{"vision", 3e-3}};
  config.report.validate_every = 4;
  change(config);
  testing::run(config);
  return testing::logged_losses(config.output_dir);
}

void split_validation(RunConfig& config) { config.data.validation_share = 0.1; }

void check_course(const std::vector<double>& found, const fs::path& expected_losses) {
  std::ifstream file(expected_losses);
  CHECK(found.size() == 12 + 4);
  for (const double value : found) {
    double expected = 0;
    REQUIRE(file >> expected);
    // Other processors and libraries add in another order; 12 steps carry 1e-7 to less than 1e-5.
    CHECK(value == Approx(expected).epsilon(1e-4));
  }
}

}  // namespace

TEST_CASE("training takes the course that it took before", "[stage]") {
  check_course(losses(split_validation), kStored);
}

TEST_CASE("training takes the same course where oneDNN multiplies", "[stage]") {
  if (!testing::onednn_keeps_fp32()) SKIP(testing::kOneDnnRounds);
  const testing::OneDnnProducts products;
  check_course(losses(split_validation), kStored);
}

TEST_CASE("training takes the course that torch and transformers take", "[stage]") {
  const auto as_the_reference = [](RunConfig& config) {
    config.model = {};
    config.model.from = (kGolden / "format_1" / "first").string();
    config.data.validation = config.data.train;
    config.train.lr = 1e-2;
    config.train.lr_per_module = {{"vision", 3e-2}};
  };
  check_course(losses(as_the_reference), kGolden / "reference_losses.txt");
}

TEST_CASE("store the losses", "[.]") {
  std::ofstream file(kStored);
  for (const double value : losses(split_validation)) file << fmt::format("{:.7f}\n", value);
}

}  // namespace convllava::stage
