// What `inspect` tells is what training does.

#include <regex>

#include "tests/catch.h"
#include "tests/integration/programs/run_files.h"

using namespace convllava;
using namespace convllava::testing;

namespace {

RankOutcome inspect(const std::string& what, const std::string& config, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {program("inspect"), what, config});
  return run(more, {{"TERM", "dumb"}});
}

std::string record(const std::string& fields, const std::string& question, const std::string& answer) {
  return "{" + fields + R"("conversations": [{"from": "human", "value": ")" + question +
         R"("}, {"from": "gpt", "value": ")" + answer + R"("}]})";
}

/// What the first group of `pattern` holds in the text.
int64_t number_in(const std::string& text, const std::string& pattern) {
  std::smatch match;
  INFO(text);
  REQUIRE(std::regex_search(text, match, std::regex(pattern)));
  return std::stoll(match[1]);
}

}  // namespace

TEST_CASE("inspect prints the parameters, the labels and the tensors of a run", "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 16);
  const auto config = write_config(folder.path(), [](auto& c) { c.train.max_steps = 1; });
  check(inspect("--params", config), 0, "vision.stages.2");
  const auto shown = inspect("--labels", config, {"--sample", "1"});
  check(shown, 0, "supervised tokens");
  CHECK_THAT(shown.output, contains("[[") && contains("]]\n") && !contains("\x1b["));  // a pipe has no colours
  check(inspect("--labels", config, {"--sample", "99"}), 2, "0 to 15");
  check(run({program("train"), "--config", config}), 0, "checkpoint-1");
  check(inspect("--tensors", (folder.path() / "run").string()), 0, "model.mm_projector.0.weight");
}

TEST_CASE("the tokens that inspect marks are those that the loss counts", "[programs]") {
  const TemporaryFolder folder;
  std::string turns;
  for (int i = 0; i < 40; ++i) {
    turns += std::string(i == 0 ? "" : ", ") + R"({"from": "human", "value": "hello"}, {"from": "gpt", "value": "hi"})";
  }
  folder.write("train.json", R"([{"conversations": [)" + turns + "]}]");
  const auto config = write_config(folder.path(), [](auto& c) {
    c.data.max_length = 100;
    c.train.global_batch_size = c.train.micro_batch_size = 1;
    c.train.max_steps = 1;
  });
  const auto shown = inspect("--labels", config);
  check(shown, 0, "cut off by data.max_length 100");
  const int64_t learnt = number_in(shown.output, R"((\d+) supervised)");
  CHECK(number_in(shown.output, R"(tokens = (\d+) used)") == 100);
  CHECK(number_in(shown.output, R"((\d+) tokens = 100 used)") ==
        100 + number_in(shown.output, R"(used \+ (\d+) cut off)"));
  const auto cut = shown.output.find("--- cut off");
  REQUIRE(cut != std::string::npos);
  CHECK(shown.output.find("[[", cut) == std::string::npos);

  check(run({program("train"), "--config", config}), 0, "checkpoint-1");
  const auto metrics = report::read_metrics(folder / "run/metrics.jsonl");
  REQUIRE(!metrics.empty());
  double counted = 0;
  for (const auto& [name, value] : metrics.back().second) counted += name == "train/supervised_tokens" ? value : 0;
  CHECK(static_cast<double>(learnt) == counted);
}

TEST_CASE("a sample that training leaves out cannot be shown, and says why", "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 1);
  const auto config = write_config(folder.path(), [](auto&) {});
  const std::string long_question(200, '?');
  folder.write("train.json", "[" + record(R"("image": "images/0.ppm", )", "<image>" + long_question, "d") + "," +
                                 record(R"("image": "images/absent.ppm", )", "<image>", "d") + "]");
  check(inspect("--labels", config), 3, "train.json:1: record 0: no part of an answer fits into max_length; got");
  check(inspect("--labels", config, {"--sample", "1"}), 3, "absent.ppm");
}

TEST_CASE("the data check counts what is odd about a set and passes", "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 4);
  std::string json = "[" + record("", "q", "");
  for (int i = 0; i < 9; ++i) json += ",\n" + record(R"("images": ["a.jpg"], )", "what is it?", "it is a \xE2\x82\xAC");
  folder.write("train.json", json + ",\n" + record("", "q", std::string(300, 'a')) + "]");
  const auto shown = inspect("--data", write_config(folder.path(), [](auto&) {}));
  check(shown, 0, "training: 11 records");
  CHECK_THAT(shown.output, contains("text only               11 of 11 (100.0 %)") &&
                               contains("unusable                0 of 11 (0.0 %)") &&
                               contains("with an empty answer    1 of 11 (9.1 %)") &&
                               contains("cut by data.max_length  1 of 11 (9.1 %): ") &&
                               contains("ignored fields          \"images\" in 9 records") &&
                               contains("without a token         \"\xE2\x82\xAC\" 9"));
}

TEST_CASE("the data check counts images outside of their set's folder", "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 1);
  folder.write("train.json", "[" + record(R"("image": "images/0.ppm", )", "<image>", "a") + "]");
  const auto set_images = [&](auto& config) { config.data.train[0].images = "elsewhere"; };
  std::filesystem::create_directory(folder / "elsewhere");
  std::filesystem::rename(folder / "images", folder / "elsewhere" / "images");
  CHECK_THAT(inspect("--data", write_config(folder.path(), set_images)).output,
             contains("outside their folder    0 of 1 (0.0 %)"));
  folder.write("train.json", "[" + record(R"("image": "../image.ppm", )", "<image>", "a") + "]");
  std::filesystem::copy_file(folder / "elsewhere" / "images" / "0.ppm", folder / "image.ppm");
  CHECK_THAT(inspect("--data", write_config(folder.path(), set_images)).output,
             contains("outside their folder    1 of 1 (100.0 %)"));
}

