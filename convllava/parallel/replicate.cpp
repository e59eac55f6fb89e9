#include "convllava/parallel/replicate.h"

#include <ATen/DeviceAccelerator.h>
#include <torch/csrc/autograd/function_hook.h>

#include <mutex>
#include <sstream>
#include <unordered_set>

#include "convllava/core/fingerprint.h"
#include "convllava/distributed/agreement.h"
#include "convllava/nn/libtorch.h"

namespace convllava::parallel {
namespace {

/// The trainable parameters of each block, without those that an earlier block has already (tied weights).
std::vector<nn::Block> trainable_blocks(const std::vector<nn::Block>& blocks) {
  std::vector<nn::Block> result;
  std::unordered_set<const torch::TensorImpl*> seen;
  for (const auto& block : blocks) {
    nn::Block trainable{.name = block.name, .path = block.path, .used_once = block.used_once};
    for (const auto& [name, tensor] : block.parameters) {
      if (tensor.requires_grad() && seen.insert(tensor.unsafeGetTensorImpl()).second) {
        trainable.parameters.emplace_back(name, tensor);
      }
    }
    if (!trainable.parameters.empty()) result.push_back(std::move(trainable));
  }
  return result;
}

void require_equal_units(const std::vector<FlatUnit>& units, distributed::ProcessGroup& group) {
  double elements = 0;
  core::Fingerprint names;
  for (const auto& unit : units) {
    elements += static_cast<double>(unit.numel());
    for (const auto& parameter : unit.parameters()) {
      std::ostringstream text;
      text << parameter.name << parameter.tensor.sizes();
      names.add(text.str());
    }
  }
  distributed::require_agreement(group,
                                 {{"trainable blocks", static_cast<double>(units.size())},
                                  {"trainable elements", elements},
                                  {"fingerprint of trainable parameters", names.as_double()}},
                                 "the same configuration on every rank");
}

/// An optimizer step on gradients that went elsewhere would silently do nothing.
void require_own_gradients(const FlatUnit& unit) {
  for (const auto& parameter : unit.parameters()) {
    const auto& gradient = parameter.tensor.grad();
    TORCH_CHECK(gradient.defined() && gradient.is_alias_of(unit.gradient()), "the gradient of ", parameter.name,
                " was replaced; clear gradients with Replicate::zero_gradients");
  }
}

}  // namespace

struct Replicate::Impl {
  explicit Impl(distributed::ProcessGroup process_group) : group(std::move(process_group)) {}

  void begin();
  void gradient_ready(size_t unit);
  void launch_next();
  void finish();

  distributed::ProcessGroup group;
  std::vector<FlatUnit> units;

  // Hooks run on autograd's threads.
  mutable std::mutex mutex;
  bool reducing = false;
  std::vector<size_t> missing;  ///< per unit, parameters whose gradient backward has not delivered
  size_t launched = 0;          ///< units are launched from the last to the first, the order of backward
  std::vector<distributed::PendingCollective> pending;
};

namespace {

/// Runs after autograd has added to a parameter's gradient: once in a backward, however often forward used the
/// parameter.
class GradientHook : public torch::autograd::PostAccumulateGradHook {
 public:
  explicit GradientHook(std::function<void()> ready) : ready_(std::move(ready)) {}
  void operator()(const torch::autograd::Variable&) override { ready_(); }

 private:
  std::function<void()> ready_;
};

}  // namespace

void Replicate::Impl::begin() {
  missing.clear();
  for (const auto& unit : units) missing.push_back(unit.parameters().size());
  launched = 0;
  pending.clear();
  reducing = true;
}

void Replicate::Impl::gradient_ready(size_t unit) {
  const std::lock_guard lock(mutex);
  if (!reducing) return;
  TORCH_CHECK(missing[unit] > 0, "block ", units[unit].name(),
              " got a second gradient after begin_reduction; only the last backward may follow it");
  --missing[unit];
  while (launched < units.size() && missing[units.size() - 1 - launched] == 0) launch_next();
}

void Replicate::Impl::launch_next() {
  const auto& unit = units[units.size() - 1 - launched];
  pending.push_back(group.all_reduce_async(unit.gradient()));
  ++launched;
}

void Replicate::Impl::finish() {
  std::vector<distributed::PendingCollective> waiting;
  {
    const std::lock_guard lock(mutex);
    if (!reducing) begin();
    for (const auto& unit : units) require_own_gradients(unit);
    while (launched < units.size()) launch_next();
    waiting.swap(pending);
    reducing = false;
  }
  for (auto& collective : waiting) collective.wait();
}

Replicate::Replicate(const std::vector<nn::Block>& blocks, distributed::ProcessGroup group)
    : impl_(std::make_unique<Impl>(std::move(group))) {
  auto& units = impl_->units;
  for (const auto& block : trainable_blocks(blocks)) units.emplace_back(block);
  const bool on_gpu = !units.empty() && units.front().flat().is_cuda();
  // The parameters' former memory is in pieces too small for what is allocated next.
  if (on_gpu) at::accelerator::emptyCache();
  require_equal_units(units, impl_->group);
  for (const auto& block : blocks) {
    for (const auto& [name, tensor] : block.parameters) {
      if (!tensor.requires_grad()) impl_->group.broadcast(tensor);
    }
  }
  for (size_t i = 0; i < units.size(); ++i) {
    impl_->group.broadcast(units[i].flat());
    for (const auto& parameter : units[i].parameters()) {
      torch::autograd::impl::set_post_acc_grad_hooks(
          parameter.tensor, std::make_unique<GradientHook>([impl = impl_.get(), i] { impl->gradient_ready(i); }));
    }
  }
  // NCCL allocates the buffers of its first all-reduce beside those of LibTorch: here, while there is room.
  if (on_gpu) impl_->group.all_reduce(units.front().gradient());
}

Replicate::~Replicate() {
  for (const auto& unit : impl_->units) {
    for (const auto& parameter : unit.parameters()) {
      torch::autograd::impl::set_post_acc_grad_hooks(parameter.tensor, nullptr);
    }
  }
}

const std::vector<FlatUnit>& Replicate::units() const { return impl_->units; }

void Replicate::zero_gradients() {
  for (const auto& unit : impl_->units) unit.gradient().zero_();
}

void Replicate::begin_reduction() {
  const std::lock_guard lock(impl_->mutex);
  impl_->begin();
}

int64_t Replicate::reductions_started() const {
  const std::lock_guard lock(impl_->mutex);
  return static_cast<int64_t>(impl_->launched);
}

void Replicate::finish_reduction() { impl_->finish(); }

}  // namespace convllava::parallel
