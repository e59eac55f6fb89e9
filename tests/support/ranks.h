#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

// Tests that need several processes. A test case hands over a function; the test program starts itself once per rank
// with torchrun's variables set, and each copy goes through the same test case to the same call and runs the function:
//
//     TEST_CASE("ranks add up", "[distributed]") {
//       run_ranks(2, [] {
//         ProcessGroup group(launch_environment(), torch::kCPU);
//         CHECK(group.all_reduce({1.0}) == std::vector<double>{2.0});
//         group.shutdown();
//       });
//     }
//
// Failed checks of a rank fail the test and show what every rank printed.

namespace convllava::testing {

struct RankOutcome {
  int exit_code = -1;      ///< 0: all checks of this rank held; -1: ended by a signal
  int signal = 0;          ///< the signal that ended it, or 0
  bool timed_out = false;  ///< it was killed because `timeout` had passed
  std::string output;      ///< stdout and stderr
};

struct RankOptions {
  std::chrono::seconds timeout = std::chrono::seconds(120);
  std::vector<int> absent = {};  ///< ranks that are never started; they have no outcome
  bool on_two_hosts = false;     ///< two ranks, each on a host of its own (hosts.h)
};

/// Runs `body` in `world_size` processes; not inside a SECTION. Then `verify`, in the test's own process only; without
/// it all ranks must have passed.
void run_ranks(int world_size, const std::function<void()>& body, const RankOptions& options = {},
               const std::function<void(const std::vector<RankOutcome>&)>& verify = nullptr);

/// Runs a program with `environment` added to this process's; kills it after `timeout`.
RankOutcome run_program(const std::vector<std::string>& arguments,
                        const std::map<std::string, std::string>& environment, std::chrono::seconds timeout);

/// This program, for `run_program`.
std::string own_program();

/// A TCP port that was free a moment ago.
int free_port();

}  // namespace convllava::testing
