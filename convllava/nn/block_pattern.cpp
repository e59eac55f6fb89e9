#include "convllava/nn/block_pattern.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "convllava/core/error.h"

namespace convllava::nn {
namespace {

/// A name, or a number or range of numbers.
struct Component {
  std::string_view name;
  std::optional<std::pair<int64_t, int64_t>> range = {};

  bool selects(const Component& other) const {
    if (!range || !other.range) return name == other.name;
    return range->first <= other.range->first && other.range->second <= range->second;
  }
};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::optional<int64_t> number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size() && text.size() <= 9;
  return whole && value >= 0 ? std::optional(value) : std::nullopt;
}

std::vector<Component> parse(std::string_view text) {
  std::vector<Component> components;
  for (const auto part : split(text, '.')) {
    Component component{part};
    const auto ends = split(part, '-');
    const auto low = number(ends.front());
    const auto high = number(ends.back());
    if (ends.size() <= 2 && low && high) component.range = std::make_pair(*low, *high);
    components.push_back(component);
  }
  return components;
}

bool selects(const std::vector<Component>& pattern, const std::vector<Component>& path) {
  return pattern.size() <= path.size() &&
         std::equal(pattern.begin(), pattern.end(), path.begin(),
                    [](const Component& a, const Component& b) { return a.selects(b); });
}

/// The numbers at component `index` of the paths that the pattern selects up to there.
std::optional<std::pair<int64_t, int64_t>> numbers_at(const std::vector<Component>& pattern, size_t index,
                                                      const std::vector<Block>& blocks) {
  const std::vector<Component> front(pattern.begin(), pattern.begin() + static_cast<std::ptrdiff_t>(index));
  std::optional<std::pair<int64_t, int64_t>> found;
  for (const auto& block : blocks) {
    const auto path = parse(block.path);
    if (path.size() <= index || !path[index].range || !selects(front, path)) continue;
    const auto [low, high] = *path[index].range;
    found =
        found ? std::make_pair(std::min(found->first, low), std::max(found->second, high)) : std::make_pair(low, high);
  }
  return found;
}

void check_reach(std::string_view text, const std::vector<Block>& blocks, std::string_view field) {
  const auto pattern = parse(text);
  for (size_t i = 1; i < pattern.size(); ++i) {
    const auto numbers = numbers_at(pattern, i, blocks);
    if (!pattern[i].range || !numbers) continue;
    if (pattern[i].range->first >= numbers->first && pattern[i].range->second <= numbers->second) continue;
    throw ConfigError({"", field}, "the pattern reaches beyond this model", "\"" + std::string(text) + "\"",
                      std::string(pattern[i - 1].name) + " " + std::to_string(numbers->first) + " to " +
                          std::to_string(numbers->second));
  }
}

/// The patterns of these blocks: "vision, vision.stem, vision.stages.1-5, ...".
std::string patterns_of(const std::vector<Block>& blocks) {
  std::vector<std::pair<std::string, std::pair<int64_t, int64_t>>> found;  // the text in front of a number, its range
  for (const auto& block : blocks) {
    std::string front;
    for (const auto& component : parse(block.path)) {
      const auto range = component.range.value_or(std::make_pair(int64_t{-1}, int64_t{-1}));
      const std::string key = front + (component.range ? "" : std::string(component.name));
      const auto known = std::find_if(found.begin(), found.end(), [&](const auto& item) { return item.first == key; });
      if (known == found.end()) {
        found.emplace_back(key, range);
      } else {
        known->second = {std::min(known->second.first, range.first), std::max(known->second.second, range.second)};
      }
      if (component.range) break;  // what lies below a numbered block differs from one to the next
      front += std::string(component.name) + ".";
    }
  }
  std::string text;
  for (const auto& [name, range] : found) {
    const bool numbered = range.first >= 0;
    // "llm.layers" before its numbers says no more than they do.
    if (!numbered &&
        std::any_of(found.begin(), found.end(), [&](const auto& item) { return item.first == name + "."; })) {
      continue;
    }
    text += (text.empty() ? "" : ", ") + name;
    if (numbered) text += std::to_string(range.first) + "-" + std::to_string(range.second);
  }
  return text;
}

}  // namespace

void check_pattern(std::string_view pattern, std::string_view field) {
  const auto valid = [](const Component& component) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
    if (component.range) return component.range->first <= component.range->second;
    return !component.name.empty() && std::all_of(component.name.begin(), component.name.end(), letter);
  };
  const auto components = parse(pattern);
  if (!components.front().range && std::all_of(components.begin(), components.end(), valid)) return;
  throw ConfigError({"", field}, "not a pattern", "\"" + std::string(pattern) + "\"",
                    "names joined by dots, with numbers or ranges: vision.stages.3-5, llm.layers.0-15");
}

bool selects(std::string_view pattern, std::string_view path) { return selects(parse(pattern), parse(path)); }

std::vector<bool> select(const std::vector<std::string>& patterns, const std::vector<Block>& blocks,
                         std::string_view field) {
  std::vector<bool> selected(blocks.size(), false);
  for (const auto& pattern : patterns) {
    check_pattern(pattern, field);
    check_reach(pattern, blocks, field);
    bool any = false;
    for (size_t i = 0; i < blocks.size(); ++i) {
      if (!selects(pattern, blocks[i].path)) continue;
      selected[i] = any = true;
    }
    if (!any) {
      throw ConfigError({"", field}, "the pattern selects nothing in this model", "\"" + pattern + "\"",
                        "one of " + patterns_of(blocks));
    }
  }
  return selected;
}

}  // namespace convllava::nn
