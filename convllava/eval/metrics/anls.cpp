#include "convllava/eval/metrics/anls.h"

#include <algorithm>
#include <numeric>

#include "convllava/core/error.h"
#include "convllava/core/unicode.h"

namespace convllava::eval {
namespace {

size_t edits(std::u32string_view from, std::u32string_view to) {
  std::vector<size_t> row(to.size() + 1);  // edits from the part of `from` seen so far to each prefix of `to`
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < from.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < to.size(); ++j) {
      const size_t replaced = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

/// What is compared: lower case, one blank between words.
std::u32string words(std::string_view text) {
  const std::string lower = core::lower(text);
  std::string spaced;
  for (const auto word : core::split(lower)) spaced.append(spaced.empty() ? "" : " ").append(word);
  return core::code_points(spaced);
}

/// What is divided by: the reference takes the length in upper case, where "ß" counts as two.
size_t upper_length(std::string_view text) { return core::code_points(core::upper(text)).size(); }

}  // namespace

double anls(std::string_view prediction, const std::vector<std::string>& answers) {
  if (answers.empty()) throw DataError("ANLS", "there are no reference answers");
  const std::u32string predicted = words(prediction);
  double least = 1;
  for (const auto& answer : answers) {
    const size_t longer = std::max(upper_length(answer), upper_length(prediction));
    const size_t distance = edits(words(answer), predicted);
    least = std::min(least, longer == 0 ? 0 : static_cast<double>(distance) / static_cast<double>(longer));
  }
  const double similarity = 1 - least;
  return similarity < 0.5 ? 0 : similarity;
}

}  // namespace convllava::eval
