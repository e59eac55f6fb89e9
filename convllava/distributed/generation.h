#pragma once

// Internal: which processes form a run.
//
// A store can outlive its ranks: torchrun's does, and after a restart it holds the keys of processes that are gone. The
// launcher's count of restarts does not tell them apart, because each agent of torchrun has its own count. So the ranks
// agree through the store:
//
//   hello/<rank>          each process, at its start: a number of its own, and its world size
//   generation            rank 0, as soon as all said hello: "<id> <hello of rank 0>,<hello of rank 1>,...", and again
//                         with another id when one of them changes
//   accepted/<id>/<rank>  each process that finds its own hello in the generation
//   formed/<id>           rank 0, when all have accepted
//
// A process that is gone accepts nothing. When its rank starts anew, the hello changes.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "convllava/distributed/backends.h"

namespace convllava::distributed {

class Generation {
 public:
  /// Says hello.
  Generation(StorePtr store, const LaunchEnvironment& environment);

  /// One look at the store; true when the run is formed. Throws DistributedError when another process says hello for
  /// this rank.
  bool look();
  /// The prefix of all further keys of the run, once it is formed.
  std::string id() const { return std::to_string(accepted_); }
  /// Ranks that this one waits for, as far as it knows.
  const std::vector<int>& missing() const { return missing_; }
  /// Ranks of these that were started with another world size: "rank 2 with WORLD_SIZE=4", or "".
  std::string other_world_sizes() const;

 private:
  void lead();
  void follow();
  std::optional<std::string> read(const std::string& key) const;
  std::optional<std::string> hello_of(int rank) const;

  const StorePtr store_;
  const LaunchEnvironment environment_;
  std::string hello_;
  std::string published_;  ///< hellos of the generation that rank 0 has made
  int64_t published_id_ = 0;
  int64_t accepted_ = 0;  ///< id
  bool formed_ = false;
  std::vector<int> missing_;
};

}  // namespace convllava::distributed
