#include <sentencepiece_processor.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <set>
#include <utility>

#include "convllava/core/error.h"
#include "data/demo/dataset.h"
#include "data/demo/draw.h"
#include "data/demo/scene.h"
#include "data/demo/text.h"
#include "data/demo/tokenizer.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace fs = std::filesystem;
using namespace convllava;
using namespace convllava::demo;
using nlohmann::json;

namespace {

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files[fs::relative(entry.path(), folder).string()] = bytes_of(entry.path());
  return files;
}

std::map<std::string, std::string> made(const std::string& name, uint64_t seed, int threads) {
  const testing::TemporaryFolder folder(name);
  write_dataset({.folder = folder.path(), .seed = seed, .train = 70, .held_out = 9, .size = 64, .threads = threads});
  return contents(folder.path());
}

std::string fact_of(const Scene& scene, const std::string& kind) {
  if (kind == "word") return words()[scene.word];
  if (kind == "number") return std::to_string(scene.number);
  if (kind == "shape") return shapes()[scene.shape];
  return colors()[kind == "color" ? scene.shape_color : scene.sign_color];
}

}  // namespace

TEST_CASE("the same seed gives the same bytes on any number of threads", "[demo]") {
  const auto first = made("a", 1, 1);
  CHECK(first.size() == 70 + 9 + 6 + 1);
  CHECK(first == made("b", 1, 3));
  const auto other = made("c", 2, 1);
  CHECK(first.at("images/t000000.jpg") != other.at("images/t000000.jpg"));
  CHECK(first.at("TextVQA_0.5.1_val.json") != other.at("TextVQA_0.5.1_val.json"));
}

TEST_CASE("records name existing images and alternate between human and gpt", "[demo]") {
  auto files = made("records", 3, 2);
  for (const auto& [name, turns, count] : {std::tuple{"captions_train.json", 2u, 70u},
                                           {"captions_val.json", 2u, 9u},
                                           {"instruct_train.json", 10u, 70u},
                                           {"instruct_val.json", 10u, 9u}}) {
    const json records = json::parse(files.at(name));
    REQUIRE(records.size() == count);
    for (const json& record : records) {
      const std::string& file = files.at(record.at("image"));
      const cv::Mat image = cv::imdecode(std::vector<char>(file.begin(), file.end()), cv::IMREAD_COLOR);
      REQUIRE(image.size() == cv::Size(64, 64));
      const json& list = record.at("conversations");
      REQUIRE(list.size() == turns);
      for (size_t i = 0; i < list.size(); ++i) {
        const std::string value = list[i].at("value");
        CHECK(list[i].at("from") == (i % 2 == 0 ? "human" : "gpt"));
        CHECK_FALSE(value.empty());
        CHECK((value.rfind("<image>\n", 0) == 0) == (i == 0));
      }
    }
  }
}

TEST_CASE("the benchmark has TextVQA's fields and the answers of its images", "[demo]") {
  auto files = made("benchmark", 4, 2);
  const json benchmark = json::parse(files.at("TextVQA_0.5.1_val.json"));
  const json& data = benchmark.at("data");
  REQUIRE(data.size() == 9 * 5);
  for (size_t i = 0; i < data.size(); ++i) {
    const json& entry = data[i];
    const Scene scene = make_scene(4, Split::kHeldOut, i / 5);
    CHECK(entry.at("question_id") == i);
    CHECK(entry.at("set_name") == "val");
    CHECK(entry.at("image_width") == 64);
    CHECK(entry.at("image_height") == 64);
    CHECK(entry.at("answers") == std::vector<std::string>(10, fact_of(scene, entry.at("question_kind"))));
    CHECK(files.count("train_images/" + entry.at("image_id").get<std::string>() + ".jpg") == 1);
  }
  CHECK(data[0].at("question_tokens").size() >= 4);
}

TEST_CASE("held-out images show pairs of word and number that no training image shows", "[demo]") {
  std::set<std::pair<int, int>> train;
  std::set<std::string> drawn;
  for (int i = 0; i < 20000; ++i) {
    const Scene scene = make_scene(1, Split::kTrain, i);
    train.emplace(scene.word, scene.number);
  }
  for (int i = 0; i < 200; ++i) drawn.insert(draw_jpeg(make_scene(1, Split::kTrain, i), 64));
  for (int i = 0; i < 200; ++i) {
    const Scene scene = make_scene(1, Split::kHeldOut, i);
    CHECK(train.count({scene.word, scene.number}) == 0);
    CHECK(drawn.count(draw_jpeg(scene, 64)) == 0);
  }
  CHECK(train.size() > 16 * 90 * 0.85);
}

