#include "convllava/report/metric_log.h"

#include <fmt/format.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/core/json.h"
#include "convllava/core/log.h"

namespace convllava::report {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr const char* kFile = "metrics.jsonl";

// JSON has no such numbers.
ordered_json to_json(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

std::optional<double> from_json(const ordered_json& value) {
  if (value.is_number()) return value.get<double>();
  if (value == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (value == "inf") return std::numeric_limits<double>::infinity();
  if (value == "-inf") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

/// The record of a line; nothing if it is not a metrics record.
std::optional<std::pair<int64_t, Scalars>> parse_line(std::string_view line) {
  ordered_json value;
  try {
    value = core::parse_json<ordered_json>(line);
  } catch (const core::JsonError&) {
    return std::nullopt;
  }
  if (!value.is_object() || !value.contains("step") || !value["step"].is_number_integer()) return std::nullopt;
  std::pair<int64_t, Scalars> record = {value["step"].get<int64_t>(), {}};
  for (const auto& [name, number] : value.items()) {
    if (name == "step") continue;
    const auto scalar = from_json(number);
    if (!scalar) return std::nullopt;
    record.second.emplace_back(name, *scalar);
  }
  return record;
}

/// The records up to `last_step`. Warns of lines that are not records; an incomplete last line is normal.
std::string lines_to_keep(const fs::path& file, const std::string& bytes, int64_t last_step) {
  std::string kept;
  int64_t line = 0;
  for (size_t begin = 0, end; (end = bytes.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const auto text = std::string_view(bytes).substr(begin, end + 1 - begin);
    const auto record = parse_line(text);
    ++line;
    if (!record) {
      core::log_warning(fmt::format("{}:{}: not a metrics record; line skipped", file.string(), line));
    } else if (record->first <= last_step) {
      kept += text;
    }
  }
  return kept;
}

}  // namespace

struct MetricLog::Impl {
  fs::path path;
  std::ofstream file;
  std::optional<TensorBoardWriter> tensorboard;
};

void SinkOptions::visit_fields(config::FieldVisitor& visitor) {
  visitor.field("tensorboard", tensorboard, "Whether to write TensorBoard event files too.");
}

MetricLog::MetricLog(const fs::path& run, int64_t last_step, const SinkOptions& options)
    : impl_(std::make_unique<Impl>()) {
  impl_->path = run / kFile;
  std::error_code error;
  if (fs::exists(impl_->path, error)) {
    const std::string bytes = core::read_file(impl_->path);
    const std::string kept = last_step > 0 ? lines_to_keep(impl_->path, bytes, last_step) : "";
    if (kept != bytes) core::write_file_atomic(impl_->path, kept);
  }
  impl_->file.open(impl_->path, std::ios::binary | std::ios::app);
  if (!impl_->file) {
    throw CheckpointError(impl_->path.string(), "cannot open for writing", std::strerror(errno));
  }
  if (options.tensorboard) impl_->tensorboard.emplace(run / "tensorboard", last_step > 0 ? last_step + 1 : 0);
}

MetricLog::~MetricLog() = default;

void MetricLog::write(int64_t step, const Scalars& scalars) {
  ordered_json line = {{"step", step}};
  for (const auto& [name, value] : scalars) line[name] = to_json(value);
  impl_->file << line.dump() << '\n' << std::flush;
  if (!impl_->file) {
    throw CheckpointError(impl_->path.string(), "cannot write", std::strerror(errno));
  }
  if (impl_->tensorboard) impl_->tensorboard->write(step, scalars);
}

std::vector<std::pair<int64_t, Scalars>> read_metrics(const fs::path& file) {
  const std::string bytes = core::read_file(file);
  std::vector<std::pair<int64_t, Scalars>> records;
  int64_t line = 0;
  for (size_t begin = 0, end; (end = bytes.find('\n', begin)) != std::string::npos; begin = end + 1) {
    auto record = parse_line(std::string_view(bytes).substr(begin, end - begin));
    ++line;
    if (!record) {
      throw DataError(fmt::format("{}:{}", file.string(), line), "not a metrics record",
                      bytes.substr(begin, std::min<size_t>(end - begin, 40)), R"({"step": 3, "train/loss": 1.5, ...})");
    }
    records.push_back(std::move(*record));
  }
  return records;
}

}  // namespace convllava::report
