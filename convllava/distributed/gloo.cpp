#include <cstdlib>
#include <numeric>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include "convllava/distributed/backends.h"

namespace convllava::distributed {
namespace {

std::shared_ptr<gloo::transport::Device> device_for(const LaunchEnvironment& environment) {
  using c10d::ProcessGroupGloo;
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  if (interface != nullptr && *interface != '\0') return ProcessGroupGloo::createDeviceForInterface(interface);
  if (environment.on_one_machine()) return ProcessGroupGloo::createDeviceForHostname("127.0.0.1");
  return ProcessGroupGloo::createDefaultDevice();
}

}  // namespace

BackendPtr gloo_backend(const StorePtr& store, const LaunchEnvironment& environment, int threads) {
  auto options = c10d::ProcessGroupGloo::Options::create(environment.join_timeout);
  options->devices = {device_for(environment)};
  options->threads = threads;
  options->global_ranks_in_group.resize(environment.world_size);
  std::iota(options->global_ranks_in_group.begin(), options->global_ranks_in_group.end(), 0);
  BackendPtr backend =
      c10::make_intrusive<c10d::ProcessGroupGloo>(store, environment.rank, environment.world_size, options);
  backend->setTimeout(environment.collective_timeout);
  return backend;
}

}  // namespace convllava::distributed
