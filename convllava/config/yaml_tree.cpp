#include "convllava/config/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "convllava/core/error.h"
#include "convllava/core/log.h"
#include "convllava/core/unicode.h"

namespace convllava::config {
namespace {

using Kind = YamlValue::Kind;

// yaml-cpp reads some 4 MB a second, and a value takes 200 bytes.
constexpr size_t kMaxBytes = 1 << 20;
constexpr size_t kMaxPathNames = 100;

/// What yaml-cpp would pass on or pass over: it drops the byte 4, and keeps other control characters and bytes that are
/// no UTF-8.
void check_text(std::string_view text, const std::string& where, bool with_lines) {
  if (text.size() > kMaxBytes) {
    throw ConfigError(where, "the text is too large", fmt::format("{} bytes", text.size()),
                      fmt::format("at most {}", kMaxBytes));
  }
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    throw ConfigError(where, "not UTF-8", "UTF-16", "text in UTF-8");
  }
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const size_t bytes = byte < 0x80 ? 1 : core::first_code_point(text.substr(i)).bytes;
    const bool is_control = (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F;
    const bool is_invalid = byte >= 0x80 && bytes == 1;
    if (is_control || is_invalid) {
      const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(i), '\n');
      throw ConfigError(with_lines ? fmt::format("{}:{}", where, line) : where,
                        is_control ? "a control character" : "not UTF-8", fmt::format("the byte 0x{:02x}", byte),
                        "text in UTF-8");
    }
    i += bytes;
  }
}

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string where, bool with_lines) : where_(std::move(where)), with_lines_(with_lines) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      throw ConfigError(origin(mark), "a second YAML document starts here", "", "one document");
    }
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add(make(Kind::kNull, mark)); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw ConfigError({origin(mark), path()}, "YAML aliases are not supported", "", "the value itself");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& text) override {
    YamlValue value = make(Kind::kScalar, mark);
    value.text = text;
    value.quoted = tag != "?";
    add(std::move(value));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    open_.push_back({make(Kind::kList, mark), false, {}, {}});
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    open_.push_back({make(Kind::kMap, mark), false, {}, {}});
  }
  void OnMapEnd() override { close(); }

  std::string origin(const YAML::Mark& mark) const {
    return with_lines_ && mark.line >= 0 ? fmt::format("{}:{}", where_, mark.line + 1) : where_;
  }
  YamlValue take() { return std::move(root_); }

 private:
  struct Open {
    YamlValue value;
    bool has_key;  ///< in a map: the next value belongs to keys.back()
    std::string key_origin;
    std::unordered_map<std::string, size_t> positions;  ///< of the keys
  };

  YamlValue make(Kind kind, const YAML::Mark& mark) const {
    YamlValue value;
    value.kind = kind;
    value.origin = origin(mark);
    return value;
  }

  std::string path() const {
    std::string path;
    for (const Open& open : open_) {
      if (open.value.kind == Kind::kList) path = join_path(path, std::to_string(open.value.items.size()));
      if (open.has_key) path = join_path(path, open.value.keys.back());
    }
    return path;
  }

  void close() {
    YamlValue value = std::move(open_.back().value);
    open_.pop_back();
    add(std::move(value));
  }

  void add(YamlValue value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Open& parent = open_.back();
    if (parent.value.kind == Kind::kMap && !parent.has_key) {
      add_key(parent, value);
      return;
    }
    if (parent.has_key) value.origin = parent.key_origin;
    parent.has_key = false;
    parent.value.items.push_back(std::move(value));
  }

  void add_key(Open& parent, const YamlValue& key) {
    if (key.kind != Kind::kScalar) {
      throw ConfigError({key.origin, path()}, "a key is not a plain name", "", "name: value");
    }
    if (const auto [first, is_new] = parent.positions.emplace(key.text, parent.value.keys.size()); !is_new) {
      throw ConfigError({key.origin, join_path(path(), key.text)},
                        fmt::format("key given twice, first at {}", parent.value.items[first->second].origin));
    }
    parent.value.keys.push_back(key.text);
    parent.has_key = true;
    parent.key_origin = key.origin;
  }

  std::string where_;
  bool with_lines_;
  int documents_ = 0;
  std::vector<Open> open_;
  YamlValue root_;
};

