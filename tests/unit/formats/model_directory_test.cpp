#include "convllava/formats/model_directory.h"

#include <functional>

#include "convllava/core/files.h"
#include "convllava/formats/name_map.h"
#include "convllava/infer/pretrained.h"
#include "convllava/model/language/llama.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/formats/fixtures.h"

namespace convllava::formats {
namespace {

using namespace testing;
using convllava::testing::contains;
using convllava::testing::Parts;
using convllava::testing::thrown;

/// All tensors of a directory's model files.
checkpoint::NamedTensors tensors_of(const std::filesystem::path& directory) {
  checkpoint::NamedTensors tensors;
  const checkpoint::ModelShards shards(directory);
  for (const auto& [name, info] : shards.tensors()) tensors.emplace_back(name, shards.tensor(name).clone());
  return tensors;
}

CheckpointError load_error(const std::filesystem::path& directory) {
  auto model = random_model(small_config(), 2);
  return thrown<CheckpointError>([&] { load_model(directory, *model); });
}

/// A saved model whose language-model tensors `change` has changed, and then the error of loading it.
CheckpointError error_after(const std::function<void(checkpoint::NamedTensors&)>& change) {
  const TemporaryFolder folder("changed");
  save(folder.path(), random_model(small_config()));
  auto tensors = tensors_of(folder.path());
  change(tensors);
  checkpoint::write_safetensors(folder / "model.safetensors", tensors);
  return load_error(folder.path());
}

/// The saved model in the layout of the published checkpoints: the tower in the model files, no `vision_tower/`.
void publish(const std::filesystem::path& directory) {
  auto tensors = tensors_of(directory);
  for (auto& [name, tensor] : tensors_of(directory / "vision_tower")) {
    tensors.emplace_back("model.vision_tower.vision_tower." + name, tensor);
  }
  tensors.emplace_back("model.layers.0.self_attn.rotary_emb.inv_freq", torch::zeros({4}));
  std::filesystem::remove(directory / "model.safetensors");
  std::filesystem::remove_all(directory / "vision_tower");
  checkpoint::write_model_shards(directory, tensors, 50'000);
}

}  // namespace

TEST_CASE("a saved directory holds exactly the files of the layout", "[checkpoint]") {
  const TemporaryFolder folder("layout");
  save(folder.path(), random_model(small_config()));
  CHECK(folder.names() == std::set<std::string>{"config.json", "convllava.yaml", "generation_config.json",
                                                "model.safetensors", "special_tokens_map.json", "tokenizer.model",
                                                "tokenizer_config.json", "vision_tower"});
  std::set<std::string> tower;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "vision_tower")) {
    tower.insert(entry.path().filename());
  }
  CHECK(tower == std::set<std::string>{"config.json", "model.safetensors", "preprocessor_config.json"});
}

TEST_CASE("a saved model comes back bit for bit", "[checkpoint]") {
  for (const auto dtype : {torch::kFloat32, torch::kBFloat16}) {
    const TemporaryFolder folder("roundtrip");
    const auto saved = random_model(small_config(), 1, dtype);
    save(folder.path(), saved);
    const auto shape = read_model_config(folder.path());
    CHECK(shape == small_config());
    auto loaded = random_model(shape, 2, dtype);
    load_model(folder.path(), *loaded);
    CHECK(same_parameters(*loaded, *saved));
  }
}

TEST_CASE("files of any float type load into models of either type", "[checkpoint]") {
  const TemporaryFolder folder("types");
  const auto original = random_model(small_config());
  for (const auto stored : {torch::kFloat32, torch::kBFloat16, torch::kFloat16}) {
    auto saved = random_model(small_config(), 1, torch::kFloat32);
    saved->to(stored);
    save(folder.path(), saved);
    for (const auto wanted : {torch::kFloat32, torch::kBFloat16}) {
      auto loaded = random_model(small_config(), 2, wanted);
      load_model(folder.path(), *loaded);
      const auto expected = original->named_parameters()["llm.model.norm.weight"].to(stored).to(wanted);
      CHECK(torch::equal(loaded->named_parameters()["llm.model.norm.weight"], expected));
      CHECK(loaded->vision_tower->parameters().front().scalar_type() == wanted);
    }
  }
}