TEST_CASE("always giving the most frequent answer of a kind is right less than 15 % of the time", "[demo]") {
  for (const uint64_t seed : {1, 2, 3}) {
    std::map<std::string, std::map<std::string, int>> answers;
    int total = 0;
    for (int i = 0; i < 200; ++i) {
      core::Random random(i);
      for (const Question& question : questions(make_scene(seed, Split::kHeldOut, i), random)) {
        ++answers[question.kind][question.answer];
        ++total;
      }
    }
    CHECK(answers.size() == 5);
    int right = 0;
    for (const auto& [kind, counts] : answers)
      right +=
          std::max_element(counts.begin(), counts.end(), [](auto& a, auto& b) { return a.second < b.second; })->second;
    CHECK(right < 0.15 * total);
  }
}

TEST_CASE("a caption holds every fact in more than one wording", "[demo]") {
  const Scene scene{.word = 6, .sign_color = 3, .shape = 3, .shape_color = 0, .number = 42};
  core::Random random(1);
  std::set<std::string> seen;
  for (int i = 0; i < 40; ++i) seen.insert(caption(scene, random));
  CHECK(seen.size() == 3);
  for (const std::string& text : seen)
    for (const char* fact : {"KEY", "green sign", "star is red", "42"}) CHECK_THAT(text, testing::contains(fact));
}

TEST_CASE("the tokenizer has LLaMA's ids and one token for every word of the demo", "[demo]") {
  const std::string model = train_tokenizer(tokenizer_texts());
  CHECK(model == train_tokenizer(tokenizer_texts()));
  sentencepiece::SentencePieceProcessor processor;
  REQUIRE(processor.LoadFromSerializedProto(model).ok());
  CHECK(processor.GetPieceSize() == 768);
  CHECK(processor.IdToPiece(0) == "<unk>");
  CHECK(processor.IdToPiece(1) == "<s>");
  CHECK(processor.IdToPiece(2) == "</s>");
  CHECK(processor.IdToPiece(3) == "<0x00>");
  CHECK(processor.PieceToId("<0x0A>") == 13);
  std::vector<std::string> list = {"USER", "ASSISTANT", "question", "image"};
  for (const auto* values : {&words(), &colors(), &shapes()}) list.insert(list.end(), values->begin(), values->end());
  for (const std::string& word : list) {
    INFO(word);
    CHECK(processor.EncodeAsIds(word).size() == 1);
  }
  CHECK(processor.EncodeAsPieces("42") == std::vector<std::string>{"▁", "4", "2"});
  CHECK(processor.DecodeIds(processor.EncodeAsIds("The star is red: ü\n")) == "The star is red: ü\n");
}

TEST_CASE("options out of range and folders that cannot be written are refused", "[demo]") {
  const auto message = [](DatasetOptions options) {
    return testing::thrown<ConfigError>([&] { write_dataset(options); });
  };
  CHECK(message({}) == testing::Parts{.where = "--out", .kind = "the path is empty"});
  CHECK(message({.folder = "x", .train = 0}) == testing::Parts{.where = "--train", .got = "0"});
  CHECK(message({.folder = "x", .held_out = 0}) == testing::Parts{.where = "--val", .got = "0"});
  CHECK(message({.folder = "x", .size = 32}) == testing::Parts{.where = "--size", .expected = "64 to 1024 pixels"});
  CHECK(message({.folder = "x", .threads = 0}) == testing::Parts{.where = "--threads"});
  CHECK(testing::thrown<DataError>([] { write_dataset({.folder = "/dev/null/demo"}); }) ==
        testing::Parts{.where = "/dev/null/demo", .kind = "cannot be created"});
  const testing::TemporaryFolder folder("unwritable");
  fs::create_directories(folder.path() / "images" / "t000000.jpg");
  std::ofstream(folder.path() / kMarkerFile);
  CHECK(testing::thrown<DataError>([&] { write_dataset({.folder = folder.path(), .train = 1, .held_out = 1}); }) ==
        testing::Parts{.where = (folder.path() / "images" / "t000000.jpg").string(),
                       .kind = "cannot be written",
                       .got = "Is a directory"});
}

TEST_CASE("a folder with other files is left alone, one that was begun is written again", "[demo]") {
  const testing::TemporaryFolder folder("others");
  fs::create_directories(folder.path() / "images");
  std::ofstream(folder.path() / "tokenizer.model") << "mine";
  const DatasetOptions options = {.folder = folder.path(), .train = 1, .held_out = 1};
  CHECK(testing::thrown<ConfigError>([&] { write_dataset(options); }) ==
        testing::Parts{.where = folder.path().string(),
                       .kind = "the folder holds files that make_demo_data did not write",
                       .expected = "a new or empty --out, or one that it has begun"});
  CHECK(contents(folder.path()) == std::map<std::string, std::string>{{"tokenizer.model", "mine"}});

  const testing::TemporaryFolder begun("begun");
  fs::create_directories(begun.path());
  const DatasetOptions again = {.folder = begun.path(), .train = 1, .held_out = 1};
  write_dataset(again);
  const auto whole = contents(begun.path());
  fs::remove(begun.path() / "tokenizer.model");
  std::ofstream(begun.path() / "captions_train.json") << "half";
  write_dataset(again);
  CHECK(contents(begun.path()) == whole);
}
