#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "convllava/config/fields.h"
#include "convllava/image/preprocess.h"
#include "convllava/text/templates.h"

// `convllava.yaml` of a checkpoint: the data that a later stage, `eval` and `chat` need beside the weights. Its readers
// take the fields that they need and ignore the others, so that options may change between versions.

namespace convllava::checkpoint {

/// Weights that a run started from.
struct StartWeights {
  std::string checkpoint;  ///< their folder, absolute, of a run the checkpoint in it; "" when there were none
  std::string digest;      ///< formats::weights_digest
  void visit_fields(config::FieldVisitor& visitor);
};

/// The weights behind `model.from`, `vision_from` and `llm_from` when a run took its first step.
struct RunStart {
  StartWeights from;
  StartWeights vision_from;
  StartWeights llm_from;
  void visit_fields(config::FieldVisitor& visitor);
};

/// Of the run that wrote a checkpoint: its folder, and what it trained at which rates (config.json repeats it).
struct RunFacts {
  std::string output_dir;
  std::vector<std::string> trainable;
  std::map<std::string, double> lr_per_module;
  void visit_fields(config::FieldVisitor& visitor);
};

struct Record {
  std::string written_by;  ///< "convllava 0.1.0"
  text::Template prompt_template = text::Template::kV1;
  image::PreprocessOptions image;
  int64_t max_length = 2048;
  int64_t step = 0;
  int64_t total_steps = 0;  ///< of the whole run; 0 in records of versions that did not write it
  RunStart started_from;    ///< empty in those
  RunFacts run;
  std::string run_config;  ///< the whole configuration of that run as YAML; `read_record` leaves it empty
};

void write_record(const std::filesystem::path& directory, Record record);

/// Nothing for directories of other programs, which have no convllava.yaml. Throws CheckpointError for a file that is
/// cut off or of a later format, and where a run has written its training state and the file is missing.
std::optional<Record> read_record(const std::filesystem::path& directory);

/// Reads the section `config` of the record, which must be there, into the struct behind `visit`. Fields that the file
/// does not name keep their values. Throws CheckpointError.
void read_run_config(const std::filesystem::path& directory, const std::function<void(config::FieldVisitor&)>& visit);

}  // namespace convllava::checkpoint
