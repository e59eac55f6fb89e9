#include "convllava/distributed/launch.h"

#include <cstdlib>
#include <map>
#include <string>

#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/support/errors.h"

namespace convllava::distributed {
namespace {

using testing::Parts;
using Variables = std::map<std::string, std::string>;

/// Exactly these launcher variables, until the end of the scope.
class Launched {
 public:
  explicit Launched(const Variables& variables) {
    for (const char* name : {"RANK",
                             "WORLD_SIZE",
                             "LOCAL_RANK",
                             "LOCAL_WORLD_SIZE",
                             "MASTER_ADDR",
                             "MASTER_PORT",
                             "TORCHELASTIC_RUN_ID",
                             "TORCHELASTIC_RESTART_COUNT",
                             "TORCHELASTIC_USE_AGENT_STORE",
                             "OMPI_COMM_WORLD_RANK",
                             "OMPI_COMM_WORLD_SIZE",
                             "OMPI_COMM_WORLD_LOCAL_RANK",
                             "OMPI_COMM_WORLD_LOCAL_SIZE",
                             "PMI_RANK",
                             "PMI_SIZE",
                             "MPI_LOCALRANKID",
                             "MPI_LOCALNRANKS",
                             "SLURM_PROCID",
                             "SLURM_NTASKS",
                             "SLURM_STEP_NUM_TASKS",
                             "SLURM_LOCALID",
                             "SLURM_TASKS_PER_NODE",
                             "SLURM_STEP_TASKS_PER_NODE",
                             "SLURM_NODEID",
                             "SLURM_JOB_ID",
                             "SLURM_STEP_ID",
                             "SLURM_JOB_NODELIST",
                             "SLURM_STEP_NODELIST",
                             "SLURM_RESTART_COUNT",
                             "PMIX_RANK",
                             "MV2_COMM_WORLD_RANK",
                             "FLUX_TASK_RANK",
                             "PALS_RANKID"}) {
      if (const char* value = std::getenv(name)) before_[name] = value;
      unsetenv(name);
    }
    for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
    set_ = variables;
  }
  ~Launched() {
    for (const auto& entry : set_) unsetenv(entry.first.c_str());
    for (const auto& [name, value] : before_) setenv(name.c_str(), value.c_str(), 1);
  }

