#include "data/demo/dataset.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "convllava/core/error.h"
#include "convllava/core/progress.h"
#include "convllava/core/random.h"
#include "convllava/core/thread_pool.h"
#include "data/demo/draw.h"
#include "data/demo/scene.h"
#include "data/demo/text.h"
#include "data/demo/tokenizer.h"

namespace convllava::demo {
namespace {

using nlohmann::ordered_json;

// Numbers the purposes for which an image's text draws random numbers.
enum TextStream : uint64_t { kCaptionText = 1, kInstructText = 2, kBenchmarkText = 3 };

void write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) throw DataError(path.string(), "cannot be written", std::strerror(errno));
}

void check(const DatasetOptions& options) {
  const auto require = [](bool valid, const char* name, int64_t got, const char* expected) {
    if (!valid) throw ConfigError(name, "out of range", std::to_string(got), expected);
  };
  if (options.folder.empty()) throw ConfigError("--out", "the path is empty", "\"\"", "a folder");
  require(options.train >= 1 && options.train <= 10'000'000, "--train", options.train, "1 to 10000000 images");
  require(options.held_out >= 1 && options.held_out <= 1'000'000, "--val", options.held_out, "1 to 1000000 images");
  require(options.size >= 64 && options.size <= 1024, "--size", options.size, "64 to 1024 pixels");
  require(options.threads >= 1 && options.threads <= 256, "--threads", options.threads, "1 to 256");
}

std::string image_id(Split split, int64_t index) {
  const std::string number = std::to_string(index);
  return (split == Split::kTrain ? "t" : "h") + std::string(6 - std::min<size_t>(6, number.size()), '0') + number;
}

std::string image_path(Split split, int64_t index) {
  return (split == Split::kTrain ? "images/" : "train_images/") + image_id(split, index) + ".jpg";
}

void write_images(const DatasetOptions& options, Split split, const std::vector<Scene>& scenes) {
  core::Progress progress(split == Split::kTrain ? "drawing" : "drawing held-out", scenes.size());
  core::ThreadPool pool(options.threads);
  constexpr size_t kChunk = 64;
  std::vector<std::future<void>> chunks;
  for (size_t begin = 0; begin < scenes.size(); begin += kChunk)
    chunks.push_back(pool.submit([&options, &scenes, split, begin] {
      for (size_t i = begin; i < std::min(begin + kChunk, scenes.size()); ++i)
        write(options.folder / image_path(split, i), draw_jpeg(scenes[i], options.size));
    }));
  for (size_t i = 0; i < chunks.size(); ++i) {
    chunks[i].get();
    progress.update(std::min((i + 1) * kChunk, scenes.size()));
  }
  progress.finish();
}

ordered_json turn(const char* from, const std::string& value) { return {{"from", from}, {"value", value}}; }

ordered_json captions(Split split, const std::vector<Scene>& scenes) {
  ordered_json records = ordered_json::array();
  for (size_t i = 0; i < scenes.size(); ++i) {
    core::Random random(scenes[i].drawing_seed, kCaptionText);
    const std::string prompt = caption_prompt(random);
    records.push_back(
        {{"id", image_id(split, i)},
         {"image", image_path(split, i)},
         {"conversations", {turn("human", "<image>\n" + prompt), turn("gpt", caption(scenes[i], random))}}});
  }
  return records;
}

ordered_json conversations(Split split, const std::vector<Scene>& scenes) {
  ordered_json records = ordered_json::array();
  for (size_t i = 0; i < scenes.size(); ++i) {
    core::Random random(scenes[i].drawing_seed, kInstructText);
    ordered_json turns = ordered_json::array();
    for (const Question& question : questions(scenes[i], random)) {
      const std::string text = turns.empty() ? "<image>\n" + question.text + "\n" + kShortAnswer : question.text;
      turns.push_back(turn("human", text));
      turns.push_back(turn("gpt", question.answer));
    }
    records.push_back({{"id", image_id(split, i)}, {"image", image_path(split, i)}, {"conversations", turns}});
  }
  return records;
}

ordered_json tokens(const std::string& question) {
  std::string lower;
  for (const char c : question)
    if (c != '?') lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  ordered_json list = ordered_json::array();
  for (size_t begin = 0; begin < lower.size();) {
    const size_t end = std::min(lower.find(' ', begin), lower.size());
    list.push_back(lower.substr(begin, end - begin));
    begin = end + 1;
  }
  return list;
}

ordered_json benchmark(const std::vector<Scene>& scenes, int size) {
  ordered_json data = ordered_json::array();
  for (size_t i = 0; i < scenes.size(); ++i) {
    core::Random random(scenes[i].drawing_seed, kBenchmarkText);
    for (const Question& question : questions(scenes[i], random))
      data.push_back({{"question", question.text},
                      {"image_id", image_id(Split::kHeldOut, i)},
                      {"image_classes", ordered_json::array()},
                      {"flickr_original_url", ""},
                      {"flickr_300k_url", ""},
                      {"image_width", size},
                      {"image_height", size},
                      {"answers", std::vector<std::string>(10, question.answer)},
                      {"question_tokens", tokens(question.text)},
                      {"question_id", data.size()},
                      {"set_name", "val"},
                      {"question_kind", question.kind}});
  }
  return {{"dataset_type", "val"}, {"dataset_name", "textvqa"}, {"dataset_version", "0.5.1"}, {"data", data}};
}

std::vector<Scene> make_scenes(uint64_t seed, Split split, int64_t count) {
  std::vector<Scene> scenes;
  for (int64_t i = 0; i < count; ++i) scenes.push_back(make_scene(seed, split, i));
  return scenes;
}

void make_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw DataError(path.string(), "cannot be created", error.message());
}

/// Makes the folder, and marks it before anything else is in it. One that holds something must have that mark.
void claim_folder(const std::filesystem::path& folder) {
  make_folder(folder);
  const auto marker = folder / kMarkerFile;
  std::error_code error;
  if (std::filesystem::exists(marker, error)) return;
  const bool empty = std::filesystem::is_empty(folder, error);
  if (error) throw DataError(folder.string(), "cannot be looked into", error.message());
  if (!empty) {
    throw ConfigError(folder.string(), "the folder holds files that make_demo_data did not write", "",
                      "a new or empty --out, or one that it has begun");
  }
  write(marker, "A data set of make_demo_data: running it again replaces the files.\n");
}

}  // namespace

void write_dataset(const DatasetOptions& options) {
  check(options);
  claim_folder(options.folder);
  make_folder(options.folder / "images");
  make_folder(options.folder / "train_images");
  const auto train = make_scenes(options.seed, Split::kTrain, options.train);
  const auto held_out = make_scenes(options.seed, Split::kHeldOut, options.held_out);
  write_images(options, Split::kTrain, train);
  write_images(options, Split::kHeldOut, held_out);

  const ordered_json caption_records = captions(Split::kTrain, train);
  const ordered_json instruct_records = conversations(Split::kTrain, train);
  write(options.folder / "captions_train.json", caption_records.dump(1));
  write(options.folder / "captions_val.json", captions(Split::kHeldOut, held_out).dump(1));
  write(options.folder / "instruct_train.json", instruct_records.dump(1));
  write(options.folder / "instruct_val.json", conversations(Split::kHeldOut, held_out).dump(1));
  write(options.folder / "TextVQA_0.5.1_val.json", benchmark(held_out, options.size).dump(1));
  write(options.folder / "tokenizer.model", train_tokenizer(tokenizer_texts()));
}

}  // namespace convllava::demo
