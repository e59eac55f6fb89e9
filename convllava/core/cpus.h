#pragma once

// How many processor cores this process may keep busy: a container, a batch system or `taskset` may give it less than
// the machine has.

#include <cstdint>
#include <filesystem>
#include <optional>

namespace convllava::core {

/// Processor time per time that the control groups of this process allow (`docker --cpus`, limits of Kubernetes and
/// Slurm): the least of its own group and of those above, of version 1 and 2. 1.5 is one core and a half; nothing where
/// there is no limit. `root` is where /proc/self and the mounts of the groups are looked for.
/// Source: the kernel's admin-guide/cgroup-v2 (cpu.max) and scheduler/sched-bwc (cpu.cfs_quota_us).
std::optional<double> cgroup_cpu_limit(const std::filesystem::path& root = "/");

/// Whether the environment has OpenMP bind its threads to cores (OMP_PROC_BIND, OMP_PLACES, GOMP_CPU_AFFINITY). It does
/// so with the first thread before `main`, whose affinity mask then has one core.
bool openmp_binds_threads();

/// Threads that wait for each other, such as those of one matrix product, that can all run: the cores of the affinity
/// mask (all cores, where OpenMP has changed it), no more than whole cores within the limit; at least 1. A thread more
/// than the limit would make the kernel stop all of them for a part of each tenth of a second.
int usable_cores();

/// Threads that decode images and the like: `wanted`, and no more than `usable_cores`, because each can fill one.
int worker_threads(int64_t wanted);

}  // namespace convllava::core
