#include "convllava/checkpoint/record.h"

#include <fmt/format.h>

#include <sstream>

#include "convllava/checkpoint/file_access.h"
#include "convllava/checkpoint/training_state.h"
#include "convllava/config/fields.h"
#include "convllava/config/yaml.h"
#include "convllava/core/error.h"
#include "convllava/core/files.h"

namespace convllava::checkpoint {
namespace fs = std::filesystem;
namespace {

using config::FieldVisitor;

constexpr const char* kRecordFile = "convllava.yaml";
constexpr int64_t kFormat = 2;

/// Format 1 had the run's facts in the run's configuration only, and ended with the last field of it.
struct ConfigOfFormat1 {
  struct Train {
    std::map<std::string, double>& lr_per_module;
    void visit_fields(FieldVisitor& visitor) { visitor.field("lr_per_module", lr_per_module, ""); }
  };
  struct Report {
    bool tensorboard = false;
    void visit_fields(FieldVisitor& visitor) { visitor.field("tensorboard", tensorboard, ""); }
  };
  RunFacts& run;

  void visit_fields(FieldVisitor& visitor) {
    visitor.path("output_dir", run.output_dir, "");
    visitor.field("trainable", run.trainable, "");
    Train train{run.lr_per_module};
    visitor.section("train", train, "");
    Report report;
    visitor.section("report", report, "");
  }
};

/// The record as it lies in the file. `complete` ends it, so that a copy which broke off is noticed.
struct RecordFile {
  Record& record;
  int64_t format = kFormat;
  bool complete = true;

  void visit_fields(FieldVisitor& visitor) {
    visitor.field("format", format, "Version of this file's layout.", {1, kFormat});
    visitor.field("written_by", record.written_by, "Program and version that wrote the checkpoint.");
    text::visit_template(visitor, record.prompt_template);
    visitor.section("image", record.image, "How an image becomes pixels.");
    visitor.field("max_length", record.max_length, "Longest sample in training, in tokens, visual ones included.",
                  config::kPositive);
    visitor.field("step", record.step, "Optimizer steps taken by the run.", config::kNonNegative);
    visitor.field("total_steps", record.total_steps, "Steps of the complete run; 0: not known.", config::kNonNegative);
    visitor.section("started_from", record.started_from, "The weights that the run started from.");
    visitor.section("run", record.run, "The run that wrote the checkpoint.");
  }
  void visit_end(FieldVisitor& visitor) { visitor.field("complete", complete, "Last line of the file."); }
};

std::string indented(const std::string& yaml) {
  std::istringstream lines(yaml);
  std::string text;
  for (std::string line; std::getline(lines, line);) text += "  " + line + "\n";
  return text;
}

/// Reads what `visit` names, whatever else the file holds; gives the names of the fields that it found.
config::Origins read_fields(const fs::path& path, const config::VisitFields& visit) {
  try {
    return config::read_yaml(read_text(path), path.string(), visit, {}, config::YamlKind::kRecord);
  } catch (const ConfigError& error) {
    throw error_as<CheckpointError>(error);
  }
}

void require_fields(const fs::path& path, const config::Origins& found, const std::vector<std::string>& fields) {
  for (const auto& field : fields) {
    if (found.contains(field)) continue;
    throw CheckpointError({path.string(), field}, "missing. The file may be truncated");
  }
}

}  // namespace

void StartWeights::visit_fields(FieldVisitor& visitor) {
  visitor.path("checkpoint", checkpoint, "Folder of the weights.");
  visitor.field("digest", digest, "Digest of their contents.");
}

void RunStart::visit_fields(FieldVisitor& visitor) {
  visitor.section("from", from, "Behind `model.from`.");
  visitor.section("vision_from", vision_from, "Behind `model.vision_from`.");
  visitor.section("llm_from", llm_from, "Behind `model.llm_from`.");
}

void RunFacts::visit_fields(FieldVisitor& visitor) {
  visitor.path("output_dir", output_dir, "Its folder.");
  visitor.field("trainable", trainable, "Parts of the model that it trained.");
  visitor.field("lr_per_module", lr_per_module, "Highest learning rate of modules that had their own.");
}

void write_record(const fs::path& directory, Record record) {
  RecordFile file{record};
  auto text = config::write_yaml(config::fields_of(file));
  text += record.run_config.empty() ? "config: {}\n" : "config:\n" + indented(record.run_config);
  text += config::write_yaml([&](FieldVisitor& visitor) { file.visit_end(visitor); });
  core::write_file_atomic(directory / kRecordFile, text);
}

std::optional<Record> read_record(const fs::path& directory) {
  const fs::path path = directory / kRecordFile;
  if (!path_exists(path)) {
    if (!path_exists(directory / kStateDirectory)) return std::nullopt;
    throw CheckpointError(path.string(), "the file is missing. It holds the template and the image size of the run");
  }
  Record record;
  RecordFile file{record};
  const auto found = read_fields(path, [&](FieldVisitor& visitor) {
    file.visit_fields(visitor);
    file.visit_end(visitor);
  });
  require_fields(path, found, {"format", "template", "image.size", "image.aspect", "max_length", "step"});
  if (file.format > 1) {
    require_fields(path, found, {"complete"});
    return record;
  }
  ConfigOfFormat1 config{record.run};
  const auto in_config = read_fields(path, [&](FieldVisitor& visitor) { visitor.section("config", config, ""); });
  if (found.contains("written_by")) require_fields(path, in_config, {"config.report.tensorboard"});
  return record;
}

void read_run_config(const fs::path& directory, const config::VisitFields& visit) {
  struct Section {
    const config::VisitFields& visit;
    void visit_fields(FieldVisitor& visitor) { visit(visitor); }
  } section{visit};
  const fs::path path = directory / kRecordFile;
  const auto found = read_fields(path, [&](FieldVisitor& visitor) { visitor.section("config", section, ""); });
  require_fields(path, found, {"config"});
}

}  // namespace convllava::checkpoint
