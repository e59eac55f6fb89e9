#include "convllava/model/convllava.h"

#include "convllava/nn/libtorch.h"
#include "convllava/nn/upload.h"

namespace convllava::model {

ConvLlavaImpl::ConvLlavaImpl(ModelConfig config, const torch::TensorOptions& options) : config_(std::move(config)) {
  if (config_.vision) {
    vision_tower = register_module("vision_tower", config_.vision->make(options));
    mm_projector = register_module("mm_projector", make_connector(config_.projector_type, config_.vision->output_size(),
                                                                  config_.llm.hidden_size, options));
  }
  llm = register_module("llm", make_language_model(config_.llm, options));
  for (const auto& part : named_children()) {
    std::dynamic_pointer_cast<nn::BlockModule>(part.value())->runner.add_prefix(part.key());
  }
}

std::vector<std::shared_ptr<nn::BlockModule>> ConvLlavaImpl::parts() const {
  if (!vision_tower) return {llm};
  return {vision_tower, mm_projector, llm};
}

std::vector<nn::Block> ConvLlavaImpl::blocks() const {
  std::vector<nn::Block> all;
  for (const auto& part : parts()) all.insert(all.end(), part->blocks().begin(), part->blocks().end());
  return all;
}

void ConvLlavaImpl::set_recompute(const std::vector<std::string>& patterns) {
  for (const auto& part : parts()) part->runner.set_recompute(patterns);
}

void ConvLlavaImpl::set_observer(nn::BlockObserver* observer) {
  for (const auto& part : parts()) part->runner.set_observer(observer);
}

torch::Tensor ConvLlavaImpl::encode_images(const torch::Tensor& pixels) {
  const auto stats = config_.tower().pixel_stats();
  const auto normalized = normalize_pixels(pixels, stats, llm->head_weight().scalar_type());
  return mm_projector->forward(vision_tower->forward(normalized)).flatten(0, 1);
}

torch::Tensor ConvLlavaImpl::embed(const Batch& batch) {
  std::vector<torch::Tensor> features;
  for (const auto& pixels : batch.pixels) features.push_back(encode_images(pixels));
  // Behind vision, as in `blocks`: backward then has this gradient before it enters the tower.
  const auto embeddings = llm->embed(batch.input_ids.clamp_min(0));
  if (features.empty()) return embeddings;
  return embeddings.index_copy(0, batch.visual_rows, features.size() == 1 ? features[0] : torch::cat(features));
}

torch::Tensor ConvLlavaImpl::hidden_states(const Batch& batch, nn::KvCache* cache) {
  const auto embeddings = embed(batch);
  return llm->hidden_states(embeddings, batch.position_ids,
                            nn::SequenceLayout::make(batch.cu_seqlens, embeddings.device()), cache);
}

torch::Tensor ConvLlavaImpl::loss(const Batch& batch, double scale) {
  const auto states = hidden_states(batch).index_select(0, batch.target_rows);
  return llm->loss(states, batch.targets, scale);
}

torch::Tensor normalize_pixels(const torch::Tensor& pixels, const image::PixelStats& stats, torch::ScalarType dtype) {
  TORCH_CHECK(pixels.dim() == 4 && pixels.size(3) == 3 && pixels.scalar_type() == torch::kByte,
              "expected pixels [n, H, W, 3] of uint8, got ", pixels.sizes(), " of ", pixels.dtype());
  // The reference multiplies by 1/255 in fp64 and rounds, which gives the quotient of fp32 for every byte. The divisor
  // is a tensor of the device because CUDA multiplies by the reciprocal of a number.
  std::array<float, 9> numbers = {255, 255, 255};
  std::copy(stats.mean.begin(), stats.mean.end(), numbers.begin() + 3);
  std::copy(stats.std.begin(), stats.std.end(), numbers.begin() + 6);
  const auto constants = nn::upload<float>(numbers, pixels.device()).view({3, 3});
  const auto unit = pixels.to(torch::kFloat).div_(constants[0]);
  return unit.sub_(constants[1]).div_(constants[2]).to(dtype).permute({0, 3, 1, 2});
}

}  // namespace convllava::model
