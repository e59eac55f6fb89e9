// make_demo_data: draws the images, writes the texts and trains the tokenizer of the demo. See dataset.h.

#include <CLI/CLI.hpp>
#include <cstdint>

#include "convllava/apps/command_line.h"
#include "convllava/core/log.h"
#include "convllava/core/process.h"
#include "data/demo/dataset.h"

int main(int argc, char** argv) {
  CLI::App app(
      "Draws a small data set of images with words, numbers and shapes, with captions, questions and a "
      "tokenizer. The same seed gives the same files.");
  convllava::demo::DatasetOptions options;
  app.add_option("--out", options.folder, "folder to write")->required()->transform(convllava::apps::path());
  app.add_option("--seed", options.seed, "a different seed gives different images")
      ->transform(convllava::apps::whole_number(0, INT64_MAX))
      ->capture_default_str();
  app.add_option("--train", options.train, "images to train on")->capture_default_str();
  app.add_option("--val", options.held_out, "held-out images")->capture_default_str();
  app.add_option("--size", options.size, "pixels a side")->capture_default_str();
  app.add_option("--threads", options.threads, "threads that draw")->capture_default_str();
  if (const auto code = convllava::apps::parse_command_line(app, argc, argv)) return *code;
  return convllava::core::run_main("make_demo_data", [&] {
    convllava::demo::write_dataset(options);
    convllava::core::log_info("demo data set: " + options.folder.string());
    return 0;
  });
}
