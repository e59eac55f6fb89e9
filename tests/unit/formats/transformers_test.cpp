#include <sys/wait.h>

#include <cstdlib>
#include <sstream>

#include "convllava/formats/model_directory.h"
#include "convllava/model/language/llama.h"
#include "tests/catch.h"
#include "tests/unit/formats/fixtures.h"

// transformers opens what save_model wrote, and computes the same (transformers_reads.py).

namespace convllava::formats {
namespace {

using namespace testing;

const std::filesystem::path kPython = std::filesystem::path(CONVLLAVA_SOURCE_DIR) / ".venv/bin/python";
constexpr int kNotInstalled = 77;

/// Inputs and what this library makes of them, for the script to compare.
checkpoint::NamedTensors outputs_of(model::ConvLlava& model, const text::Tokenizer& tokenizer,
                                    const std::string& text) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(5);
  const auto ids = torch::randint(0, model->config().llm.vocab_size, {20});
  const auto pixels = torch::randn({1, 3, 64, 128});
  const auto states = model->llm->hidden_states(model->llm->embed(ids), torch::arange(ids.numel()),
                                                nn::SequenceLayout::make({0, ids.numel()}, torch::kCPU));
  return {{"ids", ids},
          {"logits", model->llm->logits(states)},
          {"pixels", pixels},
          {"features", std::dynamic_pointer_cast<model::ConvNextImpl>(model->vision_tower)->feature_map(pixels)},
          {"text_ids", torch::tensor(tokenizer.encode(text, /*add_bos=*/true))}};
}

/// Exit code of the script.
int run_script(const std::filesystem::path& folder) {
  const auto script = std::filesystem::path(CONVLLAVA_SOURCE_DIR) / "tests/unit/checkpoint/transformers_reads.py";
  std::ostringstream command;
  command << kPython << ' ' << script << ' ' << folder;  // paths are written in quotes
  const int status = std::system(command.str().c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("transformers reads a saved checkpoint, computes the same and keeps its type", "[checkpoint]") {
  if (!std::filesystem::exists(kPython)) SKIP("there is no " + kPython.string());
  const TemporaryFolder folder("transformers");
  const std::string text = "What is shown?</s>USER: <unk> red sign";
  auto model = random_model(small_config());
  const auto single = folder / "single";
  std::filesystem::create_directories(single);
  save_model(single, *model, small_tokenizer(), small_record());

  // As four ranks write it.
  const auto sharded = folder / "sharded";
  std::filesystem::create_directories(sharded);
  const auto plan = plan_weights(*model, 4);
  save_model_files(sharded, *model, small_tokenizer(), small_record(), plan);
  const auto parameters = model->named_parameters();
  for (const auto& file : plan) {
    checkpoint::NamedTensors tensors;
    for (const auto& [parameter, name] : file.tensors) tensors.emplace_back(name, parameters[parameter]);
    checkpoint::write_safetensors(sharded / file.path, tensors, checkpoint::kModelMetadata);
  }
  for (const auto& part : {std::filesystem::path(), std::filesystem::path("vision_tower")}) {
    REQUIRE(std::filesystem::exists(sharded / part / "model.safetensors.index.json"));
    const checkpoint::ModelShards of_ranks(sharded / part);
    const checkpoint::ModelShards of_one(single / part);
    REQUIRE(of_ranks.tensors().size() == of_one.tensors().size());
    for (const auto& item : of_one.tensors()) {
      CHECK(torch::equal(of_ranks.tensor(item.first), of_one.tensor(item.first)));
    }
  }
  checkpoint::write_safetensors(folder / "expected.safetensors",
                                outputs_of(model, text::Tokenizer::load(single), text));
  write_text(folder / "text.txt", text);

  std::filesystem::create_directories(folder / "bf16");
  auto other = small_config();
  other.llm.eos_token_id = {2, 505};
  other.llm.pad_token_id.reset();
  save_model(folder / "bf16", *random_model(other, 1, torch::kBFloat16), small_tokenizer(), small_record());

  const int code = run_script(folder.path());
  if (code == kNotInstalled) SKIP("transformers is not installed in .venv");
  CHECK(code == 0);
  const checkpoint::ModelShards resaved(folder / "resaved");
  CHECK(resaved.tensors().size() + 4 == checkpoint::ModelShards(single).tensors().size());  // without the projector
  model::Llama llama(read_language_config(folder / "resaved"));
  load_language_model(folder / "resaved", *llama);
  CHECK(same_parameters(*llama, *model->llm));
}

}  // namespace convllava::formats
