#pragma once

// The inputs of scripts/golden/image.py, drawn again from their seeds, and what its files and those of decode.py
// hold.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "convllava/core/files.h"
#include "convllava/core/random.h"
#include "convllava/image/image.h"

namespace convllava::testing {

inline std::filesystem::path golden_folder() {
  return std::filesystem::path(CONVLLAVA_SOURCE_DIR) / "tests" / "golden" / "image";
}

/// "noise": any byte; "extreme": 0 or 255.
inline image::Image draw(const std::string& pattern, uint64_t seed, int64_t width, int64_t height) {
  image::Image result{width, height, std::vector<uint8_t>(width * height * 3)};
  core::Random random(seed);
  uint64_t word = 0;
  for (size_t i = 0; i < result.pixels.size(); ++i) {
    word = i % 8 == 0 ? random.next() : word >> 8;
    const auto byte = static_cast<uint8_t>(word);
    result.pixels[i] = pattern == "extreme" ? (byte & 1) * 255 : byte;
  }
  return result;
}

inline uint64_t fnv1a(const image::Image& image) {
  uint64_t value = 0xCBF29CE484222325;
  for (const uint8_t byte : image.pixels) value = (value ^ byte) * 0x100000001B3;
  return value;
}

/// The lines of a golden file that are not comments, as streams to read fields from.
inline std::vector<std::istringstream> golden_lines(const std::string& name) {
  std::ifstream file(golden_folder() / name);
  if (!file) throw std::runtime_error("no golden file " + name + ": run scripts/golden/image.py");
  std::vector<std::istringstream> lines;
  for (std::string line; std::getline(file, line);) {
    if (line[0] != '#') lines.emplace_back(line);
  }
  return lines;
}

/// One file of scripts/golden/decode.py and Pillow's verdict: "width height fnv1a", or "refused".
struct GoldenImage {
  std::string name;
  std::string bytes;
  std::string expected;
};

inline std::vector<GoldenImage> golden_images() {
  const std::string archive = core::read_file(golden_folder() / "decode.bin");
  std::vector<GoldenImage> images;
  for (std::istringstream& line : golden_lines("decode.txt")) {
    std::string name, width, height, hash;
    size_t offset = 0, size = 0;
    line >> name >> offset >> size >> width >> height >> hash;
    const std::string expected = width == "refused" ? width : width + ' ' + height + ' ' + hash;
    images.push_back({name, archive.substr(offset, size), expected});
  }
  return images;
}

inline GoldenImage golden_image(const std::string& name) {
  for (GoldenImage& image : golden_images()) {
    if (image.name == name) return std::move(image);
  }
  throw std::runtime_error("no image " + name + " in the goldens");
}

}  // namespace convllava::testing
