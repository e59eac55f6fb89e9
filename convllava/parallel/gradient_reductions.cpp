#include "convllava/parallel/gradient_reductions.h"

#include "convllava/core/error.h"
#include "convllava/nn/libtorch.h"

namespace convllava::parallel {
namespace {

/// An optimizer step on gradients that went elsewhere would silently do nothing.
void require_own_gradients(const FlatUnit& unit) {
  for (const auto& parameter : unit.parameters()) {
    const auto& gradient = parameter.tensor.grad();
    TORCH_CHECK(gradient.defined() && gradient.is_alias_of(unit.gradient().tensor()), "the gradient of ",
                parameter.name, " was replaced; clear gradients with Engine::begin_step");
  }
}

}  // namespace

void GradientReductions::clear_gradients() {
  for (auto& unit : units_) {
    if (!unit.trained()) continue;
    torch::Tensor(transient() ? unit.own_gradient() : unit.gradient().tensor()).zero_();
  }
}

void GradientReductions::begin(const MicroPlan& plan) {
  missing_.clear();
  for (const auto& unit : units_) missing_.push_back(unit.parameters().size());
  reduced_.assign(units_.size(), false);
  reducing_ = plan.last || transient();
  issued_ = 0;
}

void GradientReductions::expect(size_t unit) {
  auto& gradient = units_[unit].gradient();
  TORCH_CHECK(!reduced_[unit], "block ", units_[unit].name(), " gets a gradient after its reduction has begun");
  if (!transient() || gradient.allocated()) return;
  // One reduction behind what backward computes; more would hold more gradients than the level promises.
  while (under_way_.size() > 1) settle_oldest();
  gradient.allocate();
  torch::Tensor(gradient.tensor()).zero_();
}

void GradientReductions::ready(size_t unit) {
  if (!reducing_) return;
  TORCH_CHECK(missing_[unit] > 0, "block ", units_[unit].name(),
              " got a second gradient in a micro-batch; only one backward belongs to it");
  --missing_[unit];
}

void GradientReductions::issue(size_t index) {
  auto& unit = units_[index];
  expect(index);
  require_own_gradients(unit);
  const auto& gradient = unit.gradient().tensor();
  Reduction reduction{index, {}, {}};
  if (group_.world_size() > 1 && options_.reduce_dtype != torch::kFloat)
    reduction.narrow = gradient.to(options_.reduce_dtype);
  const auto& sent = reduction.narrow.defined() ? reduction.narrow : gradient;
  reduction.pending =
      options_.shard == Level::kNone ? group_.all_reduce_async(sent) : group_.reduce_scatter_async(sent);
  under_way_.push_back(std::move(reduction));
  reduced_[index] = true;
  ++issued_;
}

void GradientReductions::settle_oldest() {
  auto [index, narrow, pending] = std::move(under_way_.front());
  under_way_.pop_front();
  pending.wait();
  auto& unit = units_[index];
  const auto sum = unit.own_part(narrow.defined() ? narrow : unit.gradient().tensor());
  auto own = unit.own_gradient();
  if (transient()) {
    own.add_(sum);
    unit.gradient().free();
  } else if (narrow.defined()) {
    own.copy_(sum);
  }
}

void GradientReductions::finish() {
  while (!under_way_.empty()) settle_oldest();
  reducing_ = false;
}

}  // namespace convllava::parallel
