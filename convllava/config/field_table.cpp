#include "convllava/config/field_table.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <utility>

#include "convllava/core/paths.h"
#include "convllava/core/suggest.h"
#include "convllava/core/unicode.h"

namespace convllava::config {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Words that YAML 1.1 or 1.2 readers turn into a bool or a null.
bool is_reserved_word(std::string_view text) {
  const std::string word = core::lower(text);
  constexpr std::array<std::string_view, 9> kWords = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"};
  for (const auto reserved : kWords) {
    if (word == reserved) return true;
  }
  return false;
}

class Collector : public FieldVisitor {
 public:
  explicit Collector(std::string prefix) : prefix_(std::move(prefix)) {}

  void field(const char* name, bool& value, const char* meaning) override {
    add(name, "true or false", value ? "true" : "false", "", meaning);
  }
  void field(const char* name, int64_t& value, const char* meaning, Range range) override {
    add(name, "integer", std::to_string(value), range_text(range), meaning);
  }
  void field(const char* name, double& value, const char* meaning, Range range) override {
    add(name, "number", number_text(value), range_text(range), meaning);
  }
  void field(const char* name, std::string& value, const char* meaning) override {
    add(name, "text", scalar_text(value), "", meaning);
  }
  void path(const char* name, std::string& value, const char* meaning) override {
    add(name, "path", scalar_text(core::path_text(value)), "", meaning);
  }
  void field(const char* name, std::vector<std::string>& value, const char* meaning) override {
    add(name, "list of texts", list_text(value), "", meaning);
  }
  void field(const char* name, std::vector<int64_t>& value, const char* meaning, Range range) override {
    add(name, "list of integers", list_text(value), range_text(range), meaning);
  }
  void field(const char* name, std::vector<double>& value, const char* meaning, Range range) override {
    add(name, "list of numbers", list_text(value), range_text(range), meaning);
  }
  void field(const char* name, std::map<std::string, double>& value, const char* meaning, Range range) override {
    add(name, "numbers by name", map_text(value), range_text(range), meaning);
  }

  std::vector<FieldRow> take() {
    std::vector<FieldRow> rows = std::move(plain_);
    rows.insert(rows.end(), nested_.begin(), nested_.end());
    return rows;
  }

 protected:
  void choice_index(const char* name, size_t& index, const std::vector<std::string>& names,
                    const char* meaning) override {
    add(name, "choice", names[index], core::join(names), meaning);
  }
  void begin_section(const char* name, const char* meaning, const VisitStruct& visit) override {
    nest({prefix_ + name, "section", "", "", meaning}, prefix_ + name + ".", visit);
  }
  void begin_list(const char* name, const char* meaning, size_t size, const std::function<void(size_t)>&,
                  const std::function<void(size_t, FieldVisitor&)>& visit_element) override {
    // One past the end is the prototype of an element.
    nest({prefix_ + name, "list", "", "", meaning}, prefix_ + name + "[].",
         [&](FieldVisitor& visitor) { visit_element(size, visitor); });
  }

 private:
  void add(const char* name, std::string type, std::string value, std::string allowed, const char* meaning) {
    plain_.push_back({prefix_ + name, std::move(type), std::move(value), std::move(allowed), meaning, take_fixed()});
  }
  void nest(FieldRow row, std::string prefix, const VisitStruct& visit) {
    nested_.push_back(std::move(row));
    Collector inner(std::move(prefix));
    visit(inner);
    for (auto& field : inner.take()) nested_.push_back(std::move(field));
  }

  std::string prefix_;
  std::vector<FieldRow> plain_;
  std::vector<FieldRow> nested_;
};

template <class Element, class Text>
std::string bracketed(const std::vector<Element>& value, Text text) {
  std::vector<std::string> parts;
  for (const auto& element : value) parts.push_back(text(element));
  return "[" + core::join(parts) + "]";
}

}  // namespace

std::vector<FieldRow> field_rows(const VisitFields& visit) {
  Collector collector("");
  visit(collector);
  return collector.take();
}

std::string range_text(const Range& range) {
  const bool low = std::isfinite(range.low);
  const bool high = std::isfinite(range.high);
  if (low && high && range.low == range.high) return fmt::format("exactly {}", range.low);
  if (low && high) return fmt::format("{} to {}", range.low, range.high);
  if (low) return fmt::format("at least {}", range.low);
  if (high) return fmt::format("at most {}", range.high);
  return "";
}

std::string number_text(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find('.') != std::string::npos) return text;
  const size_t exponent = text.find('e');
  return text.insert(exponent == std::string::npos ? text.size() : exponent, ".0");
}

std::string scalar_text(const std::string& value) {
  bool plain = !value.empty() && (is_letter(value[0]) || value[0] == '/') && !is_reserved_word(value);
  for (const char c : value) {
    plain = plain && (is_letter(c) || is_digit(c) || c == '_' || c == '.' || c == '-' || c == '/');
  }
  if (plain) return value;
  std::string text = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      text += fmt::format("\\x{:02x}", byte);
    } else {
      text += c;
    }
  }
  return text + "\"";
}

std::string list_text(const std::vector<std::string>& value) { return bracketed(value, scalar_text); }
std::string list_text(const std::vector<int64_t>& value) {
  return bracketed(value, [](int64_t number) { return std::to_string(number); });
}
std::string list_text(const std::vector<double>& value) { return bracketed(value, number_text); }

std::string map_text(const std::map<std::string, double>& value) {
  std::vector<std::string> parts;
  for (const auto& [key, number] : value) parts.push_back(scalar_text(key) + ": " + number_text(number));
  return "{" + core::join(parts) + "}";
}

}  // namespace convllava::config
