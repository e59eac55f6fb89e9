#pragma once

// One declaration of a struct's options serves the YAML reader, the writer and the generated reference page: each
// struct has `void visit_fields(FieldVisitor&)`, which names every member once with its meaning and its allowed values.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace convllava::config {

/// Allowed values, both ends included.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};
inline constexpr Range kAny{};
inline constexpr Range kNonNegative{0, std::numeric_limits<double>::infinity()};
inline constexpr Range kPositive{1, std::numeric_limits<double>::infinity()};  ///< for counts
// Upper ends far beyond any use, and near enough that products and sums of fields stay inside an int64_t.
inline constexpr Range kCount{1, 1e6};
inline constexpr Range kSteps{1, 1e9};
inline constexpr Range kStepsOrNone{0, 1e9};

class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;

  /// Of the field that follows: a run that resumes must have the value that it started with (config/diff.h).
  ///
  ///     visitor.fixed_on_resume().field("seed", seed, "Decides the order of the data.");
  FieldVisitor& fixed_on_resume() {
    fixed_ = true;
    return *this;
  }

  virtual void field(const char* name, bool& value, const char* meaning) = 0;
  virtual void field(const char* name, int64_t& value, const char* meaning, Range range = kAny) = 0;
  virtual void field(const char* name, double& value, const char* meaning, Range range = kAny) = 0;
  virtual void field(const char* name, std::string& value, const char* meaning) = 0;
  /// A file or a folder (core/paths.h); a text for visitors that make no difference.
  virtual void path(const char* name, std::string& value, const char* meaning) { field(name, value, meaning); }
  virtual void field(const char* name, std::vector<std::string>& value, const char* meaning) = 0;
  virtual void field(const char* name, std::vector<int64_t>& value, const char* meaning, Range range = kAny) = 0;
  virtual void field(const char* name, std::vector<double>& value, const char* meaning, Range range = kAny) = 0;
  /// Keys are free; the struct's `validate` checks them.
  virtual void field(const char* name, std::map<std::string, double>& value, const char* meaning,
                     Range range = kAny) = 0;

  /// An enumeration, written by its names.
  template <class Enum>
  void choice(const char* name, Enum& value, const std::vector<std::pair<std::string, Enum>>& names,
              const char* meaning) {
    std::vector<std::string> labels;
    size_t index = 0;
    for (size_t i = 0; i < names.size(); ++i) {
      labels.push_back(names[i].first);
      if (names[i].second == value) index = i;
    }
    choice_index(name, index, labels, meaning);
    value = names[index].second;
  }

  /// One of the names of a table: schedules, optimizers.
  void name_of(const char* name, std::string& value, const std::vector<std::string>& names, const char* meaning) {
    const auto found = std::find(names.begin(), names.end(), value);
    size_t index = found == names.end() ? 0 : static_cast<size_t>(found - names.begin());
    choice_index(name, index, names, meaning);
    value = names[index];
  }

  /// A nested struct.
  template <class Struct>
  void section(const char* name, Struct& value, const char* meaning) {
    begin_section(name, meaning, [&value](FieldVisitor& visitor) { value.visit_fields(visitor); });
  }

  /// A list of structs; `resize` sets the number of its elements.
  template <class Struct>
  void list(const char* name, std::vector<Struct>& value, const char* meaning) {
    Struct prototype;
    begin_list(
        name, meaning, value.size(), [&value](size_t size) { value.resize(size); },
        [&value, &prototype](size_t i, FieldVisitor& visitor) {
          (i < value.size() ? value[i] : prototype).visit_fields(visitor);
        });
  }

 protected:
  /// Whether `fixed_on_resume` was called for the present field.
  bool take_fixed() { return std::exchange(fixed_, false); }

  using VisitStruct = std::function<void(FieldVisitor&)>;
  virtual void choice_index(const char* name, size_t& index, const std::vector<std::string>& names,
                            const char* meaning) = 0;
  virtual void begin_section(const char* name, const char* meaning, const VisitStruct& visit) = 0;
  virtual void begin_list(const char* name, const char* meaning, size_t size, const std::function<void(size_t)>& resize,
                          const std::function<void(size_t, FieldVisitor&)>& visit_element) = 0;

 private:
  bool fixed_ = false;
};

}  // namespace convllava::config
