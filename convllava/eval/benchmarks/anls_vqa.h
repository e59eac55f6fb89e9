#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "convllava/eval/benchmark.h"
#include "convllava/eval/benchmarks/vqa_file.h"

// The part that DocVQA and InfographicVQA share: the file's layout, lmms-eval's prompt and the score ANLS.

namespace convllava::eval {

/// `name` is the official file's; `image_path` gives the path of an entry's image relative to that file, or "" when
/// the entry has none.
std::unique_ptr<Benchmark> load_anls_vqa(const std::filesystem::path& data, const std::string& name,
                                         std::function<std::filesystem::path(const VqaEntry&)> image_path);

}  // namespace convllava::eval
