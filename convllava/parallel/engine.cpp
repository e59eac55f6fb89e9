#include "convllava/parallel/engine.h"

#include <ATen/DeviceAccelerator.h>
#include <torch/csrc/autograd/function_hook.h>

#include <algorithm>
#include <mutex>
#include <sstream>

#include "convllava/core/error.h"
#include "convllava/core/fingerprint.h"
#include "convllava/distributed/agreement.h"
#include "convllava/nn/libtorch.h"
#include "convllava/parallel/gradient_reductions.h"
#include "convllava/parallel/unit_table.h"
#include "convllava/parallel/weight_gathers.h"

namespace convllava::parallel {
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

/// Our tensors are no tensors of inference mode, and nothing that is done to them is recorded.
struct PlainTensors {
  torch::InferenceMode no_inference{false};
  torch::NoGradGuard no_grad;
};

Placement placement_of(const distributed::ProcessGroup& group, Level level) {
  const int64_t world = group.world_size();
  if (level == Level::kNone) return {level, 0, 1, world};
  return {level, group.rank(), world, world};
}

}  // namespace

struct Engine::Impl : nn::BlockObserver {
  Impl(const std::vector<nn::Block>& blocks, distributed::ProcessGroup process_group, const ShardOptions& shard_options,
       const torch::Device& device)
      : group(std::move(process_group)),
        options(shard_options),
        model(blocks, placement_of(group, options.shard), device) {}

  void before_forward(const nn::Block& block) override;
  void after_forward(const nn::Block& block) override;
  void before_backward(const nn::Block& block) override;
  void after_backward(const nn::Block& block) override;
  void gradient_ready(size_t unit);

  bool divides_weights() const { return options.shard == Level::kParameters; }
  void require_equal_units();
  void obtain(size_t block);
  void issue_next();
  void issue_complete();
  void await_published(size_t unit);
  void gather_all();
  void free_all();

  distributed::ProcessGroup group;
  ShardOptions options;
  UnitTable model;
  WeightGathers gathers{model.units, group};
  GradientReductions reductions{model.units, group, options};
  std::vector<Shard> shards;  ///< of the trained units

  // Hooks run on autograd's threads.
  mutable std::mutex mutex;
  bool in_micro_batch = false;
  bool whole = false;  ///< all weights are here (WholeWeights)
  std::vector<Collective> order;
  size_t next = 0;                                        ///< of `order`, to be issued
  std::vector<distributed::PendingCollective> published;  ///< per unit
};

void Engine::Impl::before_forward(const nn::Block& block) {
  const std::lock_guard lock(mutex);
  const PlainTensors plain;
  if (whole) return;
  const size_t number = model.number_of(block);
  for (const size_t unit : model.uses[number].units) await_published(unit);
  if (!divides_weights()) return;
  TORCH_CHECK(in_micro_batch, "block ", block.name, " runs outside of a micro-batch: its weights are not here");
  obtain(number);
}

void Engine::Impl::after_forward(const nn::Block& block) {
  const std::lock_guard lock(mutex);
  if (divides_weights() && !whole) gathers.free_after_forward(model.number_of(block));
}

void Engine::Impl::before_backward(const nn::Block& block) {
  const std::lock_guard lock(mutex);
  const PlainTensors plain;
  const size_t number = model.number_of(block);
  const auto& use = model.uses[number];
  if (divides_weights() && !whole && use.gathered_in_backward) obtain(number);
  if (!in_micro_batch) return;
  for (const size_t unit : use.units) {
    if (model.trained[unit]) reductions.expect(unit);
  }
}

void Engine::Impl::after_backward(const nn::Block& block) {
  const std::lock_guard lock(mutex);
  if (divides_weights() && !whole) gathers.free_after_backward(model.number_of(block));
}

void Engine::Impl::gradient_ready(size_t unit) {
  const std::lock_guard lock(mutex);
  if (!in_micro_batch) return;
  const PlainTensors plain;
  reductions.ready(unit);
  issue_complete();
}

