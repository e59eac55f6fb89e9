#include "convllava/core/json.h"

#include <limits>

namespace convllava::core {

void check_json_text(std::string_view text) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    throw JsonError("the text is UTF-16, not UTF-8", 0);
  }
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\0') throw JsonError("a NUL byte", i);
    if (c == '"') {
      in_string = !in_string;
    } else if (in_string) {
      if (c == '\\' && i + 1 < text.size() && text[i + 1] != '\0') ++i;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxJsonDepth) {
        throw JsonError("more than " + std::to_string(kMaxJsonDepth) + " levels of nesting", i);
      }
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
}

std::string json_reason(std::string_view what) {
  if (const size_t column = what.find(", column "); column != std::string_view::npos) {
    what.remove_prefix(what.find(": ", column) + 2);
  } else if (const size_t id = what.find("] "); id != std::string_view::npos) {
    what.remove_prefix(id + 2);
  }
  return std::string(what.substr(0, what.find("; last read")));
}

namespace {

struct Constant {
  std::string_view name;
  std::string_view quoted;
  double value;
};

constexpr Constant kConstants[] = {
    {"NaN", "\"\x7F\"", std::numeric_limits<double>::quiet_NaN()},
    {"Infinity", "\"\x7F+inf.\"", std::numeric_limits<double>::infinity()},
    {"-Infinity", "\"\x7F-inf..\"", -std::numeric_limits<double>::infinity()},
};
static_assert(std::ranges::all_of(kConstants, [](const Constant& c) { return c.name.size() == c.quoted.size(); }));

/// The constant that begins at `begin`, unless it is in the place of a name.
const Constant* constant_at(std::string_view text, size_t begin) {
  for (const Constant& constant : kConstants) {
    if (!text.substr(begin).starts_with(constant.name)) continue;
    const size_t next = text.find_first_not_of(" \t\r\n", begin + constant.name.size());
    return next != std::string_view::npos && text[next] == ':' ? nullptr : &constant;
  }
  return nullptr;
}

}  // namespace

std::optional<std::string> quote_constants(std::string_view text) {
  if (text.find('\x7F') != std::string_view::npos || text.find("\\u007") != std::string_view::npos) return std::nullopt;
  std::string quoted(text);
  bool found = false;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      in_string = !in_string;
    } else if (in_string) {
      if (text[i] == '\\') ++i;
    } else if (const Constant* constant = constant_at(text, i)) {
      quoted.replace(i, constant->name.size(), constant->quoted);
      i += constant->name.size() - 1;
      found = true;
    }
  }
  return found ? std::optional(std::move(quoted)) : std::nullopt;
}

std::optional<double> constant_of(std::string_view quoted) {
  for (const Constant& constant : kConstants) {
    if (quoted == constant.quoted.substr(1, constant.quoted.size() - 2)) return constant.value;
  }
  return std::nullopt;
}

}  // namespace convllava::core