TEST_CASE("inspect --data checks a resumed run whose previous stage is missing", "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 8);
  std::string first;
  const auto short_run = [&](auto& c) {
    c.train.max_steps = 1;
    first = c.output_dir;
  };
  check(run({program("train"), "--config", write_config(folder.path(), short_run)}), 0, "checkpoint-1");
  const auto second = write_config(folder.path(), [&](auto& c) {
    c.train.max_steps = 1;
    c.model = {};
    c.model.from = first;
    c.output_dir = (folder / "second").string();
  });
  check(run({program("train"), "--config", second}), 0, "checkpoint-1");
  std::filesystem::remove_all(first);
  check(inspect("--data", second), 0, "training: 8 records");
}

TEST_CASE("the data check names the first records that cannot be used, counts the rest, and ends with 3",
          "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 1);
  folder.write("images/text.ppm", "<html>404</html>");
  std::string json = "[" + record(R"("image": "images/0.ppm", )", "<image>", "a");
  json += ",\n" + record(R"("image": "images/text.ppm", )", "<image>", "a") + ",\n" + R"({"id": 3})";
  for (int i = 0; i < 7; ++i) json += ",\n" + record(R"("image": "images/absent.ppm", )", "<image>", "a");
  folder.write("train.json", json + "]");
  const auto config = write_config(folder.path(), [](auto&) {});
  const auto shown = inspect("--data", config);
  check(shown, 3,
        "data: too many records or images cannot be used; got 9 of 10 (90.0 %); expected at most a share of 0.01");
  CHECK_THAT(shown.output, contains("record 1: ") && contains("text.ppm: unknown image format") &&
                               contains("record 2: conversations: not given") && contains("record 3: ") &&
                               contains("and 4 more") && contains("missing images          7 of 9"));
  check(inspect("--data", config, {"--set", "data.max_bad_share=0.9"}), 0, "unusable                9 of 10");
}

TEST_CASE("the data check looks at the validation sets as well", "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 4);
  folder.write("val.json", "[" + record(R"("image": "images/absent.ppm", )", "<image>", "a") + "]");
  const auto config = write_config(folder.path(), [](auto& c) { c.data.validation = {{"val.json", "", 1.0}}; });
  const auto shown = inspect("--data", config);
  check(shown, 3, "validation: 1 records");
  CHECK_THAT(shown.output, contains("got 1 of 5 (20.0 %)") && contains("absent.ppm"));
}

TEST_CASE("the data check names the fields of a file once, also where validation takes a part of it", "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 10);
  std::string json;
  for (int i = 0; i < 10; ++i) {
    json += (i == 0 ? "[" : ",\n") +
            record(R"("system": "x", "image": "images/)" + std::to_string(i) + R"(.ppm", )", "<image>", "a");
  }
  folder.write("train.json", json + "]");
  const auto shown =
      inspect("--data", write_config(folder.path(), [](auto& c) { c.data.validation_share = 0.2; })).output;
  CHECK_THAT(shown, contains("\"system\" in 10 records") && contains("validation: "));
  CHECK(shown.find("ignored fields") == shown.rfind("ignored fields"));
}

TEST_CASE("inspect refuses the models that train refuses", "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 4);
  const auto config = write_config(folder.path(), [](auto& c) { c.train.max_steps = 1; });
  check(run({program("train"), "--config", config}), 0, "checkpoint-1");
  // A stage whose shape the configuration does not tell: it is that of the checkpoint.
  const auto next = write_config(folder.path(), [&](auto& c) {
    c.model = {};
    c.model.from = (folder.path() / "run").string();
    c.output_dir = (folder.path() / "next").string();
  });
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"data.max_length=100000", "data.max_length: more than the positions of the language model; got 100000"},
      {"image.size=1024", "data.max_length: an image leaves no room for text; got 160; expected more than the 256"},
      {"trainable=[llm.layers.99]", "llm.layers.99"},
  };
  for (const auto& [override, message] : wrong) {
    for (const std::string what : {"--params", "--labels", "--data"})
      check(inspect(what, next, {"--set", override}), 2, message);
    check(run({program("train"), "--config", next, "--set", override}), 2, message);
  }
}

TEST_CASE("inspect prints what a stage needs, without weights, data or a GPU", "[programs]") {
  const std::string config = CONVLLAVA_SOURCE_DIR "/configs/stage1_1536.yaml";
  const auto shown = inspect("--params", config);
  check(shown, 0, "states = weights 14.9 GB + gradients 2.0 GB + optimizer 6.0 GB");
  CHECK_THAT(shown.output,
             contains("model.llm_from: ") && contains(" does not exist; the shapes of convllava-7b are used"));
  CHECK_THAT(shown.output, contains("4 samples of 832 tokens") && contains("4 samples of 2048 tokens"));
  CHECK_THAT(shown.output, contains("for 2 checkpoints of 20.9 GB, and one more while it is written"));
  const auto of_ranks = run({program("train"), "--config", config, "--dry-run", "--ranks", "8"});
  check(of_ranks, 0, "memory of a rank at parallel.shard none and world size 8");
  CHECK_THAT(of_ranks.output,
             contains("  optimizer     14.9 GB     2.0 GB     753 MB       0 MB    17.6 GB     2.6 GB"));
}