 private:
  Variables before_;
  Variables set_;
};

LaunchEnvironment read(const Variables& variables) {
  const Launched launched(variables);
  return launch_environment();
}

DistributedError refusal(const Variables& variables) {
  return testing::thrown<DistributedError>([&] { read(variables); });
}

Variables with(Variables variables, const Variables& changes) {
  for (const auto& [name, value] : changes) variables[name] = value;
  return variables;
}

const Variables kTorchrun = {{"RANK", "5"},
                             {"WORLD_SIZE", "8"},
                             {"LOCAL_RANK", "1"},
                             {"LOCAL_WORLD_SIZE", "4"},
                             {"MASTER_ADDR", "node7"},
                             {"MASTER_PORT", "4321"},
                             {"TORCHELASTIC_RUN_ID", "abc"},
                             {"TORCHELASTIC_RESTART_COUNT", "2"},
                             {"TORCHELASTIC_USE_AGENT_STORE", "True"}};
const Variables kOpenMpi = {{"OMPI_COMM_WORLD_RANK", "1"},
                            {"OMPI_COMM_WORLD_SIZE", "2"},
                            {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                            {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}};
const Variables kPmi = {{"PMI_RANK", "3"}, {"PMI_SIZE", "4"}, {"MPI_LOCALRANKID", "1"}, {"MPI_LOCALNRANKS", "2"}};
const Variables kSlurm = {{"SLURM_PROCID", "9"},  {"SLURM_STEP_NUM_TASKS", "11"},         {"SLURM_LOCALID", "1"},
                          {"SLURM_NODEID", "2"},  {"SLURM_TASKS_PER_NODE", "4(x2),3"},    {"SLURM_JOB_ID", "1234567"},
                          {"SLURM_STEP_ID", "1"}, {"SLURM_JOB_NODELIST", "node[03-05,9]"}};

}  // namespace

TEST_CASE("without a launcher there is one process", "[distributed]") {
  const auto environment = read({});
  CHECK(environment.rank == 0);
  CHECK(environment.world_size == 1);
  CHECK(environment.local_rank == 0);
  CHECK(environment.on_one_machine());
}

TEST_CASE("torchrun's variables are read", "[distributed]") {
  const auto environment = read(kTorchrun);
  CHECK(environment.rank == 5);
  CHECK(environment.world_size == 8);
  CHECK(environment.local_rank == 1);
  CHECK(environment.local_world_size == 4);
  CHECK(environment.master_address == "node7");
  CHECK(environment.master_port == 4321);
  CHECK(environment.run_id == "abc");
  CHECK(environment.agent_store);
  CHECK_FALSE(environment.on_one_machine());
  CHECK_FALSE(read(with(kTorchrun, {{"TORCHELASTIC_USE_AGENT_STORE", "False"}})).agent_store);
}

TEST_CASE("one rank needs no address", "[distributed]") {
  CHECK(read({{"RANK", "0"}, {"WORLD_SIZE", "1"}}).world_size == 1);
}

TEST_CASE("local numbers follow from a loopback address or from the number of processes here", "[distributed]") {
  const Variables local = {{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "localhost"}, {"MASTER_PORT", "4321"}};
  CHECK(read(local).local_rank == 1);
  CHECK(read(local).local_world_size == 2);
  CHECK(read(local).on_one_machine());
  CHECK(read(with(kTorchrun, {{"RANK", "6"}, {"LOCAL_RANK", ""}})).local_rank == 2);
}

TEST_CASE("Open MPI's variables are read and one machine needs no address", "[distributed]") {
  const auto environment = read(kOpenMpi);
  CHECK(environment.rank == 1);
  CHECK(environment.world_size == 2);
  CHECK(environment.local_rank == 1);
  CHECK(environment.master_address == "127.0.0.1");
  CHECK(read(with(kOpenMpi,
                  {{"OMPI_COMM_WORLD_LOCAL_SIZE", "1"}, {"OMPI_COMM_WORLD_LOCAL_RANK", "0"}, {"MASTER_ADDR", "head"}}))
            .master_address == "head");
}

TEST_CASE("the variables of MPICH and Intel MPI are read", "[distributed]") {
  const auto environment = read(with(kPmi, {{"MASTER_ADDR", "head"}, {"MASTER_PORT", "99"}}));
  CHECK(environment.rank == 3);
  CHECK(environment.local_rank == 1);
  CHECK(environment.local_world_size == 2);
  CHECK(environment.master_port == 99);
}

TEST_CASE("Slurm's variables are read, address and port derived", "[distributed]") {
  const auto environment = read(kSlurm);
  CHECK(environment.rank == 9);
  CHECK(environment.world_size == 11);
  CHECK(environment.local_rank == 1);
  CHECK(environment.local_world_size == 3);
  CHECK(environment.master_address == "node03");
  CHECK(environment.master_port == 20000 + 1234567 % 20000);
  CHECK(environment.run_id == "1234567.1");
  CHECK(read(with(kSlurm, {{"SLURM_NODEID", "1"}})).local_world_size == 4);
  CHECK(read(with(kSlurm, {{"MASTER_ADDR", "other"}})).master_address == "other");
}

TEST_CASE("the first host of a Slurm node list is found in every notation", "[distributed]") {
  const auto first = [](const std::string& list) {
    return read(with(kSlurm, {{"SLURM_JOB_NODELIST", list}})).master_address;
  };
  CHECK(first("alone") == "alone");
  CHECK(first("a12,b[1-3]") == "a12");
  CHECK(first("node[9,11-12]") == "node9");
  CHECK(first("rack[0-1]node[2-3].cluster,x") == "rack0node2.cluster");
  CHECK(refusal(with(kSlurm, {{"SLURM_JOB_NODELIST", "node[03-05"}})) == Parts{.where = "launch environment (Slurm)",
                                                                               .field = "SLURM_JOB_NODELIST",
                                                                               .kind = "a [ without ]",
                                                                               .got = "\"node[03-05\""});
}

TEST_CASE("an interactive Slurm shell is one process", "[distributed]") {
  CHECK(read({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}, {"SLURM_TASKS_PER_NODE", "8"}}).world_size == 1);
  // A batch script: it runs once, whatever the number of tasks that srun would start in it.
  CHECK(read({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}, {"SLURM_JOB_ID", "12"}}).world_size == 1);
  CHECK(read({{"SLURM_PROCID", "0"}, {"SLURM_JOB_ID", "12"}}).world_size == 1);
}

