#include "convllava/train/same_run.h"

#include "convllava/checkpoint/model_directory.h"
#include "convllava/checkpoint/pretrained.h"
#include "convllava/checkpoint/retention.h"
#include "convllava/config/same_run.h"
#include "convllava/core/error.h"

namespace convllava::train {

void require_same_run(const std::filesystem::path& run, const config::TrainConfig& config,
                      const text::Tokenizer& tokenizer) {
  const auto latest = checkpoint::latest_checkpoint(run);
  if (!latest) return;
  const std::string what = "the run in " + run.string() + " was started otherwise";
  const auto record = checkpoint::read_record(latest->path);
  const auto changed = record ? config::changed_field(record->config, config) : std::nullopt;
  if (changed) {
    throw ConfigError(error_message(changed->path, what, changed->after, changed->before + ", or another output_dir"));
  }
  const auto saved = checkpoint::load_tokenizer(latest->path);
  if (saved.model_bytes() == tokenizer.model_bytes() && saved.behaviour() == tokenizer.behaviour()) return;
  throw ConfigError(error_message("model.tokenizer", what, config.model.tokenizer,
                                  "the one in " + latest->path.string() + ", or another output_dir"));
}

}  // namespace convllava::train
