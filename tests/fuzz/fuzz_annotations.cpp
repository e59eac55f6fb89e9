#include <string>

#include "convllava/core/error.h"
#include "convllava/data/annotation_file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/files.h"

// Every record of an annotation file, also those that the index calls bad.

namespace {

using namespace convllava;

const char* const kArray =
    R"([{"id": "a", "image": "a.jpg", "conversations": [{"from": "human", "value": "<image>\nWhat?"},
  {"from": "gpt", "value": "A sign."}]},
 {"id": 2, "conversations": [{"from": "human", "value": "\u00e9\ud83d\ude00 \u3000x"}, {"from": "gpt", "value": ""}]},
 {"id": null, "image": null, "conversations": [{"from": "human", "value": "Hi", "extra": [1, {"a": 2.5e3}]}]}
])";
const char* const kLines =
    "{\"id\": 1, \"image\": \"x/y.png\", \"conversations\": [{\"from\": \"human\", \"value\": \"<image>\"}]}\n"
    "\n{\"conversations\": [{\"from\": \"gpt\", \"value\": \"\\\"}]\"}]}\r\n{\"a\": 1}\n";

void read(const std::filesystem::path& path, const std::string& text) {
  testing::write_text(path, text);
  const data::AnnotationFile file(path);
  for (int64_t i = 0; i < file.size(); ++i) {
    file.bytes(i);
    try {
      file.record(i);
    } catch (const Error&) {
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const testing::TemporaryFolder folder("fuzz");
  fuzz::Reader reader;
  reader.corpus = {kArray, kLines};
  reader.dictionary =
      fuzz::words(R"({ } [ ] : , " \ \u0000 \ud800 "image":1, "image":[], "conversations":[], "from":"human" {} [])");
  for (const char* token : {"\n", "\r\n", "\xEF\xBB\xBF", "\xC3", "\xE3\x80\x80"})
    reader.dictionary.emplace_back(token);
  reader.dictionary.emplace_back(1, '\0');
  reader.read = [&](const std::string& text) { read(folder / "input.json", text); };
  return fuzz::run(reader, argc, argv);
}
