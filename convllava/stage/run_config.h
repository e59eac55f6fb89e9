#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "convllava/config/fields.h"
#include "convllava/data/loader.h"
#include "convllava/data/mixture.h"
#include "convllava/data/quarantine.h"
#include "convllava/distributed/timeouts.h"
#include "convllava/hardware/device.h"
#include "convllava/image/preprocess.h"
#include "convllava/optim/clip.h"
#include "convllava/optim/groups.h"
#include "convllava/optim/optimizer.h"
#include "convllava/optim/schedule.h"
#include "convllava/parallel/shard_options.h"
#include "convllava/report/metric_log.h"
#include "convllava/setup/build_model.h"
#include "convllava/train/checkpointer.h"
#include "convllava/train/skipped_steps.h"
#include "convllava/train/step_meter.h"
#include "convllava/train/validation.h"

// The configuration of a run: the options of its parts, as one YAML file. Each part declares its own (`visit_fields`),
// and gets them from here as they are. docs/configuration.md is generated from this.

namespace convllava::stage {

/// Section `data`.
struct DataConfig : data::MixtureOptions, data::EncodeOptions, data::LoaderOptions, data::QuarantineOptions {
  void visit_fields(config::FieldVisitor& visitor);
};

/// Section `train`.
struct OptimizationConfig : data::BatchOptions,
                            optim::LengthOptions,
                            optim::OptimizerOptions,
                            optim::GroupOptions,
                            optim::ScheduleOptions,
                            optim::ClipOptions,
                            setup::RecomputeOptions,
                            train::SkipOptions {
  void visit_fields(config::FieldVisitor& visitor);
};

/// Section `report`.
struct ReportConfig : train::LogOptions, train::ValidationOptions, report::SinkOptions {
  void visit_fields(config::FieldVisitor& visitor);
};

/// Section `parallel`.
struct ParallelConfig : parallel::ShardOptions, distributed::TimeoutOptions {
  void visit_fields(config::FieldVisitor& visitor);
};

struct RunConfig {
  std::string output_dir;
  int64_t seed = 42;
  hardware::Device device = hardware::Device::kAuto;
  hardware::Dtype dtype = hardware::Dtype::kBf16;
  setup::ModelSource model;
  std::vector<std::string> trainable;  ///< patterns of nn/block_pattern.h, for example vision.stages.3-5
  image::PreprocessOptions image;
  DataConfig data;
  OptimizationConfig train;
  train::CheckpointOptions checkpoint;
  ReportConfig report;
  ParallelConfig parallel;
  void visit_fields(config::FieldVisitor& visitor);
};

/// The data of a run, with images as the tower takes them.
data::Mixture open_data(const RunConfig& config, const model::VisionConfigPtr& tower, const text::Tokenizer& tokenizer);

}  // namespace convllava::stage
