#include "convllava/distributed/launch.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <initializer_list>
#include <limits>
#include <optional>
#include <utility>

#include "convllava/core/error.h"

namespace convllava::distributed {
namespace {

constexpr int kUnlimited = std::numeric_limits<int>::max();

/// The variables that a launcher sets for each process.
struct Launcher {
  const char* name;
  const char* rank;
  const char* world_size;
  const char* local_rank;
  const char* local_world_size;
};

constexpr Launcher kTorchrun = {"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"};
constexpr Launcher kOpenMpi = {"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
                               "OMPI_COMM_WORLD_LOCAL_SIZE"};
constexpr Launcher kPmi = {"MPICH or Intel MPI", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"};
// SLURM_NTASKS would not do: a batch script has it too, although only srun starts tasks.
constexpr Launcher kSlurm = {"Slurm", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_TASKS_PER_NODE"};

/// Launchers whose processes do not learn enough to meet: their name and where they write the number of a process.
constexpr std::pair<const char*, const char*> kUnreadable[] = {
    {"PMIx", "PMIX_RANK"}, {"MVAPICH2", "MV2_COMM_WORLD_RANK"}, {"Flux", "FLUX_TASK_RANK"}, {"PALS", "PALS_RANKID"}};
constexpr const char* kSupported = "torchrun, srun, or mpirun of Open MPI, MPICH or Intel MPI";

/// Unset and empty are the same: a shell cannot always unset.
std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

/// "RANK=1, WORLD_SIZE=2": those of these variables that are set.
std::string listed(std::initializer_list<const char*> names) {
  std::string text;
  for (const char* name : names) {
    if (const auto value = variable(name)) text += fmt::format("{}{}={}", text.empty() ? "" : ", ", name, *value);
  }
  return text;
}

[[noreturn]] void fail(const Launcher& launcher, const std::string& variable, const std::string& kind,
                       const std::string& got, const std::string& expected) {
  throw DistributedError({fmt::format("launch environment ({})", launcher.name), variable}, kind, got, expected);
}

std::optional<int> to_number(const std::string& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<int> number(const Launcher& launcher, const char* name, int low, int high) {
  const auto text = variable(name);
  if (!text) return std::nullopt;
  const auto range =
      high == kUnlimited ? fmt::format("a number from {}", low) : fmt::format("a number from {} to {}", low, high);
  const auto value = to_number(*text);
  if (!value) fail(launcher, name, "not a number", fmt::format("\"{}\"", *text), range);
  if (*value < low || *value > high) fail(launcher, name, "out of range", *text, range);
  return value;
}

bool is_loopback(const std::string& address) {
  return address == "localhost" || address == "::1" || address.starts_with("127.");
}

/// "node[03-05,9],gpu7" -> "node03".
std::string first_host(const std::string& list) {
  std::string host;
  for (size_t at = 0; at < list.size() && list[at] != ','; ++at) {
    if (list[at] != '[') {
      host += list[at];
      continue;
    }
    const size_t close = list.find(']', at);
    if (close == std::string::npos) {
      fail(kSlurm, "SLURM_JOB_NODELIST", "a [ without ]", fmt::format("\"{}\"", list), "for example node[03-05,9]");
    }
    host += list.substr(at + 1, list.find_first_of("],-", at) - at - 1);
    at = close;
  }
  return host;
}

/// Tasks on this node from "4(x2),3": the number of each node in turn, "(x2)" meaning twice.
std::optional<int> slurm_local_world_size() {
  auto text = variable("SLURM_STEP_TASKS_PER_NODE");
  if (!text) text = variable(kSlurm.local_world_size);
  if (!text) return std::nullopt;
  int node = number(kSlurm, "SLURM_NODEID", 0, kUnlimited).value_or(0);
  for (size_t at = 0; at < text->size();) {
    const std::string item = text->substr(at, text->find(',', at) - at);
    const size_t repeat = item.find("(x");
    const auto tasks = to_number(item.substr(0, repeat));
    const auto nodes = repeat == std::string::npos ? 1 : to_number(item.substr(repeat + 2, item.size() - repeat - 3));
    if (!tasks || !nodes) break;
    node -= *nodes;
    if (node < 0) return tasks;
    at += item.size() + 1;
  }
  fail(kSlurm, "SLURM_TASKS_PER_NODE", "no number of tasks for this node", fmt::format("\"{}\"", *text),
       "for example 4(x2),3");
}

/// srun with the PMI plug-in sets both families; Slurm's is the complete one.
bool srun_speaks_pmi() {
  return variable("SLURM_PROCID") && variable("SLURM_PROCID") == variable("PMI_RANK") &&
         variable(kSlurm.world_size) == variable("PMI_SIZE");
}

/// One of several processes that do not know of each other would each train a separate model into the same folder. A
/// batch script is task 0 of no step: its SLURM_NTASKS is what srun would start.
void refuse_one_of_several() {
  const auto above = [](const char* name, int limit) {
    return to_number(variable(name).value_or("")).value_or(0) > limit;
  };
  const bool slurm_task = above("SLURM_PROCID", 0) || above("SLURM_STEP_NUM_TASKS", 1) ||
                          (variable("SLURM_STEP_ID") && variable("SLURM_PROCID") && above("SLURM_NTASKS", 1));
  if (slurm_task) {
    const char* missing = variable(kSlurm.rank) ? kSlurm.world_size : kSlurm.rank;
    fail(kSlurm, missing, "not set, in one of several tasks. Start with srun and pass SLURM_* into a container",
         listed({"SLURM_PROCID", "SLURM_NTASKS", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_ID"}), "a number from srun");
  }
  for (const auto& [name, rank] : kUnreadable) {
    if (above(rank, 0)) {
      fail({name, rank, "", "", ""}, rank, "one of several processes of an unsupported launcher", listed({rank}),
           kSupported);
    }
  }
}

/// The launcher that set variables, or null. Slurm sets both of its two only in what srun started.
const Launcher* find_launcher() {
  if (variable("RANK") || variable("WORLD_SIZE") || variable("LOCAL_RANK")) return &kTorchrun;
  if (variable(kOpenMpi.rank) || variable(kOpenMpi.world_size)) return &kOpenMpi;
  if ((variable(kPmi.rank) || variable(kPmi.world_size)) && !srun_speaks_pmi()) return &kPmi;
  if (variable(kSlurm.rank) && variable(kSlurm.world_size)) return &kSlurm;
  return nullptr;
}

void read_ranks(const Launcher& launcher, LaunchEnvironment& environment) {
  for (const char* name : {launcher.rank, launcher.world_size}) {
    if (!variable(name)) {
      fail(launcher, name, "not set", listed({launcher.rank, launcher.world_size, launcher.local_rank}),
           fmt::format("{} and {}, or neither for one process", launcher.rank, launcher.world_size));
    }
  }
  environment.world_size = *number(launcher, launcher.world_size, 1, kUnlimited);
  environment.rank = *number(launcher, launcher.rank, 0, environment.world_size - 1);
}

void read_master(const Launcher& launcher, std::optional<int> local_world_size, LaunchEnvironment& environment) {
  const bool slurm = &launcher == &kSlurm;
  const auto job = slurm ? number(launcher, "SLURM_JOB_ID", 0, kUnlimited) : std::nullopt;
  if (const auto port = number(launcher, "MASTER_PORT", 1, 65535)) {
    environment.master_port = *port;
  } else if (job) {
    environment.master_port = 20000 + *job % 20000;
  } else if (&launcher == &kTorchrun) {
    fail(launcher, "MASTER_PORT", "not set", {}, "a free port on rank 0's machine");
  }
  auto nodes = variable("SLURM_STEP_NODELIST");
  if (!nodes) nodes = variable("SLURM_JOB_NODELIST");
  if (const auto address = variable("MASTER_ADDR")) {
    environment.master_address = *address;
  } else if (slurm && nodes) {
    environment.master_address = first_host(*nodes);
  } else if (&launcher == &kTorchrun || local_world_size != environment.world_size) {
    fail(launcher, "MASTER_ADDR", "not set", {}, "the name or address of rank 0's machine");
  }
}

void read_local_ranks(const Launcher& launcher, std::optional<int> local_world_size, LaunchEnvironment& environment) {
  if (!local_world_size && is_loopback(environment.master_address)) local_world_size = environment.world_size;
  if (!local_world_size) {
    fail(launcher, launcher.local_world_size, "not set", {},
         fmt::format("the number of processes on this machine, because MASTER_ADDR={} may be another one",
                     environment.master_address));
  }
  environment.local_world_size = *local_world_size;
  // A rank without its local number: launchers number ranks machine by machine by default.
  environment.local_rank =
      number(launcher, launcher.local_rank, 0, *local_world_size - 1).value_or(environment.rank % *local_world_size);
}

}  // namespace

bool LaunchEnvironment::on_one_machine() const { return world_size == local_world_size || is_loopback(master_address); }

LaunchEnvironment launch_environment() {
  LaunchEnvironment environment;
  const Launcher* launcher = find_launcher();
  if (launcher == nullptr) {
    refuse_one_of_several();
    return environment;
  }
  environment.launched = true;
  read_ranks(*launcher, environment);
  if (environment.world_size == 1) return environment;
  const auto local_world_size = launcher == &kSlurm
                                    ? slurm_local_world_size()
                                    : number(*launcher, launcher->local_world_size, 1, environment.world_size);
  read_master(*launcher, local_world_size, environment);
  read_local_ranks(*launcher, local_world_size, environment);
  if (launcher == &kTorchrun) {
    environment.run_id = variable("TORCHELASTIC_RUN_ID").value_or("none");
    environment.agent_store = variable("TORCHELASTIC_USE_AGENT_STORE") == "True";
  } else if (launcher == &kSlurm) {
    environment.run_id = variable("SLURM_JOB_ID").value_or("none") + "." + variable("SLURM_STEP_ID").value_or("0");
  }
  return environment;
}

}  // namespace convllava::distributed
