// What a user meets: messages on stderr and exit codes.

#include "tests/catch.h"
#include "tests/integration/programs/run_files.h"

using namespace convllava;
using namespace convllava::testing;

namespace {

void check(const RankOutcome& outcome, int exit_code, const std::string& message) {
  INFO(outcome.output);
  CHECK(outcome.exit_code == exit_code);
  CHECK_THAT(outcome.output, contains(message));
}

}  // namespace

TEST_CASE("a mistake on the command line ends the programs with 2", "[programs]") {
  check(run({program("train")}), 2, "train: --config is required");
  check(run({program("train"), "--help"}), 0, "--print-config");
  // The misspelt option is the mistake, although the one that is meant is then missing.
  check(run({program("train"), "--confg", "a.yaml"}), 2,
        "train: there is no such option; got --confg; expected --config (");
  check(run({program("train"), "--confg=a.yaml"}), 2, "got --confg; expected --config (");
  check(run({program("inspect"), "--labls", "a.yaml"}), 2, "got --labls; expected --labels (");
  check(run({program("train"), "--config", "a.yaml", "--wholly-different"}), 2,
        "got --wholly-different; expected --config, --help, --print-config, --set");
  check(run({program("train"), "a.yaml"}), 2, "train: an argument that belongs to no option; got \"a.yaml\"");
  check(run({program("inspect"), "--sample", "1"}), 2, "--sample requires --labels");
  check(run({program("inspect"), "--params", ""}), 2, "--params: the path is empty");
  check(run({program("inspect"), "--params", "a.yaml", "--labels", "a.yaml"}), 2, "Exactly 1 option");
  check(run({program("chat"), "--model", ".", "--max-new-tokens", "0"}), 2,
        "--max-new-tokens: not in range; got 0; expected 1 to 1048576");
  for (const char* number : {"-1", "1x", "9223372036854775808"}) {
    check(run({program("inspect"), "--labels", "a.yaml", "--sample", number}), 2,
          std::string("--sample: not in range; got ") + number + "; expected 0 to 9223372036854775807");
  }
}

TEST_CASE("options of make_demo_data that make no sense end it with 2", "[programs]") {
  if (!std::filesystem::exists(program("make_demo_data"))) SKIP("make_demo_data draws with OpenCV, which is not there");
  const TemporaryFolder folder;
  for (const char* seed : {"-1", "18446744073709551617"}) {
    check(run({program("make_demo_data"), "--out", (folder / "demo").string(), "--seed", seed}), 2,
          std::string("--seed: not in range; got ") + seed);
  }
  CHECK(folder.names().empty());
  check(run({program("make_demo_data"), "--out", ""}), 2, "--out: the path is empty");
  folder.write("captions_train.json", "mine");
  check(run({program("make_demo_data"), "--out", folder.path().string()}), 2,
        "the folder holds files that make_demo_data did not write");
}

TEST_CASE("options of eval that make no sense end it with 2", "[programs]") {
  const auto refused = [](std::vector<std::string> options, const std::string& message) {
    options.insert(options.begin(), {program("eval"), "--bench", "textvqa", "--data", "."});
    check(run(options), 2, message);
  };
  refused({"--model", ".", "--max-new-tokens", "-5"}, "not in range");
  refused({"--model", ".", "--max-new-tokens", "9223372036854775807"}, "not in range");
  refused({"--model", ".", "--batch-size", "0"}, "not in range");
  refused({"--model", ".", "--batch-size", "65537"}, "--batch-size: not in range; got 65537; expected 1 to 65536");
  refused({"--model", ".", "--batch-size", "010x"}, "--batch-size: not in range; got 010x");
  refused({"--predictions", "a.jsonl", "--model", "."}, "excludes");
  refused({"--predictions", "a.jsonl", "--predict-only"}, "excludes");
  refused({"--predictions", "a.jsonl", "--batch-size", "2"}, "--batch-size excludes --predictions");
  refused({"--predictions", "a.jsonl", "--max-new-tokens", "2"}, "--max-new-tokens excludes --predictions");
  refused({"--predictions", ""}, "--predictions: the path is empty");
  refused({"--model", ""}, "--model: the path is empty");
  refused({"--model", ".", "--output", ""}, "--output: the path is empty");
  refused({}, "--model: missing");
}

TEST_CASE("a wrong configuration ends train with 2", "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 16);
  const auto config = write_config(folder.path(), [](auto&) {});
  check(run({program("train"), "--config", "no.yaml"}), 2, "no.yaml");
  check(run({program("train"), "--config", config, "--set", "train.lrr=1"}), 2, "lr");
  check(run({program("train"), "--config", config, "--set", "train.lr=fast"}), 2, "train.lr");
  check(run({program("train"), "--config", config, "--set", "trainable=[vision.stages.9]"}), 2,
        "covers no parameter of this model");
  check(run({program("train"), "--config", config, "--set", "data.train.0.annotations=none.json"}), 2, "none.json");
}

