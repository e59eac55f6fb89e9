#include "convllava/optim/optimizer.h"

#include <sstream>

#include "convllava/core/error.h"
#include "convllava/core/suggest.h"
#include "convllava/nn/libtorch.h"

namespace convllava::optim {

// Each in a source file of its own.
std::unique_ptr<const Rule> make_adamw(const OptimizerOptions& options);
std::unique_ptr<const Rule> make_lion(const OptimizerOptions& options);

namespace {

struct OptimizerName {
  const char* name;
  std::unique_ptr<const Rule> (*make)(const OptimizerOptions&);
};

constexpr OptimizerName kOptimizers[] = {{"adamw", make_adamw}, {"lion", make_lion}};

std::vector<std::string> optimizer_names() {
  std::vector<std::string> names;
  for (const auto& row : kOptimizers) names.emplace_back(row.name);
  return names;
}

std::string text_of(torch::IntArrayRef shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}

}  // namespace

void OptimizerOptions::visit_fields(config::FieldVisitor& visitor) {
  visitor.fixed_on_resume().name_of(
      "optimizer", optimizer, optimizer_names(),
      "`adamw`, or `lion`: the sign of an average of gradients, with one state instead of two. Lion needs a learning "
      "rate three to ten times smaller and a weight decay as much larger.");
  visitor.field("betas", betas,
                "Averaging factors: of gradient and squared gradient for `adamw`, of the update and of the state for "
                "`lion`. Empty takes the usual ones: [0.9, 0.999] and [0.9, 0.99].",
                {0, 0.999999});
  visitor.field("eps", eps, "AdamW's term in the denominator.", {1e-20, 1});
}

std::unique_ptr<const Rule> make_rule(const OptimizerOptions& options) {
  for (const auto& row : kOptimizers) {
    if (options.optimizer == row.name) return row.make(options);
  }
  throw ConfigError({"", "train.optimizer"}, "unknown optimizer", options.optimizer,
                    core::one_of(optimizer_names(), options.optimizer));
}

Optimizer::Optimizer(std::unique_ptr<const Rule> rule, std::vector<parallel::Shard> shards) : rule_(std::move(rule)) {
  const torch::NoGradGuard no_grad;
  const size_t moments = rule_->moments().size();
  for (auto& shard : shards) {
    const auto& weights = shard.weights;
    const bool wide = weights.scalar_type() == torch::kFloat;
    ShardState state{shard, wide ? weights : weights.to(torch::kFloat), {}};
    for (size_t i = 0; i < moments; ++i) state.moments.push_back(torch::zeros_like(state.master));
    states_.push_back(std::move(state));
  }
  steps_ = torch::zeros({}, torch::TensorOptions(torch::kFloat).device(states_.front().master.device()));
}

void Optimizer::step(const std::function<Rates(const parallel::FlatRange&)>& rates,
                     const std::optional<torch::Tensor>& divisor, const torch::Tensor& skip) {
  const torch::NoGradGuard no_grad;
  whole_ = false;
  steps_.add_(1 - skip);
  for (auto& state : states_) {
    for (const auto& range : state.shard.ranges) {
      const auto part = [&](const torch::Tensor& t) { return t.narrow(0, range.begin, range.end - range.begin); };
      Stretch stretch{part(state.master), part(state.shard.gradient), {}};
      for (const auto& moment : state.moments) stretch.moments.push_back(part(moment));
      rule_->update(stretch, rates(range), steps_, divisor, skip);
    }
    if (!state.master.is_same(state.shard.weights)) state.shard.weights.copy_(state.master);
  }
  whole_ = true;
}

std::vector<checkpoint::StatePiece> Optimizer::state() const {
  std::vector<checkpoint::StatePiece> pieces;
  const auto names = rule_->moments();
  for (const auto& state : states_) {
    const auto add = [&](const std::string& name, const torch::Tensor& flat) {
      for (const auto& [parameter, sizes, strides, begin, end, place] : state.shard.pieces) {
        pieces.push_back({parameter, name, sizes, strides, begin, end, flat.narrow(0, place, end - begin)});
      }
    };
    for (size_t i = 0; i < names.size(); ++i) add(names[i], state.moments[i]);
    if (!state.master.is_same(state.shard.weights)) add("master", state.master);
  }
  return pieces;
}

int64_t Optimizer::steps() const { return steps_.item<int64_t>(); }

void Optimizer::load_state(const checkpoint::StateSource& saved) {
  const torch::NoGradGuard no_grad;
  const auto own = state();
  if (saved.shapes().size() != own.size()) {
    throw CheckpointError("optimizer state", "does not belong to this model and trainable set",
                          std::to_string(saved.shapes().size()) + " tensors", std::to_string(own.size()));
  }
  for (const auto& piece : own) {
    const auto found = saved.shapes().find(piece.name());
    if (found != saved.shapes().end() && found->second == piece.shape) continue;
    throw CheckpointError("optimizer state", "tensor \"" + piece.name() + "\" does not fit",
                          found == saved.shapes().end() ? "none" : text_of(found->second), text_of(piece.shape));
  }
  for (const auto& piece : own) {
    if (piece.begin < piece.end) saved.read(piece);
  }
  steps_.fill_(saved.steps());
}

}  // namespace convllava::optim
