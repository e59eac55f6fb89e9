// chat --model DIR --image FILE [--prompt TEXT] : asks a checkpoint about an image; several turns when no prompt is
// given.

#include <CLI/CLI.hpp>
#include <iostream>
#include <optional>

#include "convllava/apps/chat_session.h"
#include "convllava/apps/command_line.h"
#include "convllava/apps/start.h"
#include "convllava/checkpoint/run_folder.h"
#include "convllava/core/error.h"
#include "convllava/core/process.h"
#include "convllava/formats/model_directory.h"
#include "convllava/formats/open_checkpoint.h"
#include "convllava/nn/libtorch.h"

using namespace convllava;

namespace {

/// The image to ask about.
image::Image open_image(const std::string& path, const std::filesystem::path& directory) {
  if (!formats::read_model_config(directory).vision) {
    throw CheckpointError(directory.string(), "the checkpoint has no vision tower", "--image");
  }
  return image::load_image(path);
}

}  // namespace

int main(int argc, char** argv) {
  apps::start(argv);
  CLI::App app("Asks a model questions, with or without an image.");
  std::string directory;
  std::string image_path;
  std::string prompt;
  int64_t max_new_tokens = 512;
  app.add_option("--model", directory, "Checkpoint, run folder or Hugging Face LLaMA directory")
      ->required()
      ->transform(apps::path());
  const auto* with_image =
      app.add_option("--image", image_path, "Image that the questions are about")->transform(apps::path());
  const auto* asked =
      app.add_option("--prompt", prompt, "One question; without it, questions are read from standard input");
  app.add_option("--max-new-tokens", max_new_tokens, "Longest answer in tokens (default: 512)")
      ->transform(apps::whole_number(1, infer::kMaxNewTokens));
  if (const auto code = apps::parse_command_line(app, argc, argv)) return *code;

  return core::run_main("chat", [&] {
    // Errors in the question or the image are reported before the weights are read.
    if (asked->count() > 0) apps::question_text(prompt, with_image->count() > 0, /*is_first=*/true);
    std::optional<formats::OpenCheckpoint> checkpoint(directory);
    std::optional<image::Image> image;
    if (with_image->count() > 0) image = open_image(image_path, checkpoint->path());
    const torch::Device device(torch::cuda::is_available() ? torch::kCUDA : torch::kCPU);
    apps::set_arithmetic(device);
    auto pretrained =
        infer::load_pretrained(checkpoint->path(), device, device.is_cuda() ? torch::kBFloat16 : torch::kFloat);
    checkpoint.reset();  // a conversation may last; a run that makes room need not wait for its end
    auto options = infer::answer_options(pretrained.record);
    options.generate.max_new_tokens = max_new_tokens;
    apps::ChatSession session(pretrained, options, std::move(image));
    if (asked->count() > 0) {
      session.ask(prompt);
    } else {
      session.converse(std::cin);
    }
    return 0;
  });
}
