// What a checkpoint is for: conversations and benchmarks.

#include "convllava/core/files.h"
#include "tests/catch.h"
#include "tests/integration/programs/run_files.h"

using namespace convllava;
using namespace convllava::testing;

namespace {

namespace fs = std::filesystem;

/// A run that has learnt to answer in letters: a fresh model would choose tokens that its tokenizer does not have.
fs::path trained(const fs::path& folder) {
  write_records(folder, 16);
  const auto config = write_config(folder, [](auto& c) {
    c.train.max_steps = 8;
    c.train.lr = 0.01;
    c.train.warmup_ratio = 0;
    c.train.schedule = "constant";
    c.report.samples = 0;
  });
  const auto outcome = run({program("train"), "--config", config});
  INFO(outcome.output);
  REQUIRE(outcome.exit_code == 0);
  return folder / "run";
}

RankOutcome converse(const fs::path& model, const std::vector<std::string>& lines, const std::string& options = "") {
  std::string input;
  for (const auto& line : lines) input += " '" + line + "'";
  return run({"bash", "-c",
              "printf '%s\\n'" + input + " | " + word(program("chat")) + " --model " + word(model.string()) +
                  " --max-new-tokens 4 " + options});
}

/// An entry of a file in TextVQA's format.
std::string question(int id, const std::string& image, const std::string& more) {
  return R"({"question_id": )" + std::to_string(id) + R"(, "question": "What is it?", "image": ")" + image + "\"" +
         more + "}";
}

const std::string kAnswers = R"(, "answers": ["b", "b", "b", "b", "b", "b", "b", "b", "b", "b"])";

RankOutcome evaluate(const fs::path& model, const fs::path& file) {
  return run({program("eval"), "--bench", "textvqa", "--model", model.string(), "--data", file.string(),
              "--max-new-tokens", "2"});
}

}  // namespace

TEST_CASE("a conversation continues after an invalid question", "[programs]") {
  const TemporaryFolder folder;
  const auto model = trained(folder.path());
  const std::string too_long(3000, 'x');
  const auto talk = converse(model, {"hello", "what is <image>?", too_long, "and you?"});
  INFO(talk.output);
  CHECK(talk.exit_code == 0);
  CHECK_THAT(talk.output, contains("chat: question: the question contains \"<image>\", but there is no image"));
  CHECK_THAT(talk.output, contains("chat: conversation: does not fit into the model's context"));
  CHECK(talk.output.ends_with("> "));

  const auto about_image =
      converse(model, {too_long, "what is it?"}, "--image " + word((folder.path() / "images/0.ppm").string()));
  INFO(about_image.output);
  CHECK(about_image.exit_code == 0);
  CHECK_THAT(about_image.output, !contains("no \"<image>\""));  // the first that is asked brings the image
  CHECK(converse(model, {"hello\r"}).output == converse(model, {"hello"}).output);
}

TEST_CASE("a checkpoint whose tokenizer is damaged ends the programs with 4", "[programs]") {
  const TemporaryFolder folder;
  const auto model = trained(folder.path());
  core::write_file_atomic(model / "checkpoint-8/tokenizer.model", "damaged");
  const auto talk = converse(model, {"hello"});
  INFO(talk.output);
  CHECK(talk.exit_code == 4);
  CHECK_THAT(talk.output, contains("tokenizer.model: not a SentencePiece model"));
}

TEST_CASE("a model without a chat template takes each line as a new question", "[programs]") {
  const TemporaryFolder folder;
  const auto record = trained(folder.path()) / "checkpoint-8" / "convllava.yaml";
  auto text = core::read_file(record);
  const std::string chat = "\ntemplate: v1\n";
  REQUIRE(text.find(chat) != std::string::npos);
  text.replace(text.find(chat), chat.size(), "\ntemplate: plain\n");
  core::write_file_atomic(record, text);
  const auto talk = converse(record.parent_path(), {"Once", "Twice", "Thrice"});
  INFO(talk.output);
  CHECK(talk.exit_code == 0);
  CHECK_THAT(talk.output, !contains("chat: question") && !contains("chat: conversation"));
}

