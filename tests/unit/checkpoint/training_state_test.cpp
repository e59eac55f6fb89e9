#include "convllava/checkpoint/training_state.h"

#include <functional>

#include "convllava/checkpoint/state_files.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/formats/fixtures.h"

namespace convllava::checkpoint {
namespace {

using namespace formats::testing;
using convllava::testing::Parts;
using convllava::testing::thrown;

constexpr const char* kSecond = "optimizer-00002-of-00002.safetensors";

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
  return state;
}

/// Two states of a convolution's weight that lies channels-last, and of a vector.
std::vector<StatePiece> sample_pieces() {
  std::vector<StatePiece> pieces;
  for (const char* state : {"exp_avg", "master"}) {
    pieces.push_back({"conv.weight", state, {2, 3, 2, 2}, {12, 1, 6, 3}, 0, 24, torch::rand({24})});
    pieces.push_back({"conv.bias", state, {5}, {1}, 0, 5, torch::rand({5})});
  }
  return pieces;
}

/// As `ranks` that all hold all pieces write it.
void save(const std::filesystem::path& directory, const std::vector<StatePiece>& pieces, int ranks = 1) {
  make_state_directory(directory);
  for (int rank = 0; rank < ranks; ++rank) {
    write_state_file(directory, share_of(pieces, rank, ranks), sample_state().step, rank, ranks);
  }
  save_training_state(directory, sample_state(), {pieces, 1200}, ranks);
}

/// What `source` has of the parts [begin, end) of each piece, where the parameters lie in another order or in the same.
void check_parts(const StateSource& source, const std::vector<StatePiece>& pieces, double begin, double end) {
  for (const auto& piece : pieces) {
    auto part = piece;
    part.begin = static_cast<int64_t>(begin * static_cast<double>(piece.end));
    part.end = static_cast<int64_t>(end * static_cast<double>(piece.end));
    INFO(piece.name() << " " << part.begin << " " << part.end);
    const auto wanted = [&] { return part.values = torch::full({part.end - part.begin}, -1.0), part; };
    source.read(wanted());
    CHECK(torch::equal(part.values, piece.values.narrow(0, part.begin, part.end - part.begin)));
    const auto logical = piece.values.as_strided(piece.shape, piece.strides).contiguous();
    part.strides = logical.strides().vec();
    source.read(wanted());
    CHECK(torch::equal(part.values, logical.flatten().narrow(0, part.begin, part.end - part.begin)));
  }
}

CheckpointError state_error(const std::filesystem::path& directory) {
  return thrown<CheckpointError>([&] { load_training_state(directory); });
}

/// A saved state of which `spoil` damaged the `state` folder.
CheckpointError error_after(const std::function<void(const std::filesystem::path&)>& spoil) {
  const TemporaryFolder folder("spoilt");
  save(folder.path(), sample_pieces(), 2);
  spoil(folder / "state");
  return state_error(folder.path());
}

}  // namespace

TEST_CASE("a training state comes back bit for bit", "[checkpoint]") {
  const TemporaryFolder folder("state");
  const auto saved = sample_state();
  save(folder.path(), {});
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
}

TEST_CASE("states that some ranks wrote are read in any other parts, and in any order in memory", "[checkpoint]") {
  const int ranks = GENERATE(1, 2, 3, 4, 7);
  const TemporaryFolder folder("pieces");
  const auto pieces = sample_pieces();
  save(folder.path(), pieces, ranks);
  const auto source = open_states(folder.path());
  CHECK(source->steps() == 1200);
  CHECK(source->shapes().size() == 4);
  CHECK(source->shapes().at("conv.weight.master") == std::vector<int64_t>{2, 3, 2, 2});
  check_parts(*source, pieces, 0, 1);
  check_parts(*source, pieces, 0.2, 0.7);
  check_parts(*source, pieces, 0.5, 0.5);
}

