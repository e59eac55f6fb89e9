#include "convllava/stage/same_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "convllava/checkpoint/record.h"
#include "convllava/config/diff.h"
#include "convllava/config/yaml.h"
#include "convllava/core/error.h"
#include "convllava/core/log.h"
#include "convllava/core/paths.h"
#include "convllava/formats/hf_config.h"
#include "convllava/formats/model_directory.h"
#include "convllava/formats/open_checkpoint.h"
#include "convllava/formats/weights_digest.h"
#include "convllava/infer/pretrained.h"
#include "convllava/setup/build_model.h"
#include "convllava/stage/resume_point.h"

namespace convllava::stage {
namespace fs = std::filesystem;
namespace {

/// A directory of weights that a run starts from, as the configuration names it and as its record does.
struct SourceField {
  const char* name;
  std::string setup::ModelSource::*folder;
  checkpoint::StartWeights checkpoint::RunStart::*weights;
};

constexpr SourceField kSources[] = {
    {"model.from", &setup::ModelSource::from, &checkpoint::RunStart::from},
    {"model.vision_from", &setup::ModelSource::vision_from, &checkpoint::RunStart::vision_from},
    {"model.llm_from", &setup::ModelSource::llm_from, &checkpoint::RunStart::llm_from}};

/// The digest of what the field takes from a checkpoint.
std::string digest_of(const SourceField& field, const fs::path& checkpoint) {
  const bool tower_only = field.folder == &setup::ModelSource::vision_from;
  return formats::weights_digest(tower_only ? formats::tower_directory(checkpoint) : checkpoint);
}

checkpoint::StartWeights weights_behind(const SourceField& field, const std::string& folder) {
  if (folder.empty()) return {};
  const auto checkpoint = formats::find_checkpoint(folder);
  return {core::real_path(checkpoint).string(), digest_of(field, checkpoint)};
}

/// Nothing where the weights are gone or cannot be read: a resumed run does not need them.
std::optional<checkpoint::StartWeights> weights_still_behind(const SourceField& field, const std::string& folder) {
  try {
    return weights_behind(field, folder);
  } catch (const CheckpointError&) {
    return std::nullopt;
  }
}

void warn_of_unfinished(const SourceField& field, const std::string& checkpoint) {
  const auto record = checkpoint::read_record(checkpoint);
  if (!record || record->step >= record->total_steps) return;
  core::log_warning(fmt::format("{}: {} comes from an unfinished run: step {} of {}", field.name, checkpoint,
                                record->step, record->total_steps));
}

/// `before` and `now`: the folder as the configuration named it then and names it now.
void require_same_weights(const SourceField& field, const fs::path& run, const checkpoint::StartWeights& then,
                          const std::string& before, const std::string& now) {
  if (before.empty() && now.empty()) return;
  const auto text = [](const std::string& folder) { return folder.empty() ? "\"\"" : folder; };
  if (before.empty() != now.empty()) refuse_change(field.name, run, text(now), text(before));
  const fs::path place = core::real_path(now);
  const bool same_place = place == core::real_path(before) || place == fs::path(then.checkpoint);
  const auto found = then.digest.empty() ? std::nullopt : weights_still_behind(field, now);
  if (found && found->digest == then.digest) return;
  if (!same_place) refuse_change(field.name, run, now, before);
  if (!found) return;
  throw ConfigError(
      field.name, fmt::format("other weights than those that the run in {} started from", run.string()),
      now == found->checkpoint ? now : fmt::format("{} ({})", now, found->checkpoint),
      fmt::format("those that were in {}, which may be gone by now, or another output_dir", then.checkpoint));
}

/// The tokenizer that the configuration names may be gone: a resumed run has its own copy.
void require_same_tokenizer(const RunConfig& config, const setup::ModelSource& before, const text::Tokenizer& own,
                            const fs::path& run) {
  const auto& named = config.model.tokenizer;
  std::error_code ignored;
  if (!named.empty() && !fs::exists(named, ignored)) {
    if (core::real_path(named) == core::real_path(before.tokenizer)) return;
    refuse_change("model.tokenizer", run, named, before.tokenizer.empty() ? "none" : before.tokenizer);
  }
  std::optional<text::Tokenizer> tokenizer;
  try {
    tokenizer = load_tokenizer(config.model);
  } catch (const CheckpointError&) {  // it lay beside weights that are gone
    return;
  }
  if (own == *tokenizer) return;
  const auto& beside = config.model.from.empty() ? config.model.llm_from : config.model.from;
  refuse_change("model.tokenizer", run, named.empty() ? beside : named, "the one that its checkpoints hold");
}

RunConfig saved_config(const fs::path& checkpoint) {
  RunConfig saved;
  checkpoint::read_run_config(checkpoint, config::fields_of(saved));
  return saved;
}

/// What means the same has one form.
RunConfig normalized(RunConfig config) {
  // It has no effect beside `from`, which gives every stage, and stands there in some saved records.
  if (!config.model.from.empty()) config.model.layer_scale_init_value = 0;
  std::ranges::sort(config.trainable);
  config.trainable.erase(std::ranges::unique(config.trainable).begin(), config.trainable.end());
  return config;
}

}  // namespace

std::optional<config::ChangedField> changed_field(const RunConfig& before, const RunConfig& after) {
  auto then = normalized(before);
  auto now = normalized(after);
  return config::changed_fixed_field(config::fields_of(then), config::fields_of(now));
}

void require_same_data(const fs::path& run, const std::string& saved, const data::DataIdentity& data) {
  if (const auto changed = data::changed_data(saved, data)) {
    refuse_change(changed->path, run, changed->after, changed->before);
  }
  if (data::records_contents(saved)) return;
  core::log_warning(error_message(run.string(),
                                  "the checkpoint of an earlier version records the sizes of annotation files, not "
                                  "their contents. Changed contents "
                                  "are not detected before the next checkpoint",
                                  "annotation files of the same sizes", "the files that the run was started with"));
}

bool can_resume(const RunConfig& config) { return find_resume_point(config.output_dir).from.has_value(); }

setup::ModelSource model_source(const RunConfig& config) {
  const auto latest = find_resume_point(config.output_dir).from;
  if (!latest) return config.model;
  setup::ModelSource own;
  own.from = latest->path.string();
  return own;
}

checkpoint::RunStart run_start(const setup::ModelSource& source,
                               const std::optional<checkpoint::StepDirectory>& latest) {
  if (latest) {
    const auto record = checkpoint::read_record(latest->path);
    return record ? record->started_from : checkpoint::RunStart();
  }
  checkpoint::RunStart start;
  for (const auto& field : kSources) {
    auto& weights = start.*field.weights;
    weights = weights_behind(field, source.*field.folder);
    if (!weights.checkpoint.empty()) warn_of_unfinished(field, weights.checkpoint);
  }
  return start;
}

void refuse_change(const std::string& field, const fs::path& run, const std::string& got, const std::string& expected) {
  throw ConfigError({"", field}, "differs from the run saved in " + run.string(), got,
                    expected + ", or another output_dir");
}

void require_same_run(const RunConfig& config, const text::Tokenizer& tokenizer) {
  const auto latest = find_resume_point(config.output_dir).from;
  if (!latest) return;
  const fs::path run = config.output_dir;
  const auto record = checkpoint::read_record(latest->path);
  if (!record) return;
  const auto saved = saved_config(latest->path);
  if (const auto changed = changed_field(saved, config)) {
    refuse_change(changed->path, run, changed->after, changed->before);
  }
  for (const auto& field : kSources) {
    require_same_weights(field, run, record->started_from.*field.weights, saved.model.*field.folder,
                         config.model.*field.folder);
  }
  require_same_tokenizer(config, saved.model, tokenizer, run);
}

}  // namespace convllava::stage