TEST_CASE("eval leaves answers and scores beside the model and says what it could not answer", "[programs]") {
  const TemporaryFolder folder;
  const auto model = trained(folder.path());
  const auto file = folder.path() / "mine.json";
  core::write_file_atomic(file, R"({"data": [)" + question(1, "images/0.ppm", kAnswers) + "," +
                                    question(2, "images/none.ppm", kAnswers) + "]}");
  const auto outcome = evaluate(model, file);
  INFO(outcome.output);
  REQUIRE(outcome.exit_code == 0);
  const auto output = model / "checkpoint-8/eval/textvqa/mine";
  CHECK_THAT(outcome.output, contains("textvqa accuracy: ") && contains(" % (") && contains(" of 1)\n"));
  CHECK_THAT(outcome.output, contains("textvqa predictions: " + (output / "predictions.jsonl").string() + "\n"));
  CHECK_THAT(outcome.output, contains("textvqa scores: " + (output / "scores.json").string() + "\n"));
  CHECK_THAT(outcome.output,
             contains("1 of 2 questions have no answer (see " + (output / "predictions.jsonl").string() + ")"));
  CHECK_THAT(outcome.output, contains("textvqa unanswered: 1\n"));
  const auto scores = core::read_file(output / "scores.json");
  CHECK_THAT(scores, contains("\"accuracy\": "));
  CHECK_THAT(scores, contains("\"unanswered\": 1.0"));

  const auto again =
      run({program("eval"), "--bench", "textvqa", "--predictions", (output / "predictions.jsonl").string(), "--data",
           file.string(), "--output", (folder.path() / "new/folder").string()});
  INFO(again.output);
  CHECK(again.exit_code == 0);
  CHECK_THAT(again.output, contains("1 of 2 questions have no answer"));
  CHECK(core::read_file(folder.path() / "new/folder/scores.json") == scores);
}

TEST_CASE("answers of other programs are scored once, in per cent and on the scale of lmms-eval", "[programs]") {
  const TemporaryFolder folder;
  const auto file = folder.write("val.json", R"({"data": [
      {"questionId": 1, "question": "q", "image": "x", "answers": ["straße"]},
      {"questionId": 2, "question": "q", "image": "x", "answers": ["two"]}]})");
  const auto predictions = folder.write("p.jsonl", R"({"question_id": 1, "text": "strabe"}
{"question_id": "2", "text": "five"})");
  const auto score = [&](const std::string& rank) {
    return run({program("eval"), "--bench", "docvqa", "--data", file.string(), "--predictions", predictions.string()},
               {{"RANK", rank}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "127.0.0.1"}, {"MASTER_PORT", "29500"}});
  };
  const auto first = score("0");
  CHECK(first.exit_code == 0);
  CHECK(first.output == "docvqa anls: 42.86 % (0.4286 of 1)\ndocvqa predictions: " + predictions.string() + "\n");
  CHECK(score("1").output.empty());
}

TEST_CASE("eval answers a split whose reference answers are kept back, and does not score it", "[programs]") {
  const TemporaryFolder folder;
  const auto model = trained(folder.path());
  const auto file = folder.path() / "test.json";
  const auto output = model / "checkpoint-8/eval/textvqa/test";
  core::write_file_atomic(
      file, R"({"data": [)" + question(1, "images/0.ppm", kAnswers) + "," + question(2, "images/1.ppm", "") + "]}");
  const auto mixed = evaluate(model, file);
  INFO(mixed.output);
  CHECK(mixed.exit_code == 3);
  CHECK_THAT(mixed.output, contains("data[1]: no reference answers, but other questions have some"));
  CHECK_FALSE(fs::exists(output));  // found out before predicting

  core::write_file_atomic(file, R"({"data": [)" + question(1, "images/0.ppm", "") + "]}");
  const auto outcome = evaluate(model, file);
  INFO(outcome.output);
  CHECK(outcome.exit_code == 0);
  CHECK_THAT(outcome.output, contains((output / "predictions.jsonl").string() + " (not scored: "));
  CHECK(fs::exists(output / "predictions.jsonl"));
  CHECK_FALSE(fs::exists(output / "scores.json"));
}

TEST_CASE("chat without an image continues a published language model as its reference does", "[programs]") {
  const auto model = shared_data("stories260K");
  if (!fs::exists(model)) SKIP("no stories260K at " + model.string());
  const auto told = run({program("chat"), "--model", model.string(), "--prompt", "", "--max-new-tokens", "200"});
  CHECK(told.exit_code == 0);
  CHECK_THAT(told.output, contains(core::read_file(model / "greedy_200_tokens.txt")));
}