TEST_CASE("a model without a tower is saved as a plain LLaMA", "[checkpoint]") {
  const TemporaryFolder folder("plain");
  auto config = small_config();
  config.vision = nullptr;
  const auto saved = random_model(config);
  save(folder.path(), saved);
  CHECK_FALSE(std::filesystem::exists(folder / "vision_tower"));
  CHECK_THAT(text_of(folder / "config.json"), contains("\"model_type\": \"llama\""));
  const auto shape = read_model_config(folder.path());
  CHECK(shape.llm == config.llm);
  CHECK_FALSE(shape.vision);
  auto loaded = random_model(shape, 2);
  load_model(folder.path(), *loaded);
  CHECK(same_parameters(*loaded, *saved));
}

TEST_CASE("tied embeddings are stored once, and a head in the file is passed over", "[checkpoint]") {
  const TemporaryFolder folder("tied");
  auto config = small_config();
  config.llm.tie_word_embeddings = true;
  const auto saved = random_model(config);
  save(folder.path(), saved);
  auto tensors = tensors_of(folder.path());
  for (const auto& [name, tensor] : tensors) CHECK(name != "lm_head.weight");
  CHECK(read_model_config(folder.path()) == config);
  auto loaded = random_model(config, 2);
  load_model(folder.path(), *loaded);
  CHECK(same_parameters(*loaded, *saved));

  tensors.emplace_back("lm_head.weight", saved->llm->head_weight().detach().clone());
  checkpoint::write_safetensors(folder / "model.safetensors", tensors);
  model::Llama llama(config.llm);
  load_language_model(folder.path(), *llama);
  CHECK(torch::equal(llama->head_weight(), saved->llm->head_weight()));

  tensors.back().second = torch::zeros({600, 32});  // transformers 5.17 does not tie these
  checkpoint::write_safetensors(folder / "model.safetensors", tensors);
  CHECK(thrown<CheckpointError>([&] { load_language_model(folder.path(), *llama); }) ==
        Parts{.kind = "the head is not tied to the embedding",
              .got = "lm_head.weight and embed_tokens.weight with different values",
              .expected = "\"tie_word_embeddings\": false in config.json, or a file without lm_head"});
}

TEST_CASE("the published layout with the tower in the model files is read", "[checkpoint]") {
  const TemporaryFolder folder("published");
  const auto saved = random_model(small_config());
  save(folder.path(), saved);
  publish(folder.path());
  auto expected = small_config();
  // The start of the layer scale stands in no tensor.
  expected.vision = convllava::testing::convnext({1, 1, 2, 1, 1}, {4, 4, 8, 8, 12});
  CHECK(read_model_config(folder.path()) == expected);
  auto loaded = random_model(small_config(), 2);
  load_model(folder.path(), *loaded);
  CHECK(same_parameters(*loaded, *saved));
}

TEST_CASE("where the tower is in both places, vision_tower/ counts", "[checkpoint]") {
  const TemporaryFolder folder("both");
  const auto saved = random_model(small_config());
  save(folder.path(), saved);
  auto tensors = tensors_of(folder.path());
  for (const auto& parameter : saved->vision_tower->named_parameters()) {
    tensors.emplace_back("model.vision_tower.vision_tower." + parameter.key(), torch::zeros_like(parameter.value()));
  }
  checkpoint::write_safetensors(folder / "model.safetensors", tensors);
  auto loaded = random_model(small_config(), 2);
  load_model(folder.path(), *loaded);
  CHECK(same_parameters(*loaded, *saved));
}

TEST_CASE("missing, unexpected and mis-shaped tensors are all listed, and nothing is loaded", "[checkpoint]") {
  const TemporaryFolder folder("misfit");
  save(folder.path(), random_model(small_config()));
  auto tensors = tensors_of(folder.path());
  std::erase_if(tensors, [](const auto& entry) { return entry.first == "model.norm.weight"; });
  for (auto& [name, tensor] : tensors) {
    if (name == "lm_head.weight") tensor = torch::zeros({601, 32});
  }
  tensors.emplace_back("model.image_newline", torch::zeros({32}));
  tensors.emplace_back("model.layers.2.mlp.up_proj.weight", torch::zeros({40, 32}));
  checkpoint::write_safetensors(folder / "model.safetensors", tensors);

  auto model = random_model(small_config(), 2);
  const auto untouched = random_model(small_config(), 2);
  const auto error = thrown<CheckpointError>([&] { load_model(folder.path(), *model); });
  CHECK(error.kind() ==
        "its tensors do not match the model\n  1 missing: llm.model.norm.weight\n"
        "  2 unexpected: model.image_newline, model.layers.2.mlp.up_proj.weight\n"
        "  1 with another shape: llm.lm_head.weight [601, 32] for [600, 32]");
  CHECK(same_parameters(*model, *untouched));
}

