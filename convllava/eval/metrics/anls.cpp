#include "convllava/eval/metrics/anls.h"

#include <algorithm>

#include "convllava/core/edit_distance.h"
#include "convllava/core/error.h"
#include "convllava/core/unicode.h"

namespace convllava::eval {
namespace {

/// The text that is compared: lower case, one space between words.
std::u32string words(std::string_view text) {
  const std::string lower = core::lower(text);
  std::string spaced;
  for (const auto word : core::split(lower)) spaced.append(spaced.empty() ? "" : " ").append(word);
  return core::code_points(spaced);
}

/// The length that distances are divided by: the reference takes it in upper case, where "ß" counts as two.
size_t upper_length(std::string_view text) { return core::code_points(core::upper(text)).size(); }

}  // namespace

double anls(std::string_view prediction, const std::vector<std::string>& answers) {
  if (answers.empty()) throw DataError("ANLS", "no reference answers");
  const std::u32string predicted = words(prediction);
  double least = 1;
  for (const auto& answer : answers) {
    const size_t longer = std::max(upper_length(answer), upper_length(prediction));
    const size_t distance = core::edit_distance(words(answer), predicted);
    least = std::min(least, longer == 0 ? 0 : static_cast<double>(distance) / static_cast<double>(longer));
  }
  const double similarity = 1 - least;
  return similarity < 0.5 ? 0 : similarity;
}

}  // namespace convllava::eval
