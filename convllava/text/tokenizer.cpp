#include "convllava/text/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "convllava/core/error.h"
#include "convllava/core/unicode.h"
#include "convllava/text/sentencepiece_tokenizer.h"

namespace convllava::text {
namespace fs = std::filesystem;
namespace {

constexpr const char* kReplacement = "\uFFFD";

// Whether `bytes` is the beginning of a longer character.
bool is_begun_character(std::string_view bytes) {
  const auto lead = static_cast<uint8_t>(bytes[0]);
  const size_t length = lead < 0xC2 || lead > 0xF4 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return bytes.size() < length &&
         std::all_of(bytes.begin() + 1, bytes.end(), [](char c) { return (c & 0xC0) == 0x80; });
}

// Removes the complete characters at the beginning of `bytes`, or all of it. As in SentencePiece, each byte that is not
// UTF-8 becomes U+FFFD.
std::string take_characters(std::string& bytes, bool all) {
  std::string text;
  while (!bytes.empty() && (all || !is_begun_character(bytes))) {
    const auto character = bytes.substr(0, core::first_code_point(bytes).bytes);
    const bool valid = core::is_utf8(character);
    text += valid ? character : kReplacement;
    bytes.erase(0, valid ? character.size() : 1);
  }
  return text;
}

/// By the name of the file; a file of another name is of the first family.
const TokenizerFamily& family_of(const fs::path& file) {
  const auto& families = tokenizer_families();
  const auto found = std::find_if(families.begin(), families.end(),
                                  [&](const TokenizerFamily& family) { return family.file == file.filename(); });
  return found == families.end() ? families.front() : *found;
}

/// The tokenizer in a folder; the first family's file if there is none.
fs::path file_in(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& family : tokenizer_families()) {
    if (fs::exists(folder / family.file, ignored)) return folder / family.file;
  }
  return folder / tokenizer_families().front().file;
}

}  // namespace

const std::vector<TokenizerFamily>& tokenizer_families() {
  static const std::vector<TokenizerFamily> kFamilies = {
      {"tokenizer.model", "a SentencePiece model", [](const fs::path& file) { return load_sentencepiece(file); }},
  };
  return kFamilies;
}

Tokenizer Tokenizer::load(const fs::path& path) {
  std::error_code ignored;
  const fs::path file = fs::is_directory(path, ignored) ? file_in(path) : path;
  const auto& family = family_of(file);
  if (!fs::exists(file, ignored)) {
    throw DataError(file.string(), "the tokenizer does not exist", "",
                    fmt::format("{} ({}), or a folder with one", family.meaning, family.file));
  }
  return Tokenizer(family.load(file));
}

std::vector<TokenPiece> Tokenizer::encode_pieces(std::string_view text, const std::vector<TextRange>& words) const {
  return model_->encode(text, words);
}

std::vector<int64_t> Tokenizer::encode(std::string_view text, bool add_bos) const {
  std::vector<int64_t> ids;
  if (add_bos) ids.push_back(bos_id());
  for (const auto& piece : encode_pieces(text)) ids.push_back(piece.id);
  return ids;
}

std::string Tokenizer::decode(const std::vector<int64_t>& ids) const {
  TextStream stream(*this);
  for (const int64_t id : ids) stream.add(id);
  stream.finish();
  return stream.text();
}

void TextStream::add(int64_t id) {
  if (id < 0) throw DataError("decode", "invalid token id", std::to_string(id), "0 or more");
  if (id >= tokenizer_.vocab_size()) return;  // embeddings beyond the tokenizer are padding
  bytes_ += tokenizer_.model_->token(id).bytes;
  append(take_characters(bytes_, /*all=*/false));
}

void TextStream::finish() { append(take_characters(bytes_, /*all=*/true)); }

void TextStream::append(std::string_view more) {
  if (more.empty()) return;
  if (!begun_ && tokenizer_.model_->vocabulary().has_dummy_prefix && more.front() == ' ') more.remove_prefix(1);
  begun_ = true;
  text_ += more;
}

std::string Tokenizer::piece(int64_t id) const {
  if (id < 0 || id >= vocab_size()) {
    throw DataError("piece", "invalid token id", std::to_string(id), fmt::format("0 to {}", vocab_size() - 1));
  }
  return model_->token(id).piece;
}

std::optional<uint8_t> Tokenizer::byte_of(int64_t id) const {
  if (id < 0 || id >= vocab_size()) return std::nullopt;
  const Token token = model_->token(id);
  return token.is_byte ? std::optional(static_cast<uint8_t>(token.bytes.front())) : std::nullopt;
}

}  // namespace convllava::text