YamlValue build_tree(std::string_view text, const std::string& where, bool with_lines) {
  check_text(text, where, with_lines);
  std::istringstream stream{std::string(text)};
  TreeBuilder builder(where, with_lines);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::DeepRecursion& error) {
    throw ConfigError(builder.origin(error.mark), "invalid YAML: values are nested too deeply",
                      fmt::format("{} levels", error.depth()));
  } catch (const YAML::Exception& error) {
    throw ConfigError(builder.origin(error.mark), "invalid YAML: " + error.msg);
  }
  return builder.take();
}

std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> parts;
  std::istringstream stream(path);
  for (std::string part; std::getline(stream, part, '.');) parts.push_back(part);
  if (parts.size() > kMaxPathNames) {
    throw ConfigError("--set", "too many names in the path", fmt::format("{} names", parts.size()),
                      fmt::format("at most {}", kMaxPathNames));
  }
  return parts;
}

YamlValue& child(YamlValue& parent, const std::string& name, const std::string& path, const std::string& label) {
  if (parent.kind == Kind::kNull) {
    parent.kind = Kind::kMap;
    parent.origin = label;
  }
  if (parent.kind == Kind::kMap) {
    if (const int64_t at = parent.find(name); at >= 0) return parent.items[at];
    parent.keys.push_back(name);
    parent.items.emplace_back().origin = label;
    return parent.items.back();
  }
  if (parent.kind == Kind::kList) {
    size_t index = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
    if (error == std::errc() && end == name.data() + name.size() && index < parent.items.size()) {
      return parent.items[index];
    }
    if (parent.items.empty()) throw ConfigError({label, path}, "the list is empty", name);
    throw ConfigError({label, path}, "no such element", name, fmt::format("0 to {}", parent.items.size() - 1));
  }
  throw ConfigError({label, path}, "has no nested fields", name);
}

}  // namespace

int64_t YamlValue::find(std::string_view key) const {
  const auto found = std::find(keys.begin(), keys.end(), key);
  return found == keys.end() ? -1 : found - keys.begin();
}

std::string join_path(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

YamlValue parse_yaml(std::string_view text, const std::string& where) { return build_tree(text, where, true); }

void warn_of_repeated_overrides(const std::vector<std::string>& overrides) {
  const auto path_of = [](const std::string& text) { return text.substr(0, text.find('=')); };
  for (size_t later = 0; later < overrides.size(); ++later) {
    const std::string path = path_of(overrides[later]);
    for (size_t earlier = 0; earlier < later; ++earlier) {
      const std::string before = path_of(overrides[earlier]);
      if (before != path && !before.starts_with(path + ".")) continue;
      core::log_warning(error_message("--set " + overrides[earlier], "is ignored: a later --set replaces it",
                                      "--set " + overrides[later]));
    }
  }
}

void apply_override(YamlValue& root, const std::string& override_text) {
  const std::string label = "--set " + override_text;
  const size_t equals = override_text.find('=');
  const std::string path = override_text.substr(0, equals);
  if (equals == std::string::npos || path.empty() || path.front() == '.' || path.back() == '.' ||
      path.find("..") != std::string::npos) {
    throw ConfigError(label, "not an assignment", "", "name=value, for example train.lr=1e-5");
  }
  YamlValue value = build_tree(std::string_view(override_text).substr(equals + 1), label, false);
  // "--set model.from=" clears a text.
  if (equals + 1 == override_text.size()) value.kind = Kind::kScalar;
  value.origin = label;
  YamlValue* target = &root;
  std::string reached;
  for (const auto& part : split_path(path)) {
    target = &child(*target, part, reached, label);
    reached = join_path(reached, part);
  }
  *target = std::move(value);
}

}  // namespace convllava::config
