#include "convllava/distributed/agreement.h"

#include "convllava/core/error.h"
#include "convllava/nn/libtorch.h"
#include "tests/catch.h"
#include "tests/support/ranks.h"

namespace convllava::distributed {

TEST_CASE("ranks that agree go on, and all of those that do not leave with the same words", "[distributed]") {
  testing::run_ranks(3, [] {
    ProcessGroup group(launch_environment(), torch::kCPU);
    require_agreement(group, {{"step", 4}, {"digest", 0.5}}, "one folder");
    const double digest = group.rank() == 2 ? 7 : 6;
    CHECK_THAT(testing::message_of<DistributedError>([&] {
                 require_agreement(group, {{"step", 4}, {"digest", digest}}, "one folder");
               }),
               testing::contains("of 3: the ranks disagree on digest; got 6 on rank 0 and 7 on rank 2; "
                                 "expected one folder"));
    group.shutdown();
  });
}

TEST_CASE("a rank alone agrees with itself", "[distributed]") {
  ProcessGroup group;
  CHECK_NOTHROW(require_agreement(group, {{"step", 4}}, "one folder"));
}

}  // namespace convllava::distributed
