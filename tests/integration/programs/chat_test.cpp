// chat with models of which it is known what they answer: where answers end, what conversations survive, commands.

#include <csignal>

#include "convllava/core/files.h"
#include "convllava/formats/model_directory.h"
#include "tests/catch.h"
#include "tests/integration/programs/run_files.h"
#include "tests/support/chain_model.h"

using namespace convllava;
using namespace convllava::testing;
using namespace convllava::testing::tokens;

namespace {

namespace fs = std::filesystem;

/// A checkpoint of this model, beside an image.
struct Checkpoint {
  explicit Checkpoint(const model::ConvLlava& model, text::Template prompt_template = text::Template::kV1) {
    checkpoint::Record record;
    record.prompt_template = prompt_template;
    record.image.size = 64;
    fs::create_directories(path());
    formats::save_model(path(), *model, small_tokenizer(), record);
    write_ppm(image(), 64, 64, 1);
  }
  fs::path path() const { return folder / "model"; }
  fs::path image() const { return folder / "image.ppm"; }
  TemporaryFolder folder;
};

/// `input` on standard input.
RankOutcome chat(const Checkpoint& checkpoint, const std::string& input, const std::vector<std::string>& options = {}) {
  const auto file = checkpoint.folder.write("input.txt", input);
  std::vector<std::string> arguments = {"bash",          "-c",      R"(exec "$@" < "$0")",     file.string(),
                                        program("chat"), "--model", checkpoint.path().string()};
  arguments.insert(arguments.end(), options.begin(), options.end());
  return run(arguments);
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++found;
  return found;
}

model::ConvLlava says_a_re(bool sees = false, int64_t context = 1024) {
  return chain_model({kColon, kA, kRed, kEnd}, sees, {kEnd}, context);
}

}  // namespace

TEST_CASE("a caption ends with its line", "[programs]") {
  const Checkpoint captions(chain_model({kColon, kA, kRed, kDog, kLineBreak}, true), text::Template::kPlain);
  const auto told = chat(captions, "", {"--image", captions.image(), "--prompt", "x"});
  INFO(told.output);
  CHECK(told.exit_code == 0);
  CHECK_THAT(told.output, contains("a re d\n"));
  CHECK(count(told.output, "a re d") == 1);
  CHECK_THAT(told.output, contains("chat: this model only describes images"));
  CHECK_THAT(told.output, !contains("cut off"));
}

TEST_CASE("a conversation continues after any answer of the model", "[programs]") {
  const Checkpoint speaks(chain_model({kColon, kLess, kImage, kGreater, kEnd}, true));
  for (const auto& options : {std::vector<std::string>{}, {"--image", speaks.image().string()}}) {
    const auto talk = chat(speaks, "hello\nand you?\nand now?\n", options);
    INFO(talk.output);
    CHECK(talk.exit_code == 0);
    CHECK(count(talk.output, "<image>\n") == 3);
    CHECK_THAT(talk.output, !contains("chat:"));
  }
}

TEST_CASE("chat reports letters without a token once", "[programs]") {
  const Checkpoint speaks(says_a_re());
  const auto talk = chat(speaks, "what is it?\nis it 5 \xE2\x82\xAC?\nor \xE2\x82\xAC?\n");
  INFO(talk.output);
  CHECK(talk.exit_code == 0);
  CHECK(count(talk.output, "chat: the tokenizer has no token for \"\xE2\x82\xAC\" 1: such characters are encoded") ==
        1);
}

