#include <filesystem>
#include <functional>
#include <string>

#include "convllava/checkpoint/checksums.h"
#include "convllava/checkpoint/safetensors.h"
#include "convllava/checkpoint/training_state.h"
#include "convllava/core/error.h"
#include "convllava/eval/benchmark.h"
#include "convllava/eval/benchmarks/vqa_file.h"
#include "convllava/formats/hf_config.h"
#include "convllava/formats/model_directory.h"
#include "convllava/model/vision/convnext.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/files.h"

// One text as every JSON file that is read but annotations, which have a program of their own.

namespace {

using namespace convllava;
namespace fs = std::filesystem;

const char* const kLlava =
    R"({"model_type": "llava_llama", "vocab_size": 600, "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 96, "rms_norm_eps": 1e-4,
        "rope_theta": 5000.0, "rope_parameters": {"rope_type": "default", "rope_theta": 5000.0}, "rope_scaling": null,
        "bos_token_id": 1, "eos_token_id": [2, 3], "pad_token_id": 0, "tie_word_embeddings": false, "hidden_act": "silu",
        "attention_bias": false, "mm_projector_type": "mlp2x_gelu", "mm_vision_tower": "x-ConvNeXt-1536",
        "image_aspect_ratio": "pad", "depths": [1, 1, 2, 1, 1], "hidden_sizes": [4, 4, 8, 8, 12], "patch_size": 4})";
const char* const kPreprocessor =
    R"({"image_processor_type": "CLIPImageProcessor", "do_resize": true, "size": {"shortest_edge": 768}, "resample": 3,
        "crop_size": {"height": 768, "width": 768}, "image_mean": [0.48145466, 0.4578275, 0.40821073]})";
const char* const kTokenizer =
    R"({"tokenizer_class": "LlamaTokenizer", "legacy": false, "add_bos_token": true, "model_max_length": 2048,
        "added_tokens_decoder": {"0": {"content": "<unk>", "special": true}}, "pad_token": null})";
const char* const kState =
    R"({"step": 7, "skipped_steps": 0, "samples": 56, "bad_samples": 1, "tokens": 9000, "seconds": 12.5,
        "data_fingerprint": "a"})";
const char* const kStateOfPieces =
    R"({"format": 3, "step": 7, "skipped_steps": 0, "samples": 56, "bad_samples": 1, "tokens": 9000, "seconds": 12.5,
        "data_fingerprint": "a", "optimizer": {"steps": 7, "ranks": 1, "states": ["exp_avg"],
        "parameters": {"norm.weight": {"shape": [2, 3], "strides": [3, 1]}}}})";
const char* const kChecksums =
    R"({"format": 1, "chunk": 16777216, "files": {"config.json": {"bytes": 5, "crc32c": ["e3069283"]},
        "state/empty": {"bytes": 0, "crc32c": []}}})";
const char* const kQuestions =
    R"({"dataset_name": "textvqa", "data": [{"question_id": 1, "questionId": 1, "question": "What?", "image_id": "a",
        "image": "a.jpg", "set_name": "val", "answers": ["yes", "no"]}]})";
const char* const kPredictions = "{\"question_id\": 1, \"text\": \"yes\"}\n{\"question_id\": \"2\", \"text\": \"\"}\n";

/// A model directory whose JSON files are all one file.
class Directory {
 public:
  Directory() {
    fs::copy_file(CONVLLAVA_SOURCE_DIR "/tests/golden/text/tokenizer.model", folder_ / "tokenizer.model");
    fs::create_directory(folder_ / "state");
    checkpoint::write_safetensors(folder_ / "state/tensors.safetensors", {}, {{"step", "7"}});
    checkpoint::write_safetensors(folder_ / "state/optimizer-00001-of-00001.safetensors",
                                  {{"norm.weight.exp_avg@0", torch::zeros({6})}}, {{"step", "7"}});
    for (const char* name : {"config.json", "generation_config.json", "preprocessor_config.json",
                             "tokenizer_config.json", "special_tokens_map.json", "model.safetensors.index.json",
                             "state/state.json", "questions.json", "predictions.jsonl"}) {
      fs::create_symlink(folder_ / "input", folder_ / name);
    }
  }

  void read(const std::string& text) const {
    testing::write_text(folder_ / "input", text);
    const fs::path& path = folder_.path();
    const std::function<void()> readers[] = {
        [&] { formats::read_model_config(path); },
        [&] { formats::read_vision_config(path); },
        [&] { formats::read_image_options(path, model::ConvNextConfig()); },
        [&] { checkpoint::ModelShards{path}; },
        [&] { checkpoint::load_training_state(path); },
        [&] { checkpoint::parse_checksums(text, "checksums.json"); },
        [&] { text::Tokenizer::load(path); },
        [&] { eval::read_vqa_file(path / "questions.json", "question_id"); },
        [&] { eval::read_predictions(path / "predictions.jsonl"); },
    };
    size_t refused = 0;
    for (const auto& reader : readers) {
      try {
        reader();
      } catch (const Error&) {
        ++refused;
      }
    }
    if (refused == std::size(readers)) throw Error("no reader takes it");
  }

 private:
  testing::TemporaryFolder folder_{"fuzz"};
};

}  // namespace

int main(int argc, char** argv) {
  const Directory directory;
  fuzz::Reader reader;
  reader.corpus = fuzz::files_in("tests/golden/checkpoint", ".json");
  reader.corpus.insert(reader.corpus.end(), {kLlava, kPreprocessor, kTokenizer, kState, kStateOfPieces, kChecksums,
                                             kQuestions, kPredictions});
  reader.dictionary = fuzz::words(
      R"({ } [ ] : , " "" \ \u0000 \ud800 /* // "model_type":"llama", "model_type":"convnext", "weight_map":{}, )"
      R"("rope_parameters":{}, "legacy":null, "data":[{}], "eos_token_id":[], "crop_size":{},)");
  for (const char* token : {"\n", "\xEF\xBB\xBF", "\xFF\xFE", "\xC3"}) reader.dictionary.emplace_back(token);
  reader.dictionary.emplace_back(1, '\0');
  reader.read = [&](const std::string& text) { directory.read(text); };
  return fuzz::run(reader, argc, argv);
}
