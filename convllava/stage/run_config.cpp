#include "convllava/stage/run_config.h"

namespace convllava::stage {

void DataConfig::visit_fields(config::FieldVisitor& visitor) {
  MixtureOptions::visit_fields(visitor);
  EncodeOptions::visit_fields(visitor);
  LoaderOptions::visit_fields(visitor);
  QuarantineOptions::visit_fields(visitor);
}

void OptimizationConfig::visit_fields(config::FieldVisitor& visitor) {
  BatchOptions::visit_fields(visitor);
  LengthOptions::visit_fields(visitor);
  OptimizerOptions::visit_fields(visitor);
  GroupOptions::visit_fields(visitor);
  ScheduleOptions::visit_fields(visitor);
  ClipOptions::visit_fields(visitor);
  setup::RecomputeOptions::visit_fields(visitor);
  SkipOptions::visit_fields(visitor);
}

void ReportConfig::visit_fields(config::FieldVisitor& visitor) {
  LogOptions::visit_fields(visitor);
  ValidationOptions::visit_fields(visitor);
  SinkOptions::visit_fields(visitor);
}

void ParallelConfig::visit_fields(config::FieldVisitor& visitor) {
  ShardOptions::visit_fields(visitor);
  TimeoutOptions::visit_fields(visitor);
}

void RunConfig::visit_fields(config::FieldVisitor& visitor) {
  visitor.path(
      "output_dir", output_dir,
      "Folder of the run: checkpoints, metrics, report, resolved configuration. A stopped run resumes from its "
      "newest checkpoint. Required.");
  visitor.fixed_on_resume().field(
      "seed", seed, "Decides the order of the data, the validation split and random weights.", config::kNonNegative);
  visitor.choice<hardware::Device>(
      "device", device,
      {{"auto", hardware::Device::kAuto}, {"cpu", hardware::Device::kCpu}, {"cuda", hardware::Device::kCuda}},
      "Where to train; `auto` takes the GPU of this rank if there is one.");
  visitor.fixed_on_resume().choice<hardware::Dtype>(
      "dtype", dtype, {{"fp32", hardware::Dtype::kFp32}, {"bf16", hardware::Dtype::kBf16}},
      "Type of weights and activations. With `bf16` the optimizer keeps fp32 weights, gradients and "
      "moments; on most CPUs `fp32` is faster.");
  visitor.section("model", model, "Where the model comes from: a named size, directories of weights, or both.");
  visitor.fixed_on_resume().field(
      "trainable", trainable,
      "What this stage trains, by name: `projector`, `llm.layers.0-15`, `vision.stages.3-5` (stages count from 1 "
      "as in the paper, layers from 0). Everything else stays as it is. Required.");
  visitor.section("image", image, "How an image becomes pixels.");
  visitor.section("data", data, "What to train on.");
  visitor.section("train", train, "The optimisation.");
  visitor.section("checkpoint", checkpoint, "When to save, and how much to keep.");
  visitor.section("report", report, "Metrics, validation and the report.");
  visitor.section("parallel", parallel, "How several ranks work together.");
}

data::Mixture open_data(const RunConfig& config, const model::VisionConfigPtr& tower,
                        const text::Tokenizer& tokenizer) {
  data::SampleOptions options;
  static_cast<data::EncodeOptions&>(options) = config.data;
  options.image = config.image;
  options.image.stats = tower->pixel_stats();
  options.visual_tokens = [tower](int64_t height, int64_t width) { return tower->num_tokens(height, width); };
  return data::open_mixture(config.data, options, tokenizer, static_cast<uint64_t>(config.seed));
}

}  // namespace convllava::stage
