#include <string>

#include "convllava/config/origins.h"
#include "convllava/core/error.h"
#include "tests/fuzz/fuzz.h"

// A run's configuration, the same as a checkpoint's record, and --set with the text as its value and as its path.

namespace {

using namespace convllava;

void read(const std::string& text) {
  config::TrainConfig train;
  const auto fields = [&](auto& visitor) { train.visit_fields(visitor); };
  std::string override_text = text.substr(0, text.find('\n'));
  try {
    config::read_yaml("", "fuzz.yaml", fields, {override_text});
  } catch (const Error&) {
  }
  try {
    config::read_yaml("", "fuzz.yaml", fields, {"output_dir=" + text});
  } catch (const Error&) {
  }
  if (text.starts_with("format")) {
    config::read_yaml_with_origins(text, "convllava.yaml", fields, {}, config::YamlKind::kRecord);
    return;
  }
  const auto origins = config::read_yaml_with_origins(text, "fuzz.yaml", fields, {});
  config::validate_with_origins(train, "fuzz.yaml", origins);
}

}  // namespace

int main(int argc, char** argv) {
  fuzz::Reader reader;
  reader.corpus = fuzz::files_in("configs", ".yaml");
  config::TrainConfig train;
  reader.corpus.push_back("format: 2\n" + config::write_yaml([&](auto& visitor) { train.visit_fields(visitor); }));
  reader.corpus.insert(reader.corpus.end(), {"train.lr=1e-5\n", "data.train.0.weight: 2\n", "[a, {b: c}]\n", "\n"});
  reader.dictionary = fuzz::words("\' \" \\x \\U { } [ ] , ~ .inf = \x04 a. << !!str !<x> \xEF\xBB\xBF \xFF\xFE");
  for (const char* token :
       {": ", "- ", "? ", "&a ", "*a ", "# ", "\t", "\r", "|\n", ">-\n", "---\n", "...\n", "%YAML 1.2\n"}) {
    reader.dictionary.emplace_back(token);
  }
  reader.dictionary.emplace_back(1, '\0');
  reader.read = read;
  return fuzz::run(reader, argc, argv);
}
