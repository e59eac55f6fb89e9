#include "convllava/distributed/agreement.h"

#include "convllava/core/error.h"
#include "convllava/nn/libtorch.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/ranks.h"

namespace convllava::distributed {

TEST_CASE("ranks that agree continue, and ranks that disagree all throw the same error", "[distributed]") {
  testing::run_ranks(3, [] {
    ProcessGroup group(launch_environment(), torch::kCPU);
    require_agreement(group, {{"step", 4}, {"digest", 0.5}}, "one folder");
    const double digest = group.rank() == 2 ? 7 : 6;
    CHECK(testing::thrown<DistributedError>([&] {
            require_agreement(group, {{"step", 4}, {"digest", digest}}, "one folder");
          }) == testing::Parts{.kind = "the ranks disagree on digest",
                               .got = "6 on rank 0 and 7 on rank 2",
                               .expected = "one folder"});
    group.shutdown();
  });
}

TEST_CASE("a rank alone agrees with itself", "[distributed]") {
  ProcessGroup group;
  CHECK_NOTHROW(require_agreement(group, {{"step", 4}}, "one folder"));
}

}  // namespace convllava::distributed