TEST_CASE("answers end at the end tokens of every file of a checkpoint", "[programs]") {
  const Checkpoint checkpoint(chain_model({kColon, kA, kRed, 505, kDog}));
  const auto config = checkpoint.path() / "config.json";
  const auto generation = checkpoint.path() / "generation_config.json";
  const auto original = core::read_file(config);
  const auto with_eos = [&](const std::string& eos) {
    auto text = original;
    const std::string field = "\"eos_token_id\": 2";
    REQUIRE(text.find(field) != std::string::npos);
    return text.replace(text.find(field), field.size(), "\"eos_token_id\": " + eos);
  };
  const auto answer = [&] { return chat(checkpoint, "", {"--prompt", "x", "--max-new-tokens", "8"}).output; };
  CHECK_THAT(answer(), contains("a reddress"));
  core::write_file_atomic(config, with_eos("[2, 505]"));
  CHECK(answer() == "a re\n");
  core::write_file_atomic(config, original);
  core::write_file_atomic(generation, R"({"eos_token_id": [2, 505]})");
  CHECK(answer() == "a re\n");
  core::write_file_atomic(config, with_eos("505"));
  core::write_file_atomic(generation, R"({"eos_token_id": 2})");
  CHECK(answer() == "a re\n");

  core::write_file_atomic(generation, R"({"eos_token_id": "2"})");
  const auto refused = chat(checkpoint, "", {"--prompt", "x"});
  CHECK(refused.exit_code == 4);
  CHECK_THAT(refused.output, contains("generation_config.json: eos_token_id: wrong type; got \"2\""));
}

TEST_CASE("chat reports an answer that is cut off or empty", "[programs]") {
  const Checkpoint endless(chain_model({kColon, kA, kRed, kA}, false, {kEnd}, 300));
  CHECK_THAT(chat(endless, "", {"--prompt", "x", "--max-new-tokens", "3"}).output,
             contains("chat: the answer was cut off after 3 tokens (--max-new-tokens)"));
  CHECK_THAT(chat(endless, "", {"--prompt", "x"}).output,
             contains("chat: the answer was cut off: conversation and answer fill the model's context of 300 tokens"));
  CHECK_THAT(chat(endless, "x\n").output, contains("context of 300 tokens\nchat: /reset starts a new conversation\n"));
  const Checkpoint silent(chain_model({kColon, kEnd}));
  CHECK(chat(silent, "", {"--prompt", "x"}).output == "\nchat: the answer is empty\n");
}

TEST_CASE("chat reports a full context, and /reset starts a new conversation", "[programs]") {
  const Checkpoint checkpoint(says_a_re(false, 260));
  const std::string words(60, 'x');
  const auto talk = chat(checkpoint, words + "\n" + words + "\n" + words + "\n/reset\n" + words + "\n");
  INFO(talk.output);
  CHECK(talk.exit_code == 0);
  CHECK_THAT(talk.output, contains("chat: conversation: does not fit into the model's context; got "));
  CHECK_THAT(talk.output, contains("; /reset starts a new conversation"));
  CHECK(talk.output.ends_with("> A new conversation.\n> a re\n> "));

  const auto first = chat(checkpoint, std::string(400, 'x') + "\nhello\n");
  INFO(first.output);
  CHECK_THAT(first.output, contains("chat: question: does not fit into the model's context; got "));
  CHECK_THAT(first.output, !contains("/reset starts"));
  CHECK(first.output.ends_with("> a re\n> "));
}

TEST_CASE("commands of a conversation", "[programs]") {
  const Checkpoint checkpoint(says_a_re(true));
  setenv("CONVLLAVA_IMAGES", checkpoint.image().parent_path().c_str(), 1);
  const auto talk =
      chat(checkpoint, "hello\n/image ${CONVLLAVA_IMAGES}/" + checkpoint.image().filename().string() +
                           "\nwhat is it?\n/reset\nand now?\n/image " + (checkpoint.folder / "none.png").string() +
                           "\nstill?\n/help\n/image\n/resett\n /etc is a folder\n");
  INFO(talk.output);
  CHECK(talk.exit_code == 0);
  CHECK(count(talk.output, "a re\n") == 5);
  CHECK_THAT(talk.output, contains("> A new conversation, about " + checkpoint.image().string() + ".\n> a re\n"));
  CHECK_THAT(talk.output, contains("> A new conversation, about the same image.\n> a re\n"));
  CHECK_THAT(talk.output, contains("none.png"));
  CHECK_THAT(talk.output, contains("/image PATH   a new conversation, about this image\n"));
  CHECK_THAT(talk.output, contains("chat: unknown command; got /image; expected /image PATH"));
  CHECK_THAT(talk.output, contains("chat: unknown command; got /resett; expected /image PATH"));
  CHECK_THAT(talk.output, contains("Answer the question using a single word or phrase."));
}

