#include "convllava/train/train_step.h"

#include "convllava/infer/tensors.h"
#include "convllava/nn/libtorch.h"

namespace convllava::train {
namespace {

/// Norm of each module's gradients.
std::map<std::string, torch::Tensor> module_norms(const parallel::Replicate& units) {
  std::map<std::string, std::vector<torch::Tensor>> parts;
  for (const auto& unit : units.units()) {
    for (const auto& range : unit.ranges()) {
      parts[range.module].push_back(unit.gradient().narrow(0, range.begin, range.end - range.begin).norm());
    }
  }
  std::map<std::string, torch::Tensor> norms;
  for (const auto& [module, values] : parts) norms[module] = torch::stack(values).norm();
  return norms;
}

/// Whether a trainable parameter has a part in the loss of any micro-batch of any rank.
bool any_gradient(const model::ConvLlavaImpl& model, const GlobalCounts& counts) {
  return (nn::any_trained(model.llm->blocks()) ? counts.supervised_tokens : counts.supervised_with_images) > 0;
}

}  // namespace

GlobalCounts global_counts(const data::StepBatch& batch, distributed::ProcessGroup& group,
                           const StepRequests& requests) {
  int64_t supervised = 0;
  int64_t with_images = 0;
  int64_t tokens = 0;
  for (const auto& micro : batch.micro_batches) {
    supervised += micro.supervised_tokens();
    if (!micro.images.empty()) with_images += micro.supervised_tokens();
    tokens += micro.tokens();
  }
  const auto sums = group.all_reduce(std::vector<double>{
      static_cast<double>(supervised), static_cast<double>(with_images), static_cast<double>(tokens),
      static_cast<double>(batch.samples), static_cast<double>(batch.cut_samples), static_cast<double>(batch.cut_tokens),
      static_cast<double>(batch.bad.size()), requests.stop ? 1.0 : 0.0, requests.save ? 1.0 : 0.0,
      requests.failed ? 1.0 : 0.0});
  return {sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6], sums[7], sums[8], sums[9]};
}

torch::Tensor accumulate_gradients(model::ConvLlavaImpl& model, const data::StepBatch& batch,
                                   const GlobalCounts& counts, parallel::Replicate& units) {
  const auto device = model.llm->head_weight().device();
  auto total = torch::zeros({}, torch::TensorOptions(torch::kFloat).device(device));
  units.zero_gradients();
  for (size_t i = 0; i < batch.micro_batches.size(); ++i) {
    if (i + 1 == batch.micro_batches.size()) units.begin_reduction();
    const auto& micro = batch.micro_batches[i];
    if (micro.supervised_tokens() == 0) continue;
    const auto loss = model.loss(infer::to_tensors(micro, device), 1.0 / counts.supervised_tokens);
    if (loss.requires_grad()) loss.backward();
    total += loss.detach();
  }
  units.finish_reduction();
  return total;
}

StepOutcome train_step(model::ConvLlavaImpl& model, const data::StepBatch& batch, const GlobalCounts& counts,
                       parallel::Replicate& units, optim::Optimizer& optimizer, const optim::ClipOptions& clip,
                       const std::function<optim::Rates(const parallel::FlatRange&)>& rates) {
  StepOutcome outcome;
  outcome.loss = accumulate_gradients(model, batch, counts, units);
  outcome.module_norms = module_norms(units);
  std::vector<torch::Tensor> norms;
  for (const auto& item : outcome.module_norms) norms.push_back(item.second);
  outcome.gradient_norm = torch::stack(norms).norm();
  outcome.skipped = outcome.gradient_norm.isfinite().logical_not().to(torch::kFloat);
  outcome.learned = any_gradient(model, counts);
  if (!outcome.learned) return outcome;  // a step on zeros would still move by the moments and decay the weights
  optimizer.step(rates, optim::clip_divisor(outcome.gradient_norm, clip), outcome.skipped);
  return outcome;
}

}  // namespace convllava::train
