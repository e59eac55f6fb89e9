#include <functional>

#include "convllava/checkpoint/training_state.h"
#include "convllava/formats/hf_config.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/formats/fixtures.h"

// A value nested so deeply that to print or copy it would exhaust the stack, in each JSON file of a checkpoint.

namespace convllava::checkpoint {
namespace {

using namespace formats::testing;
using convllava::testing::contains;
using convllava::testing::Parts;
using convllava::testing::thrown;

std::string nested() { return std::string(200'000, '[') + std::string(200'000, ']'); }

/// The text with "@" replaced.
std::string with_nested(std::string text) { return text.replace(text.find('@'), 1, nested()); }

}  // namespace

TEST_CASE("values nested without end are refused in every JSON file of a checkpoint", "[checkpoint]") {
  const TemporaryFolder folder("nested");
  const std::filesystem::path& path = folder.path();
  const auto refuses = [&](const std::string& name, const std::string& text, const std::function<void()>& read) {
    CAPTURE(name, text);
    folder.write(name, with_nested(text));
    CHECK(thrown<Error>(read) == Parts{.where = name, .got = "more than 127 levels of nesting"});
  };
  for (const char* field : {"model_type", "vocab_size", "rope_parameters", "rope_scaling", "eos_token_id", "other"}) {
    refuses("config.json", "{\"" + std::string(field) + "\": @}", [&] { formats::read_language_config(path); });
  }
  refuses("config.json", R"({"model_type": "convnext", "depths": @})", [&] { formats::read_vision_config(path); });
  folder.write("config.json", "{}");
  refuses("preprocessor_config.json", R"({"crop_size": @})",
          [&] { formats::read_image_options(path, model::ConvNextConfig()); });
  refuses("model.safetensors.index.json", R"({"weight_map": {"a": @}})", [&] { ModelShards{path}; });
  std::filesystem::create_directory(folder / "state");
  refuses("state/state.json", R"({"step": @})", [&] { load_training_state(path); });
  std::filesystem::copy_file(CONVLLAVA_SOURCE_DIR "/tests/golden/text/tokenizer.model", folder / "tokenizer.model");
  refuses("tokenizer_config.json", R"({"legacy": @})", [&] { text::Tokenizer::load(path); });
}

TEST_CASE("a config.json as large as a hole on the disk is refused before it is read", "[checkpoint]") {
  const TemporaryFolder folder("large");
  std::filesystem::resize_file(folder.write("config.json", "{}"), uintmax_t{1} << 40);
  CHECK(thrown<CheckpointError>([&] { formats::read_language_config(folder.path()); }) ==
        Parts{.where = "config.json", .got = "1099511627776 bytes", .expected = "at most 100000000"});
}

TEST_CASE("a long value is cut in a message", "[checkpoint]") {
  const TemporaryFolder folder("long");
  std::string list = "[0";
  for (int i = 0; i < 100'000; ++i) list += ",0";
  folder.write("config.json", R"({"model_type": "llama", "vocab_size": )" + list + "]}");
  const auto error = thrown<CheckpointError>([&] { formats::read_language_config(folder.path()); });
  CHECK(error == Parts{.field = "vocab_size", .kind = "wrong type", .expected = "a whole number"});
  CHECK_THAT(error.got(), contains("[0,0,") && contains("0..."));
  CHECK(std::string(error.what()).size() < 1000);
}

}  // namespace convllava::checkpoint
