#include "convllava/stage/training_run.h"

#include <algorithm>
#include <csignal>
#include <functional>
#include <optional>

#include "convllava/checkpoint/run_folder.h"
#include "convllava/checkpoint/training_state.h"
#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/data/mixture.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/onednn.h"
#include "tests/support/process.h"
#include "tests/support/tiny_run.h"
#include "tests/unit/formats/fixtures.h"
#include "tests/unit/stage/runs.h"

using namespace convllava;
using testing::run;
namespace fs = std::filesystem;

namespace {

std::map<std::string, std::string> tensor_files(const fs::path& checkpoint) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(checkpoint)) {
    if (entry.path().extension() == ".safetensors") {
      files[fs::relative(entry.path(), checkpoint).string()] = core::read_file(entry.path());
    }
  }
  return files;
}

void check_resume(const testing::TemporaryFolder& folder, stage::RunConfig config) {
  testing::write_records(folder.path(), 20);
  config.checkpoint.every_steps = 2;
  config.checkpoint.keep_last = 100;
  run(config);
  const fs::path whole = config.output_dir;
  REQUIRE(checkpoint::list_checkpoints(whole).size() == 3);

  // What a kill between steps 4 and 6 leaves: the checkpoint of step 4, and metrics beyond it.
  const fs::path interrupted = folder.path() / "interrupted";
  fs::create_directories(interrupted);
  fs::copy(checkpoint::step_directory(whole, 4), checkpoint::step_directory(interrupted, 4),
           fs::copy_options::recursive);
  fs::copy(whole / "metrics.jsonl", interrupted / "metrics.jsonl");
  config.output_dir = interrupted.string();
  CHECK(run(config).steps == 6);
  CHECK(tensor_files(checkpoint::step_directory(interrupted, 6)) == tensor_files(checkpoint::step_directory(whole, 6)));
  CHECK(testing::logged_losses(interrupted) == testing::logged_losses(whole));
}

}  // namespace

TEST_CASE("an interrupted run resumes bit-equal to an uninterrupted one", "[stage]") {
  const testing::TemporaryFolder folder;
  check_resume(folder, testing::tiny_run(folder.path()));
}

TEST_CASE("an interrupted run resumes bit-equal with oneDNN's products", "[stage]") {
  if (!testing::onednn_keeps_fp32()) SKIP(testing::kOneDnnRounds);
  const testing::OneDnnProducts products;
  const testing::TemporaryFolder folder;
  check_resume(folder, testing::tiny_run(folder.path()));
}

TEST_CASE("a run in bf16 with validation and recomputation resumes bit-equal", "[stage]") {
  const testing::TemporaryFolder folder;
  auto config = testing::tiny_run(folder.path());
  config.dtype = hardware::Dtype::kBf16;
  config.data.validation_share = 0.2;
  config.report.validate_every = 1;
  config.train.recompute = {"vision", "llm"};
  check_resume(folder, config);
}

TEST_CASE("a full disk ends the run with the checkpoint before it in place", "[stage]") {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 16);
  auto config = testing::tiny_run(folder.path());
  config.train.max_steps = 4;
  config.checkpoint.every_steps = 2;
  config.checkpoint.keep_last = 1;
  {
    auto half = config;
    half.train.max_steps = 2;
    run(half);
  }
  const auto whole = tensor_files(checkpoint::step_directory(config.output_dir, 2));
  std::optional<CheckpointError> error;
  {
    const convllava::testing::FileSizeLimit limit(256 << 10);  // the metrics fit, the weights do not
    error = testing::thrown<CheckpointError>([&] { run(config); });
  }
  CHECK_THAT(error.value().what(), testing::contains("checkpoint-4") && testing::contains("cannot write"));
  CHECK(tensor_files(checkpoint::step_directory(config.output_dir, 2)) == whole);
  CHECK(checkpoint::list_checkpoints(config.output_dir).size() == 1);
  CHECK(run(config).steps == 4);
}

