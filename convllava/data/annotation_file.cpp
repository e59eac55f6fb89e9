#include "convllava/data/annotation_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "convllava/core/error.h"
#include "convllava/core/fingerprint.h"
#include "convllava/core/json.h"
#include "convllava/core/unicode.h"
#include "convllava/core/watched_file.h"
#include "convllava/data/error_in.h"
#include "convllava/data/json_scanner.h"

namespace convllava::data {
namespace {

using nlohmann::json;

constexpr std::string_view kExpectedFile = "a JSON array of records, or one record per line";
constexpr std::string_view kExpectedTurn = "{\"from\": ..., \"value\": ...}";

core::WatchedFile open(const std::filesystem::path& path) {
  try {
    return core::WatchedFile(path);
  } catch (const Error& reason) {
    throw DataError(path.string(), "cannot read the file", reason.what(), kExpectedFile);
  }
}

/// A value for a message: scalars as in the file, others by their type.
std::string describe(const json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return fmt::format("an array of {}", value.size());
  if (value.is_string()) return printable(value.get_ref<const std::string&>());
  return core::json_text(value);
}

/// `line` is the line of the first byte.
json parse(std::string_view bytes, int64_t line) {
  try {
    return core::parse_python_json<json>(bytes);
  } catch (const core::JsonError& error) {
    if (!error.offset()) throw DataError("", "invalid JSON", error.what());
    const std::string_view before = bytes.substr(0, *error.offset());
    const size_t line_begin = before.rfind('\n') + 1;  // npos + 1 == 0
    throw DataError(fmt::format("line {}, column {}", line + std::count(before.begin(), before.end(), '\n'),
                                before.size() - line_begin + 1),
                    "invalid JSON", error.what());
  }
}

/// The value of `image`; null for none. A value null or "" means none too.
const json* image_of(const json& record) {
  const auto found = record.find("image");
  return found == record.end() || found->is_null() || *found == "" ? nullptr : &*found;
}

std::string take_string(json& turn, const char* key, size_t number) {
  const auto found = turn.find(key);
  const Place place(fmt::format("turn {}", number), key);
  if (found == turn.end()) throw DataError(place, "not given", "", kExpectedTurn);
  if (!found->is_string()) throw DataError(place, "wrong type", describe(*found), "a string");
  return std::move(found->get_ref<std::string&>());
}

/// `number` counts from 1.
text::Turn turn_of(json& turn, size_t number) {
  const auto where = fmt::format("turn {}", number);
  if (!turn.is_object()) throw DataError(where, "not an object", describe(turn), kExpectedTurn);
  const std::string from = take_string(turn, "from", number);
  if (from != "human" && from != "gpt") {
    throw DataError({where, "from"}, "unknown speaker", printable(from), "\"human\" or \"gpt\"");
  }
  return {from == "human" ? text::Speaker::kHuman : text::Speaker::kAssistant, take_string(turn, "value", number)};
}

/// Moves the strings out of `value`.
Record record_of(json& value) {
  if (!value.is_object()) throw DataError("", "not an object", describe(value), "{\"conversations\": [...]}");
  Record record;
  if (const json* image = image_of(value)) {
    if (!image->is_string()) throw DataError({"", "image"}, "wrong type", describe(*image), "one path, as a string");
    record.image = image->get<std::string>();
    if (record.image->find('\0') != std::string::npos) {  // the system would open the path before it
      throw DataError({"", "image"}, "contains a NUL byte", describe(*image), "a path");
    }
  }
  if (const auto id = value.find("id"); id != value.end() && id->is_string()) {
    record.id = id->get<std::string>();
  } else if (id != value.end() && id->is_number()) {
    record.id = core::json_text(*id);
  }
  const auto turns = value.find("conversations");
  const Place place("", "conversations");
  if (turns == value.end()) throw DataError(place, "not given", "", "a list of turns");
  if (!turns->is_array() || turns->empty()) {
    throw DataError(place, "no turns", describe(*turns), "a list of turns");
  }
  for (json& turn : *turns) record.turns.push_back(turn_of(turn, record.turns.size() + 1));
  return record;
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The fields of a usable record that are not read, each once.
std::set<std::string> unused_fields_of(const json& record) {
  const auto holds = [](const json& value) { return !value.empty() && value != ""; };  // null is empty
  std::set<std::string> names;
  for (const auto& [name, value] : record.items()) {
    if (!is_one_of(name, {"id", "image", "conversations"}) && holds(value)) names.insert(name);
  }
  for (const json& turn : record.at("conversations")) {
    for (const auto& [name, value] : turn.items()) {
      if (!is_one_of(name, {"from", "value"}) && holds(value)) names.insert("conversations[]." + name);
    }
  }
  return names;
}

/// Whether brackets or quotes of a line are not closed.
bool is_cut_off(std::string_view line) {
  try {
    JsonScanner(line, "").value("");
    return false;
  } catch (const DataError&) {
    return true;
  }
}

}  // namespace

struct AnnotationFile::Impl {
  struct Entry {
    int64_t offset;
    int64_t bytes;
    int64_t line;
    RecordSummary summary;
  };

  explicit Impl(const std::filesystem::path& path);
  void index(std::string_view contents);
  void index_array(JsonScanner& scanner);
  void index_lines(JsonScanner& scanner);
  void add(std::string_view bytes, int64_t line);
  void count_unused(const std::set<std::string>& fields);
  /// From `offset` to the end of the line.
  std::string_view line_at(size_t offset) const { return text.substr(offset, text.find('\n', offset) - offset); }
  std::string bytes(const Entry& entry) const { return source.read(entry.offset, entry.bytes); }
  std::string where(int64_t index, int64_t line) const { return fmt::format("{}:{}: record {}", file, line, index); }

