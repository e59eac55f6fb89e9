#include <fmt/format.h>

#include <filesystem>

#include "convllava/core/error.h"
#include "convllava/stage/check_config.h"

namespace convllava::stage {
namespace {

namespace fs = std::filesystem;

enum class PathKind { kFile, kFolder, kEither };

class PathChecker {
 public:
  PathChecker(const std::string& where, const config::Origins& origins) : where_(where), origins_(origins) {}

  void require(const std::string& field, const std::string& path, PathKind kind, std::string_view expected) const {
    if (path.empty()) return;
    const auto fail = [&](std::string_view what) {
      throw ConfigError({config::origin_of(field, where_, origins_), field}, what, path, expected);
    };
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (status.type() == fs::file_type::not_found) fail("does not exist");
    if (!fs::status_known(status)) fail(fmt::format("cannot be read ({})", error.message()));
    const bool folder = fs::is_directory(status);
    if (kind == PathKind::kFile && folder) fail("is a folder");
    if (kind == PathKind::kFolder && !folder) fail("is not a folder");
  }

  void require_sources(const std::string& field, const DataConfig& data,
                       const std::vector<data::DataSource>& sources) const {
    for (size_t i = 0; i < sources.size(); ++i) {
      const std::string element = field + "." + std::to_string(i);
      require(element + ".annotations", data.resolve(sources[i].annotations), PathKind::kFile,
              "a file of LLaVA annotations");
      require(element + ".images", data.resolve(sources[i].images), PathKind::kFolder, "the folder of the images");
    }
  }

 private:
  const std::string& where_;
  const config::Origins& origins_;
};

}  // namespace

void check_paths(const RunConfig& config, const std::string& where, bool can_resume, const config::Origins& origins) {
  const PathChecker check(where, origins);
  if (!can_resume) {
    const setup::ModelSource& model = config.model;
    check.require("model.from", model.from, PathKind::kFolder, "the run folder or checkpoint of the previous stage");
    check.require("model.vision_from", model.vision_from, PathKind::kFolder,
                  "a directory with a ConvNeXt or a CLIP ViT");
    check.require("model.llm_from", model.llm_from, PathKind::kFolder, "a Hugging Face LLaMA directory");
    check.require("model.tokenizer", model.tokenizer, PathKind::kEither, "a tokenizer.model file");
  }
  check.require("data.root", config.data.root, PathKind::kFolder, "the folder of the data sets");
  check.require_sources("data.train", config.data, config.data.train);
  check.require_sources("data.validation", config.data, config.data.validation);
}

}  // namespace convllava::stage
