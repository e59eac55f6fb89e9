#include "convllava/text/sentencepiece_tokenizer.h"

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "convllava/core/error.h"
#include "convllava/core/files.h"

namespace convllava::text {
namespace fs = std::filesystem;
namespace {

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

std::string spaces_of(std::string piece) {
  for (size_t at; (at = piece.find(kSpace)) != std::string::npos;) piece.replace(at, kSpace.size(), " ");
  return piece;
}

class SentencePieceTokenizer : public TokenizerModel {
 public:
  SentencePieceTokenizer(const fs::path& file, TokenizerBehaviour fallback);

  const Vocabulary& vocabulary() const override { return vocabulary_; }
  Token token(int64_t id) const override;
  std::vector<TokenPiece> encode(std::string_view text, const std::vector<TextRange>& words) const override;
  std::string identity() const override { return (is_legacy() ? "legacy " : "") + bytes_; }
  std::vector<std::pair<std::string, std::string>> files(int64_t max_length) const override;

 private:
  bool is_legacy() const { return settings_.behaviour == TokenizerBehaviour::kLegacy; }
  void read_vocabulary(const fs::path& file);
  int64_t special_id(size_t index) const;
  sentencepiece::ImmutableSentencePieceText split(std::string_view text) const;
  void append_text(const Source& source, size_t begin, size_t end, std::vector<TokenPiece>& pieces) const;

