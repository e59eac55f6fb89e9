// The commands of README and docs/, run as they stand in a folder where the files they name are small.

#include <unistd.h>

#include <regex>
#include <sstream>

#include "tests/catch.h"
#include "tests/integration/programs/run_files.h"

using namespace convllava;
using namespace convllava::testing;

namespace {

namespace fs = std::filesystem;

const fs::path kSource = CONVLLAVA_SOURCE_DIR;
const std::string kLauncher = ".venv/bin/torchrun";

/// Starts of the commands that set the project up, build it, or measure for minutes.
const std::vector<std::string> kNotHere = {"./scripts/", "cmake ", ".venv/bin/pip ",
                                           ".venv/bin/python tests/benchmarks/", ".venv/bin/python scripts/"};

bool starts_with_any(const std::string& text, const std::vector<std::string>& starts) {
  return std::any_of(starts.begin(), starts.end(), [&](const auto& start) { return text.starts_with(start); });
}

/// The lines of a page's blocks of `language`.
std::vector<std::string> lines_of(const fs::path& page, const std::string& language) {
  std::istringstream text(text_of(page));
  std::vector<std::string> lines;
  bool inside = false;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("```")) {
      inside = line == "```" + language;
    } else if (inside) {
      lines.push_back(line);
    }
  }
  return lines;
}

std::vector<std::string> documented_commands() {
  std::vector<fs::path> pages = {kSource / "README.md", kSource / "CONTRIBUTING.md"};
  for (const auto& entry : fs::recursive_directory_iterator(kSource / "docs")) {
    if (entry.path().extension() == ".md") pages.push_back(entry.path());
  }
  std::vector<std::string> commands;
  for (const auto& page : pages) {
    for (const auto& line : lines_of(page, "bash")) {
      if (!starts_with_any(line, kNotHere)) commands.push_back(std::regex_replace(line, std::regex("  +#.*"), ""));
    }
  }
  return commands;
}

/// The YAML file of a run below `folder` on the records of `folder`/datasets/mine.
void write_run(const fs::path& folder, const std::string& name, const std::string& output) {
  auto config = tiny_run(folder / "datasets/mine");
  config.output_dir = output;
  config.data.train = {{"train.json", "images", 1.0}};
  config.train.max_steps = 2;
  fs::create_directories((folder / name).parent_path());
  save_config(folder / name, config);
}

void write_benchmarks(const fs::path& folder) {
  fs::create_directories(folder / "textvqa/train_images");
  fs::create_directories(folder / "docvqa/documents");
  write_ppm(folder / "textvqa/train_images/0a.jpg", 64, 64, 1);
  write_ppm(folder / "docvqa/documents/1.png", 64, 64, 2);
  write_text(folder / "textvqa/TextVQA_0.5.1_val.json",
             R"({"data": [{"question_id": 1, "question": "What is it?", "image_id": "0a",
                 "answers": ["b", "b", "b", "b", "b", "b", "b", "b", "b", "b"]}]})");
  write_text(
      folder / "docvqa/val_v1.0_withQT.json",
      R"({"data": [{"questionId": 1, "question": "What is it?", "image": "documents/1.png", "answers": ["b"]}]})");
}

RankOutcome run_in(const fs::path& folder, const std::string& command) {
  return run({"bash", "-c", "cd " + word(folder.string()) + " && echo 'What is it?' | " + command},
             {{"CUDA_VISIBLE_DEVICES", ""}, {"PET_MASTER_PORT", std::to_string(free_port())}});
}

/// What the commands name: programs, configurations, checkpoints of a small model, data.
void furnish(const fs::path& folder) {
  fs::create_directory_symlink(CONVLLAVA_BINARY_DIR, folder / "build");
  fs::create_directory_symlink(kSource / ".venv", folder / ".venv");
  write_records(folder / "datasets/mine/images", 64);
  fs::rename(folder / "datasets/mine/images/train.json", folder / "datasets/mine/train.json");
  write_benchmarks(folder / "datasets");
  write_ppm(folder / "image.jpg", 90, 64, 3);
  write_text(folder / "answers.jsonl", R"({"question_id": 1, "text": "b"})");
  write_run(folder, "configs/stage2.yaml", "runs/stage2");
  std::string tutorial;
  for (const auto& line : lines_of(kSource / "docs/tutorial.md", "yaml")) tutorial += line + "\n";
  write_text(folder / "mine.yaml", tutorial);

  write_run(folder, "configs/stage3.yaml", "runs/stage3");
  const auto trained = run_in(folder, "build/bin/train --config configs/stage3.yaml");
  INFO(trained.output);
  REQUIRE(trained.exit_code == 0);
  for (const std::string copy : {"runs/demo/stage2", "runs/mine"}) {
    fs::create_directories(folder / copy);
    fs::copy(folder / "runs/stage3", folder / copy, fs::copy_options::recursive);
  }
}

/// Runs each command; one that trains finds no run to take up.
void check_commands(bool launched) {
  const TemporaryFolder folder;
  furnish(folder.path());
  int count = 0;
  for (const auto& command : documented_commands()) {
    if (command.starts_with(kLauncher) != launched) continue;
    const bool trains =
        command.find("bin/train ") != std::string::npos && command.find("--dry-run") == std::string::npos;
    if (trains) {
      fs::remove_all(folder / "runs/stage2");
      fs::remove_all(folder / "runs/mine");
    }
    const auto outcome = run_in(folder.path(), command);
    INFO(command << "\n" << outcome.output);
    CHECK(outcome.exit_code == 0);
    if (trains) CHECK((fs::exists(folder / "runs/stage2/report.html") || fs::exists(folder / "runs/mine/report.html")));
    ++count;
  }
  CHECK(count >= 3);
}

}  // namespace

TEST_CASE("documented commands for one process do what they say", "[programs]") { check_commands(false); }

TEST_CASE("documented commands under torchrun do what they say", "[programs]") {
  if (!fs::exists(kSource / kLauncher)) SKIP("no torchrun: .venv holds no torch wheel");
  check_commands(true);
}
