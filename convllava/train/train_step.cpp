#include "convllava/train/train_step.h"

#include <algorithm>

#include "convllava/infer/tensors.h"
#include "convllava/nn/libtorch.h"

namespace convllava::train {
namespace {

/// Whether a trainable parameter has a part in the loss of any micro-batch of any rank.
bool any_gradient(const model::ConvLlavaImpl& model, const GlobalCounts& counts) {
  return (nn::any_trained(model.llm->blocks()) ? counts.supervised_tokens : counts.supervised_with_images) > 0;
}

}  // namespace

GlobalCounts global_counts(const data::StepBatch& batch, distributed::ProcessGroup& group, const StepRequests& requests,
                           size_t micro_batches) {
  micro_batches = std::max(micro_batches, batch.micro_batches.size());
  const auto ranks = static_cast<size_t>(group.world_size());
  const auto rank = static_cast<size_t>(group.rank());
  int64_t supervised = 0;
  int64_t with_images = 0;
  int64_t tokens = 0;
  // Of each micro-batch its supervised tokens, and the tower's passes on each rank.
  std::vector<double> values(micro_batches * (1 + ranks), 0.0);
  for (size_t i = 0; i < batch.micro_batches.size(); ++i) {
    const auto& micro = batch.micro_batches[i];
    tokens += micro.tokens();
    if (micro.supervised_tokens() == 0) continue;
    supervised += micro.supervised_tokens();
    if (!micro.images.empty()) with_images += micro.supervised_tokens();
    values[i * (1 + ranks)] = static_cast<double>(micro.supervised_tokens());
    values[i * (1 + ranks) + 1 + rank] = static_cast<double>(micro.images.size());
  }
  const size_t rest = values.size();
  for (const int64_t count : {supervised, with_images, tokens, batch.samples, batch.cut_samples, batch.cut_tokens,
                              static_cast<int64_t>(batch.bad.size())}) {
    values.push_back(static_cast<double>(count));
  }
  for (const bool request : {requests.stop, requests.save, requests.failed}) values.push_back(request ? 1 : 0);
  values = group.all_reduce(std::move(values));
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(rest);
  GlobalCounts counts{{}, at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7], at[8], at[9]};
  for (auto own = values.begin(); own != at; own += static_cast<std::ptrdiff_t>(1 + ranks)) {
    const double passes = *std::max_element(own + 1, own + static_cast<std::ptrdiff_t>(1 + ranks));
    counts.micro_batches.push_back({own[0], static_cast<int64_t>(passes)});
  }
  // The last one that computes is where reductions overlap with backward.
  auto& micro = counts.micro_batches;
  while (micro.size() > 1 && micro.back().supervised_tokens == 0) micro.pop_back();
  return counts;
}

parallel::MicroPlan plan_of(const GlobalCounts& counts, size_t i, bool trains_language) {
  const auto& micro = counts.micro_batches[i];
  parallel::MicroPlan plan;
  plan.computes = micro.supervised_tokens > 0;
  plan.tower_passes = micro.tower_passes;
  plan.backward = trains_language ? plan.computes : plan.tower_passes > 0;
  plan.last = i + 1 == counts.micro_batches.size();
  return plan;
}

torch::Tensor accumulate_gradients(model::ConvLlavaImpl& model, const data::StepBatch& batch,
                                   const GlobalCounts& counts, parallel::Engine& engine) {
  const auto device = model.llm->head_weight().device();
  const bool trains_language = nn::any_trained(model.llm->blocks());
  auto total = torch::zeros({}, torch::TensorOptions(torch::kFloat).device(device));
  engine.begin_step();
  for (size_t i = 0; i < counts.micro_batches.size(); ++i) {
    engine.begin_micro_batch(plan_of(counts, i, trains_language));
    if (i < batch.micro_batches.size() && batch.micro_batches[i].supervised_tokens() > 0) {
      const auto loss = model.loss(infer::to_tensors(batch.micro_batches[i], device), 1.0 / counts.supervised_tokens);
      if (loss.requires_grad()) loss.backward();
      total += loss.detach();
    }
    engine.finish_micro_batch();
  }
  return total;
}

StepOutcome train_step(model::ConvLlavaImpl& model, const data::StepBatch& batch, const GlobalCounts& counts,
                       parallel::Engine& engine, optim::Optimizer& optimizer, const optim::ClipOptions& clip,
                       const std::function<optim::Rates(const parallel::FlatRange&)>& rates) {
  StepOutcome outcome;
  outcome.loss = accumulate_gradients(model, batch, counts, engine);
  outcome.module_norms = engine.gradient_norms();
  std::vector<torch::Tensor> norms;
  for (const auto& item : outcome.module_norms) norms.push_back(item.second);
  outcome.gradient_norm = torch::stack(norms).norm();
  outcome.skipped = outcome.gradient_norm.isfinite().logical_not().to(torch::kFloat);
  outcome.learned = any_gradient(model, counts);
  if (!outcome.learned) return outcome;  // a step on zeros would still move by the moments and decay the weights
  optimizer.step(rates, optim::clip_divisor(outcome.gradient_norm, clip), outcome.skipped);
  engine.publish();
  return outcome;
}

}  // namespace convllava::train
