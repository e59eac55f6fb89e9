#include <cstring>
#include <string>

#include "convllava/checkpoint/safetensors.h"
#include "convllava/core/error.h"
#include "convllava/nn/libtorch.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/files.h"

// A text as a whole file, and as the header of one: a change of its length would make most headers useless otherwise.

namespace {

using namespace convllava;

constexpr size_t kDataBytes = 64;

const char* const kHeader =
    R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
    R"("b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]},"c":{"dtype":"I64","shape":[0,7],"data_offsets":[26,26]},)"
    R"("d":{"dtype":"U8","shape":[38],"data_offsets":[26,64]}})";
const char* const kSmallHeader = R"({"a":{"dtype":"F8_E4M3","shape":[8,8],"data_offsets":[0,64]}})";

void read_file(const std::filesystem::path& path, const std::string& bytes) {
  testing::write_text(path, bytes);
  const checkpoint::SafetensorsFile file(path);
  for (const auto& [name, info] : file.tensors()) file.tensor(name);
}

void read(const std::filesystem::path& path, const std::string& text) {
  std::string with_length(sizeof(uint64_t), '\0');
  const uint64_t length = text.size();
  std::memcpy(with_length.data(), &length, sizeof(length));
  try {
    read_file(path, with_length + text + std::string(kDataBytes, '\1'));
  } catch (const Error&) {
    read_file(path, text);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const testing::TemporaryFolder folder("fuzz");
  fuzz::Reader reader;
  reader.corpus = fuzz::files_in("tests/golden/checkpoint", ".safetensors");
  for (int times = 0; times < 8; ++times) reader.corpus.insert(reader.corpus.end(), {kHeader, kSmallHeader});
  reader.dictionary =
      fuzz::words(R"({ } [ ] : , " \u0000 \ud800 "__metadata__":null, "dtype":"U8" "F64" "C64" "F4" [64,64] [0,64] )"
                  R"("shape":[0,9223372036854775807] "data_offsets":[0,0])");
  for (const char* token : {" ", "\xEF\xBB\xBF", "\xFF"}) reader.dictionary.emplace_back(token);
  reader.dictionary.emplace_back(1, '\0');
  reader.read = [&](const std::string& text) { read(folder / "input.safetensors", text); };
  return fuzz::run(reader, argc, argv);
}
