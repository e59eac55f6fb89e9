#include "convllava/text/tokenizer.h"

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include <algorithm>
#include <array>
#include <optional>
#include <system_error>
#include <utility>

#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/core/unicode.h"
#include "convllava/text/tokenizer_settings.h"

namespace convllava::text {
namespace fs = std::filesystem;
namespace {

constexpr const char* kReplacement = "\uFFFD";
constexpr std::string_view kSpace = "\u2581";  // SentencePiece's visible space
constexpr std::string_view kGuard = "<unk>";
constexpr std::array<std::string_view, 3> kSpecialTokens = {"<s>", "</s>", "<unk>"};

// In protobuf, a message appended to a serialised one overwrites the fields it holds. This one is
// ModelProto{normalizer_spec{add_dummy_prefix: false}}, fields 3 and 3 of sentencepiece_model.proto.
constexpr std::string_view kNoDummyPrefix{"\x1a\x02\x18\x00", 4};

// The input of SentencePiece; `origin` has the byte of the caller's text for each of its bytes and for its end.
struct Source {
  std::string text;
  std::vector<size_t> origin;
};

Source make_source(std::string_view text, TokenizerBehaviour behaviour) {
  Source source;
  const bool rewrites = behaviour == TokenizerBehaviour::kNonLegacy;
  if (rewrites) {
    source.text = kSpace;
    source.origin.assign(kSpace.size(), 0);
  }
  for (size_t at = 0; at < text.size();) {
    const bool visible_space = rewrites && text.substr(at).starts_with(kSpace);
    source.text += visible_space ? ' ' : text[at];
    source.origin.push_back(at);
    at += visible_space ? kSpace.size() : 1;
  }
  source.origin.push_back(text.size());
  return source;
}

struct Literal {
  size_t begin = 0;
  size_t end = 0;
  size_t index = 0;  // in kSpecialTokens
};

bool is_inside(size_t at, const std::vector<TextRange>& ranges) {
  return std::any_of(ranges.begin(), ranges.end(), [at](auto range) { return at >= range.begin && at < range.end; });
}

// The first special token at or after `from` outside `words`.
std::optional<Literal> find_special(const Source& source, size_t from, const std::vector<TextRange>& words) {
  const std::string_view text = source.text;
  for (size_t at = text.find('<', from); at != std::string_view::npos; at = text.find('<', at + 1)) {
    for (size_t index = 0; index < kSpecialTokens.size(); ++index) {
      const auto literal = kSpecialTokens[index];
      if (text.substr(at, literal.size()) == literal && !is_inside(source.origin[at], words)) {
        return Literal{at, at + literal.size(), index};
      }
    }
  }
  return std::nullopt;
}

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

std::string spaces_of(std::string piece) {
  for (size_t at; (at = piece.find(kSpace)) != std::string::npos;) piece.replace(at, kSpace.size(), " ");
  return piece;
}

}  // namespace

struct Tokenizer::Impl {
  sentencepiece::SentencePieceProcessor processor;
  std::string bytes;
  TokenizerBehaviour behaviour = TokenizerBehaviour::kNonLegacy;
  size_t guard_pieces = 0;

  std::vector<int64_t> end_ids;

