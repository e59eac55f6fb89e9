#include "convllava/eval/benchmarks/anls_vqa.h"

// DocVQA (Mathew et al., arXiv 2007.00398) from its official file, which gives each image's path relative to itself.

namespace convllava::eval {

std::unique_ptr<Benchmark> load_docvqa(const std::filesystem::path& data) {
  return load_anls_vqa(data, "val_v1.0_withQT.json", [](const VqaEntry& entry) { return entry.image; });
}

}  // namespace convllava::eval
