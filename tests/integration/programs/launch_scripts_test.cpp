// scripts/torchrun and scripts/slurm with small stages. Slurm's commands are stand-ins: srun starts two processes with
// its variables, scontrol notes what it was asked.

#include "tests/catch.h"
#include "tests/integration/programs/run_files.h"

using namespace convllava;
using namespace convllava::testing;

namespace {

namespace fs = std::filesystem;

const fs::path kSource = CONVLLAVA_SOURCE_DIR;

const char* const kSrun = R"(#!/usr/bin/env bash
while [[ $1 == --* ]]; do shift; done
echo "srun $*" >> calls
if [[ -s answers ]]; then
  code=$(head -n 1 answers)
  sed -i 1d answers
  exit "$code"
fi
pids=()
for rank in 0 1; do
  SLURM_PROCID=$rank SLURM_NTASKS=2 SLURM_STEP_NUM_TASKS=2 SLURM_LOCALID=$rank SLURM_NODEID=0 SLURM_STEP_ID=0 \
    SLURM_STEP_TASKS_PER_NODE=2 SLURM_STEP_NODELIST=localhost "$@" &
  pids+=($!)
done
worst=0
for pid in "${pids[@]}"; do
  code=0
  wait "$pid" || code=$?
  if ((code > worst)); then worst=$code; fi
done
exit "$worst"
)";

const char* const kScontrol = R"(#!/usr/bin/env bash
echo "scontrol $*" >> calls
)";

/// A checkout with two small stages.
struct Checkout {
  Checkout() {
    fs::create_directory_symlink(CONVLLAVA_BINARY_DIR, folder / "build");
    fs::create_directory_symlink(kSource / ".venv", folder / ".venv");
    fs::create_directory(folder / "scripts");
    fs::copy(kSource / "scripts/torchrun", folder / "scripts/torchrun", fs::copy_options::recursive);
    fs::copy(kSource / "scripts/slurm", folder / "scripts/slurm", fs::copy_options::recursive);
    write_records(folder.path(), 16);
    fs::create_directory(folder / "configs");
    auto config = tiny_run(folder.path());
    config.train.max_steps = 2;
    config.report.samples = 0;
    config.parallel.shard = parallel::Level::kOptimizer;
    config.output_dir = "runs/first";
    save_config(folder / "configs/first.yaml", config);
    config.model = {};
    config.model.from = "runs/first";
    config.output_dir = "runs/second";
    save_config(folder / "configs/second.yaml", config);
    fs::create_directory(folder / "bin");
    for (const auto& [name, text] : {std::pair("srun", kSrun), std::pair("scontrol", kScontrol)}) {
      write_text(folder / "bin" / name, text);
      fs::permissions(folder / "bin" / name, fs::perms(0755));
    }
  }

  RankOutcome run(const std::vector<std::string>& command) const {
    return testing::run(command, {{"STAGES", "configs/first.yaml configs/second.yaml"},
                                  {"PATH", (folder / "bin").string() + ":" + std::getenv("PATH")},
                                  {"SLURM_SUBMIT_DIR", folder.path().string()},
                                  {"SLURM_JOB_ID", "4711"},
                                  {"MASTER_PORT", std::to_string(free_port())},
                                  {"CUDA_VISIBLE_DEVICES", ""}});
  }
  RankOutcome run_slurm(const std::string& answers = {}) const {
    write_text(folder / "answers", answers);
    fs::remove(folder / "calls");
    return run({"bash", (folder / "scripts/slurm/stages.sbatch").string()});
  }
  std::string calls() const { return text_of(folder / "calls"); }
  bool finished(const std::string& stage) const { return fs::exists(folder / "runs" / stage / "report.html"); }

  TemporaryFolder folder;
};

}  // namespace

TEST_CASE("the torchrun script trains the stages, and passes over complete ones", "[programs]") {
  const Checkout checkout;
  const std::vector<std::string> command = {(checkout.folder / "scripts/torchrun/stages.sh").string(), "--standalone",
                                            "--nproc-per-node=2"};
  const auto first = checkout.run(command);
  INFO(first.output);
  CHECK(first.exit_code == 0);
  CHECK(checkout.finished("first"));
  CHECK(checkout.finished("second"));
  check(checkout.run(command), 0, "runs/second: all 2 steps are done; nothing to do");
}

TEST_CASE("the Slurm script trains the stages", "[programs]") {
  const Checkout checkout;
  const auto outcome = checkout.run_slurm();
  INFO(outcome.output);
  CHECK(outcome.exit_code == 0);
  CHECK(checkout.finished("first"));
  CHECK(checkout.finished("second"));
  CHECK(checkout.calls() ==
        "srun build/bin/train --config configs/first.yaml\nsrun build/bin/train --config configs/second.yaml\n");
}

TEST_CASE("the Slurm script starts a stage again that lost a rank, and gives up after three restarts", "[programs]") {
  const Checkout checkout;
  check(checkout.run_slurm("5\n137\n"), 0, "configs/first.yaml ended with 137; it starts again");
  CHECK(checkout.finished("second"));
  check(checkout.run_slurm("5\n5\n5\n5\n"), 5, "1 restarts left");
  CHECK(text_of(checkout.folder / "answers").empty());  // the first start and three more
  check(checkout.run_slurm("2\n"), 2, "");
  CHECK(checkout.calls() == "srun build/bin/train --config configs/first.yaml\n");
}

TEST_CASE("the Slurm script queues a job again that was stopped with a checkpoint", "[programs]") {
  const Checkout checkout;
  check(checkout.run_slurm("143\n"), 0, "the job is queued again");
  CHECK(checkout.calls() == "srun build/bin/train --config configs/first.yaml\nscontrol requeue 4711\n");
}
