#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace convllava::model {

/// Checks of numbers of a model's shape, for `validate`. Each throws ConfigError with the field.
class ConfigCheck {
 public:
  /// `where`: the file, or what else has the fields.
  explicit ConfigCheck(std::string_view where) : where_(where) {}

  void positive(const char* field, int64_t value) const;
  void positive(const char* field, double value) const;
  /// A token id of the vocabulary.
  void token(const char* field, int64_t value, int64_t vocab_size) const;
  [[noreturn]] void fail(const std::string& field, std::string_view what, std::string_view got,
                         std::string_view expected) const;

 private:
  std::string_view where_;
};

}  // namespace convllava::model
