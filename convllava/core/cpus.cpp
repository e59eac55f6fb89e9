#include "convllava/core/cpus.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "convllava/core/unicode.h"

namespace convllava::core {
namespace {

namespace fs = std::filesystem;

/// A mounted tree of control groups that can limit processor time.
struct Hierarchy {
  bool unified = false;  ///< version 2
  std::string root;      ///< the group that is mounted
  fs::path mount_point;
};

std::vector<std::string> lines_of(const fs::path& file) {
  std::ifstream stream(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// Whether a list such as "cpu,cpuacct" holds `name`.
bool lists(const std::string& list, const std::string& name) {
  return ("," + list + ",").find("," + name + ",") != std::string::npos;
}

/// "36 35 0:30 /group /sys/fs/cgroup/cpu rw,nosuid - cgroup cgroup rw,cpu": proc(5), mountinfo.
std::optional<Hierarchy> read_mount(const std::string& line) {
  const size_t separator = line.find(" - ");
  if (separator == std::string::npos) return std::nullopt;
  std::istringstream mount(line.substr(0, separator));
  std::istringstream system(line.substr(separator + 3));
  std::string skipped, type, source, options;
  Hierarchy hierarchy;
  mount >> skipped >> skipped >> skipped >> hierarchy.root >> hierarchy.mount_point;
  system >> type >> source >> options;
  hierarchy.unified = type == "cgroup2";
  if (!hierarchy.unified && (type != "cgroup" || !lists(options, "cpu"))) return std::nullopt;
  return hierarchy;
}

/// The group of this process in that tree, from lines such as "0::/group" and "4:cpu,cpuacct:/group".
std::optional<std::string> own_group(const std::vector<std::string>& groups, bool unified) {
  for (const auto& line : groups) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (unified ? controllers.empty() : lists(controllers, "cpu")) return line.substr(second + 1);
  }
  return std::nullopt;
}

std::optional<double> number_in(const fs::path& file) {
  std::ifstream stream(file);
  double value = 0;
  return stream >> value ? std::optional(value) : std::nullopt;
}

/// Of one group; nothing for "max" (version 2) and -1 (version 1).
std::optional<double> limit_of(const fs::path& group, bool unified) {
  std::optional<double> quota, period;
  if (unified) {
    std::ifstream stream(group / "cpu.max");
    double values[2];
    if (stream >> values[0] >> values[1]) quota = values[0], period = values[1];
  } else {
    quota = number_in(group / "cpu.cfs_quota_us");
    period = number_in(group / "cpu.cfs_period_us");
  }
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return *quota / *period;
}

void take_lower(std::optional<double>& limit, const std::optional<double>& other) {
  if (other && (!limit || *other < *limit)) limit = other;
}

}  // namespace

std::optional<double> cgroup_cpu_limit(const fs::path& root) {
  const auto groups = lines_of(root / "proc/self/cgroup");
  std::optional<double> limit;
  for (const auto& line : lines_of(root / "proc/self/mountinfo")) {
    const auto hierarchy = read_mount(line);
    if (!hierarchy) continue;
    auto group = own_group(groups, hierarchy->unified);
    if (!group) continue;
    // In a container, its group is mounted as the root, whatever its name outside.
    if (hierarchy->root != "/") {
      const bool inside = group->rfind(hierarchy->root, 0) == 0;
      group = inside ? group->substr(hierarchy->root.size()) : "";
    }
    const fs::path top = root / hierarchy->mount_point.relative_path();
    take_lower(limit, limit_of(top, hierarchy->unified));
    fs::path folder = top;
    for (const auto& name : fs::path(*group).relative_path()) {
      folder /= name;
      take_lower(limit, limit_of(folder, hierarchy->unified));
    }
  }
  return limit;
}

bool openmp_binds_threads() {
  const char* bind = std::getenv("OMP_PROC_BIND");
  if (bind != nullptr) return lower(bind) != "false";
  return std::getenv("OMP_PLACES") != nullptr || std::getenv("GOMP_CPU_AFFINITY") != nullptr;
}

int usable_cores() {
  int cores = std::max(1, static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
  cpu_set_t mask;
  if (!openmp_binds_threads() && sched_getaffinity(0, sizeof(mask), &mask) == 0) cores = std::max(1, CPU_COUNT(&mask));
  if (const auto limit = cgroup_cpu_limit()) cores = std::min(cores, std::max(1, static_cast<int>(*limit)));
  return cores;
}

int worker_threads(int64_t wanted) { return static_cast<int>(std::clamp<int64_t>(wanted, 1, usable_cores())); }

}  // namespace convllava::core
