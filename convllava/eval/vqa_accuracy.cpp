#include "convllava/eval/vqa_accuracy.h"

#include <algorithm>
#include <unordered_map>

#include "convllava/core/error.h"
#include "convllava/eval/unicode.h"

namespace convllava::eval {
namespace {

const std::unordered_map<std::u32string_view, std::u32string_view> kNumbers = {
    {U"none", U"0"}, {U"zero", U"0"}, {U"one", U"1"},   {U"two", U"2"},   {U"three", U"3"}, {U"four", U"4"},
    {U"five", U"5"}, {U"six", U"6"},  {U"seven", U"7"}, {U"eight", U"8"}, {U"nine", U"9"},  {U"ten", U"10"},
};

// Every way to leave out one apostrophe of these is mended. (The reference also lists "Im" and three more with a
// capital, which its lower-cased words never meet.)
constexpr std::u32string_view kContractions =
    U"ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't "
    U"he'd he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am might've mightn't mightn't've "
    U"must've mustn't needn't not've o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't "
    U"shouldn't've somebody'd've somebody'll somebody's someone'd someone'd've someone'll someone's "
    U"something'd something'd've something'll that's there'd there'd've there're there's they'd they'd've "
    U"they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's what've when's where'd "
    U"where's where've who'd who'd've who'll who's who've why'll why're why's won't would've wouldn't "
    U"wouldn't've y'all y'all'd've y'all'll you'd you'd've you'll you're you've";

std::unordered_map<std::u32string, std::u32string> contraction_table() {
  std::unordered_map<std::u32string, std::u32string> table = {{U"somebody'd", U"somebodyd"}};  // as in the reference
  for (size_t begin = 0; begin < kContractions.size();) {
    const size_t end = std::min(kContractions.find(U' ', begin), kContractions.size());
    const std::u32string word(kContractions.substr(begin, end - begin));
    begin = end + 1;
    for (size_t at = word.find(U'\''); at != std::u32string::npos; at = word.find(U'\'', at + 1)) {
      table.emplace(std::u32string(word).erase(at, 1), word);
    }
  }
  return table;
}

void replace_all(std::u32string& text, std::u32string_view what, std::u32string_view by) {
  for (size_t at = text.find(what); at != std::u32string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
}

// The reference also looks for commas between digits, which its previous step has deleted already.
std::u32string process_punctuation(const std::u32string& text) {
  std::u32string result = text;
  for (const char32_t mark : std::u32string_view(U";/[]\"{}()=+\\_-><@`!")) {
    const bool beside_blank = text.find(std::u32string{mark, U' '}) != std::u32string::npos ||
                              text.find(std::u32string{U' ', mark}) != std::u32string::npos;
    replace_all(result, std::u32string_view(&mark, 1), beside_blank ? U"" : U" ");
  }
  return result;
}

// The reference passes re.UNICODE (32) where `re.sub` takes a count.
std::u32string delete_periods(std::u32string_view text) {
  constexpr int kMost = 32;
  std::u32string result;
  int deleted = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool before_digit = i + 1 < text.size() && text[i + 1] >= U'0' && text[i + 1] <= U'9';
    if (text[i] == U'.' && !before_digit && deleted < kMost) {
      ++deleted;
    } else {
      result += text[i];
    }
  }
  return result;
}

template <class Table>
std::u32string look_up(const Table& table, const std::u32string& word) {
  const auto found = table.find(word);
  return found == table.end() ? word : std::u32string(found->second);
}

std::u32string process_words(const std::u32string& text) {
  static const auto contractions = contraction_table();
  const std::u32string spaced = collapse_spaces(text);
  std::u32string result;
  for (size_t begin = 0; begin < spaced.size();) {
    const size_t end = std::min(spaced.find(U' ', begin), spaced.size());
    const auto word = look_up(kNumbers, spaced.substr(begin, end - begin));
    begin = end + 1;
    if (word == U"a" || word == U"an" || word == U"the") continue;
    if (!result.empty()) result += U' ';
    result += look_up(contractions, word);
  }
  return result;
}

}  // namespace

std::string normalize_answer(std::string_view answer) {
  std::u32string text = lower(code_points(answer));
  std::erase_if(text, [](char32_t c) { return c == U',' || c == U'?'; });
  replace_all(text, U"'s", U" 's");
  for (char32_t& c : text) c = c == U'\n' || c == U'\t' ? U' ' : c;
  text = process_punctuation(std::u32string(strip(text)));
  return to_utf8(process_words(delete_periods(text)));
}

double soft_accuracy(std::string_view prediction, const std::vector<std::string>& answers) {
  if (answers.empty()) throw DataError(error_message("soft accuracy", "there are no reference answers"));
  const std::string normalized = normalize_answer(prediction);
  std::vector<bool> matches;
  for (const auto& answer : answers) matches.push_back(normalize_answer(answer) == normalized);
  const auto matching = std::count(matches.begin(), matches.end(), true);
  double sum = 0;
  for (const bool own : matches) sum += std::min(1.0, static_cast<double>(matching - own) / 3.0);
  return sum / static_cast<double>(answers.size());
}

}  // namespace convllava::eval
