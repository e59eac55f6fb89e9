#include "convllava/checkpoint/training_state.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "convllava/checkpoint/file_access.h"
#include "convllava/checkpoint/json_object.h"
#include "convllava/checkpoint/state_files.h"
#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/nn/libtorch.h"

namespace convllava::checkpoint {
namespace fs = std::filesystem;
namespace {

constexpr const char* kCountersFile = "state.json";
constexpr const char* kTensorsFile = "tensors.safetensors";
constexpr const char* kOptimizerKey = "optimizer";
constexpr const char* kStepKey = "step";  // in both files: they must be from the same save

}  // namespace

void make_state_directory(const fs::path& directory) { make_directories(directory / kStateDirectory); }

void save_training_state(const fs::path& directory, const TrainingState& state, const OptimizerOutline& optimizer,
                         int ranks) {
  const auto optimizer_text = describe_states(optimizer.pieces, optimizer.steps, ranks);
  const nlohmann::ordered_json counters = {{"format", kStateFormat},
                                           {kStepKey, state.step},
                                           {"skipped_steps", state.skipped_steps},
                                           {"samples", state.samples},
                                           {"bad_samples", state.bad_samples},
                                           {"idle_steps", state.idle_steps},
                                           {"tokens", state.tokens},
                                           {"answer_tokens", state.answer_tokens},
                                           {"cut_samples", state.cut_samples},
                                           {"cut_tokens", state.cut_tokens},
                                           {"seconds", state.seconds},
                                           {"data_fingerprint", state.data_fingerprint},
                                           {kOptimizerKey, nlohmann::ordered_json::parse(optimizer_text)}};
  core::write_file_atomic(directory / kStateDirectory / kCountersFile, counters.dump(2) + "\n");
}

namespace {

TrainingState read_counters(const fs::path& file) {
  const JsonObject counters(file);
  TrainingState state;
  state.format = counters.whole("format", 1);  // absent in the first
  if (state.format < 1 || state.format > kStateFormat) {
    throw CheckpointError({file.string(), "format"}, "unknown. A newer version may have written it",
                          std::to_string(state.format), fmt::format("1 to {}", kStateFormat));
  }
  state.step = counters.whole(kStepKey);
  state.skipped_steps = counters.whole("skipped_steps");
  state.samples = counters.whole("samples");
  state.bad_samples = counters.whole("bad_samples");
  state.tokens = counters.whole("tokens");
  state.seconds = counters.number("seconds");
  state.data_fingerprint = counters.text("data_fingerprint");
  // Some checkpoints do not have these.
  state.idle_steps = counters.whole("idle_steps", 0);
  state.answer_tokens = counters.whole("answer_tokens", 0);
  state.cut_samples = counters.whole("cut_samples", 0);
  state.cut_tokens = counters.whole("cut_tokens", 0);
  return state;
}

/// state.json of a checkpoint's state.
fs::path counters_file(const fs::path& directory) {
  const fs::path path = directory / kStateDirectory;
  if (!directory_exists(path)) {
    throw CheckpointError(path.string(), "no training state to resume from", {}, "a checkpoint written by `train`");
  }
  return path / kCountersFile;
}

SafetensorsFile open_tensors(const fs::path& directory, const TrainingState& counters) {
  const fs::path path = directory / kStateDirectory / kTensorsFile;
  SafetensorsFile tensors(path);
  require_step(tensors, path, counters.step);
  return tensors;
}

StateFiles open_pieces(const fs::path& directory, const fs::path& counters, int64_t step) {
  return {directory / kStateDirectory, JsonObject(counters).object(kOptimizerKey), step};
}

}  // namespace

TrainingState load_training_state(const fs::path& directory) {
  const auto file = counters_file(directory);
  auto counters = read_counters(file);
  if (counters.format < 3) {
    open_tensors(directory, counters);
  } else {
    open_pieces(directory, file, counters.step);
  }
  return counters;
}

std::unique_ptr<StateSource> open_states(const fs::path& directory) {
  const auto file = counters_file(directory);
  const auto counters = read_counters(file);
  if (counters.format < 3)
    return std::make_unique<WholeStates>(std::make_shared<SafetensorsFile>(open_tensors(directory, counters)));
  return std::make_unique<StateFiles>(open_pieces(directory, file, counters.step));
}

SafetensorsFile open_state_tensors(const fs::path& directory) {
  return open_tensors(directory, read_counters(counters_file(directory)));
}

}  // namespace convllava::checkpoint
