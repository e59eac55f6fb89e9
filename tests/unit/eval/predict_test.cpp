#include "convllava/eval/predict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/nn/init.h"
#include "convllava/nn/libtorch.h"
#include "tests/catch.h"
#include "tests/support/chain_model.h"
#include "tests/support/errors.h"
#include "tests/support/ranks.h"
#include "tests/support/tiny_model.h"
#include "tests/unit/eval/fixtures.h"

namespace convllava::eval {
namespace {

namespace fs = std::filesystem;
using convllava::testing::CapturedStderr;
using convllava::testing::contains;
using convllava::testing::Parts;
using convllava::testing::thrown;
using testing::TemporaryFolder;
using testing::text_of;
using testing::write_text;

/// A model with random weights whose answers depend on the image.
infer::Pretrained small_model(uint64_t seed = 1, image::Aspect aspect = image::Aspect::kPad) {
  model::ModelConfig config;
  config.vision = convllava::testing::convnext({1, 1}, {8, 16}, 1);
  config.llm.vocab_size = 600;
  config.llm.hidden_size = 32;
  config.llm.intermediate_size = 64;
  config.llm.num_hidden_layers = 2;
  config.llm.num_attention_heads = 4;
  config.llm.num_key_value_heads = 2;
  config.llm.max_position_embeddings = 512;
  config.llm.initializer_range = 0.5;
  torch::manual_seed(seed);
  model::ConvLlava model(config);
  nn::initialize(model->blocks());
  model->eval();
  checkpoint::Record record;
  record.image = {64, aspect};
  record.run.output_dir = "runs/small";
  return {model, convllava::testing::small_tokenizer(), record};
}

void write_image(const fs::path& path, int width, int height, int shade) {
  std::string bytes = "P6\n" + std::to_string(width) + " " + std::to_string(height) + "\n255\n";
  for (int i = 0; i < width * height; ++i) {
    for (const int value : {shade, i * 7 % 256, 255 - shade}) bytes += static_cast<char>(value);
  }
  write_text(path, bytes);
}

constexpr BenchmarkEntry kTiny = {"tiny", 6, nullptr};
constexpr int kQuestions = 7;

/// Seven questions about images of three shapes, of different lengths.
std::vector<Question> tiny_questions(const TemporaryFolder& folder) {
  std::vector<Question> questions;
  for (int i = 0; i < kQuestions; ++i) {
    questions.push_back({.id = "q" + std::to_string(i),
                         .group = "",
                         .text = "What is it" + std::string(static_cast<size_t>(i * 5 % 7), '?'),
                         .options = {},
                         .images = {{folder / (std::to_string(i) + ".ppm")}}});
  }
  return questions;
}

void write_images(const TemporaryFolder& folder) {
  const int widths[] = {64, 96, 64};
  const int heights[] = {64, 64, 100};
  for (int i = 0; i < kQuestions; ++i) {
    write_image(folder / (std::to_string(i) + ".ppm"), widths[i % 3], heights[i % 3], 36 * i);
  }
}

std::vector<std::string> texts(const std::vector<Prediction>& predictions) {
  std::vector<std::string> texts;
  for (const auto& prediction : predictions) texts.push_back(prediction.text);
  return texts;
}

std::vector<Prediction> run(infer::Pretrained& pretrained, const TemporaryFolder& folder, const fs::path& output,
                            int64_t batch_size = 3) {
  return predict(pretrained, kTiny, tiny_questions(folder), {output, batch_size, 0}, {});
}

}  // namespace

TEST_CASE("questions are answered in their order and land in predictions.jsonl", "[eval]") {
  const TemporaryFolder folder("eval_predict");
  write_images(folder);
  auto pretrained = small_model();
  const auto predictions = run(pretrained, folder, folder / "out");
  REQUIRE(predictions.size() == kQuestions);
  for (size_t i = 0; i < predictions.size(); ++i) {
    CHECK(predictions[i].id == "q" + std::to_string(i));
    CHECK(predictions[i].error.empty());
  }
  CHECK(texts(read_predictions(folder / "out/predictions.jsonl")) == texts(predictions));
  CHECK_FALSE(fs::exists(folder / "out/predictions.rank0.jsonl"));
  auto distinct = texts(predictions);
  std::sort(distinct.begin(), distinct.end());
  CHECK(std::unique(distinct.begin(), distinct.end()) - distinct.begin() > 3);  // else the tests below show little
}

TEST_CASE("answers do not depend on the batch size", "[eval]") {
  const TemporaryFolder folder("eval_predict_batches");
  write_images(folder);
  for (const auto aspect : {image::Aspect::kPad, image::Aspect::kNative, image::Aspect::kCrop}) {
    auto pretrained = small_model(2, aspect);
    const std::string name = std::to_string(static_cast<int>(aspect));
    const auto one = texts(run(pretrained, folder, folder / ("one" + name), 1));
    CHECK(texts(run(pretrained, folder, folder / ("two" + name), 2)) == one);
    CHECK(texts(run(pretrained, folder, folder / ("all" + name), 100)) == one);
  }
}

TEST_CASE("answers that the limit cuts off are counted", "[eval]") {
  using namespace convllava::testing::tokens;
  const TemporaryFolder folder("eval_predict_limit");
  write_images(folder);
  for (const bool ends : {false, true}) {
    auto pretrained = small_model();
    pretrained.model = convllava::testing::chain_model({kColon, kA, kRed, ends ? kEnd : kA}, /*sees=*/true);
    CapturedStderr captured(folder / "stderr.txt");
    const auto predictions = run(pretrained, folder, folder / (ends ? "whole" : "cut"));
    const std::string log = captured.text();
    const std::string told = "7 answers of this run were cut off, after 6 new tokens or at the end of the context";
    CHECK((log.find(told) == std::string::npos) == ends);
    if (ends) CHECK(predictions[0].text == "a re");
  }
}

TEST_CASE("a killed run is taken up where it stopped", "[eval]") {
  const TemporaryFolder folder("eval_predict_resume");
  write_images(folder);
  auto pretrained = small_model();
  const auto whole = texts(run(pretrained, folder, folder / "whole"));

  fs::create_directories(folder / "killed");
  fs::copy_file(folder / "whole/predictions.json", folder / "killed/predictions.json");
  write_text(folder / "killed/predictions.rank0.jsonl",
             prediction_line({"q0", "kept 0", ""}) + "\n" + prediction_line({"q5", "kept 5", ""}) + "\n{\"question_id");
  write_text(folder / "killed/predictions.rank2.jsonl",
             prediction_line({"q2", "kept 2", ""}) + "\n" + prediction_line({"q1", "", "was not there"}) + "\n");
  auto expected = whole;
  for (const int i : {0, 2, 5}) expected[static_cast<size_t>(i)] = "kept " + std::to_string(i);
  CHECK(texts(run(pretrained, folder, folder / "killed")) == expected);
  CHECK_FALSE(fs::exists(folder / "killed/predictions.rank2.jsonl"));
  // A finished run is not asked again either.
  CHECK(texts(run(pretrained, folder, folder / "killed")) == expected);
}

TEST_CASE("a folder of a different evaluation is refused", "[eval]") {
  const TemporaryFolder folder("eval_predict_other");
  write_images(folder);
  auto pretrained = small_model();
  run(pretrained, folder, folder / "out");
  const auto before = text_of(folder / "out/predictions.jsonl");

  auto other = small_model(9);
  CHECK(thrown<ConfigError>([&] { run(other, folder, folder / "out"); }) ==
        Parts{.where = "predictions.json",
              .field = "weights",
              .kind = "the folder holds answers of a different evaluation. Choose another --output"});
  auto padded = small_model(1, image::Aspect::kNative);
  CHECK(thrown<ConfigError>([&] { run(padded, folder, folder / "out"); }) ==
        Parts{.field = "images", .got = "64 pad", .expected = "64 native"});
  auto coarse = small_model();
  coarse.model->to(torch::kBFloat16);
  CHECK(thrown<ConfigError>([&] { run(coarse, folder, folder / "out"); }) ==
        Parts{.field = "precision", .got = "Float on cpu", .expected = "BFloat16 on cpu"});
  auto changed = tiny_questions(folder);
  changed[3].text = "And now?";
  const auto error = thrown<ConfigError>([&] { predict(pretrained, kTiny, changed, {folder / "out", 3, 0}, {}); });
  CHECK(error == Parts{.field = "questions"});
  CHECK(error.got().starts_with("7 ("));
  CHECK(text_of(folder / "out/predictions.jsonl") == before);
}

TEST_CASE("answers whose identity has the old name of \"images\" are continued", "[eval]") {
  const TemporaryFolder folder("eval_predict_pictures");
  write_images(folder);
  auto pretrained = small_model();
  const auto whole = texts(run(pretrained, folder, folder / "out"));
  std::string identity = text_of(folder / "out/predictions.json");
  const size_t name = identity.find("\"images\"");
  REQUIRE(name != std::string::npos);
  write_text(folder / "out/predictions.json", identity.replace(name, 8, "\"pictures\""));
  auto native = small_model(1, image::Aspect::kNative);
  CHECK(thrown<ConfigError>([&] { run(native, folder, folder / "out"); }) == Parts{.field = "images", .got = "64 pad"});
  CHECK(texts(run(pretrained, folder, folder / "out")) == whole);
}

TEST_CASE("a question with other than one image is rejected", "[eval]") {
  const TemporaryFolder folder("eval_predict_image_count");
  write_images(folder);
  auto pretrained = small_model();
  for (const size_t count : {0, 2}) {
    auto questions = tiny_questions(folder);
    questions[4].images.resize(count);
    try {
      predict(pretrained, kTiny, questions, {folder / "out", 3, 0}, {});
      FAIL("accepted");
    } catch (const DataError& error) {
      CHECK(error.place().where == "question q4");
      CHECK(error.got() == std::to_string(count));
    }
  }
}

TEST_CASE("a line that is broken in the middle of a part is refused", "[eval]") {
  const TemporaryFolder folder("eval_predict_broken_part");
  write_images(folder);
  auto pretrained = small_model();
  run(pretrained, folder, folder / "out");
  write_text(folder / "out/predictions.rank0.jsonl", "{\"question_id\n" + prediction_line({"q5", "kept", ""}) + "\n");
  CHECK(
      thrown<DataError>([&] { run(pretrained, folder, folder / "out"); }) ==
      Parts{.where = "predictions.rank0.jsonl:1", .expected = R"({"question_id": "...", "text": "..."} on one line)"});
}

TEST_CASE("an image that cannot be read gives an empty answer, and is tried again by the next run", "[eval]") {
  const TemporaryFolder folder("eval_predict_images");
  write_images(folder);
  auto pretrained = small_model();
  const auto whole = texts(run(pretrained, folder, folder / "whole"));
  fs::remove(folder / "1.ppm");
  write_text(folder / "4.ppm", "P6\n64 64\n255\nshort");

  CapturedStderr captured(folder / "stderr.txt");
  const auto predictions = run(pretrained, folder, folder / "out");
  const std::string log = captured.text();
  CHECK_THAT(log, contains("question q1 gets an empty answer: "));
  CHECK_THAT(log, contains("question q4 gets an empty answer: "));
  auto expected = whole;
  expected[1] = expected[4] = "";
  CHECK(texts(predictions) == expected);
  CHECK_THAT(predictions[1].error, contains("1.ppm"));
  CHECK_THAT(read_predictions(folder / "out/predictions.jsonl")[4].error, contains("4.ppm"));

  write_images(folder);
  CHECK(texts(run(pretrained, folder, folder / "out")) == whole);
  CHECK(text_of(folder / "out/predictions.jsonl").find("error") == std::string::npos);
}

TEST_CASE("a folder without any of the images is refused", "[eval]") {
  const TemporaryFolder folder("eval_predict_no_images");
  auto pretrained = small_model();
  const auto refused = [&] { return thrown<DataError>([&] { run(pretrained, folder, folder / "out"); }); };
  const Parts expected = {.where = "tiny", .kind = "no image can be read", .got = (folder / "0.ppm").string()};
  CHECK(refused() == expected);
  CHECK(refused() == expected);  // and again by the next run
}

TEST_CASE("a question that does not fit into the model leaves the others alone", "[eval]") {
  const TemporaryFolder folder("eval_predict_long");
  write_images(folder);
  auto pretrained = small_model();
  const auto whole = texts(run(pretrained, folder, folder / "whole", 7));
  auto questions = tiny_questions(folder);
  for (int i = 0; i < 600; ++i) questions[3].text += "why ";
  const auto predictions = predict(pretrained, kTiny, questions, {folder / "out", 7, 0}, {});
  auto expected = whole;
  expected[3] = "";
  CHECK(texts(predictions) == expected);
  CHECK_THAT(predictions[3].error, contains("does not fit into the model's context"));
}

TEST_CASE("a model whose scores are not numbers ends the run instead of answering nothing", "[eval]") {
  const TemporaryFolder folder("eval_predict_nan");
  write_images(folder);
  auto pretrained = small_model();
  {
    const torch::NoGradGuard no_grad;
    pretrained.model->named_parameters()["llm.model.norm.weight"].fill_(NAN);
  }
  CHECK(thrown<CheckpointError>([&] { run(pretrained, folder, folder / "out"); }) ==
        Parts{.kind = "the scores of the next token are not finite",
              .got = "NaN or infinity",
              .expected = "weights that are finite"});
  CHECK_FALSE(fs::exists(folder / "out/predictions.jsonl"));
}

TEST_CASE("what cannot answer questions about images is refused", "[eval]") {
  const TemporaryFolder folder("eval_predict_refused");
  write_images(folder);
  auto pretrained = small_model();
  CHECK(thrown<ConfigError>([&] { run(pretrained, folder, folder / "out", 0); }) ==
        Parts{.field = "batch_size", .got = "0", .expected = "1 to 65536"});
  CHECK(thrown<ConfigError>([&] { run(pretrained, folder, folder / "out", INT64_MAX); }) ==
        Parts{.field = "batch_size", .got = "9223372036854775807"});
  for (const int64_t tokens : {int64_t{-5}, INT64_MAX}) {
    CHECK(thrown<ConfigError>([&] {
            predict(pretrained, kTiny, tiny_questions(folder), {folder / "out", 3, tokens}, {});
          }) == Parts{.field = "max_new_tokens", .kind = "out of range"});
  }
  model::ModelConfig blind = pretrained.model->config();
  blind.vision = nullptr;
  infer::Pretrained language = {model::ConvLlava(blind), pretrained.tokenizer, pretrained.record};
  CHECK(thrown<ConfigError>([&] { run(language, folder, folder / "out"); }) ==
        Parts{.field = "--model", .kind = "the checkpoint has no vision tower"});
}

TEST_CASE("two runs cannot write into one folder", "[eval]") {
  const TemporaryFolder folder("eval_predict_lock");
  write_images(folder);
  auto pretrained = small_model();
  fs::create_directories(folder / "out");
  const core::FolderLock other(folder / "out");
  CHECK(
      thrown<ConfigError>([&] { run(pretrained, folder, folder / "out"); }) ==
      Parts{.kind = "another run is writing into this folder. Use a different output_dir (train) or --output (eval)"});
}

TEST_CASE("ranks share the questions and give the answers of one process", "[eval]") {
  convllava::testing::run_ranks(2, [] {
    const auto environment = distributed::launch_environment();
    distributed::ProcessGroup group(environment, torch::kCPU);
    const TemporaryFolder alone("eval_predict_alone");
    const fs::path shared = fs::temp_directory_path() / fmt::format("eval_predict_{}", environment.master_port);
    write_images(alone);
    auto pretrained = small_model();
    const auto expected = run(pretrained, alone, alone / "out");

    const auto predictions = predict(pretrained, kTiny, tiny_questions(alone), {shared, 2, 0}, group);
    if (group.rank() == 0) {
      CHECK(texts(predictions) == texts(expected));
      CHECK(texts(read_predictions(shared / "predictions.jsonl")) == texts(expected));
      fs::remove_all(shared);
    } else {
      CHECK(predictions.empty());
    }
    group.shutdown();
  });
}

}  // namespace convllava::eval
