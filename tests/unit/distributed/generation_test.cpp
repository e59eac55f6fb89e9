#include "convllava/distributed/generation.h"

#include <thread>
#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include "convllava/core/error.h"
#include "convllava/nn/libtorch.h"
#include "tests/catch.h"
#include "tests/support/errors.h"

namespace convllava::distributed {
namespace {

using testing::Parts;
using testing::thrown;

LaunchEnvironment as_rank(int rank, int world_size) {
  LaunchEnvironment environment;
  environment.rank = rank;
  environment.world_size = world_size;
  return environment;
}

StorePtr new_store() { return c10::make_intrusive<c10d::HashStore>(); }

/// Each looks in turn until all of them are in a run; at most a hundred times.
bool form(const std::vector<Generation*>& ranks) {
  for (int i = 0; i < 100; ++i) {
    size_t formed = 0;
    for (auto* rank : ranks) formed += rank->look();
    if (formed == ranks.size()) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("processes of one start agree on a generation", "[distributed]") {
  const auto store = new_store();
  Generation first(store, as_rank(0, 3));
  Generation second(store, as_rank(1, 3));
  CHECK_FALSE(form({&first, &second}));
  CHECK(first.missing() == std::vector<int>{2});
  CHECK(second.missing() == std::vector<int>{2});
  Generation third(store, as_rank(2, 3));
  REQUIRE(form({&first, &second, &third}));
  CHECK(first.id() == second.id());
  CHECK(first.id() == third.id());
}

TEST_CASE("a run that starts again in the same store has another generation", "[distributed]") {
  const auto store = new_store();
  std::vector<std::string> ids;
  for (int life = 0; life < 3; ++life) {
    Generation first(store, as_rank(0, 2));
    // The keys of the former life are all there: a generation, hellos, acceptances.
    CHECK_FALSE(form({&first}));
    Generation second(store, as_rank(1, 2));
    REQUIRE(form({&first, &second}));
    CHECK(first.id() == second.id());
    ids.push_back(first.id());
  }
  CHECK(ids[0] != ids[1]);
  CHECK(ids[1] != ids[2]);
}

TEST_CASE("a rank that is faster than rank 0 does not join the run before", "[distributed]") {
  const auto store = new_store();
  {
    Generation first(store, as_rank(0, 2));
    Generation second(store, as_rank(1, 2));
    REQUIRE(form({&first, &second}));
  }
  Generation second(store, as_rank(1, 2));
  CHECK_FALSE(form({&second}));
  CHECK(second.missing() == std::vector<int>{0});
  Generation first(store, as_rank(0, 2));
  CHECK(form({&first, &second}));
}

TEST_CASE("a process that dies before the run is formed is replaced by its successor", "[distributed]") {
  const auto store = new_store();
  Generation first(store, as_rank(0, 3));
  { Generation killed(store, as_rank(1, 3)); }
  Generation third(store, as_rank(2, 3));
  CHECK_FALSE(form({&first, &third}));  // the hello of the dead process is there, nobody accepts for it
  CHECK(first.missing() == std::vector<int>{1});
  Generation again(store, as_rank(1, 3));
  REQUIRE(form({&first, &again, &third}));
  CHECK(first.id() == third.id());
}

TEST_CASE("a run can start again with another number of ranks", "[distributed]") {
  const auto store = new_store();
  {
    Generation first(store, as_rank(0, 2));
    Generation second(store, as_rank(1, 2));
    REQUIRE(form({&first, &second}));
  }
  Generation first(store, as_rank(0, 3));
  Generation second(store, as_rank(1, 3));
  Generation third(store, as_rank(2, 3));
  CHECK(form({&first, &second, &third}));
  Generation smaller(store, as_rank(0, 2));
  Generation other(store, as_rank(1, 2));
  CHECK(form({&smaller, &other}));
}

TEST_CASE("ranks that were started with different world sizes do not meet, and are named", "[distributed]") {
  const auto store = new_store();
  Generation first(store, as_rank(0, 2));
  Generation second(store, as_rank(1, 4));
  CHECK_FALSE(form({&first, &second}));
  CHECK(first.missing() == std::vector<int>{1});
  CHECK(first.other_world_sizes() == "rank 1 with WORLD_SIZE=4");
}

TEST_CASE("of two processes of one rank the first learns of the second", "[distributed]") {
  const auto store = new_store();
  Generation first(store, as_rank(1, 3));
  CHECK_FALSE(first.look());
  Generation second(store, as_rank(1, 3));
  CHECK_FALSE(second.look());
  CHECK(thrown<DistributedError>([&] { first.look(); }) ==
        Parts{.where = "rank 1 of 3", .kind = "another process of this rank has joined the run"});
}

}  // namespace convllava::distributed
