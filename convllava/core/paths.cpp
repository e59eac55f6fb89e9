#include "convllava/core/paths.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "convllava/core/error.h"

namespace convllava::core {
namespace {

namespace fs = std::filesystem;

bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name(char c) { return begins_name(c) || (c >= '0' && c <= '9'); }

/// The length of the name that `text` begins with.
size_t name_length(std::string_view text) {
  if (text.empty() || !begins_name(text[0])) return 0;
  return std::find_if_not(text.begin(), text.end(), is_name) - text.begin();
}

/// An empty variable would lead to another place: `$SCRATCH/runs` to `/runs`.
std::string variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value != nullptr && *value != '\0') return value;
  throw ConfigError(fmt::format("environment variable {} is {}", name, value == nullptr ? "not set" : "empty"));
}

/// What `text`, which begins with a dollar sign, expands to; `length` is how much of it that was.
std::string expand_dollar(std::string_view text, size_t& length) {
  const bool braces = text.starts_with("${");
  const std::string name(text.substr(braces ? 2 : 1, name_length(text.substr(braces ? 2 : 1))));
  if (braces) {
    length = name.size() + 3;
    if (name.empty() || text.substr(length - 1, 1) != "}") {
      throw ConfigError("invalid variable after \"${\". Write $$ for a dollar sign");
    }
  } else {
    length = name.size() + 1;
    if (text.starts_with("$$")) length = 2;
    if (name.empty()) return "$";
  }
  return variable(name);
}

}  // namespace

std::string expand_path(std::string_view text) {
  std::string path;
  if (text.starts_with('~')) {
    if (text.size() > 1 && text[1] != '/') {
      throw ConfigError("only ~ and ~/... are expanded, not ~user. Write ./~ for a name that begins with ~");
    }
    path = variable("HOME");
    text.remove_prefix(1);
  }
  while (!text.empty()) {
    const size_t plain = std::min(text.find('$'), text.size());
    path += text.substr(0, plain);
    text.remove_prefix(plain);
    size_t length = 0;
    if (!text.empty()) path += expand_dollar(text, length);
    text.remove_prefix(length);
  }
  return path;
}

std::string path_text(std::string_view path) {
  std::string text = path.starts_with('~') ? "./" : "";
  for (const char c : path) text += c == '$' ? "$$" : std::string(1, c);
  return text;
}

std::string path_of_text(std::string_view text) {
  std::string path;
  for (size_t i = 0; i < text.size(); ++i) {
    path += text[i];
    if (text.substr(i, 2) == "$$") ++i;
  }
  return path;
}

fs::path real_path(const fs::path& path) {
  std::error_code error;
  const fs::path whole = fs::absolute(path, error);
  fs::path real = fs::weakly_canonical(whole, error);
  if (error) real = whole.lexically_normal();
  return real.has_filename() ? real : real.parent_path();
}

}  // namespace convllava::core