TEST_CASE("weights of whole numbers are refused, not read as if they were weights", "[checkpoint]") {
  const auto error = error_after([](checkpoint::NamedTensors& tensors) {
    for (auto& [name, tensor] : tensors) {
      if (name == "lm_head.weight") tensor = tensor.to(torch::kInt8);
      if (name == "model.norm.weight") tensor = tensor.to(torch::kHalf);
      if (name == "model.embed_tokens.weight") tensor = tensor.to(torch::kDouble);
    }
  });
  CHECK_THAT(error.kind(), contains("\n  1 with integer type: llm.lm_head.weight I8"));
}

TEST_CASE("long lists of tensors are cut with their count", "[checkpoint]") {
  const auto error = error_after([](checkpoint::NamedTensors& tensors) {
    std::erase_if(tensors, [](const auto& entry) { return entry.first.rfind("model.layers.", 0) == 0; });
  });
  CHECK_THAT(error.kind(), contains("\n  18 missing: llm.model.layers.0.") && contains(", ..."));
  CHECK(std::count(error.kind().begin(), error.kind().end(), ',') == 10);
}

TEST_CASE("a linear layer of another rank is mis-shaped", "[checkpoint]") {
  CHECK_THAT(error_after([](checkpoint::NamedTensors& tensors) {
               for (auto& [name, tensor] : tensors) {
                 if (name == "model.norm.weight") tensor = tensor.view({32, 1, 1});
               }
             }).kind(),
             contains("1 with another shape: llm.model.norm.weight [32, 1, 1] for [32]"));
}

TEST_CASE("a stranger in the tower's folder is unexpected, its pooled norm is not", "[checkpoint]") {
  const TemporaryFolder folder("stranger");
  save(folder.path(), random_model(small_config()));
  auto tower = tensors_of(folder / "vision_tower");
  tower.emplace_back("layernorm.weight", torch::zeros({12}));
  checkpoint::write_safetensors(folder / "vision_tower/model.safetensors", tower);
  CHECK_NOTHROW(load_model(folder.path(), *random_model(small_config(), 2)));
  tower.emplace_back("classifier.weight", torch::zeros({12}));
  checkpoint::write_safetensors(folder / "vision_tower/model.safetensors", tower);
  CHECK_THAT(load_error(folder.path()).kind(), contains("1 unexpected: classifier.weight"));
}

TEST_CASE("LLaVA variants that the model does not implement are refused", "[checkpoint]") {
  const TemporaryFolder folder("variants");
  save(folder.path(), random_model(small_config()));
  const auto text = text_of(folder / "config.json");
  const auto error_with = [&](const std::string& from, const std::string& to) {
    auto changed = text;
    changed.replace(changed.find(from), from.size(), to);
    write_text(folder / "config.json", changed);
    return thrown<CheckpointError>([&] { read_model_config(folder.path()); });
  };
  CHECK(error_with("\"mlp2x_gelu\"", "\"linear\"") ==
        Parts{.where = "config.json", .field = "mm_projector_type", .got = "\"linear\"", .expected = "\"mlp2x_gelu\""});
  CHECK(error_with("\"mm_vision_select_layer\": -1", "\"mm_vision_select_layer\": -2") ==
        Parts{.field = "mm_vision_select_layer", .got = "-2", .expected = "-1"});
  CHECK(error_with("\"mm_vision_select_feature\": \"patch\"", "\"mm_vision_select_feature\": \"cls_patch\"") ==
        Parts{.field = "mm_vision_select_feature", .got = "\"cls_patch\"", .expected = "\"patch\""});
  CHECK(error_with("\"mm_use_im_start_end\": false", "\"mm_use_im_start_end\": true") ==
        Parts{.field = "mm_use_im_start_end", .got = "true", .expected = "false"});
}

TEST_CASE("the language model of a checkpoint can be loaded alone", "[checkpoint]") {
  const TemporaryFolder folder("llama");
  const auto saved = random_model(small_config());
  save(folder.path(), saved);
  model::Llama llama(read_language_config(folder.path()));
  load_language_model(folder.path(), *llama);
  CHECK(same_parameters(*llama, *saved->llm));

  publish(folder.path());
  model::Llama published(small_config().llm);
  load_language_model(folder.path(), *published);
  CHECK(same_parameters(*published, *saved->llm));
}