TEST_CASE("a task of several that does not know the others is refused", "[distributed]") {
  const std::string kind = "not set, in one of several tasks. Start with srun and pass SLURM_* into a container";
  CHECK(refusal({{"SLURM_PROCID", "1"}, {"SLURM_NTASKS", "16"}}) == Parts{.where = "launch environment (Slurm)",
                                                                          .field = "SLURM_STEP_NUM_TASKS",
                                                                          .kind = kind,
                                                                          .got = "SLURM_PROCID=1, SLURM_NTASKS=16",
                                                                          .expected = "a number from srun"});
  // Its first task differs from a batch script by the number of a step.
  const Variables first = {{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "16"}, {"SLURM_STEP_ID", "0"}};
  CHECK(refusal(first) == Parts{.field = "SLURM_STEP_NUM_TASKS",
                                .kind = kind,
                                .got = "SLURM_PROCID=0, SLURM_NTASKS=16, SLURM_STEP_ID=0"});
  CHECK(refusal({{"SLURM_STEP_NUM_TASKS", "16"}}) ==
        Parts{.where = "(Slurm)", .field = "SLURM_PROCID", .kind = kind, .got = "SLURM_STEP_NUM_TASKS=16"});
  CHECK(read(with(first, kTorchrun)).world_size == 8);
  // A shell of salloc, a step of one task.
  CHECK(read({{"SLURM_NTASKS", "16"}, {"SLURM_JOB_ID", "12"}}).world_size == 1);
  CHECK(read({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "1"}, {"SLURM_STEP_ID", "0"}}).world_size == 1);
}

TEST_CASE("a process of a launcher that is not read is refused", "[distributed]") {
  for (const auto& [variable, name] : Variables{{"PMIX_RANK", "PMIx"},
                                                {"MV2_COMM_WORLD_RANK", "MVAPICH2"},
                                                {"FLUX_TASK_RANK", "Flux"},
                                                {"PALS_RANKID", "PALS"}}) {
    CHECK(refusal({{variable, "3"}}) == Parts{.where = "launch environment (" + name + ")",
                                              .field = variable,
                                              .kind = "one of several processes of an unsupported launcher",
                                              .got = variable + "=3",
                                              .expected = "torchrun, srun, or mpirun of Open MPI, MPICH or Intel MPI"});
    CHECK(read(with(kTorchrun, {{variable, "3"}})).rank == 5);
    CHECK(read({{variable, "0"}}).world_size == 1);  // perhaps the only one
  }
}

TEST_CASE("a process knows whether a launcher started it", "[distributed]") {
  CHECK_FALSE(read({}).launched);
  CHECK(read({{"RANK", "0"}, {"WORLD_SIZE", "1"}}).launched);
  CHECK(read(kSlurm).launched);
}

TEST_CASE("torchrun goes before Open MPI, MPICH and Slurm", "[distributed]") {
  auto all = kSlurm;
  CHECK(read(with(all, {{"PMI_RANK", "9"}, {"PMI_SIZE", "11"}})).master_address == "node03");
  all = with(with(all, kPmi), {{"MASTER_ADDR", "head"}});
  CHECK(read(all).world_size == 4);
  all = with(all, kOpenMpi);
  CHECK(read(all).world_size == 2);
  all = with(all, kTorchrun);
  CHECK(read(all).world_size == 8);
}

