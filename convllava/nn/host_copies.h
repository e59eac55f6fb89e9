#pragma once

#include <c10/core/Event.h>
#include <torch/types.h>

#include <optional>

namespace convllava::nn {

/// Numbers on their way from a device, so that the host can give it more work before it reads them:
///
///     HostCopies copies(device);
///     const auto loss = copies.start(device_loss);
///     launch_the_next_step();
///     copies.wait();  // loss can be read now
class HostCopies {
 public:
  explicit HostCopies(const torch::Device& device) : device_(device) {}
  /// Behind what the device's current stream has to do. The copy has its value after `wait`; later changes of `tensor`
  /// do not change it.
  torch::Tensor start(const torch::Tensor& tensor);
  /// Waits for the copies that have been started, and not for what the device got to do since.
  void wait();

 private:
  torch::Device device_;
  std::optional<c10::Event> done_;
};

}  // namespace convllava::nn
