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
  check(run({program("inspect"), "--labels", config, "--sample", "1"}), 0, "learnt from");
  check(run({program("inspect"), "--labels", config, "--sample", "99"}), 2, "0 to 15");
  check(run({program("train"), "--config", config}), 0, "checkpoint-1");
  check(run({program("inspect"), "--tensors", (folder.path() / "run").string()}), 0, "model.mm_projector.0.weight");
}
