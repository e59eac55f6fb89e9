#include "convllava/eval/metrics/vqa_accuracy.h"

#include <algorithm>
#include <unordered_map>

#include "convllava/core/error.h"
#include "convllava/core/unicode.h"

namespace convllava::eval {
namespace {

using Words = std::unordered_map<std::string_view, std::string_view>;

const Words kNumbers = {
    {"none", "0"}, {"zero", "0"}, {"one", "1"},   {"two", "2"},   {"three", "3"}, {"four", "4"},
    {"five", "5"}, {"six", "6"},  {"seven", "7"}, {"eight", "8"}, {"nine", "9"},  {"ten", "10"},
};

// Every way to leave out one apostrophe of these is mended. (The reference also lists "Im" and three more with a
// capital, which its lower-cased words never meet.)
constexpr std::string_view kContractions =
    "ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't "
    "he'd he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am might've mightn't mightn't've "
    "must've mustn't needn't not've o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't "
    "shouldn't've somebody'd've somebody'll somebody's someone'd someone'd've someone'll someone's "
    "something'd something'd've something'll that's there'd there'd've there're there's they'd they'd've "
    "they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's what've when's where'd "
    "where's where've who'd who'd've who'll who's who've why'll why're why's won't would've wouldn't "
    "wouldn't've y'all y'all'd've y'all'll you'd you'd've you'll you're you've";

std::unordered_map<std::string, std::string_view> contraction_table() {
  std::unordered_map<std::string, std::string_view> table = {{"somebody'd", "somebodyd"}};  // as in the reference
  for (const auto word : core::split(kContractions)) {
    for (size_t at = word.find('\''); at != std::string_view::npos; at = word.find('\'', at + 1)) {
      table.emplace(std::string(word).erase(at, 1), word);
    }
  }
  return table;
}

/// `str.replace`.
std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string result;
  for (size_t at; (at = text.find(what)) != std::string_view::npos;) {
    result.append(text.substr(0, at)).append(by);
    text.remove_prefix(at + what.size());
  }
  return result.append(text);
}

// The reference also looks for commas between digits, which its previous step has deleted already.
std::string process_punctuation(const std::string& text) {
  std::string result = text;
  for (const char mark : std::string_view(";/[]\"{}()=+\\_-><@`!")) {
    const bool beside_blank = text.find(std::string{mark, ' '}) != std::string::npos ||
                              text.find(std::string{' ', mark}) != std::string::npos;
    result = replaced(result, {&mark, 1}, beside_blank ? "" : " ");
  }
  return result;
}

/// Whether `\d` matches: a digit of any script.
bool starts_with_digit(std::string_view text) {
  return !text.empty() && core::is_decimal(core::first_code_point(text).value);
}

// The reference passes re.UNICODE (32) where `re.sub` takes a count.
std::string delete_periods(std::string_view text) {
  constexpr int kMost = 32;
  std::string result;
  int deleted = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.' && deleted < kMost && !starts_with_digit(text.substr(i + 1))) {
      ++deleted;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::string process_words(std::string_view text) {
  static const auto contractions = contraction_table();
  std::string result;
  for (std::string_view word : core::split(text)) {
    if (const auto number = kNumbers.find(word); number != kNumbers.end()) word = number->second;
    if (word == "a" || word == "an" || word == "the") continue;
    if (const auto whole = contractions.find(std::string(word)); whole != contractions.end()) word = whole->second;
    result.append(result.empty() ? "" : " ").append(word);
  }
  return result;
}

}  // namespace

std::string normalize_answer(std::string_view answer) {
  std::string text = core::lower(answer);
  std::erase_if(text, [](char c) { return c == ',' || c == '?'; });
  text = replaced(text, "'s", " 's");
  for (char& c : text) c = c == '\n' || c == '\t' ? ' ' : c;
  return process_words(delete_periods(process_punctuation(std::string(core::strip(text)))));
}

double soft_accuracy(std::string_view prediction, const std::vector<std::string>& answers) {
  if (answers.empty()) throw DataError("soft accuracy", "no reference answers");
  const std::string normalized = normalize_answer(prediction);
  std::vector<bool> matches;
  for (const auto& answer : answers) matches.push_back(normalize_answer(answer) == normalized);
  const auto matching = std::count(matches.begin(), matches.end(), true);
  double sum = 0;
  for (const bool own : matches) sum += std::min(1.0, static_cast<double>(matching - own) / 3.0);
  return sum / static_cast<double>(answers.size());
}

}  // namespace convllava::eval
