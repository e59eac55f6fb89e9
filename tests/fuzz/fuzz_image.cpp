#include <string>

#include "convllava/image/image.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/image/golden.h"

// The bytes of an image.

int main(int argc, char** argv) {
  using namespace convllava;
  fuzz::Reader reader;
  for (auto& image : testing::golden_images()) reader.corpus.push_back(std::move(image.bytes));
  reader.dictionary = fuzz::words(
      "IHDR PLTE IDAT IEND tRNS acTL iCCP Exif Adobe RIFF WEBP VP8L VP8X ANIM ALPH BM GIF89a GIF87a , II* MM "
      "\xFF\xD8 \xFF\xC0 \xFF\xC2 \xFF\xC4 \xFF\xDA \xFF\xDB \xFF\xE1");
  for (const char* token : {"VP8 ", "P6\n", "P5 ", "65535\n", "255\n", "# c\n"}) reader.dictionary.emplace_back(token);
  reader.dictionary.emplace_back("\xFF\x00", 2);
  reader.dictionary.emplace_back("\xFF\xD9\0\0", 4);
  reader.read = [](const std::string& bytes) { image::decode_image(bytes); };
  return fuzz::run(reader, argc, argv);
}