TEST_CASE("an incomplete checkpoint is removed before the run resumes", "[stage]") {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 16);
  auto config = testing::tiny_run(folder.path());
  config.train.max_steps = 2;
  run(config);
  const fs::path killed = fs::path(config.output_dir) / ".checkpoint-4.tmp";
  fs::create_directories(killed / "vision_tower");
  testing::write_text(killed / "model.safetensors", "half of the weights");
  config.train.max_steps = 4;
  const stage::TrainingRun trainer(config, distributed::ProcessGroup(), torch::kCPU);
  CHECK_FALSE(fs::exists(killed));
}

TEST_CASE("a run resumes from the checkpoint before a damaged one, which is kept until it is passed", "[stage]") {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 16);
  auto config = testing::tiny_run(folder.path());
  config.checkpoint.every_steps = 2;
  config.train.max_steps = 4;
  run(config);
  const auto losses = testing::logged_losses(config.output_dir);
  const fs::path run_folder = config.output_dir;
  fs::resize_file(run_folder / "checkpoint-4/model.safetensors", 1000);
  testing::CapturedStderr log(folder / "log");
  {
    const stage::TrainingRun trainer(config, distributed::ProcessGroup(), torch::kCPU);
    CHECK(fs::file_size(run_folder / "checkpoint-4.damaged/model.safetensors") == 1000);
  }
  CHECK(run(config).steps == 4);
  CHECK_THAT(log.text(), testing::contains("checkpoint-4 is damaged (") &&
                             testing::contains("renamed to checkpoint-4.damaged") &&
                             testing::contains("resuming from step 2") &&
                             testing::contains("checkpoint-4.damaged: removed, because checkpoint-4 is complete"));
  CHECK(testing::logged_losses(run_folder) == losses);
  CHECK_FALSE(fs::exists(run_folder / "checkpoint-4.damaged"));
}

TEST_CASE("only max_steps decides the end of a run that says nothing of epochs", "[stage]") {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 8);  // one step an epoch
  auto config = testing::tiny_run(folder.path());
  config.train.epochs = 0;
  config.train.max_steps = 3;
  config.report.samples = 0;
  CHECK(run(config).steps == 3);

  config.output_dir += "-epochs";
  config.train.epochs = 2;
  testing::CapturedStderr log(folder / "log");
  CHECK(run(config).steps == 2);
  CHECK_THAT(log.text(),
             testing::contains("train.max_steps 3 has no effect: train.epochs 2 ends the run after 2 steps"));
}

TEST_CASE("ignored fields, empty answers and truncated answers are reported before training", "[stage]") {
  const testing::TemporaryFolder folder;
  testing::write_text(folder / "train.json",
                      R"([{"images": ["a.jpg"], "system": "s", "conversations": [)"
                      R"({"from": "human", "value": "q"}, {"from": "gpt", "value": ""}]},)"
                      R"({"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": ")" +
                          std::string(400, 'x') + R"("}]}])");
  const auto config = testing::tiny_run(folder.path());
  testing::CapturedStderr log(folder / "log");
  const stage::TrainingRun trainer(config, distributed::ProcessGroup(), torch::kCPU);
  const auto text = log.text();
  for (const char* word : {"\"images\"", "\"system\"", "empty", "max_length", "no data.validation: no validation loss"})
    CHECK_THAT(text, testing::contains(word));
}

TEST_CASE("answers truncated by max_length are reported at the end", "[stage]") {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 8);
  testing::write_text(
      folder / "train.json", "[" + [] {
        std::string records;
        for (int i = 0; i < 8; ++i) {
          records += std::string(i ? "," : "") + R"({"conversations": [{"from": "human", "value": "q"}, )" +
                     R"({"from": "gpt", "value": ")" + std::string(i == 3 ? 400 : 2, 'x') + R"("}]})";
        }
        return records;
      }() + "]");
  auto config = testing::tiny_run(folder.path());
  config.train.max_steps = 2;
  config.report.samples = 0;
  testing::CapturedStderr log(folder / "log");
  run(config);
  const auto text = log.text();
  const auto state = checkpoint::load_training_state(formats::find_checkpoint(config.output_dir));
  CHECK(state.cut_samples == 2);  // once in each of two epochs
  CHECK(state.cut_tokens > 0);
  CHECK_THAT(text, testing::contains("2 samples lost " + std::to_string(state.cut_tokens) + " of " +
                                     std::to_string(state.cut_tokens + state.answer_tokens) +
                                     " answer tokens to data.max_length 160"));
  CHECK_THAT(text, testing::contains("step 2 of 2; checkpoint " + config.output_dir + "/checkpoint-2, report " +
                                     config.output_dir + "/report.html"));
}