  void load(const fs::path& file);
  void add_end(const TokenizerSettings& settings);
  int64_t special_id(size_t index) const;
  sentencepiece::ImmutableSentencePieceText split(std::string_view text) const;
  void append_text(const Source& source, size_t begin, size_t end, std::vector<TokenPiece>& pieces) const;
};

void Tokenizer::Impl::load(const fs::path& file) {
  bytes = core::read_file(file, core::kMaxSettingsBytes);
  const bool non_legacy = behaviour == TokenizerBehaviour::kNonLegacy;
  const auto status = processor.LoadFromSerializedProto(non_legacy ? bytes + std::string(kNoDummyPrefix) : bytes);
  if (!status.ok()) {
    throw DataError(file.string(), "not a SentencePiece model", fmt::format("{} bytes", bytes.size()),
                    "a tokenizer.model file");
  }
  if (processor.bos_id() < 0 || processor.eos_id() < 0 || processor.unk_id() < 0) {
    throw DataError(file.string(), "the model lacks a special token",
                    fmt::format("ids {}, {}, {}", processor.bos_id(), processor.eos_id(), processor.unk_id()),
                    "<s>, </s> and <unk>");
  }
  guard_pieces = split(kGuard).pieces_size();
}

void Tokenizer::Impl::add_end(const TokenizerSettings& settings) {
  end_ids = {processor.eos_id()};
  const int64_t id = settings.eos_id.value_or(processor.PieceToId(settings.eos_token));
  if (id != processor.eos_id() && id != processor.unk_id()) end_ids.push_back(id);
}

int64_t Tokenizer::Impl::special_id(size_t index) const {
  const std::array<int, kSpecialTokens.size()> ids = {processor.bos_id(), processor.eos_id(), processor.unk_id()};
  return ids[index];
}

sentencepiece::ImmutableSentencePieceText Tokenizer::Impl::split(std::string_view text) const {
  sentencepiece::ImmutableSentencePieceText pieces;
  const auto status = processor.Encode(text, pieces.mutable_proto());
  if (!status.ok()) throw DataError("SentencePiece", "cannot tokenize", status.error_message());
  return pieces;
}

// Without the dummy prefix, SentencePiece may strip a leading space; transformers encodes such text behind a guard.
void Tokenizer::Impl::append_text(const Source& source, size_t begin, size_t end,
                                  std::vector<TokenPiece>& pieces) const {
  const auto text = std::string_view(source.text).substr(begin, end - begin);
  const bool guarded =
      behaviour == TokenizerBehaviour::kNonLegacy && (text.starts_with(kSpace) || text.starts_with(' '));
  const auto encoded = guarded ? split(std::string(kGuard).append(text)) : split(text);
  const size_t shift = guarded ? kGuard.size() : 0;
  for (size_t i = guarded ? guard_pieces : 0; i < encoded.pieces_size(); ++i) {
    const auto piece = encoded.pieces(static_cast<int>(i));
    pieces.push_back({int64_t{piece.id()}, source.origin[begin + piece.begin() - shift],
                      source.origin[begin + piece.end() - shift]});
  }
}

Tokenizer Tokenizer::load(const fs::path& path, TokenizerBehaviour fallback) {
  std::error_code ignored;
  const fs::path file = fs::is_directory(path, ignored) ? path / "tokenizer.model" : path;
  if (!fs::exists(file, ignored)) {
    throw DataError(file.string(), "the tokenizer does not exist", "",
                    "a SentencePiece model (tokenizer.model), or a folder with one");
  }
  auto impl = std::make_shared<Impl>();
  const auto settings = read_tokenizer_settings(file.parent_path(), fallback);
  impl->behaviour = settings.behaviour;
  impl->load(file);
  impl->add_end(settings);
  return Tokenizer(std::move(impl));
}

std::vector<TokenPiece> Tokenizer::encode_pieces(std::string_view text, const std::vector<TextRange>& words) const {
  std::vector<TokenPiece> pieces;
  if (text.empty()) return pieces;
  const Source source = make_source(text, impl_->behaviour);
  const bool non_legacy = impl_->behaviour == TokenizerBehaviour::kNonLegacy;
  const int space_id = impl_->processor.PieceToId(kSpace);
  for (size_t position = 0; position < source.text.size();) {
    const auto special = find_special(source, position, words);
    const size_t end = special ? special->begin : source.text.size();
    if (end > position) impl_->append_text(source, position, end, pieces);
    if (!special) break;
    // The prefix of the whole string is dropped when a special token follows it directly.
    if (non_legacy && pieces.size() == 1 && pieces[0].id == space_id) pieces.clear();
    pieces.push_back({impl_->special_id(special->index), source.origin[special->begin], source.origin[special->end]});
    position = special->end;
  }
  return pieces;
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
  const auto& processor = tokenizer_.impl_->processor;
  const int token = static_cast<int>(id);
  if (const auto byte = tokenizer_.byte_of(id)) {
    bytes_ += static_cast<char>(*byte);
    append(take_characters(bytes_, /*all=*/false));
  } else if (!processor.IsControl(token) && !processor.IsUnknown(token)) {
    finish();
    append(spaces_of(processor.IdToPiece(token)));
  }
}

void TextStream::finish() { append(take_characters(bytes_, /*all=*/true)); }

void TextStream::append(std::string_view more) {
  if (more.empty()) return;
  if (!begun_ && more.front() == ' ') more.remove_prefix(1);  // the dummy prefix
  begun_ = true;
  text_ += more;
}

std::string Tokenizer::piece(int64_t id) const {
  if (id < 0 || id >= vocab_size()) {
    throw DataError("piece", "invalid token id", std::to_string(id), fmt::format("0 to {}", vocab_size() - 1));
  }
  return spaces_of(impl_->processor.IdToPiece(static_cast<int>(id)));
}

std::optional<uint8_t> Tokenizer::byte_of(int64_t id) const {
  if (id < 0 || id >= vocab_size() || !impl_->processor.IsByte(static_cast<int>(id))) return std::nullopt;
  const std::string& piece = impl_->processor.IdToPiece(static_cast<int>(id));  // "<0x78>"
  return static_cast<uint8_t>(std::stoi(piece.substr(1, piece.size() - 2), nullptr, 16));
}

int64_t Tokenizer::vocab_size() const { return impl_->processor.GetPieceSize(); }
int64_t Tokenizer::bos_id() const { return impl_->processor.bos_id(); }
int64_t Tokenizer::eos_id() const { return impl_->processor.eos_id(); }
const std::vector<int64_t>& Tokenizer::end_ids() const { return impl_->end_ids; }
int64_t Tokenizer::unk_id() const { return impl_->processor.unk_id(); }
TokenizerBehaviour Tokenizer::behaviour() const { return impl_->behaviour; }
const std::string& Tokenizer::model_bytes() const { return impl_->bytes; }

}  // namespace convllava::text
