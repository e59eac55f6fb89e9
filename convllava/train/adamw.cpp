#include "convllava/train/adamw.h"

#include <sstream>

#include "convllava/core/error.h"
#include "convllava/nn/libtorch.h"

namespace convllava::train {

AdamW::AdamW(const std::vector<parallel::FlatUnit>& units, const AdamWOptions& options) : options_(options) {
  const torch::NoGradGuard no_grad;
  for (const auto& unit : units) {
    const auto& flat = unit.flat();
    const bool wide = flat.scalar_type() == torch::kFloat;
    states_.push_back({&unit, wide ? flat : flat.to(torch::kFloat),
                       torch::zeros({unit.numel()}, flat.options().dtype(torch::kFloat)),
                       torch::zeros({unit.numel()}, flat.options().dtype(torch::kFloat))});
  }
  step_ = torch::zeros({}, torch::TensorOptions(torch::kFloat).device(units.front().flat().device()));
}

void AdamW::step(const std::function<Rates(const parallel::FlatRange&)>& rates,
                 const std::optional<torch::Tensor>& divisor, const torch::Tensor& skip) {
  const torch::NoGradGuard no_grad;
  whole_ = false;
  step_.add_(1 - skip);
  for (auto& state : states_) {
    for (const auto& range : state.unit->ranges()) {
      const auto part = [&](const torch::Tensor& t) { return t.narrow(0, range.begin, range.end - range.begin); };
      const Rates rate = rates(range);
      at::_fused_adamw_({part(state.master)}, {part(state.unit->gradient())}, {part(state.exp_avg)},
                        {part(state.exp_avg_sq)}, {}, {step_}, rate.lr, options_.beta1, options_.beta2,
                        rate.weight_decay, options_.eps, /*amsgrad=*/false, /*maximize=*/false, divisor, skip);
    }
    if (!state.master.is_same(state.unit->flat())) {
      auto narrow = state.unit->flat();
      narrow.copy_(state.master);
    }
  }
  whole_ = true;
}

checkpoint::NamedTensors AdamW::state() const {
  checkpoint::NamedTensors tensors = {{"step", step_}};
  for (const auto& state : states_) {
    const auto add = [&](const std::string& kind, const torch::Tensor& flat) {
      for (const auto& [name, tensor, begin] : state.unit->parameters()) {
        tensors.emplace_back(name + kind, flat.as_strided(tensor.sizes(), tensor.strides(), begin));
      }
    };
    add(".exp_avg", state.exp_avg);
    add(".exp_avg_sq", state.exp_avg_sq);
    if (!state.master.is_same(state.unit->flat())) add(".master", state.master);
  }
  return tensors;
}

void AdamW::load_state(const checkpoint::TensorSource& state) {
  const torch::NoGradGuard no_grad;
  const auto& saved = state.tensors();
  const auto own = this->state();
  if (saved.size() != own.size()) {
    throw CheckpointError(error_message("optimizer state", "does not belong to this model and trainable set",
                                        std::to_string(saved.size()) + " tensors", std::to_string(own.size())));
  }
  for (const auto& [name, tensor] : own) {
    const auto found = saved.find(name);
    if (found == saved.end() || found->second.shape != tensor.sizes()) {
      std::ostringstream got;
      if (found != saved.end()) got << torch::IntArrayRef(found->second.shape);
      std::ostringstream expected;
      expected << tensor.sizes();
      throw CheckpointError(error_message("optimizer state", "tensor \"" + name + "\" does not fit",
                                          found == saved.end() ? "none" : got.str(), expected.str()));
    }
  }
  for (const auto& [name, tensor] : own) torch::Tensor(tensor).copy_(state.tensor(name));
}

}  // namespace convllava::train
