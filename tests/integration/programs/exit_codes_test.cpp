// What a user meets: messages on stderr and exit codes.

#include <optional>

#include "tests/catch.h"
#include "tests/integration/programs/run_files.h"
#include "tests/support/environment.h"

using namespace convllava;
using namespace convllava::testing;

TEST_CASE("a program also starts as an argument of the dynamic loader", "[programs]") {
  const std::string loader = "/lib64/ld-linux-x86-64.so.2";
  if (!std::filesystem::exists(loader)) SKIP("there is no " << loader);
  const Variable absent("GOMP_SPINCOUNT", std::nullopt);  // or the program has no reason to start once more
  check(run({loader, program("train"), "--version"}), 0, "train 0.");
}

TEST_CASE("a mistake on the command line ends the programs with 2", "[programs]") {
  check(run({program("train")}), 2, "train: --config is required");
  check(run({program("train"), "--help"}), 0, "--print-config");
  for (const std::string name : {"train", "eval", "chat", "inspect"}) {
    const auto shown = run({program(name), "--version"});
    check(shown, 0, name + " 0.");
    CHECK_THAT(shown.output, contains(", LibTorch 2.") && contains("CUDA and NCCL: ") && contains("build type "));
  }
  // The misspelt option is the mistake, although the one that is meant is then missing.
  check(run({program("train"), "--confg", "a.yaml"}), 2, "train: unknown option; got --confg; expected --config (");
  check(run({program("train"), "--confg=a.yaml"}), 2, "got --confg; expected --config (");
  check(run({program("inspect"), "--labls", "a.yaml"}), 2, "got --labls; expected --labels (");
  check(run({program("train"), "--config", "a.yaml", "--wholly-different"}), 2,
        "got --wholly-different; expected --config, --dry-run, --help, --print-config, --ranks, --set, --version");
  check(run({program("train"), "--config", "a.yaml", "--ranks", "2"}), 2, "--ranks requires --dry-run");
  check(run({program("train"), "a.yaml"}), 2, "train: unexpected argument; got \"a.yaml\"");
  check(run({program("inspect"), "--sample", "1"}), 2, "--sample requires --labels");
  check(run({program("inspect"), "--params", ""}), 2, "--params: the path is empty");
  check(run({program("inspect"), "--params", "a.yaml", "--labels", "a.yaml"}), 2, "Exactly 1 option");
  check(run({program("chat"), "--model", ".", "--max-new-tokens", "0"}), 2,
        "--max-new-tokens: out of range; got 0; expected 1 to 1048576");
  for (const char* number : {"-1", "1x", "9223372036854775808"}) {
    check(run({program("inspect"), "--labels", "a.yaml", "--sample", number}), 2,
          std::string("--sample: out of range; got ") + number + "; expected 0 to 9223372036854775807");
  }
}

TEST_CASE("options of make_demo_data that make no sense end it with 2", "[programs]") {
  if (!std::filesystem::exists(program("make_demo_data"))) SKIP("make_demo_data draws with OpenCV, which is not there");
  const TemporaryFolder folder;
  for (const char* seed : {"-1", "18446744073709551617"}) {
    check(run({program("make_demo_data"), "--out", (folder / "demo").string(), "--seed", seed}), 2,
          std::string("--seed: out of range; got ") + seed);
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
  refused({"--model", ".", "--max-new-tokens", "-5"}, "out of range");
  refused({"--model", ".", "--max-new-tokens", "9223372036854775807"}, "out of range");
  refused({"--model", ".", "--batch-size", "0"}, "out of range");
  refused({"--model", ".", "--batch-size", "65537"}, "--batch-size: out of range; got 65537; expected 1 to 65536");
  refused({"--model", ".", "--batch-size", "010x"}, "--batch-size: out of range; got 010x");
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
        "the pattern reaches beyond this model");
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

TEST_CASE("results for an output that is closed end a program with 1", "[programs]") {
  const auto closed = run({"bash", "-c", word(program("inspect")) + " --reference >&-"});
  INFO(closed.output);
  CHECK(closed.exit_code == 1);
}

TEST_CASE("a checkpoint that cannot be read ends the programs with 4", "[programs]") {
  const TemporaryFolder folder;
  check(run({program("chat"), "--model", folder.path().string(), "--prompt", "hello"}), 4, "no checkpoint here");
  check(run({program("inspect"), "--tensors", folder.path().string()}), 4, "no checkpoint here");
  std::ofstream(folder.path() / "config.json") << "{}";
  check(run({program("inspect"), "--tensors", folder.path().string()}), 4, folder.path().string());
}

TEST_CASE("an image that chat cannot ask about ends it before it asks", "[programs]") {
  const TemporaryFolder folder;
  folder.write("config.json", R"({"model_type": "llama", "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5})");
  const auto chat = [&](const std::string& image) {
    return run({program("chat"), "--model", folder.path().string(), "--image", image});
  };
  check(chat(""), 2, "--image: the path is empty");
  check(chat("a.jpg"), 4, folder.path().string() + ": the checkpoint has no vision tower; got --image");
}

TEST_CASE("an invalid file name is reported with the reason", "[programs]") {
  const TemporaryFolder folder;
  const std::string endless(300, 'n');
  check(run({program("inspect"), "--tensors", endless}), 4, "no checkpoint here; got File name too long");
  std::ofstream(folder.path() / "p.jsonl") << R"({"question_id": 1, "text": "a"})"
                                           << "\n";
  check(run({program("eval"), "--bench", "docvqa", "--data", endless, "--predictions",
             (folder.path() / "p.jsonl").string()}),
        3, "the benchmark's file was not found; got File name too long");
}

TEST_CASE("half a launch environment ends train with 5", "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 16);
  const auto config = write_config(folder.path(), [](auto&) {});
  check(run({program("train"), "--config", config}, {{"RANK", "0"}}), 5, "WORLD_SIZE");
}

TEST_CASE("a task of several that does not know the others ends train with 5", "[programs]") {
  const TemporaryFolder folder;
  write_records(folder.path(), 16);
  const auto config = write_config(folder.path(), [](auto&) {});
  check(run({program("train"), "--config", config}, {{"SLURM_PROCID", "1"}, {"SLURM_NTASKS", "2"}}), 5,
        "train: launch environment (Slurm): SLURM_STEP_NUM_TASKS: not set, in one of several tasks");
}

TEST_CASE("torchrun's summary shows why a rank failed", "[programs]") {
  const std::string torchrun = CONVLLAVA_SOURCE_DIR "/.venv/bin/torchrun";
  if (!std::filesystem::exists(torchrun)) SKIP(torchrun << " is not installed");
  const auto outcome =
      run({torchrun, "--nproc-per-node=1", "--no-python", program("train"), "--config", "absent.yaml"});
  INFO(outcome.output);
  CHECK(outcome.exit_code == 1);
  CHECK_THAT(outcome.output, contains("exitcode  : 2 (pid:") && contains("traceback : absent.yaml: "));
}

TEST_CASE("an unknown benchmark ends eval with 2 and the nearest name", "[programs]") {
  check(run({program("eval"), "--bench", "textqva", "--data", "."}), 2, "textvqa");
}
