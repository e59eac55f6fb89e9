#include <string>

#include "convllava/core/error.h"
#include "convllava/stage/check_config.h"
#include "tests/fuzz/fuzz.h"

// A run's configuration, the same as a checkpoint's record, and --set with the text as its value and as its path.

namespace {

using namespace convllava;

void read_config(const std::string& text) {
  stage::RunConfig config;
  const auto fields = config::fields_of(config);
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
    config::read_yaml(text, "convllava.yaml", fields, {}, config::YamlKind::kRecord);
    return;
  }
  const auto origins = config::read_yaml(text, "fuzz.yaml", fields);
  stage::check_rules(config, "fuzz.yaml", origins);
}

}  // namespace

int main(int argc, char** argv) {
  fuzz::Reader reader;
  reader.corpus = fuzz::files_in("configs", ".yaml");
  stage::RunConfig config;
  reader.corpus.push_back("format: 2\n" + config::write_yaml(config::fields_of(config)));
  reader.corpus.insert(reader.corpus.end(), {"train.lr=1e-5\n", "data.train.0.weight: 2\n", "[a, {b: c}]\n", "\n"});
  reader.dictionary = fuzz::words("\' \" \\x \\U { } [ ] , ~ .inf = \x04 a. << !!str !<x> \xEF\xBB\xBF \xFF\xFE");
  for (const char* token :
       {": ", "- ", "? ", "&a ", "*a ", "# ", "\t", "\r", "|\n", ">-\n", "---\n", "...\n", "%YAML 1.2\n"}) {
    reader.dictionary.emplace_back(token);
  }
  reader.dictionary.emplace_back(1, '\0');
  reader.read = read_config;
  return fuzz::run(reader, argc, argv);
}