TEST_CASE("a language model with fewer layers than the file is refused", "[checkpoint]") {
  auto config = read_language_config(golden("llama"));
  config.num_hidden_layers = 1;
  model::Llama llama(config);
  CHECK_THAT(thrown<CheckpointError>([&] { load_language_model(golden("llama"), *llama); }).kind(),
             contains("9 unexpected: model.layers.1.input_layernorm.weight, "));
}

TEST_CASE("a full disk while saving leaves the previous checkpoint", "[checkpoint]") {
  const TemporaryFolder folder("full");
  const auto target = folder / "checkpoint-1";
  const auto first = random_model(small_config());
  {
    core::PendingDirectory pending(target);
    save(pending.path(), first);
    pending.commit();
  }
  const auto error = thrown<CheckpointError>([&] {
    const auto second = random_model(small_config(), 2);
    const FileSizeLimit limit(20'000);
    core::PendingDirectory pending(target);
    save(pending.path(), second);
    pending.commit();
  });
  CHECK(error == Parts{.where = "model.safetensors", .got = "File too large"});
  CHECK(folder.names() == std::set<std::string>{"checkpoint-1"});
  auto loaded = random_model(small_config(), 3);
  load_model(target, *loaded);
  CHECK(same_parameters(*loaded, *first));
}

TEST_CASE("a LLaMA that transformers saved in shards computes what transformers does", "[checkpoint]") {
  const torch::NoGradGuard no_grad;
  model::Llama llama(read_language_config(golden("llama")));
  load_language_model(golden("llama"), *llama);
  const checkpoint::SafetensorsFile expected(golden("expected/llama.safetensors"));
  const auto ids = expected.tensor("ids");
  const auto states = llama->hidden_states(llama->embed(ids), torch::arange(ids.numel()),
                                           nn::SequenceLayout::make({0, ids.numel()}, torch::kCPU));
  CHECK((llama->logits(states) - expected.tensor("logits")).abs().max().item<double>() < 2e-5);
}

TEST_CASE("a trained LLaMA with grouped queries is read", "[checkpoint]") {
  const auto directory = shared_data("stories260K");
  if (!std::filesystem::exists(directory)) SKIP("no stories260K at " + directory.string());
  const auto config = read_language_config(directory);
  CHECK(config.vocab_size == 512);
  CHECK(config.num_attention_heads == 8);
  CHECK(config.num_key_value_heads == 4);
  CHECK(config.num_hidden_layers == 5);
  CHECK(config.max_position_embeddings == 512);
  model::Llama llama(config);
  load_language_model(directory, *llama);
  // A trained model gives the first word of its stories, "Once", nearly all of the probability.
  const torch::NoGradGuard no_grad;
  const auto states = llama->hidden_states(llama->embed(torch::tensor({*config.bos_token_id})), torch::arange(1),
                                           nn::SequenceLayout::make({0, 1}, torch::kCPU));
  const auto tokenizer = text::Tokenizer::load(directory);
  const auto once = tokenizer.encode("Once", /*add_bos=*/false).front();
  CHECK(llama->logits(states).argmax(-1).item<int64_t>() == once);
}

TEST_CASE("a checkpoint is compared with an outline that has no memory", "[checkpoint]") {
  const TemporaryFolder folder("outline");
  save(folder.path(), random_model(small_config()));
  check_model(folder.path(), *model::ConvLlava(small_config(), torch::kMeta));
  auto wider = small_config();
  wider.vision = convllava::testing::convnext({1, 1, 2, 1, 1}, {4, 4, 8, 8, 16});
  CHECK_THAT(
      thrown<CheckpointError>([&] { check_model(folder.path(), *model::ConvLlava(wider, torch::kMeta)); }).kind(),
      contains("vision_tower.encoder.stages.4.layers.0.layer_scale_parameter [12] for [16]"));
}

TEST_CASE("a file in the place of the tower's folder is an error of the checkpoint", "[checkpoint]") {
  const TemporaryFolder folder("else");
  write_text(folder / "vision_tower", "");
  CHECK(thrown<CheckpointError>([&] { save(folder.path(), random_model(small_config())); }) ==
        Parts{.where = "vision_tower", .got = "Not a directory"});
}

}  // namespace convllava::formats