TEST_CASE("a language model alone has the commands but for the image's", "[programs]") {
  const Checkpoint checkpoint(says_a_re(), text::Template::kPlain);
  const auto talk =
      chat(checkpoint, "hello:\n/image " + checkpoint.image().string() + "\n/reset\n/help\nhello <image>\nand you:\n");
  INFO(talk.output);
  CHECK(talk.exit_code == 0);
  CHECK(count(talk.output, "> a re\n") == 2);
  CHECK_THAT(talk.output, contains("chat: model: there is no vision tower"));
  CHECK_THAT(talk.output, contains("> A new conversation.\n"));
  CHECK_THAT(talk.output, contains("chat: question: the question contains \"<image>\", but there is no image"));
}

TEST_CASE("\"<image>\" in a question marks the image, once", "[programs]") {
  const Checkpoint checkpoint(says_a_re(true));
  const std::vector<std::string> with_image = {"--image", checkpoint.image().string()};
  const auto ask = [&](const std::string& prompt, std::vector<std::string> options) {
    options.insert(options.end(), {"--prompt", prompt});
    return chat(checkpoint, "", options);
  };
  CHECK(ask("What is <image> this?", with_image).output == "a re\n");
  CHECK(ask("What is this?", with_image).output == "a re\n");
  const auto twice = ask("<image> <image>", with_image);
  CHECK(twice.exit_code == 2);
  CHECK_THAT(twice.output, contains("chat: question: \"<image>\" occurs more than once; got 2 times; expected once"));
  const auto without = ask("What is <image> this?", {});
  CHECK(without.exit_code == 2);
  CHECK_THAT(without.output, contains("but there is no image. Use --image FILE, or /image PATH in a conversation"));
  const auto later = chat(checkpoint, "hello\nand <image>?\nand you?\n", with_image);
  CHECK(count(later.output, "a re\n") == 2);
  CHECK_THAT(later.output, contains("chat: question: \"<image>\" is allowed only in the first question"));
}

TEST_CASE("input that is no question", "[programs]") {
  const Checkpoint checkpoint(says_a_re());
  const auto greeting = chat(checkpoint, "").output;
  CHECK(greeting.ends_with("\n> "));
  for (const char* end : {"\n", " \t\nhello\n", "\r\nhello\r\n"}) CHECK(chat(checkpoint, end).output == greeting);
  CHECK(chat(checkpoint, "hello").output == greeting + "a re\n> ");
  CHECK(chat(checkpoint, "hello\r\n").output == greeting + "a re\n> ");
  const auto bytes = chat(checkpoint, "caf\xe9\nhello\n");
  CHECK_THAT(bytes.output, contains("chat: question: not UTF-8; expected text in UTF-8"));
  CHECK(bytes.output.ends_with("> a re\n> "));
  const auto endless = chat(checkpoint, std::string((1 << 20) + 5, 'x') + "\nhello\n");
  CHECK_THAT(endless.output, contains("chat: question: too long; expected at most 1048576 bytes"));
  CHECK(endless.output.ends_with("> a re\n> "));
  const auto prompt = chat(checkpoint, "", {"--prompt", "caf\xe9"});
  CHECK(prompt.exit_code == 2);
}

TEST_CASE("Ctrl-C ends a conversation as it ends other programs", "[programs]") {
  const Checkpoint checkpoint(says_a_re());
  const auto outcome = run({"bash", "-c", R"(exec timeout --preserve-status -s INT 1 "$0" --model "$1" < <(sleep 60))",
                            program("chat"), checkpoint.path().string()});
  CHECK(outcome.exit_code == 128 + SIGINT);
  CHECK_FALSE(outcome.timed_out);
}
