// chat --model DIR --image FILE [--prompt TEXT] : asks a checkpoint about a picture; several turns when no prompt is
// given.

#include <CLI/CLI.hpp>
#include <iostream>

#include "convllava/apps/command_line.h"
#include "convllava/checkpoint/model_directory.h"
#include "convllava/checkpoint/pretrained.h"
#include "convllava/checkpoint/retention.h"
#include "convllava/core/error.h"
#include "convllava/core/process.h"
#include "convllava/nn/libtorch.h"

using namespace convllava;

namespace {

/// Prints the answer while it is made.
std::string ask(checkpoint::Pretrained& pretrained, const model::Question& question,
                const model::AnswerOptions& options) {
  std::vector<int64_t> tokens;
  std::string shown;
  const auto show = [&](int64_t, int64_t token) {
    tokens.push_back(token);
    const std::string text = pretrained.tokenizer.decode(tokens);
    // A character of several bytes may still lack some of them: wait for a text that goes on from what is on the
    // screen.
    if (text.size() < shown.size() || text.compare(0, shown.size(), shown) != 0 || text.ends_with("\xEF\xBF\xBD"))
      return;
    std::cout << text.substr(shown.size()) << std::flush;
    shown = text;
  };
  const auto answer = model::answer(*pretrained.model, pretrained.tokenizer, {question}, options, show).front();
  if (answer.compare(0, shown.size(), shown) == 0) std::cout << answer.substr(shown.size());
  std::cout << std::endl;
  return answer;
}

/// False at the end of the input and for an empty line. Windows ends its lines with "\r\n".
bool next_line(std::string& line) {
  if (!std::getline(std::cin, line)) return false;
  if (line.ends_with('\r')) line.pop_back();
  return !line.empty();
}

/// A line is a question. One that cannot be asked is reported and forgotten.
void converse(checkpoint::Pretrained& pretrained, model::Question question, const model::AnswerOptions& options) {
  const std::string placeholder = question.picture ? std::string(text::kImagePlaceholder) + "\n" : "";
  std::cout << "Ask; an empty line or Ctrl-D ends." << std::endl;
  for (std::string line; std::cout << "> " << std::flush, next_line(line);) {
    if (options.prompt_template == text::Template::kPlain) question.turns.clear();  // it has no place for a history
    question.turns.push_back({text::Speaker::kHuman, question.turns.empty() ? placeholder + line : line});
    try {
      question.turns.push_back({text::Speaker::kAssistant, ask(pretrained, question, options)});
    } catch (const DataError& error) {
      std::cerr << "chat: " << error.what() << std::endl;
      question.turns.pop_back();
    }
  }
}

/// The picture to ask about.
image::Image open_picture(const std::string& path, const std::filesystem::path& directory) {
  if (checkpoint::read_model_config(directory).vision.num_stages() == 0) {
    throw CheckpointError(error_message(directory.string(), "a language model alone cannot see", "--image",
                                        "a checkpoint with a vision tower, or no picture"));
  }
  return image::load_image(path);
}

}  // namespace

int main(int argc, char** argv) {
  core::tune_allocator();
  CLI::App app("Asks a checkpoint, about a picture or without one.");
  std::string directory;
  std::string image;
  std::string prompt;
  int64_t max_new_tokens = 512;
  app.add_option("--model", directory, "Checkpoint, run folder or Hugging Face LLaMA directory")
      ->required()
      ->transform(apps::path());
  const auto* with_image =
      app.add_option("--image", image, "Picture that the questions are about")->transform(apps::path());
  const auto* asked =
      app.add_option("--prompt", prompt, "One question; without it, questions are read from standard input");
  app.add_option("--max-new-tokens", max_new_tokens, "Longest answer")
      ->transform(apps::whole_number(1, model::kMaxNewTokens));
  if (const auto code = apps::parse_command_line(app, argc, argv)) return *code;

  return core::run_main("chat", [&] {
    const auto checkpoint = checkpoint::find_checkpoint(directory);
    model::Question question;
    if (with_image->count() > 0) question.picture = open_picture(image, checkpoint);  // before the weights are read
    const bool cuda = torch::cuda::is_available();
    auto pretrained = checkpoint::load_pretrained(checkpoint, cuda ? torch::kCUDA : torch::kCPU,
                                                  cuda ? torch::kBFloat16 : torch::kFloat);
    auto options = checkpoint::answer_options(pretrained.record);
    options.generate.max_new_tokens = max_new_tokens;
    if (asked->count() == 0) {
      converse(pretrained, question, options);
      return 0;
    }
    const std::string placeholder = question.picture ? std::string(text::kImagePlaceholder) + "\n" : "";
    question.turns = {{text::Speaker::kHuman, placeholder + prompt}};
    ask(pretrained, question, options);
    return 0;
  });
}
