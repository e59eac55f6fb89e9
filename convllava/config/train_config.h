#pragma once

// `TrainConfig`: the YAML schema of a training stage, the constructor argument of the trainer and the saved record of a
// run. The meaning of each field stands in its `visit_fields` (train_config.cpp), from which docs/configuration.md is
// generated.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "convllava/config/fields.h"
#include "convllava/image/preprocess.h"
#include "convllava/text/conversation.h"

namespace convllava::config {

enum class Device { kAuto, kCpu, kCuda };
enum class Dtype { kFp32, kBf16 };
enum class Grouping { kModalityLength, kModality, kNone };
enum class Schedule { kCosine, kConstant };

/// Where the model comes from: a named size, directories of weights, or both.
struct ModelSource {
  std::string size;                    ///< named shape; "" takes the shape of the directories
  std::string from;                    ///< checkpoint of a previous stage: everything
  std::string vision_from;             ///< Hugging Face ConvNeXt directory; stages it lacks are added and initialised
  std::string llm_from;                ///< Hugging Face LLaMA directory
  std::string tokenizer;               ///< tokenizer.model; "" takes the one beside the language model
  std::vector<int64_t> vision_depths;  ///< overrides the size's
  std::vector<int64_t> vision_hidden_sizes;  ///< overrides the size's
  double layer_scale_init_value = 0;         ///< of stages that start fresh; 0 takes the size's or the checkpoint's
  void visit_fields(FieldVisitor& visitor);
};

struct DataSource {
  std::string annotations;  ///< LLaVA JSON or JSONL
  std::string images;       ///< folder that the records' image paths start from
  double weight = 1.0;      ///< how often the set is seen in an epoch: 0.5 half of it, 2 twice
  void visit_fields(FieldVisitor& visitor);
};

struct DataConfig {
  std::string root;  ///< relative annotation and image paths start here
  std::vector<DataSource> train;
  std::vector<DataSource> validation;
  double validation_share = 0.0;  ///< split off the training sets when `validation` is empty
  text::Template prompt_template = text::Template::kV1;
  int64_t max_length = 2048;  ///< tokens of a sample, visual ones included
  Grouping group_by = Grouping::kModalityLength;
  int64_t workers = 4;          ///< loader threads
  int64_t prefetch_steps = 2;   ///< optimizer steps prepared ahead
  double max_bad_share = 0.01;  ///< of records or pictures that may be unusable before the run fails
  void visit_fields(FieldVisitor& visitor);
};

struct OptimizationConfig {
  int64_t global_batch_size = 256;  ///< samples per optimizer step over all ranks
  int64_t micro_batch_size = 16;    ///< samples per forward pass and rank
  double epochs = 0;                ///< 0: as many as `max_steps` takes, or one
  int64_t max_steps = 0;            ///< ends the run early; 0: as many as the epochs take
  double lr = 2e-5;
  std::map<std::string, double> lr_per_module;  ///< vision, projector, llm
  double weight_decay = 0.0;
  std::map<std::string, double> weight_decay_per_module;  ///< vision, projector, llm
  std::vector<double> betas = {0.9, 0.999};
  double eps = 1e-8;
  double warmup_ratio = 0.03;
  Schedule schedule = Schedule::kCosine;
  double max_grad_norm = 1.0;          ///< 0 switches clipping off
  std::vector<std::string> recompute;  ///< vision, llm: blocks whose activations are recomputed in backward
  int64_t max_skipped_steps = 10;      ///< non-finite steps in a row before the run stops
  void visit_fields(FieldVisitor& visitor);
};

struct CheckpointConfig {
  int64_t every_steps = 0;      ///< 0: not by steps
  double every_minutes = 30.0;  ///< 0: not by time
  int64_t keep_last = 2;
  void visit_fields(FieldVisitor& visitor);
};

struct ReportConfig {
  int64_t log_every = 1;       ///< steps between metric records
  int64_t validate_every = 0;  ///< steps between validations; 0: only before the first step and after the last
  int64_t samples = 8;         ///< validation pictures answered in report.html
  bool tensorboard = true;
  void visit_fields(FieldVisitor& visitor);
};

struct TrainConfig {
  std::string output_dir;
  int64_t seed = 42;
  Device device = Device::kAuto;
  Dtype dtype = Dtype::kBf16;
  ModelSource model;
  std::vector<std::string> trainable;  ///< patterns of model/trainable.h, for example vision.stages.3-5
  image::PreprocessOptions image;
  DataConfig data;
  OptimizationConfig train;
  CheckpointConfig checkpoint;
  ReportConfig report;
  void visit_fields(FieldVisitor& visitor);
};

/// The range of every field and the rules that span fields; `where` begins the messages. Throws ConfigError. Does not
/// touch the disk, except to resolve symbolic links when it compares `model.from` with `output_dir`.
void validate(const TrainConfig& config, const std::string& where);

/// Every file and folder the config names must exist: throws ConfigError naming the field and the path.
/// `load_train_config` with `Paths::kMustExist` (yaml.h) names the line as well. A run that `goes_on` has its model in
/// a checkpoint of its own: `model.from`, `vision_from`, `llm_from` and `tokenizer` may be absent.
void check_paths(const TrainConfig& config, const std::string& where, bool goes_on = false);

/// `path` as it is when absolute or when `data.root` is empty, else below `data.root`.
std::string resolve_data_path(const DataConfig& data, const std::string& path);

}  // namespace convllava::config
