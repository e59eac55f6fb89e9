// The YAML files that the project ships.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "convllava/config/yaml.h"
#include "convllava/model/model_config.h"
#include "convllava/stage/check_config.h"
#include "tests/catch.h"

namespace convllava::stage {
namespace {

namespace fs = std::filesystem;

const fs::path kConfigs = fs::path(CONVLLAVA_SOURCE_DIR) / "configs";

std::vector<fs::path> yaml_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(kConfigs)) {
    if (entry.path().extension() == ".yaml") files.push_back(fs::relative(entry.path(), kConfigs));
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string yaml_of(RunConfig config) { return config::write_yaml(config::fields_of(config)); }

std::vector<std::string> lines_of(const fs::path& file) {
  std::ifstream stream(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// Keys without indentation, in order.
std::vector<std::string> top_level_keys(const std::vector<std::string>& lines) {
  std::vector<std::string> keys;
  for (const auto& line : lines) {
    const size_t colon = line.find(':');
    if (colon != std::string::npos && line[0] >= 'a' && line[0] <= 'z') keys.push_back(line.substr(0, colon));
  }
  return keys;
}

/// The comment before the first empty line.
std::vector<std::string> header_of(std::vector<std::string> lines) {
  lines.erase(std::find(lines.begin(), lines.end(), ""), lines.end());
  return lines;
}

bool has_line(const std::vector<std::string>& lines, const std::string& start) {
  return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) { return line.starts_with(start); });
}

std::vector<std::string> lines_of_text(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("every shipped configuration loads and is valid", "[config]") {
  const auto files = yaml_files();
  size_t paper = 0;
  size_t small = 0;
  for (const auto& file : files) {
    INFO(file.string());
    CHECK_NOTHROW(load_run_config(kConfigs / file));
    paper += !file.has_parent_path();
    small += file.parent_path() == "small";
  }
  CHECK(paper == 9);
  CHECK(small == 3);
  CHECK(files.size() >= 12);
}

TEST_CASE("every shipped configuration opens with its command and keeps the order of the sections", "[config]") {
  const auto all_keys = top_level_keys(lines_of_text(yaml_of({})));
  for (const auto& file : yaml_files()) {
    INFO(file.string());
    const auto lines = lines_of(kConfigs / file);
    const std::string command = "build/bin/train --config configs/" + file.string();
    bool found = false;
    for (size_t i = 0; i < lines.size() && !lines[i].empty(); ++i) {
      CHECK(lines[i].starts_with("#"));
      found = found || lines[i].find(command) != std::string::npos;
    }
    CHECK(found);
    std::vector<std::string> expected;
    const auto keys = top_level_keys(lines);
    for (const auto& key : all_keys) {
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) expected.push_back(key);
    }
    CHECK(keys == expected);
    for (const auto& line : lines) CHECK(line.size() <= 120);
  }
}

TEST_CASE("every shipped configuration says what it needs and where its values come from", "[config]") {
  for (const auto& file : yaml_files()) {
    INFO(file.string());
    const auto header = header_of(lines_of(kConfigs / file));
    REQUIRE_FALSE(header.empty());
    CHECK(has_line(header, "# Needs "));
    CHECK((has_line(header, "# Takes ") || has_line(header, "#   Time ")));
    CHECK(has_line(header, "# Source: "));
    CHECK(header.back() != "#");
  }
}

TEST_CASE("a stage differs between resolutions in image size, micro batch and paths only", "[config]") {
  for (const std::string stage : {"stage1", "stage2", "stage3"}) {
    const RunConfig base = load_run_config(kConfigs / (stage + ".yaml"));
    CHECK(base.image.size == 768);
    CHECK(base.output_dir == "runs/" + stage);
    for (const int64_t size : {1024, 1536}) {
      const std::string suffix = "_" + std::to_string(size);
      INFO(stage + suffix);
      RunConfig twin = load_run_config(kConfigs / (stage + suffix + ".yaml"));
      CHECK(twin.image.size == size);
      CHECK(twin.output_dir == base.output_dir + suffix);
      if (stage != "stage1") CHECK(twin.model.from == base.model.from + suffix);
      CHECK(twin.train.micro_batch_size <= base.train.micro_batch_size);
      twin.image.size = base.image.size;
      twin.output_dir = base.output_dir;
      twin.model.from = base.model.from;
      twin.train.micro_batch_size = base.train.micro_batch_size;
      CHECK(yaml_of(twin) == yaml_of(base));
    }
  }
}

TEST_CASE("the stages carry the values of the paper's table 15", "[config]") {
  const RunConfig first = load_run_config(kConfigs / "stage1.yaml");
  const RunConfig second = load_run_config(kConfigs / "stage2.yaml");
  const RunConfig third = load_run_config(kConfigs / "stage3.yaml");
  CHECK(first.train.lr == 3e-4);
  CHECK(second.train.lr == 2e-5);
  CHECK(third.train.lr == 2e-5);
  CHECK(first.train.global_batch_size == 256);
  CHECK(second.train.global_batch_size == 256);
  CHECK(third.train.global_batch_size == 128);
  CHECK(first.trainable == std::vector<std::string>{"vision.stages.5", "projector"});
  CHECK(second.trainable == std::vector<std::string>{"vision.stages.3-5", "projector", "llm"});
  CHECK(third.trainable == std::vector<std::string>{"projector", "llm"});
  CHECK(first.data.train.size() == 4);
  CHECK(second.data.train.size() == 7);
  CHECK(third.data.train.size() == 1);
  for (const RunConfig* stage : {&first, &second, &third}) {
    CHECK(stage->model.size == "convllava-7b");
    CHECK(stage->dtype == hardware::Dtype::kBf16);
    CHECK(stage->image.aspect == image::Aspect::kPad);
    CHECK(stage->data.prompt_template == text::Template::kV1);
    CHECK(stage->data.max_length == 2048);
    CHECK(stage->data.group_by == data::Grouping::kModalityLength);
    CHECK(stage->train.epochs == 1.0);
    CHECK(stage->train.warmup_ratio == 0.03);
    CHECK(stage->train.schedule == "cosine");
    CHECK(stage->train.weight_decay == 0.0);
    CHECK(stage->train.betas == std::vector<double>{0.9, 0.999});
    CHECK(stage->train.eps == 1e-8);
    CHECK(stage->train.max_grad_norm == 0.0);
    CHECK(stage->seed == 42);
  }
}

TEST_CASE("each stage starts where the one before ended", "[config]") {
  for (const std::string folder : {"", "small/"}) {
    for (const std::string suffix : {"", "_1024", "_1536"}) {
      if (!folder.empty() && !suffix.empty()) continue;
      std::string previous;
      for (const std::string stage : {"stage1", "stage2", "stage3"}) {
        const RunConfig config = load_run_config(kConfigs / (folder + stage + suffix + ".yaml"));
        CHECK(config.model.from == previous);
        previous = config.output_dir;
      }
    }
  }
}

}  // namespace convllava::stage
