#include <algorithm>
#include <array>
#include <string_view>

#include "convllava/core/random.h"
#include "tests/fuzz/fuzz.h"

namespace convllava::fuzz {
namespace {

constexpr size_t kMostBytes = 1 << 18;

struct Mutation {
  const Reader& reader;
  core::Random random;
  std::string text;

  size_t below(size_t bound) { return random.below(std::max<size_t>(bound, 1)); }
  size_t position() { return below(text.size() + 1); }
  /// Small numbers as often as large ones, up to 2^bits.
  size_t magnitude(int bits) { return below(size_t{1} << below(bits + 1)) + 1; }
  template <class List>
  const auto& one_of(const List& list) {
    return list[below(list.size())];
  }

  void flip_bit() {
    if (!text.empty()) text[below(text.size())] ^= static_cast<char>(1 << below(8));
  }
  void set_byte() {
    constexpr std::string_view kBytes("\x00\x01\x04\x7f\x80\xc0\xed\xff \t\n\r\"'\\[]{}():,-#&*!|>%@`~", 32);
    if (!text.empty()) text[below(text.size())] = one_of(kBytes);
  }
  void erase() { text.erase(position(), magnitude(10)); }
  void cut_off() { text.resize(position()); }
  void duplicate() {
    const std::string part = text.substr(position(), magnitude(8));
    const size_t at = position();
    for (size_t times = magnitude(6); times > 0 && text.size() < kMostBytes; --times) text.insert(at, part);
  }
  void splice() {
    const std::string& other = one_of(reader.corpus);
    text.resize(position());
    text += other.substr(below(other.size() + 1));
  }
  void insert_token() {
    if (!reader.dictionary.empty()) text.insert(position(), one_of(reader.dictionary));
  }
  /// The next number or word of the text becomes something else that may stand there.
  void replace_value() {
    static const auto kValues = words(
        R"(-1 0 -0 1.0 1e999 1e-400 01 NaN true null [] {} [[0]] "" "1" "\u0000" "\ud800" "../../x" 2147483648 4294967296 )"
        "9223372036854775807 9223372036854775808 -9223372036854775808 18446744073709551615 18446744073709551616");
    const auto is_word = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '-';
    };
    const auto begin = std::find_if(text.begin() + static_cast<std::ptrdiff_t>(position()), text.end(), is_word);
    const auto end = std::find_if_not(begin, text.end(), is_word);
    text.replace(begin, end, one_of(kValues));
  }
  /// A binary field of 1, 2, 4 or 8 bytes.
  void set_integer() {
    constexpr std::array<uint64_t, 10> kValues = {
        0, 1, 0x7f, 0x80, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff, 0xffffffffffffffff};
    const size_t bytes = size_t{1} << below(4);
    if (text.size() < bytes) return;
    const uint64_t value = below(2) == 0 ? one_of(kValues) : magnitude(40);
    const size_t at = below(text.size() - bytes + 1);
    const bool big_endian = below(2) == 0;
    for (size_t i = 0; i < bytes; ++i) {
      text[at + (big_endian ? bytes - 1 - i : i)] = static_cast<char>(value >> (8 * i));
    }
  }
  void nest() {
    static const std::vector<std::pair<std::string, std::string>> kBrackets = {
        {"[", "]"}, {"{\"a\":", "}"}, {"{", "}"}, {"- ", ""}, {"? ", ""}, {"a:\n ", ""}, {"&a ", ""}, {"[*a,", "]"}};
    const auto& [open, close] = one_of(kBrackets);
    const size_t depth = magnitude(17);
    std::string nested;
    for (size_t i = 0; i < depth; ++i) nested += open;
    if (below(2) == 0) nested += "1";
    if (below(2) == 0) {
      for (size_t i = 0; i < depth; ++i) nested += close;
    }
    text.insert(position(), nested);
  }
};

constexpr std::array kMutations = {&Mutation::flip_bit,      &Mutation::set_byte,     &Mutation::erase,
                                   &Mutation::cut_off,       &Mutation::duplicate,    &Mutation::splice,
                                   &Mutation::insert_token,  &Mutation::insert_token, &Mutation::replace_value,
                                   &Mutation::replace_value, &Mutation::set_integer,  &Mutation::nest};

}  // namespace

std::string make_input(const Reader& reader, uint64_t index) {
  if (index < reader.corpus.size()) return reader.corpus[index];
  Mutation mutation{reader, core::Random(index), ""};
  mutation.text = mutation.one_of(reader.corpus);
  for (size_t times = mutation.magnitude(2) + mutation.below(3); times > 0 && mutation.text.size() < kMostBytes;
       --times) {
    (mutation.*mutation.one_of(kMutations))();
  }
  return mutation.text;
}

}  // namespace convllava::fuzz
