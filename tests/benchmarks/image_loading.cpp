// Image files -> square 8-bit images as the data loader makes them, on one thread; normalising them is the
// model's part.
//
//   benchmark_image_loading FOLDER...
//
// Each folder of images is a measurement of its own; image_loading.py does the same work with Pillow.

#include <filesystem>
#include <string>
#include <vector>

#include "benchmark.h"
#include "convllava/core/error.h"
#include "convllava/core/process.h"
#include "convllava/image/preprocess.h"

namespace {

namespace fs = std::filesystem;

void measure(const fs::path& folder, int64_t size) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  const double seconds = convllava::benchmark::median_seconds([&] {
    for (const fs::path& file : files) {
      convllava::image::preprocess(convllava::image::load_image(file), {.size = size});
    }
  });
  const auto count = static_cast<double>(files.size());
  convllava::benchmark::print_result("image_loading/" + folder.filename().string() + "/" + std::to_string(size),
                                     seconds / count, {{"images_per_second", count / seconds}});
}

}  // namespace

int main(int argc, char** argv) {
  convllava::core::tune_allocator();
  return convllava::core::run_main("benchmark_image_loading", [&] {
    if (argc < 2) throw convllava::ConfigError("no folder of images; usage: benchmark_image_loading FOLDER...");
    for (int i = 1; i < argc; ++i) {
      for (const int64_t size : {768, 1536}) measure(argv[i], size);
    }
    return 0;
  });
}
