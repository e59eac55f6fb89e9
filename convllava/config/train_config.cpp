#include "convllava/config/train_config.h"

#include <filesystem>

#include "convllava/config/shared_fields.h"

namespace convllava::config {

namespace fs = std::filesystem;

namespace {

// Upper ends: far beyond any use, and near enough that products and sums of fields stay inside an int64_t.
constexpr Range kCount{1, 1e6};
constexpr Range kSteps{1, 1e9};
constexpr Range kStepsOrNone{0, 1e9};

}  // namespace

void ModelSource::visit_fields(FieldVisitor& visitor) {
  visitor.fixed_on_resume().field(
      "size", size,
      "Named shape: `convllava-7b` (the paper's), `small` or `tiny` (they train on a CPU). With `llm_from` "
      "the language model takes its shape from there; empty takes all shapes from the directories.");
  visitor.path("from", from,
               "Checkpoint of the previous stage: tower, projector, language model and tokenizer are read from it.");
  visitor.path("vision_from", vision_from,
               "Hugging Face ConvNeXt directory that the tower starts from. Stages that it lacks, such as the paper's "
               "fifth, are added and start from random weights. Its patches and the epsilon of its norms count, also "
               "beside `size`.");
  visitor.path("llm_from", llm_from, "Hugging Face LLaMA directory that the language model starts from.");
  visitor.path("tokenizer", tokenizer,
               "`tokenizer.model` or the directory that holds it; empty takes the one beside the language model.");
  visitor.fixed_on_resume().field("vision_depths", vision_depths,
                                  "Blocks in each stage of the tower; empty takes those of `size`.", {1, 1000});
  visitor.fixed_on_resume().field("vision_hidden_sizes", vision_hidden_sizes,
                                  "Channels in each stage of the tower; empty takes those of `size`.", {1, 65536});
  visitor.fixed_on_resume().field(
      "layer_scale_init_value", layer_scale_init_value,
      "Start of the layer scale in stages with random weights; 0 takes that of `size` or of `vision_from`, which must "
      "not differ. 1e-6 lets a new stage fade in on top of trained ones; a tower without any trained stage needs a "
      "value near 1, or its output stays near zero.",
      {0, 10});
}

void DataSource::visit_fields(FieldVisitor& visitor) {
  visitor.path("annotations", annotations, "LLaVA annotations, a JSON array or JSON lines; relative to `data.root`.");
  visitor.path("images", images,
               "Folder that the `image` paths of the records start from; relative to `data.root`, which is also what "
               "empty means.");
  visitor.field(
      "weight", weight,
      "How often the set is seen in an epoch: 2 twice, 0.5 another half in each one, 0 not at all. Validation sets "
      "are always used whole: theirs stays 1.",
      {0, 1000});
}

void DataConfig::visit_fields(FieldVisitor& visitor) {
  visitor.path("root", root,
               "Folder that relative paths of annotations and images start from; empty is the current one.");
  visitor.list("train", train, "Sets to train on; they are mixed.");
  visitor.list("validation", validation, "Sets to measure the validation loss on.");
  visitor.fixed_on_resume().field(
      "validation_share", validation_share,
      "Share of the training records that is kept aside for validation when `data.validation` is empty. Which ones "
      "depends on `seed` and on the records, not on their order. Records of one picture stay together, and so do "
      "records of equal turns without a picture.",
      {0, 0.5});
  visit_template(visitor, prompt_template);
  visitor.fixed_on_resume().field(
      "max_length", max_length,
      "Longest sample in tokens, visual ones included. What lies beyond is cut off and counted in the log.", kCount);
  visitor.fixed_on_resume().choice<Grouping>(
      "group_by", group_by,
      {{"modality_length", Grouping::kModalityLength}, {"modality", Grouping::kModality}, {"none", Grouping::kNone}},
      "What the samples of a batch share: with or without picture and similar length (fastest), with "
      "or without picture, or nothing.");
  visitor.field("workers", workers,
                "Threads per rank that read, decode and tokenise; at most as many as the cores that the rank may use.",
                {1, 1024});
  visitor.field("prefetch_steps", prefetch_steps,
                "Optimizer steps prepared ahead. Each costs the memory of its pictures.", {1, 1000});
  visitor.field(
      "max_bad_share", max_bad_share,
      "Share of the samples that may be unusable before the run fails. Each one is skipped, counted and listed "
      "in `quarantine.jsonl`.",
      {0, 1});
}

void OptimizationConfig::visit_fields(FieldVisitor& visitor) {
  visitor.fixed_on_resume().field("global_batch_size", global_batch_size, "Samples per optimizer step, over all ranks.",
                                  kCount);
  visitor.field("micro_batch_size", micro_batch_size,
                "Samples per forward pass and rank. More is faster and takes more memory; the result is the same.",
                kCount);
  visitor.field("epochs", epochs,
                "Passes over the data; a fraction is allowed. 0: as many as `max_steps` needs; one if that is 0 too.",
                {0, 1e6});
  visitor.field("max_steps", max_steps,
                "Ends the run after this many optimizer steps; 0 leaves it to `epochs`. Where `epochs` ends it "
                "earlier, a warning says so.",
                kStepsOrNone);
  visitor.field("lr", lr, "Highest learning rate of AdamW, reached after the warm-up.", {0, 1});
  visitor.field("lr_per_module", lr_per_module,
                "Highest learning rate of `vision`, `projector` or `llm` where it differs from `train.lr`.", {0, 1});
  visitor.field("weight_decay", weight_decay,
                "AdamW's decoupled decay of matrices and convolutions; norms, biases and layer "
                "scales never decay.",
                {0, 1});
  visitor.field("weight_decay_per_module", weight_decay_per_module,
                "Decay of `vision`, `projector` or `llm` where it differs from `train.weight_decay`.", {0, 1});
  visitor.field("betas", betas, "AdamW's averaging factors of gradient and squared gradient.", {0, 0.999999});
  visitor.field("eps", eps, "AdamW's term in the denominator.", {1e-20, 1});
  visitor.field("warmup_ratio", warmup_ratio, "Share of the steps during which the learning rate rises from 0.",
                {0, 1});
  visitor.choice<Schedule>("schedule", schedule, {{"cosine", Schedule::kCosine}, {"constant", Schedule::kConstant}},
                           "Learning rate after the warm-up: falls to 0 along half a cosine, or stays.");
  visitor.field(
      "max_grad_norm", max_grad_norm,
      "Longer gradients are scaled down to this norm, taken over all trainable parameters; 0 leaves them alone.",
      {0, 1e6});
  visitor.field("recompute", recompute,
                "Parts, of `vision` and `llm`, whose blocks compute their activations again in the backward pass: much "
                "less memory for about a third more work in that part.");
  visitor.field("max_skipped_steps", max_skipped_steps,
                "Steps in a row that may be skipped because loss or gradient was not finite; one more stops the run.",
                kStepsOrNone);
}

void CheckpointConfig::visit_fields(FieldVisitor& visitor) {
  visitor.field("every_steps", every_steps, "Optimizer steps between checkpoints; 0 does not count steps.",
                kStepsOrNone);
  visitor.field("every_minutes", every_minutes,
                "Minutes between checkpoints; 0 does not watch the clock. There is always one at the end.", {0, 1e6});
  visitor.field("keep_last", keep_last, "Checkpoints to keep; older ones are deleted.", kCount);
}

void ReportConfig::visit_fields(FieldVisitor& visitor) {
  visitor.field("log_every", log_every, "Optimizer steps between entries of `metrics.jsonl`.", kSteps);
  visitor.field("validate_every", validate_every,
                "Optimizer steps between validations; 0 validates before the first step and after the last only.",
                kStepsOrNone);
  visitor.field("samples", samples, "Validation pictures that the model answers in `report.html`.", {0, 1000});
  visitor.field("tensorboard", tensorboard, "Whether to write TensorBoard event files as well.");
}

void TrainConfig::visit_fields(FieldVisitor& visitor) {
  visitor.path(
      "output_dir", output_dir,
      "Folder of the run: checkpoints, metrics, report, resolved configuration. A stopped run resumes from its "
      "newest checkpoint. Required.");
  visitor.fixed_on_resume().field(
      "seed", seed, "Decides the order of the data, the validation split and random weights.", kNonNegative);
  visitor.choice<Device>("device", device, {{"auto", Device::kAuto}, {"cpu", Device::kCpu}, {"cuda", Device::kCuda}},
                         "Where to train; `auto` takes the GPU of this rank if there is one.");
  visitor.fixed_on_resume().choice<Dtype>(
      "dtype", dtype, {{"fp32", Dtype::kFp32}, {"bf16", Dtype::kBf16}},
      "Type of weights and activations. With `bf16` the optimizer keeps fp32 weights, gradients and "
      "moments; on most CPUs `fp32` is faster.");
  visitor.section("model", model, "Where the model comes from: a named size, directories of weights, or both.");
  visitor.fixed_on_resume().field(
      "trainable", trainable,
      "What this stage trains, by name: `projector`, `llm.layers.0-15`, `vision.stages.3-5` (stages count from 1 "
      "as in the paper, layers from 0). Everything else stays as it is. Required.");
  visit_image(visitor, image);
  visitor.section("data", data, "What to train on.");
  visitor.section("train", train, "The optimisation.");
  visitor.section("checkpoint", checkpoint, "When to save, and how much to keep.");
  visitor.section("report", report, "What the run tells about itself.");
}

std::string resolve_data_path(const DataConfig& data, const std::string& path) {
  const fs::path given(path);
  if (data.root.empty() || given.is_absolute()) return path;
  return path.empty() ? data.root : (fs::path(data.root) / given).string();
}

}  // namespace convllava::config
