#include "convllava/eval/benchmarks/anls_vqa.h"

// InfographicVQA (Mathew et al., arXiv 2104.12756) from its official file. An entry has the name of its image's file,
// "image_local_name", in the folder infographicsvqa_images/.

namespace convllava::eval {

std::unique_ptr<Benchmark> load_infovqa(const std::filesystem::path& data) {
  return load_anls_vqa(data, "infographicsVQA_val_v1.0_withQT.json", [](const VqaEntry& entry) {
    std::filesystem::path image = entry.image;
    if (image.empty() && !entry.image_local_name.empty()) image = "infographicsvqa_images/" + entry.image_local_name;
    return image;
  });
}

}  // namespace convllava::eval
