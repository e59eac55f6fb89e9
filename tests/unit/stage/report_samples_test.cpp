// The validation samples that a run answers in its report.

#include "convllava/core/files.h"
#include "convllava/data/mixture.h"
#include "convllava/setup/build_model.h"
#include "convllava/train/validation.h"
#include "tests/support/chain_model.h"
#include "tests/support/golden.h"
#include "tests/support/process.h"
#include "tests/support/tiny_run.h"
#include "tests/unit/stage/runs.h"

namespace convllava::stage {
namespace {

namespace fs = std::filesystem;
using convllava::testing::contains;

std::string turn(const char* from, const std::string& value) {
  return R"({"from": ")" + std::string(from) + R"(", "value": ")" + value + R"("})";
}

std::string record(const std::string& id, const std::string& image, const std::vector<std::string>& turns) {
  std::string text = R"({"id": ")" + id + '"' + (image.empty() ? "" : R"(, "image": ")" + image + '"');
  text += R"(, "conversations": [)";
  for (size_t i = 0; i < turns.size(); ++i) text += (i > 0 ? ", " : "") + turns[i];
  return text + "]}\n";
}

/// A run with these validation records beside the usual training set.
stage::RunConfig run_with(const fs::path& folder, const std::string& records) {
  testing::write_records(folder, 16);
  convllava::testing::write_text(folder / "val.jsonl", records);
  auto config = testing::tiny_run(folder);
  config.data.validation = {{"val.jsonl", "", 1.0}};
  config.report.samples = 100;
  return config;
}

std::vector<report::SampleAnswer> answers(const stage::RunConfig& config, model::ConvLlava model) {
  const auto data = open_data(config, model->config().vision, setup::load_tokenizer(config.model));
  return train::sample_answers(*model, data.validation, config.report.samples);
}

std::vector<report::SampleAnswer> answers(const stage::RunConfig& config) {
  const auto shape = setup::resolve_model_shape(config.model);
  return answers(config, setup::build_model(config.model, shape, torch::TensorOptions(), config.seed));
}

}  // namespace

TEST_CASE("the report asks the first question that is answered behind the image", "[stage]") {
  const testing::TemporaryFolder folder;
  const auto config = run_with(
      folder.path(), record("text", "", {turn("human", "Hello?"), turn("gpt", "Yes.")}) +
                         record("first", "images/0.ppm", {turn("human", "<image>\\nWhat?"), turn("gpt", "A sign.")}) +
                         record("later", "images/1.ppm",
                                {turn("human", "Ready?"), turn("gpt", "Yes."), turn("human", "<image>\\nAnd this?"),
                                 turn("gpt", "A cat.")}));
  const auto samples = answers(config);
  REQUIRE(samples.size() == 3);
  CHECK(samples[0].image.empty());
  CHECK(samples[0].reference == "Yes.");
  CHECK(samples[1].question == "<image>\nWhat?");
  CHECK(samples[1].reference == "A sign.");
  CHECK(samples[2].question == "<image>\nAnd this?");
  CHECK(samples[2].reference == "A cat.");
}

TEST_CASE("the report does not show an image from outside of the image folder", "[stage]") {
  const testing::TemporaryFolder folder;
  const testing::TemporaryFolder elsewhere;
  testing::write_ppm(elsewhere / "0.ppm", 64, 64, 1);
  const auto asked = [](const std::string& id, const std::string& image) {
    return record(id, image, {turn("human", "<image>\\nWhat?"), turn("gpt", "A sign.")});
  };
  const auto samples = answers(run_with(folder.path(), asked("relative", "images/0.ppm") +
                                                           asked("absolute", (folder / "images/1.ppm").string()) +
                                                           asked("outside", (elsewhere / "0.ppm").string())));
  REQUIRE(samples.size() == 3);
  CHECK_FALSE(samples[0].hidden);
  CHECK_FALSE(samples[1].hidden);
  CHECK(samples[2].hidden);
}

TEST_CASE("the report's answers end where those of chat end, and say when they are cut off", "[stage]") {
  using namespace convllava::testing::tokens;
  const testing::TemporaryFolder folder;
  auto config = run_with(folder.path(),
                         record("caption", "images/0.ppm", {turn("human", "<image>\\nWhat?"), turn("gpt", "A sign.")}));
  const auto caption = testing::chain_model({kColon, kA, kRed, kLineBreak}, /*sees=*/true);
  CHECK_THAT(answers(config, caption).at(0).answer, contains("a re\n: a re\n") && contains(" [cut off]"));
  config.data.prompt_template = text::Template::kPlain;
  CHECK(answers(config, caption).at(0).answer == "a re");
}

TEST_CASE("validation records that cannot be asked do not end a finished run", "[stage]") {
  const testing::TemporaryFolder folder;
  auto config =
      run_with(folder.path(),
               record("good", "images/0.ppm", {turn("human", "<image>\\nWhat?"), turn("gpt", "A sign.")}) +
                   record("only the assistant", "", {turn("gpt", "Hello.")}) +
                   record("no placeholder", "images/1.ppm", {turn("human", "What?"), turn("gpt", "A sign.")}) +
                   record("no image", "", {turn("human", "<image>\\nWhat?"), turn("gpt", "A sign.")}) +
                   record("absent", "images/none.ppm", {turn("human", "<image>\\nWhat?"), turn("gpt", "A sign.")}) +
                   record("too long", "", {turn("human", std::string(40000, 'x')), turn("gpt", "Yes.")}));
  config.train.max_steps = 1;
  convllava::testing::CapturedStderr log(folder.path() / "log");
  CHECK(testing::run(config).steps == 1);
  const auto text = log.text();
  CHECK_THAT(core::read_file(fs::path(config.output_dir) / "report.html"), contains("A sign."));
  for (const char* what : {"no question with an answer", "none.ppm", "does not fit into the model's context"}) {
    INFO(what);
    CHECK_THAT(text, contains("not in the report: ") && contains(what));
  }
}

}  // namespace convllava::stage
