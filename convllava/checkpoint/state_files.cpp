#include "convllava/checkpoint/state_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "convllava/core/error.h"
#include "convllava/nn/libtorch.h"

namespace convllava::checkpoint {
namespace fs = std::filesystem;
namespace {

constexpr const char* kStepMetadata = "step";

constexpr int64_t kMostRanks = 1'000'000;

/// Whether the elements fill [0, n) of the memory, as far as a sum shows.
bool is_dense(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  if (shape.size() != strides.size()) return false;
  int64_t elements = 1;
  int64_t last = 0;
  for (size_t i = 0; i < shape.size(); ++i) {
    int64_t reach = 0;
    if (shape[i] < 1 || strides[i] < 0 || __builtin_mul_overflow(elements, shape[i], &elements) ||
        __builtin_mul_overflow(shape[i] - 1, strides[i], &reach) || __builtin_add_overflow(last, reach, &last)) {
      return false;
    }
  }
  return last + 1 == elements;
}

std::string file_name(int rank, int ranks) {
  return fmt::format("optimizer-{:05}-of-{:05}.safetensors", rank + 1, ranks);
}

int64_t elements_of(const std::vector<int64_t>& shape) {
  int64_t elements = 1;
  for (const int64_t size : shape) elements *= size;
  return elements;
}

/// "llm.model.norm.weight.exp_avg@4096" -> the state and 4096.
std::pair<std::string, int64_t> split_name(const fs::path& file, const std::string& name) {
  const size_t at = name.rfind('@');
  int64_t begin = -1;
  if (at != std::string::npos) std::from_chars(name.data() + at + 1, name.data() + name.size(), begin);
  if (begin < 0) {
    throw CheckpointError(file.string(), "a tensor is no piece of a state", name,
                          "<parameter>.<state>@<first element>");
  }
  return {name.substr(0, at), begin};
}

}  // namespace

std::vector<StatePiece> share_of(const std::vector<StatePiece>& pieces, int rank, int ranks) {
  std::vector<StatePiece> share;
  for (const auto& piece : pieces) {
    const int64_t size = (piece.end - piece.begin + ranks - 1) / ranks;
    const int64_t begin = std::min(piece.begin + rank * size, piece.end);
    const int64_t end = std::min(begin + size, piece.end);
    share.push_back(piece);
    share.back().begin = begin;
    share.back().end = end;
    share.back().values = piece.values.narrow(0, begin - piece.begin, end - begin);
  }
  return share;
}

std::pair<fs::path, FileChecksum> write_state_file(const fs::path& directory, const std::vector<StatePiece>& pieces,
                                                   int64_t step, int rank, int ranks) {
  NamedTensors tensors;
  for (const auto& piece : pieces) {
    if (piece.begin < piece.end) tensors.emplace_back(fmt::format("{}@{}", piece.name(), piece.begin), piece.values);
  }
  const fs::path path = fs::path(kStateDirectory) / file_name(rank, ranks);
  return {path, write_safetensors(directory / path, tensors, {{kStepMetadata, std::to_string(step)}})};
}

std::string describe_states(const std::vector<StatePiece>& pieces, int64_t optimizer_steps, int ranks) {
  nlohmann::ordered_json parameters = nlohmann::ordered_json::object();
  std::set<std::string> states;
  for (const auto& piece : pieces) {
    parameters[piece.parameter] = {{"shape", piece.shape}, {"strides", piece.strides}};
    states.insert(piece.state);
  }
  const nlohmann::ordered_json description = {
      {"steps", optimizer_steps}, {"ranks", ranks}, {"states", states}, {"parameters", parameters}};
  return description.dump();
}

void require_step(const SafetensorsFile& file, const fs::path& path, int64_t step) {
  const auto& metadata = file.metadata();
  const auto found = metadata.find(kStepMetadata);
  const std::string got = found == metadata.end() ? "none" : found->second;
  if (got == std::to_string(step)) return;
  throw CheckpointError({path.string(), kStepMetadata}, "differs from state.json", got, std::to_string(step));
}

StateFiles::StateFiles(const fs::path& directory, const JsonObject& description, int64_t step)
    : folder_(directory), steps_(description.whole("steps")) {
  const auto parameters = description.object("parameters");
  const auto states = description.text_list("states");
  for (const auto& parameter : parameters.names()) {
    const auto entry = parameters.object(parameter.c_str());
    const auto shape = entry.whole_list("shape");
    const auto strides = entry.whole_list("strides");
    if (!is_dense(shape, strides)) entry.fail_value("strides", "those of a dense tensor of that shape", "impossible");
    for (const auto& state : states) {
      shapes_[parameter + "." + state] = shape;
      strides_[parameter + "." + state] = strides;
    }
  }
  const auto ranks = static_cast<int>(description.whole("ranks"));
  if (ranks < 1 || ranks > kMostRanks)
    description.fail_value("ranks", fmt::format("1 to {}", kMostRanks), "impossible");
  for (int rank = 0; rank < ranks; ++rank) add_file(directory / file_name(rank, ranks), step);
  for (auto& [state, stored] : pieces_) {
    std::sort(stored.begin(), stored.end(), [](const Stored& a, const Stored& b) { return a.begin < b.begin; });
  }
  for (const auto& [state, shape] : shapes_) check_cover(state, elements_of(shape));
}

void StateFiles::add_file(const fs::path& path, int64_t step) {
  files_.emplace_back(path);
  require_step(files_.back(), path, step);
  for (const auto& [name, info] : files_.back().tensors()) {
    auto [state, begin] = split_name(path, name);
    if (!shapes_.contains(state) || info.dtype != "F32" || info.shape.size() != 1) {
      throw CheckpointError(path.string(), fmt::format("tensor {} does not belong to the states of state.json", name));
    }
    pieces_[state].push_back({begin, begin + info.shape[0], files_.size() - 1, name});
  }
}

void StateFiles::check_cover(const std::string& state, int64_t elements) const {
  const auto found = pieces_.find(state);
  int64_t covered = 0;
  if (found != pieces_.end()) {
    for (const auto& piece : found->second) {
      if (piece.begin != covered) {
        const char* what = piece.begin < covered ? "in two pieces" : "missing";
        throw CheckpointError(folder_.string(), fmt::format("elements of {} are {}", state, what),
                              fmt::format("a piece from element {}", piece.begin),
                              fmt::format("the next one from {}", covered));
      }
      covered = piece.end;
    }
  }
  if (covered != elements) {
    throw CheckpointError(folder_.string(), fmt::format("elements of {} are missing", state),
                          fmt::format("{} of them", covered), std::to_string(elements));
  }
}

torch::Tensor StateFiles::elements(const std::string& state, int64_t begin, int64_t end) const {
  auto result = torch::empty({end - begin}, torch::kFloat);
  for (const auto& stored : pieces_.at(state)) {
    const int64_t from = std::max(begin, stored.begin);
    const int64_t to = std::min(end, stored.end);
    if (from >= to) continue;
    result.narrow(0, from - begin, to - from)
        .copy_(files_[stored.file].elements(stored.name, from - stored.begin, to - stored.begin));
  }
  return result;
}

void StateFiles::read(const StatePiece& piece) const {
  const std::string state = piece.name();
  const auto& strides = strides_.at(state);
  auto values = piece.values;
  if (strides == piece.strides) {
    values.copy_(elements(state, piece.begin, piece.end));
    return;
  }
  // Another order in memory: the whole parameter is put in order.
  const int64_t count = elements_of(piece.shape);
  const auto saved = elements(state, 0, count).as_strided(piece.shape, strides);
  piece.take_from(saved);
}

}  // namespace convllava::checkpoint
