#include "convllava/formats/name_map.h"

#include <array>
#include <cctype>
#include <vector>

namespace convllava::formats {
namespace {

// Beginnings of names. The last line is the published checkpoints'; this library writes the tower to its own directory.
constexpr std::array<Rename, 6> kModelNames = {{
    {"llm.model.embed_tokens.", "model.embed_tokens."},
    {"llm.model.layers.", "model.layers."},
    {"llm.model.norm.", "model.norm."},
    {"llm.lm_head.", "lm_head."},
    {"mm_projector.", "model.mm_projector."},
    {kTowerPrefix, kStoredTowerPrefix},
}};

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

}  // namespace

std::optional<std::string> rename(std::string_view name, std::string_view from, std::string_view to) {
  std::vector<std::string_view> numbers;
  size_t at = 0;
  for (const char expected : from) {
    if (expected == '#') {
      const size_t begin = at;
      while (at < name.size() && is_digit(name[at])) ++at;
      if (at == begin) return std::nullopt;
      numbers.push_back(name.substr(begin, at - begin));
    } else if (at < name.size() && name[at] == expected) {
      ++at;
    } else {
      return std::nullopt;
    }
  }
  std::string renamed;
  size_t next = 0;
  for (const char c : to) {
    if (c == '#') {
      renamed += numbers[next++];
    } else {
      renamed += c;
    }
  }
  return renamed.append(name.substr(at));
}

std::string file_name_of(std::string_view parameter) {
  for (const auto& [from, to] : kModelNames) {
    if (auto name = rename(parameter, from, to)) return *name;
  }
  return std::string(parameter);
}

std::optional<std::string> parameter_of(std::string_view file_name) {
  for (const auto& [to, from] : kModelNames) {
    if (auto name = rename(file_name, from, to)) return name;
  }
  return std::nullopt;
}

}  // namespace convllava::formats
