#include "convllava/model/trainable.h"

#include <algorithm>
#include <optional>
#include <regex>
#include <set>

#include "convllava/core/error.h"

namespace convllava::model {
namespace {

constexpr const char* kForms =
    "vision, vision.stem, vision.stages.3-5, vision.stages.4.layers.0-2, projector, llm, llm.embed_tokens, "
    "llm.layers.0-15, llm.norm or llm.lm_head";

struct NumberRange {
  int64_t low;
  int64_t high;
  bool contains(int64_t value) const { return low <= value && value <= high; }
};

/// A pattern taken apart: `part` and, where given, the numbers that narrow it down.
struct Pattern {
  std::string part;
  std::optional<NumberRange> outer;
  std::optional<NumberRange> inner;
};

NumberRange parse_range(const std::string& low, const std::string& high) {
  return {std::stoll(low), std::stoll(high.empty() ? low : high)};
}

Pattern parse(const std::string& text) {
  static const std::set<std::string> plain = {"vision",           "vision.stem", "projector",  "llm",
                                              "llm.embed_tokens", "llm.norm",    "llm.lm_head"};
  static const std::regex stages(R"(vision\.stages\.(\d{1,4})(?:-(\d{1,4}))?(?:\.layers\.(\d{1,4})(?:-(\d{1,4}))?)?)");
  static const std::regex layers(R"(llm\.layers\.(\d{1,4})(?:-(\d{1,4}))?)");
  if (plain.count(text)) return {text, {}, {}};
  std::smatch match;
  if (std::regex_match(text, match, stages)) {
    Pattern pattern{"vision.stages", parse_range(match[1], match[2]), {}};
    if (match[3].matched) pattern.inner = parse_range(match[3], match[4]);
    return pattern;
  }
  if (std::regex_match(text, match, layers)) return {"llm.layers", parse_range(match[1], match[2]), {}};
  throw ConfigError(error_message("trainable", "not a pattern of trainable parameters", "\"" + text + "\"", kForms));
}

/// The number behind `prefix`, and what follows it.
std::optional<std::pair<int64_t, std::string>> number_after(const std::string& name, const std::string& prefix) {
  if (!name.starts_with(prefix)) return {};
  size_t digits = 0;
  const std::string rest = name.substr(prefix.size());
  const int64_t number = std::stoll(rest, &digits);
  return std::make_pair(number, rest.substr(digits));
}

bool matches(const Pattern& pattern, const std::string& name) {
  if (pattern.part == "vision" || pattern.part == "projector" || pattern.part == "llm") {
    return module_of(name) == pattern.part;
  }
  if (pattern.part == "vision.stem") return name.starts_with("vision_tower.embeddings.");
  if (pattern.part == "llm.embed_tokens") return name.starts_with("llm.model.embed_tokens.");
  if (pattern.part == "llm.norm") return name.starts_with("llm.model.norm.");
  if (pattern.part == "llm.lm_head") return name.starts_with("llm.lm_head.");
  if (pattern.part == "llm.layers") {
    const auto layer = number_after(name, "llm.model.layers.");
    return layer && pattern.outer->contains(layer->first);
  }
  const auto stage = number_after(name, "vision_tower.encoder.stages.");
  if (!stage || !pattern.outer->contains(stage->first + 1)) return false;
  if (!pattern.inner) return true;
  const auto layer = number_after(stage->second, ".layers.");
  return layer && pattern.inner->contains(layer->first);
}

/// Throws for a range that ends behind the model's last stage or layer: a slip like a misspelling.
void check_reach(const Pattern& pattern, const std::string& text, const std::vector<std::string>& parameters) {
  if (!pattern.outer) return;
  const bool of_llm = pattern.part == "llm.layers";
  int64_t last_outer = 0;
  int64_t last_inner = 0;
  for (const auto& name : parameters) {
    const auto outer = number_after(name, of_llm ? "llm.model.layers." : "vision_tower.encoder.stages.");
    if (!outer) continue;
    const int64_t number = outer->first + (of_llm ? 0 : 1);
    last_outer = std::max(last_outer, number);
    const auto inner = number_after(outer->second, ".layers.");
    if (inner && pattern.outer->contains(number)) last_inner = std::max(last_inner, inner->first);
  }
  const auto fail = [&](const char* kind, int64_t last) {
    throw ConfigError(error_message("trainable", "the pattern reaches beyond this model", "\"" + text + "\"",
                                    std::string(kind) + " up to " + std::to_string(last)));
  };
  if (pattern.outer->high > last_outer) fail(of_llm ? "layers" : "stages", last_outer);
  if (pattern.inner && pattern.inner->high > last_inner) fail("layers of these stages", last_inner);
}

}  // namespace

std::string module_of(const std::string& parameter) {
  if (parameter.starts_with("vision_tower.")) return "vision";
  if (parameter.starts_with("mm_projector.")) return "projector";
  return "llm";
}

bool matches(const std::string& pattern, const std::string& parameter) { return matches(parse(pattern), parameter); }

std::vector<std::string> select_trainable(const std::vector<std::string>& patterns,
                                          const std::vector<std::string>& parameters) {
  std::set<std::string> selected;
  for (const auto& text : patterns) {
    const Pattern pattern = parse(text);
    bool any = false;
    for (const auto& name : parameters) {
      if (!matches(pattern, name)) continue;
      selected.insert(name);
      any = true;
    }
    if (!any) {
      throw ConfigError(error_message("trainable", "the pattern covers no parameter of this model", "\"" + text + "\"",
                                      std::string("a part that the model has: ") + kForms));
    }
    check_reach(pattern, text, parameters);
  }
  std::vector<std::string> ordered;
  std::copy_if(parameters.begin(), parameters.end(), std::back_inserter(ordered),
               [&](const std::string& name) { return selected.count(name) != 0; });
  return ordered;
}

}  // namespace convllava::model
