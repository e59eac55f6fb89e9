#include "convllava/text/characters.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace convllava::text {
namespace {

bool continues_character(uint8_t byte) { return (byte & 0xC0) == 0x80; }

}  // namespace

std::map<std::string, int64_t> characters_without_token(const Tokenizer& tokenizer, const std::vector<int64_t>& ids) {
  std::map<std::string, int64_t> counts;
  std::string character;
  const auto finish = [&] {
    if (!character.empty() && static_cast<uint8_t>(character[0]) >= ' ') ++counts[character];
    character.clear();
  };
  for (const int64_t id : ids) {
    const auto byte = tokenizer.byte_of(id);
    if (!byte || !continues_character(*byte)) finish();
    if (byte) character.push_back(static_cast<char>(*byte));
    if (id == tokenizer.unk_id()) ++counts["<unk>"];
  }
  finish();
  return counts;
}

std::string list_characters(const std::map<std::string, int64_t>& counts) {
  constexpr size_t kMost = 5;
  std::vector<std::pair<std::string, int64_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (size_t i = 0; i < std::min(kMost, sorted.size()); ++i) {
    text += fmt::format("{}\"{}\" {}", i == 0 ? "" : ", ", sorted[i].first, sorted[i].second);
  }
  if (sorted.size() > kMost) text += fmt::format(" and {} others", sorted.size() - kMost);
  return text;
}

}  // namespace convllava::text