TEST_CASE("frozen parameters stay byte-equal, trainable ones move", "[stage]") {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 16);
  auto config = testing::tiny_run(folder.path());
  config.checkpoint.every_steps = 1;
  config.checkpoint.keep_last = 100;
  config.train.max_steps = 3;
  config.train.warmup_ratio = 0;
  run(config);
  const auto first = checkpoint::step_directory(config.output_dir, 1);
  const auto last = checkpoint::step_directory(config.output_dir, 3);
  const auto compare = [&](const char* file, const std::function<bool(const std::string&)>& frozen) {
    const checkpoint::SafetensorsFile before(first / file);
    const checkpoint::SafetensorsFile after(last / file);
    for (const auto& item : before.tensors()) {
      INFO(item.first);
      CHECK(torch::equal(before.tensor(item.first), after.tensor(item.first)) == frozen(item.first));
    }
  };
  compare("vision_tower/model.safetensors", [](const std::string& name) {
    return name.rfind("embeddings.", 0) == 0 || name.rfind("encoder.stages.0.", 0) == 0 ||
           name.rfind("encoder.stages.1.", 0) == 0;
  });
  compare("model.safetensors", [](const std::string&) { return false; });
}

TEST_CASE("training lowers the loss and leaves its record", "[stage]") {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 24);
  auto config = testing::tiny_run(folder.path());
  config.data.validation_share = 0.2;
  config.train.max_steps = 12;
  config.train.epochs = 10;
  const auto summary = run(config);
  CHECK(summary.validation_after.value() < summary.validation_before.value());
  for (const char* name : {"config.yaml", "metrics.jsonl", "report.html", "checkpoint-12/convllava.yaml"}) {
    INFO(name);
    CHECK(fs::exists(fs::path(config.output_dir) / name));
  }
  const size_t validations = 2;  // before and after
  CHECK(testing::logged_losses(config.output_dir).size() == 12 + validations);
  CHECK(run(config).steps == 12);  // nothing left to do
}

TEST_CASE("every number that a run logs is explained", "[stage]") {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 16);
  testing::write_text(folder / "images/5.ppm", "not an image");
  auto config = testing::tiny_run(folder.path());
  config.data.validation_share = 0.2;
  config.data.max_bad_share = 0.5;
  config.train.max_steps = 2;
  run(config);
  const auto page = core::read_file(CONVLLAVA_SOURCE_DIR "/docs/metrics.md");
  for (const auto& [step, scalars] : report::read_metrics(fs::path(config.output_dir) / "metrics.jsonl")) {
    for (const auto& [name, value] : scalars) {
      INFO(name);
      CHECK_THAT(page, testing::contains("`" + name.substr(0, name.find('/', name.find('/') + 1))));
    }
  }
}

TEST_CASE("images that cannot be used are listed, and too many of them end the run", "[stage]") {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 16);
  std::ofstream(folder.path() / "images/5.ppm") << "not an image";
  auto config = testing::tiny_run(folder.path());
  config.data.max_bad_share = 0.5;
  run(config);
  CHECK_THAT(core::read_file(fs::path(config.output_dir) / "quarantine.jsonl"), testing::contains("images/5.ppm"));

  config.output_dir += "-strict";
  config.data.max_bad_share = 0;
  const auto error = testing::thrown<DataError>([&] { run(config); });
  CHECK_THAT(error.kind(), testing::contains("too many records or images cannot be used"));
  CHECK_THAT(error.got(), testing::contains("1 of 16") && testing::contains("images/5.ppm"));
}