TEST_CASE("states of format 2 are read in parts", "[checkpoint]") {
  const TemporaryFolder folder("whole");
  const auto pieces = sample_pieces();
  NamedTensors tensors = {{"step", torch::full({}, 77.0)}};
  for (const auto& piece : pieces)
    tensors.emplace_back(piece.name(), piece.values.as_strided(piece.shape, piece.strides));
  make_state_directory(folder.path());
  save_training_state(folder.path(), sample_state(), {}, 1);
  auto text = convllava::testing::text_of(folder / "state/state.json");
  write_text(folder / "state/state.json", text.replace(text.find("\"format\": 3"), 11, "\"format\": 2"));
  write_safetensors(folder / "state/tensors.safetensors", tensors, {{"step", "1234"}});
  const auto source = open_states(folder.path());
  CHECK(source->steps() == 77);
  check_parts(*source, pieces, 0, 1);
  check_parts(*source, pieces, 0.2, 0.7);
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
  CHECK(error_after([](const auto& state) { write_text(state / "state.json", "{\"format\": 4}"); }) ==
        Parts{.where = "state.json",
              .field = "format",
              .kind = "unknown. A newer version may have written it",
              .got = "4",
              .expected = "1 to 3"});
  CHECK(error_after([](const auto& state) { std::filesystem::remove(state / kSecond); }) ==
        Parts{.where = kSecond, .got = "No such file or directory"});
  CHECK(error_after([](const auto& state) {
          std::filesystem::resize_file(state / kSecond, std::filesystem::file_size(state / kSecond) - 1);
        }) == Parts{.kind = "its data lie outside of the file"});
}

TEST_CASE("files of different saves are refused", "[checkpoint]") {
  CHECK(error_after([](const auto& state) {
          write_safetensors(state / kSecond, {}, {{"step", "1233"}});
        }) ==
        Parts{.where = kSecond, .field = "step", .kind = "differs from state.json", .got = "1233", .expected = "1234"});
  CHECK(error_after([](const auto& state) { write_safetensors(state / kSecond, {}); }) ==
        Parts{.field = "step", .kind = "differs from state.json", .got = "none", .expected = "1234"});
}

TEST_CASE("pieces that do not cover each state exactly once are refused", "[checkpoint]") {
  const auto error_with = [](const NamedTensors& tensors) {
    return error_after([&](const auto& state) { write_safetensors(state / kSecond, tensors, {{"step", "1234"}}); });
  };
  // The first file has the elements 0 to 3 of the bias.
  const auto rest = [](int64_t begin, int64_t count) {
    NamedTensors tensors;
    for (const std::string state : {"exp_avg", "master"}) {
      tensors.emplace_back("conv.weight." + state + "@12", torch::rand({12}));
      tensors.emplace_back("conv.bias." + state + "@" + std::to_string(begin), torch::rand({count}));
    }
    return tensors;
  };
  CHECK(error_with({}) == Parts{.where = "state",
                                .kind = "elements of conv.bias.exp_avg are missing",
                                .got = "3 of them",
                                .expected = "5"});
  CHECK(error_with(rest(2, 3)) == Parts{.kind = "elements of conv.bias.exp_avg are in two pieces",
                                        .got = "a piece from element 2",
                                        .expected = "the next one from 3"});
  CHECK(error_with(rest(4, 1)) == Parts{.kind = "elements of conv.bias.exp_avg are missing",
                                        .got = "a piece from element 4",
                                        .expected = "the next one from 3"});
  CHECK(error_with({{"conv.other.exp_avg@0", torch::rand({1})}}) ==
        Parts{.where = kSecond, .kind = "tensor conv.other.exp_avg@0 does not belong to the states of state.json"});
  CHECK(error_with({{"conv.bias.exp_avg", torch::rand({1})}}) ==
        Parts{.kind = "a tensor is no piece of a state", .got = "conv.bias.exp_avg"});
}

TEST_CASE("a description of states that is impossible is refused", "[checkpoint]") {
  const auto error_with = [](const std::string& from, const std::string& to) {
    return error_after([&](const auto& state) {
      auto text = convllava::testing::text_of(state / "state.json");
      write_text(state / "state.json", text.replace(text.find(from), from.size(), to));
    });
  };
  CHECK(error_with("\"ranks\": 2", "\"ranks\": 0") == Parts{.field = "ranks", .kind = "impossible", .got = "0"});
  CHECK(error_with("\"ranks\": 2", "\"ranks\": 3") == Parts{.where = "optimizer-00001-of-00003.safetensors"});
}

TEST_CASE("a training state that cannot be written says why", "[checkpoint]") {
  const TemporaryFolder folder("unwritable");
  write_text(folder / "state", "a file where a directory should be");
  CHECK(thrown<CheckpointError>([&] { make_state_directory(folder.path()); }) ==
        Parts{.where = "state", .kind = "cannot create the directory"});
}

}  // namespace convllava::checkpoint
