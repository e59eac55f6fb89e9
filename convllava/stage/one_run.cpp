#include "convllava/stage/one_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "convllava/config/diff.h"
#include "convllava/config/yaml.h"
#include "convllava/core/error.h"
#include "convllava/core/version.h"
#include "convllava/distributed/agreement.h"

namespace convllava::stage {
namespace {

RunConfig config_of(const std::string& yaml) {
  RunConfig config;
  config::read_yaml(yaml, "the configuration of a rank", config::fields_of(config), {}, config::YamlKind::kRecord);
  return config;
}

/// The first rank whose text is not that of rank 0, or nothing.
std::optional<size_t> first_other(const std::vector<std::string>& texts) {
  const auto other = std::find_if(texts.begin(), texts.end(), [&](const auto& text) { return text != texts.front(); });
  if (other == texts.end()) return std::nullopt;
  return static_cast<size_t>(other - texts.begin());
}

[[noreturn]] void refuse(const distributed::ProcessGroup& group, const std::string& what, const std::string& first,
                         const std::string& other, size_t rank, const std::string& expected) {
  throw DistributedError(fmt::format("rank {} of {}", group.rank(), group.world_size()),
                         "the ranks disagree on " + what,
                         fmt::format("{} on rank 0 and {} on rank {}", first, other, rank), expected);
}

/// With the first line of each that the other has not in this place.
[[noreturn]] void refuse_lines(const distributed::ProcessGroup& group, const std::string& what,
                               const std::vector<std::string>& texts, size_t rank, const std::string& expected) {
  const auto& a = texts.front();
  const auto& b = texts[rank];
  const auto at = static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
  const size_t begin = at == 0 ? 0 : a.rfind('\n', at - 1) + 1;
  const auto line = [&](const std::string& text) {
    return fmt::format("\"{}\"", text.substr(begin, text.find('\n', begin) - begin));
  };
  refuse(group, what, line(a), line(b), rank, expected);
}

}  // namespace

void require_one_config(distributed::ProcessGroup& group, const RunConfig& config) {
  if (group.world_size() == 1) return;
  const auto programs = distributed::gather_texts(group, core::program_digest());
  if (const auto rank = first_other(programs)) {
    refuse(group, "the program", programs.front(), programs[*rank], *rank,
           "the same program file on every machine (checksum and bytes)");
  }
  auto copy = config;
  const auto texts = distributed::gather_texts(group, config::write_yaml(config::fields_of(copy)));
  const auto rank = first_other(texts);
  if (!rank) return;
  auto first = config_of(texts.front());
  auto other = config_of(texts[*rank]);
  const auto changed = config::changed_field(config::fields_of(first), config::fields_of(other));
  if (changed) refuse(group, changed->path, changed->before, changed->after, *rank, "one configuration");
  refuse_lines(group, "the configuration", texts, *rank, "one configuration");
}

void require_one_data(distributed::ProcessGroup& group, const data::DataIdentity& data) {
  const auto identities = distributed::gather_texts(group, data.text());
  if (const auto rank = first_other(identities)) {
    refuse_lines(group, "the data", identities, *rank, "the same annotation files on every machine");
  }
}

}  // namespace convllava::stage