TEST_CASE("the list of bad records names each once, whatever bytes its path has", "[stage]") {
  const testing::TemporaryFolder folder;
  data::Quarantine(folder.path(), 0).add({{3, "a"}, {5, "caf\xE9.jpg: no such file"}});
  data::Quarantine(folder.path(), 0).add({{3, "a"}, {4, "b"}});
  CHECK(core::read_file(folder.path() / "quarantine.jsonl") ==
        "{\"index\":3,\"message\":\"a\"}\n{\"index\":5,\"message\":\"caf\xEF\xBF\xBD.jpg: no such file\"}\n"
        "{\"index\":4,\"message\":\"b\"}\n");
  CHECK(testing::thrown<CheckpointError>([&] {
          data::Quarantine("/nowhere", 0).add({{1, "c"}});
        }) == testing::Parts{.where = "/nowhere/quarantine.jsonl", .kind = "cannot write"});
}

TEST_CASE("ten bad records are ten warnings, and none is said to be listed only", "[stage]") {
  const testing::TemporaryFolder folder;
  std::vector<data::BadSample> bad;
  for (int i = 0; i < 10; ++i) bad.push_back({i, "image " + std::to_string(i)});
  testing::CapturedStderr log(folder / "log");
  data::Quarantine(folder.path(), 0).add(bad);
  const auto text = log.text();
  CHECK(std::count(text.begin(), text.end(), '\n') == 10);
  CHECK_THAT(text, !testing::contains("others"));
}

TEST_CASE("many bad records are a few warnings and a list", "[stage]") {
  const testing::TemporaryFolder folder;
  std::vector<data::BadSample> bad;
  for (int i = 0; i < 1000; ++i) bad.push_back({i, "image " + std::to_string(i)});
  testing::CapturedStderr log(folder / "log");
  data::Quarantine quarantine(folder.path(), 0);
  quarantine.add(bad);
  const auto text = log.text();
  CHECK(std::count(text.begin(), text.end(), '\n') == 11);
  CHECK_THAT(text, testing::contains("skipped: image 9\n") &&
                       testing::contains("more skipped samples are listed in " + quarantine.file().string() + " only"));
  const auto list = core::read_file(quarantine.file());
  CHECK(std::count(list.begin(), list.end(), '\n') == 1000);
}

TEST_CASE("validation images that cannot be used are listed too", "[stage]") {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 16);
  fs::copy_file(folder / "train.json", folder / "validation.json");
  testing::write_text(folder / "images/5.ppm", "not an image");
  auto config = testing::tiny_run(folder.path());
  config.data.validation = {{"validation.json", "", 1.0}};
  config.data.max_bad_share = 0.5;
  config.train.max_steps = 1;
  run(config);
  CHECK_THAT(core::read_file(fs::path(config.output_dir) / "quarantine.jsonl"),
             testing::contains("validation.json:7: record 5: "));
}

TEST_CASE("an image that cannot be used counts once an epoch, not more and more", "[stage]") {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 16);
  std::ofstream(folder.path() / "images/5.ppm") << "not an image";
  auto config = testing::tiny_run(folder.path());
  config.data.max_bad_share = 0.1;  // of 16 images one, in each of the four epochs
  config.train.epochs = 4;
  config.train.max_steps = 0;
  const auto summary = run(config);
  CHECK(summary.steps == summary.total_steps);
  const auto checkpoint = formats::find_checkpoint(config.output_dir);
  CHECK(checkpoint::load_training_state(checkpoint).bad_samples == 4);
}

TEST_CASE("two runs cannot write into one folder", "[stage]") {
  const testing::TemporaryFolder folder;
  testing::write_records(folder.path(), 16);
  const auto config = testing::tiny_run(folder.path());
  const stage::TrainingRun first(config, distributed::ProcessGroup(), torch::kCPU);
  CHECK(testing::thrown<ConfigError>([&] { run(config); }) ==
        testing::Parts{
            .kind = "another run is writing into this folder. Use a different output_dir (train) or --output (eval)"});
}

TEST_CASE("CUDA is refused where there is none", "[stage]") {
  if (torch::cuda::is_available()) SKIP("this machine has a CUDA device");
  CHECK(testing::thrown<ConfigError>([] { hardware::pick_device(hardware::Device::kCuda, 0); }) ==
        testing::Parts{.field = "device", .kind = "no usable CUDA device"});
}