/// The weights of a block, and the next gather on its way while the block computes.
void Engine::Impl::obtain(size_t block) {
  while (!gathers.use(block)) {
    TORCH_CHECK(next < order.size(), "a block runs that the plan of this micro-batch does not contain");
    issue_next();
    gathers.drop_unused(next - 1);
  }
  if (next < order.size() && order[next].kind == Collective::Kind::kGather) issue_next();
}

void Engine::Impl::issue_next() {
  const auto& collective = order[next];
  if (collective.kind == Collective::Kind::kGather) {
    gathers.issue(next, collective.index, model.uses[collective.index].units, collective.keep);
  } else {
    reductions.issue(collective.index);
  }
  ++next;
}

void Engine::Impl::issue_complete() {
  while (next < order.size() && order[next].kind == Collective::Kind::kReduce &&
         reductions.complete(order[next].index)) {
    issue_next();
  }
}

void Engine::Impl::await_published(size_t unit) {
  if (unit < published.size()) published[unit].wait();
}

void Engine::Impl::gather_all() {
  for (size_t unit = 0; unit < model.units.size(); ++unit) await_published(unit);
  if (divides_weights()) {
    gathers.free_all();
    for (size_t block = 0; block < model.uses.size(); ++block) {
      gathers.issue(block, block, model.uses[block].units, false);
      gathers.use(block);
    }
  }
  whole = true;
}

void Engine::Impl::free_all() {
  gathers.free_all();
  whole = false;
}

void Engine::Impl::require_equal_units() {
  double elements = 0;
  double trained = 0;
  core::Fingerprint names;
  for (const auto& unit : model.units) {
    if (!unit.trained()) continue;
    trained += 1;
    elements += static_cast<double>(unit.numel());
    for (const auto& parameter : unit.parameters()) {
      std::ostringstream text;
      text << parameter.name << parameter.tensor.sizes();
      names.add(text.str());
    }
  }
  distributed::require_agreement(group,
                                 {{"trainable blocks", trained},
                                  {"trainable elements", elements},
                                  {"fingerprint of trainable parameters", names.as_double()}},
                                 "the same configuration on every rank");
}

Engine::Engine(const std::vector<nn::Block>& blocks, distributed::ProcessGroup group, const ShardOptions& options,
               const torch::Device& device)
    : impl_(std::make_unique<Impl>(blocks, std::move(group), options, device)) {
  auto& units = impl_->model.units;
  const bool on_gpu = !units.empty() && units.front().own_weights().is_cuda();
  // The parameters' former memory is in pieces too small for what is allocated next.
  if (on_gpu) at::accelerator::emptyCache();
  impl_->require_equal_units();
  for (size_t i = 0; i < units.size(); ++i) {
    if (!units[i].trained()) continue;
    impl_->shards.push_back(shard_of(units[i]));
    for (const auto& parameter : units[i].parameters()) {
      torch::autograd::impl::set_post_acc_grad_hooks(
          parameter.tensor, std::make_unique<GradientHook>([impl = impl_.get(), i] { impl->gradient_ready(i); }));
    }
  }
  // NCCL allocates the buffers of its first all-reduce beside those of LibTorch: here, while there is room.
  const auto trained = std::find_if(units.begin(), units.end(), [](const FlatUnit& unit) { return unit.trained(); });
  if (on_gpu && trained != units.end()) impl_->group.all_reduce(trained->own_gradient());
}

Engine::~Engine() {
  for (const auto& unit : impl_->model.units) {
    if (!unit.trained()) continue;
    for (const auto& parameter : unit.parameters()) {
      torch::autograd::impl::set_post_acc_grad_hooks(parameter.tensor, nullptr);
    }
  }
}

void Engine::fill(const std::vector<nn::Block>& blocks, const std::function<void(const nn::Block&)>& write) {
  const PlainTensors plain;
  auto& model = impl_->model;
  for (const auto& block : blocks) {
    auto units = model.uses[model.number_of(block)].units;
    std::erase_if(units, [&](size_t unit) { return model.units[unit].name() != block.name; });  // tied weights
    if (units.empty()) continue;
    for (const size_t unit : units) model.units[unit].begin_fill();
    write(block);
    for (const size_t unit : units) model.units[unit].end_fill();
  }
}

