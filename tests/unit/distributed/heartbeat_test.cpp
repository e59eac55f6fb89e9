#include "convllava/distributed/heartbeat.h"

#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include "convllava/nn/libtorch.h"
#include "tests/catch.h"

namespace convllava::distributed {

TEST_CASE("rank 0, which serves the store, leaves after the others have read why", "[distributed]") {
  const auto store = c10::make_intrusive<c10d::HashStore>();
  LaunchEnvironment environment;
  environment.world_size = 2;
  Heartbeat first(store, environment, std::make_shared<FailureSignal>());
  environment.rank = 1;
  const auto news = std::make_shared<FailureSignal>();
  Heartbeat second(store, environment, news);
  std::thread other([&] {
    news->wait([] { return false; }, std::chrono::seconds(10));
    second.leave("rank 1 heard of it");
  });
  first.leave("rank 0 left: why");
  CHECK(news->reason() == "rank 0 left: why");
  other.join();
}

TEST_CASE("rank 0 does not wait for ever for a rank that is dead", "[distributed]") {
  LaunchEnvironment environment;
  environment.world_size = 2;
  Heartbeat heartbeat(c10::make_intrusive<c10d::HashStore>(), environment, std::make_shared<FailureSignal>());
  heartbeat.leave("rank 1 died");
  SUCCEED("it left");
}

}  // namespace convllava::distributed
