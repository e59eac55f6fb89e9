// make_demo_data: draws the pictures, writes the texts and trains the tokenizer of the demo. See dataset.h.

#include <CLI/CLI.hpp>
#include <exception>

#include "convllava/core/error.h"
#include "convllava/core/log.h"
#include "data/demo/dataset.h"

int main(int argc, char** argv) {
  CLI::App app(
      "Draws a small data set of pictures with words, numbers and shapes, with captions, questions and a "
      "tokenizer. The same seed gives the same files.");
  convllava::demo::DatasetOptions options;
  app.add_option("--out", options.folder, "folder to write")->required();
  app.add_option("--seed", options.seed, "a different seed gives different pictures")->capture_default_str();
  app.add_option("--train", options.train, "pictures to train on")->capture_default_str();
  app.add_option("--val", options.held_out, "held-out pictures")->capture_default_str();
  app.add_option("--size", options.size, "pixels a side")->capture_default_str();
  app.add_option("--threads", options.threads, "threads that draw")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    convllava::demo::write_dataset(options);
    convllava::core::log_info("demo data set: " + options.folder.string());
    return 0;
  } catch (const std::exception& error) {
    convllava::core::log_error(error.what());
    return convllava::exit_code(error);
  }
}
