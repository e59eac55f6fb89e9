#include "convllava/core/cpus.h"

#include <sched.h>

#include "tests/catch.h"
#include "tests/support/process.h"

namespace convllava::core {
namespace {

using testing::TemporaryFolder;
namespace fs = std::filesystem;

/// A machine's /proc/self and control groups: files by their paths below the root.
TemporaryFolder& add(TemporaryFolder& root, const std::string& path, const std::string& text) {
  fs::create_directories((root / path).parent_path());
  root.write(path, text);
  return root;
}

constexpr auto kUnified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr auto kFirst =
    "24 1 0:22 / / rw - ext4 /dev/vda rw\n"
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "33 31 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n";

}  // namespace

TEST_CASE("a machine without control groups has no limit", "[core]") {
  TemporaryFolder root("cpus");
  CHECK_FALSE(cgroup_cpu_limit(root.path()));
  add(root, "proc/self/cgroup", "0::/\n");
  CHECK_FALSE(cgroup_cpu_limit(root.path()));
  add(root, "proc/self/mountinfo", "24 1 0:22 / / rw - ext4 /dev/vda rw\nnonsense\n\n");
  CHECK_FALSE(cgroup_cpu_limit(root.path()));
}

TEST_CASE("cpu.max of the process's group and of those above limits, and the least counts", "[core]") {
  TemporaryFolder root("cpus");
  add(root, "proc/self/mountinfo", kUnified);
  add(root, "proc/self/cgroup", "0::/system.slice/job.scope\n");
  add(root, "sys/fs/cgroup/system.slice/job.scope/cpu.max", "max 100000\n");
  CHECK_FALSE(cgroup_cpu_limit(root.path()));
  add(root, "sys/fs/cgroup/system.slice/job.scope/cpu.max", "150000 100000\n");
  CHECK(cgroup_cpu_limit(root.path()) == 1.5);
  add(root, "sys/fs/cgroup/system.slice/cpu.max", "400000 100000\n");
  CHECK(cgroup_cpu_limit(root.path()) == 1.5);
  add(root, "sys/fs/cgroup/system.slice/cpu.max", "50000 100000\n");
  CHECK(cgroup_cpu_limit(root.path()) == 0.5);
}

TEST_CASE("a container's group is the root that it sees", "[core]") {
  TemporaryFolder root("cpus");
  add(root, "sys/fs/cgroup/cpu.max", "200000 100000\n");
  SECTION("with a name space of its own") {
    add(root, "proc/self/mountinfo", kUnified);
    add(root, "proc/self/cgroup", "0::/\n");
  }
  SECTION("with the name that it has outside") {
    add(root, "proc/self/mountinfo", "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
    add(root, "proc/self/cgroup", "0::/docker/abc\n");
  }
  SECTION("in another name space") {
    add(root, "proc/self/mountinfo", "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
    add(root, "proc/self/cgroup", "0::/../../else\n");
  }
  CHECK(cgroup_cpu_limit(root.path()) == 2.0);
}

TEST_CASE("cpu.cfs_quota_us of version 1 limits", "[core]") {
  TemporaryFolder root("cpus");
  add(root, "proc/self/mountinfo", kFirst);
  add(root, "proc/self/cgroup", "3:cpuset:/other\n1:cpu,cpuacct:/job\n0::/\n");
  const std::string group = "sys/fs/cgroup/cpu,cpuacct/job/";
  add(root, group + "cpu.cfs_period_us", "100000\n");
  CHECK_FALSE(cgroup_cpu_limit(root.path()));
  add(root, group + "cpu.cfs_quota_us", "-1\n");
  CHECK_FALSE(cgroup_cpu_limit(root.path()));
  add(root, group + "cpu.cfs_quota_us", "300000\n");
  CHECK(cgroup_cpu_limit(root.path()) == 3.0);
}

TEST_CASE("there are no more worker threads than usable cores, and one at least", "[core]") {
  CHECK(worker_threads(1) == 1);
  CHECK(worker_threads(0) == 1);
  CHECK(worker_threads(1024) == usable_cores());
}

TEST_CASE("no more cores are used than the affinity mask has", "[core]") {
  const int status = testing::in_child([] {
    cpu_set_t mask;
    if (sched_getaffinity(0, sizeof(mask), &mask) != 0) return 1;
    int first = 0;
    while (!CPU_ISSET(first, &mask)) ++first;
    CPU_ZERO(&mask);
    CPU_SET(first, &mask);
    if (sched_setaffinity(0, sizeof(mask), &mask) != 0) return 1;
    return usable_cores() == 1 ? 7 : 2;
  });
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);
}

}  // namespace convllava::core