  sentencepiece::SentencePieceProcessor processor_;
  std::string bytes_;
  TokenizerSettings settings_;
  Vocabulary vocabulary_;
  size_t guard_pieces_ = 0;
};

SentencePieceTokenizer::SentencePieceTokenizer(const fs::path& file, TokenizerBehaviour fallback)
    : bytes_(core::read_file(file, core::kMaxSettingsBytes)),
      settings_(read_tokenizer_settings(file.parent_path(), fallback)) {
  const auto status = processor_.LoadFromSerializedProto(is_legacy() ? bytes_ : bytes_ + std::string(kNoDummyPrefix));
  if (!status.ok()) {
    throw DataError(file.string(), "not a SentencePiece model", fmt::format("{} bytes", bytes_.size()),
                    "a tokenizer.model file");
  }
  read_vocabulary(file);
  guard_pieces_ = split(kGuard).pieces_size();
}

void SentencePieceTokenizer::read_vocabulary(const fs::path& file) {
  const int64_t bos = processor_.bos_id();
  const int64_t eos = processor_.eos_id();
  const int64_t unk = processor_.unk_id();
  if (bos < 0 || eos < 0 || unk < 0) {
    throw DataError(file.string(), "the model lacks a special token", fmt::format("ids {}, {}, {}", bos, eos, unk),
                    "<s>, </s> and <unk>");
  }
  vocabulary_ = {.size = processor_.GetPieceSize(),
                 .bos_id = bos,
                 .eos_id = eos,
                 .unk_id = unk,
                 .end_ids = {eos},
                 .has_dummy_prefix = true};
  const int64_t end = settings_.eos_id.value_or(processor_.PieceToId(settings_.eos_token));
  if (end != eos && end != unk) vocabulary_.end_ids.push_back(end);
}

Token SentencePieceTokenizer::token(int64_t id) const {
  const int index = static_cast<int>(id);
  const std::string piece = spaces_of(processor_.IdToPiece(index));
  if (processor_.IsByte(index)) {  // "<0x78>"
    const auto byte = static_cast<char>(std::stoi(piece.substr(1, piece.size() - 2), nullptr, 16));
    return {.piece = piece, .bytes = std::string(1, byte), .is_byte = true};
  }
  const bool special = processor_.IsControl(index) || processor_.IsUnknown(index);
  return {.piece = piece, .bytes = special ? "" : piece};
}

int64_t SentencePieceTokenizer::special_id(size_t index) const {
  const std::array<int64_t, kSpecialTokens.size()> ids = {vocabulary_.bos_id, vocabulary_.eos_id, vocabulary_.unk_id};
  return ids[index];
}

sentencepiece::ImmutableSentencePieceText SentencePieceTokenizer::split(std::string_view text) const {
  sentencepiece::ImmutableSentencePieceText pieces;
  const auto status = processor_.Encode(text, pieces.mutable_proto());
  if (!status.ok()) throw DataError("SentencePiece", "cannot tokenize", status.error_message());
  return pieces;
}

// Without the dummy prefix, SentencePiece may strip a leading space; transformers encodes such text behind a guard.
void SentencePieceTokenizer::append_text(const Source& source, size_t begin, size_t end,
                                         std::vector<TokenPiece>& pieces) const {
  const auto text = std::string_view(source.text).substr(begin, end - begin);
  const bool guarded = !is_legacy() && (text.starts_with(kSpace) || text.starts_with(' '));
  const auto encoded = guarded ? split(std::string(kGuard).append(text)) : split(text);
  const size_t shift = guarded ? kGuard.size() : 0;
  for (size_t i = guarded ? guard_pieces_ : 0; i < encoded.pieces_size(); ++i) {
    const auto piece = encoded.pieces(static_cast<int>(i));
    pieces.push_back({int64_t{piece.id()}, source.origin[begin + piece.begin() - shift],
                      source.origin[begin + piece.end() - shift]});
  }
}

std::vector<TokenPiece> SentencePieceTokenizer::encode(std::string_view text,
                                                       const std::vector<TextRange>& words) const {
  std::vector<TokenPiece> pieces;
  if (text.empty()) return pieces;
  const Source source = make_source(text, settings_.behaviour);
  const int space_id = processor_.PieceToId(kSpace);
  for (size_t position = 0; position < source.text.size();) {
    const auto special = find_special(source, position, words);
    const size_t end = special ? special->begin : source.text.size();
    if (end > position) append_text(source, position, end, pieces);
    if (!special) break;
    // The prefix of the whole string is dropped when a special token follows it directly.
    if (!is_legacy() && pieces.size() == 1 && pieces[0].id == space_id) pieces.clear();
    pieces.push_back({special_id(special->index), source.origin[special->begin], source.origin[special->end]});
    position = special->end;
  }
  return pieces;
}

std::vector<std::pair<std::string, std::string>> SentencePieceTokenizer::files(int64_t max_length) const {
  using Json = nlohmann::ordered_json;
  const std::string end = settings_.eos_token.empty() ? "</s>" : settings_.eos_token;
  const Json special = {{"bos_token", "<s>"}, {"eos_token", end}, {"unk_token", "<unk>"}, {"pad_token", "<unk>"}};
  Json config = {{"tokenizer_class", "LlamaTokenizer"},
                 {"legacy", is_legacy()},
                 {"add_bos_token", true},
                 {"add_eos_token", false},
                 {"model_max_length", max_length},
                 {"padding_side", "right"},
                 {"clean_up_tokenization_spaces", false},
                 {"sp_model_kwargs", Json::object()}};
  config.update(special);
  if (settings_.eos_id) {  // a token that tokenizer.model does not have
    const Json added = {{"content", end},  {"lstrip", false},      {"normalized", false},
                        {"rstrip", false}, {"single_word", false}, {"special", true}};
    config["added_tokens_decoder"] = {{std::to_string(*settings_.eos_id), added}};
  }
  return {{"tokenizer.model", bytes_},
          {"special_tokens_map.json", special.dump(2) + "\n"},
          {"tokenizer_config.json", config.dump(2) + "\n"}};
}

}  // namespace

std::shared_ptr<const TokenizerModel> load_sentencepiece(const fs::path& file, TokenizerBehaviour fallback) {
  return std::make_shared<SentencePieceTokenizer>(file, fallback);
}

}  // namespace convllava::text
