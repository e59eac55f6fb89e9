#include "convllava/checkpoint/training_state.h"

#include <functional>

#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/formats/fixtures.h"

namespace convllava::checkpoint {
namespace {

using namespace formats::testing;
using convllava::testing::Parts;
using convllava::testing::thrown;

constexpr const char* kDiffersFromStateJson = "differs from state.json";

TrainingState sample_state() {
  TrainingState state;
  state.step = 1234;
  state.skipped_steps = 2;
  state.samples = 315904;
  state.bad_samples = 12;
  state.idle_steps = 3;
  state.tokens = 5'000'000'000;
  state.answer_tokens = 700'000'000;
  state.cut_samples = 45;
  state.cut_tokens = 6000;
  state.seconds = 1234.56789012345;
  state.data_fingerprint = "seed 42, batch 256, \"lcs\": 558128";
  state.tensors = {{"llm.layers.0.master", torch::rand({5})}, {"llm.layers.0.exp_avg", torch::rand({5})}};
  return state;
}

CheckpointError state_error(const std::filesystem::path& directory) {
  return thrown<CheckpointError>([&] { load_training_state(directory); });
}

/// A saved state of which `spoil` damaged the `state` folder.
CheckpointError error_after(const std::function<void(const std::filesystem::path&)>& spoil) {
  const TemporaryFolder folder("spoilt");
  save_training_state(folder.path(), sample_state());
  spoil(folder / "state");
  return state_error(folder.path());
}

}  // namespace

TEST_CASE("a training state comes back bit for bit", "[checkpoint]") {
  const TemporaryFolder folder("state");
  const auto saved = sample_state();
  save_training_state(folder.path(), saved);
  const auto loaded = load_training_state(folder.path());
  CHECK(loaded.step == saved.step);
  CHECK(loaded.skipped_steps == saved.skipped_steps);
  CHECK(loaded.samples == saved.samples);
  CHECK(loaded.bad_samples == saved.bad_samples);
  CHECK(loaded.idle_steps == saved.idle_steps);
  CHECK(loaded.tokens == saved.tokens);
  CHECK(loaded.answer_tokens == saved.answer_tokens);
  CHECK(loaded.cut_samples == saved.cut_samples);
  CHECK(loaded.cut_tokens == saved.cut_tokens);
  CHECK(loaded.seconds == saved.seconds);
  CHECK(loaded.data_fingerprint == saved.data_fingerprint);
  CHECK(loaded.tensors.empty());
  const auto tensors = open_state_tensors(folder.path());
  REQUIRE(tensors.tensors().size() == 2);
  for (const auto& [name, tensor] : saved.tensors) CHECK(torch::equal(tensors.tensor(name), tensor));
}

TEST_CASE("an absent training state is an error with the path", "[checkpoint]") {
  const TemporaryFolder folder("absent");
  CHECK(state_error(folder.path()) == Parts{.where = "state",
                                            .kind = "no training state to resume from",
                                            .expected = "a checkpoint written by `train`"});
}

TEST_CASE("a damaged training state is an error with the file", "[checkpoint]") {
  CHECK(error_after([](const auto& state) { std::filesystem::remove(state / "state.json"); }) ==
        Parts{.where = "state.json", .got = "No such file or directory"});
  CHECK(error_after([](const auto& state) { write_text(state / "state.json", "{\"step\": 12"); }) ==
        Parts{.where = "state.json", .kind = "not JSON"});
  CHECK(error_after([](const auto& state) { write_text(state / "state.json", "{}"); }) ==
        Parts{.where = "state.json",
              .field = "step",
              .kind = "the field is absent",
              .got = "none",
              .expected = "a whole number"});
  CHECK(error_after([](const auto& state) { write_text(state / "state.json", "{\"format\": 3}"); }) ==
        Parts{.where = "state.json",
              .field = "format",
              .kind = "unknown. A newer version may have written it",
              .got = "3",
              .expected = "1 to 2"});
  CHECK(error_after([](const auto& state) { std::filesystem::remove(state / "tensors.safetensors"); }) ==
        Parts{.where = "tensors.safetensors", .got = "No such file or directory"});
  CHECK(error_after([](const auto& state) {
          const auto path = state / "tensors.safetensors";
          std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
        }) == Parts{.kind = "its data lie outside of the file"});
}

TEST_CASE("counters and tensors of different saves are rejected", "[checkpoint]") {
  CHECK(error_after([](const auto& state) {
          write_safetensors(state / "tensors.safetensors", sample_state().tensors, {{"step", "1233"}});
        }) == Parts{.where = "tensors.safetensors",
                    .field = "step",
                    .kind = kDiffersFromStateJson,
                    .got = "1233",
                    .expected = "1234"});
  CHECK(error_after([](const auto& state) { write_safetensors(state / "tensors.safetensors", {}); }) ==
        Parts{.field = "step", .kind = kDiffersFromStateJson, .got = "none", .expected = "1234"});
}

TEST_CASE("a training state that cannot be written says why", "[checkpoint]") {
  const TemporaryFolder folder("unwritable");
  write_text(folder / "state", "a file where a directory should be");
  CHECK(thrown<CheckpointError>([&] { save_training_state(folder.path(), sample_state()); }) ==
        Parts{.where = "state", .kind = "cannot create the directory"});
}

}  // namespace convllava::checkpoint