TEST_CASE("data that cannot be used ends train with 3", "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 16);
  const auto config = write_config(folder.path(), [](auto&) {});
  std::ofstream(folder.path() / "train.json") << R"([{"conversations": [{"from": "human", "val)";
  check(run({program("train"), "--config", config}), 3, "train.json");
  std::ofstream(folder.path() / "train.json") << R"([{"id": "a"}])";
  check(run({program("train"), "--config", config}), 3, "conversations");
}

TEST_CASE("a checkpoint that cannot be read ends the programs with 4", "[programs]") {
  const TemporaryFolder folder;
  check(run({program("chat"), "--model", folder.path().string(), "--prompt", "hello"}), 4, "no checkpoint here");
  check(run({program("inspect"), "--tensors", folder.path().string()}), 4, "no checkpoint here");
  std::ofstream(folder.path() / "config.json") << "{}";
  check(run({program("inspect"), "--tensors", folder.path().string()}), 4, folder.path().string());
}

TEST_CASE("a picture that chat cannot ask about ends it before it asks", "[programs]") {
  const TemporaryFolder folder;
  folder.write("config.json", R"({"model_type": "llama", "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5})");
  const auto chat = [&](const std::string& image) {
    return run({program("chat"), "--model", folder.path().string(), "--image", image});
  };
  check(chat(""), 2, "--image: the path is empty");
  check(chat("a.jpg"), 4, folder.path().string() + ": a language model alone cannot see; got --image");
}

TEST_CASE("a name that no file can have is told with the reason", "[programs]") {
  const TemporaryFolder folder;
  const std::string endless(300, 'n');
  check(run({program("inspect"), "--tensors", endless}), 4, "no checkpoint here; got File name too long");
  std::ofstream(folder.path() / "p.jsonl") << R"({"question_id": 1, "text": "a"})"
                                           << "\n";
  check(run({program("eval"), "--bench", "docvqa", "--data", endless, "--predictions",
             (folder.path() / "p.jsonl").string()}),
        3, "the benchmark's file is not there; got File name too long");
}

TEST_CASE("half a launch environment ends train with 5", "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 16);
  const auto config = write_config(folder.path(), [](auto&) {});
  check(run({program("train"), "--config", config}, {{"RANK", "0"}}), 5, "WORLD_SIZE");
}

TEST_CASE("an unknown benchmark ends eval with 2 and the nearest name", "[programs]") {
  check(run({program("eval"), "--bench", "textqva", "--data", "."}), 2, "textvqa");
}

TEST_CASE("inspect tells the parameters, the labels and the tensors of a run", "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 16);
  const auto config = write_config(folder.path(), [](auto& c) { c.train.max_steps = 1; });
  check(run({program("inspect"), "--params", config}), 0, "vision stage 2");
  const auto shown = run({program("inspect"), "--labels", config, "--sample", "1"});
  check(shown, 0, "learnt from");
  CHECK_THAT(shown.output, contains("[[") && contains("]]\n") && !contains("\x1b["));  // a pipe has no colours
  check(run({program("inspect"), "--labels", config}), 0, "0 of 16 samples have nothing to learn from");
  check(run({program("inspect"), "--labels", config, "--sample", "99"}), 2, "0 to 15");
  check(run({program("train"), "--config", config}), 0, "checkpoint-1");
  check(run({program("inspect"), "--tensors", (folder.path() / "run").string()}), 0, "model.mm_projector.0.weight");
}

TEST_CASE("inspect counts the samples of which nothing is learnt, also before one that it cannot show", "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 1);
  const auto config = write_config(folder.path(), [](auto&) {});
  const std::string question(200, '?');
  std::ofstream(folder.path() / "train.json")
      << R"([{"id": "a", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "b"}]},)"
      << R"({"id": "c", "image": "images/0.ppm", "conversations": [{"from": "human", "value": "<image>)" << question
      << R"("}, {"from": "gpt", "value": "d"}]}])";
  const std::string audit = "1 of 2 samples have nothing to learn from; for example ";
  check(run({program("inspect"), "--labels", config}), 0, audit);
  const auto shown = run({program("inspect"), "--labels", config, "--sample", "1"});
  check(shown, 3, audit);
  check(shown, 3, "train.json:1: record 1: no part of an answer fits into max_length 160");
}

TEST_CASE("inspect tells that a picture does not fit into the sample", "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 1);
  const auto config = write_config(folder.path(), [](auto&) {});
  std::ofstream(folder.path() / "train.json")
      << R"([{"id": "a", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "b"}]},)"
      << R"({"id": "c", "image": "images/0.ppm", "conversations": [{"from": "human", "value": ")"
      << std::string(200, '?') << R"("}, {"from": "gpt", "value": "d"}, {"from": "human", "value": "<image>"},)"
      << R"({"from": "gpt", "value": "e"}]}])";
  check(run({program("inspect"), "--labels", config}), 0,
        "images/0.ppm: the picture does not fit into the sample; got 1 visual tokens behind ");
}
