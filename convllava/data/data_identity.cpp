#include "convllava/data/data_identity.h"

#include <fmt/format.h>

#include <filesystem>
#include <sstream>

#include "convllava/core/fingerprint.h"

namespace convllava::data {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kVersion = "contents 1";

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// The part of a set's line that must be equal: all but the file's name at the end.
std::string content_of(const std::string& line) {
  size_t end = 0;
  for (int word = 0; word < 4 && end != line.npos; ++word) end = line.find(' ', end + 1);
  return line.substr(0, end);
}

std::string line_of(const SetIdentity& set) {
  std::string name = fs::path(set.annotations).filename().string();
  for (char& c : name) {
    if (static_cast<unsigned char>(c) < 0x20) c = '?';
  }
  return fmt::format("{} {:016x} weight {} {}", set.list, set.contents, set.weight, name);
}

/// Of the indices of both parts, in order.
uint64_t digest_of_split(const DataIdentity& data) {
  core::Fingerprint fingerprint;
  for (const auto* part : {&data.training, &data.validation}) {
    const auto* bytes = reinterpret_cast<const char*>(part->data());
    fingerprint.add({bytes, part->size() * sizeof(int64_t)});
    fingerprint.add("|");
  }
  return fingerprint.value();
}

}  // namespace

std::string DataIdentity::text() const {
  std::string text = fmt::format("{}\ntrained on {} of {} records, split {:016x}", kVersion, training.size(), records,
                                 digest_of_split(*this));
  for (const SetIdentity& set : sets) text.append("\n").append(line_of(set));
  return text;
}

std::string DataIdentity::text_of_sizes() const {
  core::Fingerprint fingerprint;
  for (const SetIdentity& set : sets) {
    std::error_code ignored;
    fingerprint.add(fmt::format("; {} {}", fs::file_size(set.annotations, ignored), set.weight));
  }
  return fmt::format("{} of {} records, fingerprint of the sets {:016x}", training.size(), records,
                     fingerprint.value());
}

bool records_contents(std::string_view saved) { return saved.starts_with(kVersion); }

std::optional<config::ChangedField> changed_data(std::string_view saved, const DataIdentity& data) {
  using Changed = config::ChangedField;
  if (!records_contents(saved)) {
    if (saved == data.text_of_sizes()) return std::nullopt;
    return Changed{"data.train", std::string(saved), data.text_of_sizes()};
  }
  constexpr size_t kFirstSet = 2;
  const auto before = lines_of(saved);
  if (before.size() != data.sets.size() + kFirstSet) {
    return Changed{"data", fmt::format("{}", before.size() - kFirstSet), fmt::format("{} sets", data.sets.size())};
  }
  size_t index = 0;  // of its list
  for (size_t i = 0; i < data.sets.size(); ++i, ++index) {
    const SetIdentity& set = data.sets[i];
    if (i > 0 && set.list != data.sets[i - 1].list) index = 0;
    const auto now = line_of(set);
    if (content_of(now) == content_of(before[i + kFirstSet])) continue;
    return Changed{fmt::format("data.{}.{}", set.list, index),
                   fmt::format("{}: a file with the same contents, in any folder", before[i + kFirstSet]),
                   fmt::format("{} ({})", now, set.annotations)};
  }
  const auto now = lines_of(data.text());
  if (now[1] != before[1]) return Changed{"data.validation_share", before[1], now[1]};
  return std::nullopt;
}

}  // namespace convllava::data
