#pragma once

// Who this process is among those of a run.

#include <chrono>
#include <cstdint>
#include <string>

#include "convllava/distributed/timeouts.h"

namespace convllava::distributed {

struct LaunchEnvironment {
  int rank = 0;
  int world_size = 1;
  int local_rank = 0;
  int local_world_size = 1;
  std::string master_address = "127.0.0.1";
  int master_port = 29500;
  std::string run_id = "none";  ///< keeps the keys of different runs apart in a shared store
  bool agent_store = false;     ///< torchrun already serves the store: every rank is a client
  bool launched = false;        ///< a launcher started this process, perhaps as the only one

  /// How long a rank waits for the others to appear.
  std::chrono::milliseconds join_timeout = std::chrono::minutes(5);
  /// How long a collective waits for a rank that is there but does not take part: rank 0 may be writing a checkpoint of
  /// a hundred gigabytes.
  std::chrono::milliseconds collective_timeout = std::chrono::hours(2);
  TimeoutOptions timeouts;
  /// How often a rank that waits for the others to appear says so.
  std::chrono::milliseconds join_note = std::chrono::seconds(30);
  /// When a rank that waits in a collective says first for whom.
  std::chrono::milliseconds stall_note = std::chrono::seconds(60);

  /// All ranks run on this machine.
  bool on_one_machine() const;
};

/// Reads the variables of the launcher, the first of these that set any:
///
///   torchrun            RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT, TORCHELASTIC_*
///   Open MPI            OMPI_COMM_WORLD_{RANK,SIZE,LOCAL_RANK,LOCAL_SIZE}
///   MPICH, Intel MPI    PMI_{RANK,SIZE}, MPI_{LOCALRANKID,LOCALNRANKS}
///   Slurm (srun)        SLURM_{PROCID,STEP_NUM_TASKS,LOCALID}; rank 0's address from the node list, its port from the
///   job number
///
/// and one process where there are none. MASTER_ADDR and MASTER_PORT hold under every launcher; mpirun over several
/// machines needs them (`-x MASTER_ADDR=host`). A batch script of Slurm is one process, whatever its --ntasks: only
/// srun starts several. Throws DistributedError for half an environment, naming what is missing, for values that do not
/// fit together, and for a process of several whose launcher is not one of these: each would train a separate model.
LaunchEnvironment launch_environment();

}  // namespace convllava::distributed