void Engine::require_equal_weights() {
  const PlainTensors plain;
  std::vector<std::pair<std::string, double>> sums;
  for (size_t i = 0; i < impl_->model.units.size(); ++i) {
    impl_->await_published(i);
    sums.emplace_back("the weights of " + impl_->model.units[i].name(), impl_->model.units[i].bit_sum());
  }
  distributed::require_agreement(impl_->group, sums, "the same files and seed on every rank");
}

Level Engine::level() const { return impl_->options.shard; }

nn::BlockObserver* Engine::observer() { return impl_->options.shard == Level::kNone ? nullptr : impl_.get(); }

void Engine::begin_step() {
  const PlainTensors plain;
  impl_->reductions.clear_gradients();
}

void Engine::begin_micro_batch(const MicroPlan& plan) {
  const std::lock_guard lock(impl_->mutex);
  impl_->order = collective_order(impl_->model.uses, impl_->model.trained, impl_->options.shard, plan);
  impl_->next = 0;
  impl_->reductions.begin(plan);
  impl_->in_micro_batch = true;
}

void Engine::finish_micro_batch() {
  const std::lock_guard lock(impl_->mutex);
  const PlainTensors plain;
  while (impl_->next < impl_->order.size()) {
    impl_->issue_next();
    impl_->gathers.drop_unused(impl_->next - 1);
  }
  impl_->gathers.free_all();
  impl_->reductions.finish();
  // The optimizer changes them next.
  for (auto& gather : impl_->published) gather.wait();
  impl_->in_micro_batch = false;
}

int64_t Engine::reductions_started() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->reductions.issued();
}

void Engine::publish() {
  const auto level = impl_->options.shard;
  if (level == Level::kNone || level == Level::kParameters) return;
  auto& units = impl_->model.units;
  impl_->published.resize(units.size());
  for (size_t i = 0; i < units.size(); ++i) {
    if (units[i].trained()) impl_->published[i] = impl_->group.all_gather_async(units[i].weights().tensor());
  }
}

void Engine::visit_weights(const std::function<void(const FlatUnit&)>& look) {
  const std::lock_guard lock(impl_->mutex);
  const PlainTensors plain;
  auto& units = impl_->model.units;
  for (size_t i = 0; i < units.size(); ++i) {
    impl_->await_published(i);
    if (impl_->divides_weights()) {
      impl_->gathers.issue(i, i, {i}, false);
      impl_->gathers.use(i);
    }
    look(units[i]);
    if (impl_->divides_weights()) impl_->gathers.free_all();
  }
}

const std::vector<Shard>& Engine::shards() const { return impl_->shards; }

const std::deque<FlatUnit>& Engine::units() const { return impl_->model.units; }

std::map<std::string, torch::Tensor> Engine::gradient_norms() {
  const PlainTensors plain;
  std::map<std::string, std::vector<torch::Tensor>> parts;
  for (const auto& shard : impl_->shards) {
    for (const auto& range : shard.ranges) {
      parts[range.module].push_back(shard.gradient.narrow(0, range.begin, range.end - range.begin).norm());
    }
  }
  std::map<std::string, torch::Tensor> norms;
  for (const auto& [module, values] : parts) norms[module] = torch::stack(values).norm();
  if (impl_->options.shard == Level::kNone) return norms;
  std::vector<torch::Tensor> squares;
  for (const auto& item : norms) squares.push_back(item.second.square());
  auto sums = torch::stack(squares);
  impl_->group.all_reduce(sums);
  int64_t i = 0;
  for (auto& item : norms) item.second = sums[i++].sqrt();
  return norms;
}

WholeWeights::WholeWeights(Engine& engine) : engine_(engine) {
  const std::lock_guard lock(engine_.impl_->mutex);
  const PlainTensors plain;
  engine_.impl_->gather_all();
}

WholeWeights::~WholeWeights() {
  const std::lock_guard lock(engine_.impl_->mutex);
  engine_.impl_->free_all();
}

}  // namespace convllava::parallel