  std::string file;
  core::WatchedFile source;
  const char* first_byte = nullptr;  ///< of the contents, during indexing
  std::string_view text;             ///< the contents without a byte order mark, during indexing
  std::vector<Entry> entries;
  std::vector<BadRecord> bad;
  std::map<std::string, int64_t> unused;
  core::Fingerprint fingerprint;  ///< of the contents
};

AnnotationFile::Impl::Impl(const std::filesystem::path& path) : file(path.string()), source(open(path)) {
  index(source.read(0, source.size()));
}

void AnnotationFile::Impl::index(std::string_view contents) {
  first_byte = contents.data();
  text = contents;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  JsonScanner scanner(text, file);
  const char first = scanner.peek();
  if (scanner.at_end()) throw DataError(file, "the file is empty", "", kExpectedFile);
  if (first != '[' && first != '{') {
    throw DataError(scanner.where(), "not an annotation file", printable(text.substr(scanner.position())),
                    kExpectedFile);
  }
  first == '{' ? index_lines(scanner) : index_array(scanner);
  fingerprint.add(contents);
  entries.shrink_to_fit();
  text = {};
}

void AnnotationFile::Impl::index_array(JsonScanner& scanner) {
  scanner.take();
  if (scanner.peek() == ']') throw DataError(scanner.where(), "the array is empty", "", kExpectedFile);
  for (char next = ','; next != ']';) {
    scanner.peek();
    const std::string name = fmt::format("record {}", entries.size());
    const int64_t line = scanner.line();
    const std::string_view bytes = scanner.value(name);
    if (bytes.empty()) scanner.unexpected("before " + name, "a record");
    add(bytes, line);
    next = scanner.peek();
    if (next != ',' && next != ']') scanner.unexpected("after " + name, "',' or ']'");
    scanner.take();
  }
  scanner.peek();
  if (!scanner.at_end()) scanner.unexpected("after the array of records", "the end of the file");
}

void AnnotationFile::Impl::index_lines(JsonScanner& scanner) {
  while (scanner.peek(), !scanner.at_end()) {
    const size_t offset = scanner.position();
    const std::string_view bytes = line_at(offset);
    if (entries.size() == 1 && bad.size() == 1 && text[offset] != '{' &&
        is_cut_off(text.substr(entries[0].offset - (text.data() - first_byte), entries[0].bytes))) {
      throw DataError(scanner.where(), "an object on several lines", printable(bytes), kExpectedFile);
    }
    add(bytes, scanner.line());
    const bool is_last = offset + bytes.size() == text.size();
    const bool is_bad = !bad.empty() && bad.back().index + 1 == static_cast<int64_t>(entries.size());
    if (is_last && is_bad) JsonScanner(bytes, file, scanner.line()).value(fmt::format("record {}", bad.back().index));
    scanner.skip(bytes.size());
  }
}

void AnnotationFile::Impl::add(std::string_view bytes, int64_t line) {
  const auto index = static_cast<int64_t>(entries.size());
  RecordSummary summary;
  try {
    json value = parse(bytes, line);
    // Set first: the modality of an unusable record counts too.
    summary.has_image = image_of(value) != nullptr;
    const Record record = record_of(value);
    for (const text::Turn& turn : record.turns) {
      const auto words = static_cast<int64_t>(core::split(turn.text).size());
      summary.words += words;
      summary.empty_answers += turn.speaker == text::Speaker::kAssistant && words == 0;
    }
    count_unused(unused_fields_of(value));
  } catch (const DataError& error) {
    bad.push_back({index, error_in(where(index, line), error).what()});
  }
  entries.push_back({bytes.data() - first_byte, static_cast<int64_t>(bytes.size()), line, summary});
}

void AnnotationFile::Impl::count_unused(const std::set<std::string>& fields) {
  for (const std::string& field : fields) {
    if (unused.size() < kMostUnusedFields || unused.contains(field)) ++unused[field];
  }
}

AnnotationFile::AnnotationFile(const std::filesystem::path& path) : impl_(std::make_shared<const Impl>(path)) {}

int64_t AnnotationFile::size() const { return static_cast<int64_t>(impl_->entries.size()); }

const RecordSummary& AnnotationFile::summary(int64_t index) const { return impl_->entries.at(index).summary; }

Record AnnotationFile::record(int64_t index) const {
  const Impl::Entry& entry = impl_->entries.at(index);
  try {
    json value = parse(impl_->bytes(entry), entry.line);
    return record_of(value);
  } catch (const core::FileChanged&) {  // not an error of the record
    throw;
  } catch (const DataError& error) {
    throw error_in(where(index), error);
  }
}

std::string AnnotationFile::bytes(int64_t index) const { return impl_->bytes(impl_->entries.at(index)); }

std::string AnnotationFile::where(int64_t index) const { return impl_->where(index, impl_->entries.at(index).line); }

const std::vector<AnnotationFile::BadRecord>& AnnotationFile::bad() const { return impl_->bad; }

const std::map<std::string, int64_t>& AnnotationFile::unused_fields() const { return impl_->unused; }
uint64_t AnnotationFile::fingerprint() const { return impl_->fingerprint.value(); }

}  // namespace convllava::data
