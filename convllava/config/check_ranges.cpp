#include <fmt/format.h>

#include "convllava/config/field_table.h"
#include "convllava/config/yaml.h"
#include "convllava/core/error.h"

namespace convllava::config {
namespace {

/// The ranges of a struct that no YAML reader has checked.
class RangeChecker : public FieldVisitor {
 public:
  RangeChecker(const std::string& where, std::string prefix) : where_(where), prefix_(std::move(prefix)) {}

  void field(const char*, bool&, const char*) override {}
  void field(const char* name, int64_t& value, const char*, Range range) override { check(name, value, range); }
  void field(const char* name, double& value, const char*, Range range) override { check(name, value, range); }
  void field(const char*, std::string&, const char*) override {}
  void field(const char*, std::vector<std::string>&, const char*) override {}
  void field(const char* name, std::vector<int64_t>& value, const char*, Range range) override {
    check_elements(name, value, range);
  }
  void field(const char* name, std::vector<double>& value, const char*, Range range) override {
    check_elements(name, value, range);
  }
  void field(const char* name, std::map<std::string, double>& value, const char*, Range range) override {
    for (const auto& [key, element] : value) check(name + ("." + key), element, range);
  }

 protected:
  void choice_index(const char*, size_t&, const std::vector<std::string>&, const char*) override {}
  void begin_section(const char* name, const char*, const VisitStruct& visit) override {
    RangeChecker inner(where_, prefix_ + name + ".");
    visit(inner);
  }
  void begin_list(const char* name, const char*, size_t size, const std::function<void(size_t)>&,
                  const std::function<void(size_t, FieldVisitor&)>& visit_element) override {
    for (size_t i = 0; i < size; ++i) {
      RangeChecker element(where_, fmt::format("{}{}.{}.", prefix_, name, i));
      visit_element(i, element);
    }
  }

 private:
  template <class Number>
  void check_elements(const char* name, const std::vector<Number>& values, const Range& range) const {
    for (size_t i = 0; i < values.size(); ++i) check(fmt::format("{}.{}", name, i), values[i], range);
  }
  template <class Number>
  void check(const std::string& name, Number value, const Range& range) const {
    const auto real = static_cast<double>(value);
    if (real >= range.low && real <= range.high) return;  // false for NaN
    throw ConfigError({where_, prefix_ + name}, "out of range", fmt::format("{}", value), range_text(range));
  }

  const std::string& where_;
  std::string prefix_;
};

}  // namespace

void check_ranges(const VisitFields& visit, const std::string& where) {
  RangeChecker checker(where, "");
  visit(checker);
}

}  // namespace convllava::config