TEST_CASE("half an environment is refused with what is missing", "[distributed]") {
  const std::string torchrun = "launch environment (torchrun)";
  const std::string kind = "not set";
  CHECK(refusal({{"RANK", "0"}}) == Parts{.where = torchrun,
                                          .field = "WORLD_SIZE",
                                          .kind = kind,
                                          .got = "RANK=0",
                                          .expected = "RANK and WORLD_SIZE, or neither for one process"});
  CHECK(refusal({{"WORLD_SIZE", "2"}}) ==
        Parts{.where = torchrun, .field = "RANK", .kind = kind, .got = "WORLD_SIZE=2"});
  CHECK(refusal({{"LOCAL_RANK", "0"}}) ==
        Parts{.where = torchrun, .field = "RANK", .kind = kind, .got = "LOCAL_RANK=0"});
  CHECK(refusal({{"OMPI_COMM_WORLD_RANK", "0"}}) ==
        Parts{.where = "(Open MPI)", .field = "OMPI_COMM_WORLD_SIZE", .kind = kind});
  CHECK(refusal(with(kTorchrun, {{"MASTER_ADDR", ""}})) ==
        Parts{.where = torchrun, .field = "MASTER_ADDR", .kind = kind});
  CHECK(refusal(with(kTorchrun, {{"MASTER_PORT", ""}})) ==
        Parts{.where = torchrun, .field = "MASTER_PORT", .kind = kind});
  CHECK(refusal(with(kTorchrun, {{"LOCAL_WORLD_SIZE", ""}})) ==
        Parts{.where = torchrun,
              .field = "LOCAL_WORLD_SIZE",
              .kind = kind,
              .expected = "the number of processes on this machine, because MASTER_ADDR=node7 may be another one"});
  CHECK(refusal(kPmi) == Parts{.where = "(MPICH or Intel MPI)",
                               .field = "MASTER_ADDR",
                               .kind = kind,
                               .expected = "the name or address of rank 0's machine"});
}

TEST_CASE("values that do not fit are refused", "[distributed]") {
  const auto check = [](const Variables& variables, const std::string& field, const std::string& kind,
                        const std::string& got, const std::string& expected) {
    INFO(field << "=" << got);
    CHECK(
        refusal(variables) ==
        Parts{
            .where = "launch environment (torchrun)", .field = field, .kind = kind, .got = got, .expected = expected});
  };
  check(with(kTorchrun, {{"RANK", "8"}}), "RANK", "out of range", "8", "a number from 0 to 7");
  check(with(kTorchrun, {{"RANK", "-1"}}), "RANK", "out of range", "-1", "a number from 0 to 7");
  check(with(kTorchrun, {{"RANK", "one"}}), "RANK", "not a number", "\"one\"", "a number from 0 to 7");
  check(with(kTorchrun, {{"WORLD_SIZE", "0"}}), "WORLD_SIZE", "out of range", "0", "a number from 1");
  check(with(kTorchrun, {{"WORLD_SIZE", "8x"}}), "WORLD_SIZE", "not a number", "\"8x\"", "a number from 1");
  check(with(kTorchrun, {{"LOCAL_WORLD_SIZE", "9"}}), "LOCAL_WORLD_SIZE", "out of range", "9", "a number from 1 to 8");
  check(with(kTorchrun, {{"LOCAL_RANK", "4"}}), "LOCAL_RANK", "out of range", "4", "a number from 0 to 3");
  check(with(kTorchrun, {{"MASTER_PORT", "70000"}}), "MASTER_PORT", "out of range", "70000",
        "a number from 1 to 65535");
  CHECK(refusal(with(kSlurm, {{"SLURM_TASKS_PER_NODE", "4(x2"}, {"SLURM_NODEID", "5"}})) ==
        Parts{.where = "(Slurm)",
              .field = "SLURM_TASKS_PER_NODE",
              .kind = "no number of tasks for this node",
              .got = "\"4(x2\""});
}

}  // namespace convllava::distributed
