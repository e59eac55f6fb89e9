#include <algorithm>
#include <set>
#include <string>

#include "convllava/data/dataset.h"
#include "tests/unit/data/fixtures.h"

namespace convllava::data {

using namespace testing;

TEST_CASE("a split keeps every record on one side, in order, by its seed", "[data]") {
  const TemporaryFolder folder;
  std::string json;
  for (int i = 0; i < 50; ++i) json += record_json("", "q", std::to_string(i)) + "\n";
  const Dataset dataset = dataset_of(folder, json);
  const auto [training, validation] = dataset.split(0.2, 42);
  CHECK(training.size() == 40);
  CHECK(validation.size() == 10);
  CHECK(std::is_sorted(training.begin(), training.end()));
  CHECK(std::is_sorted(validation.begin(), validation.end()));
  std::set<int64_t> all(training.begin(), training.end());
  all.insert(validation.begin(), validation.end());
  CHECK(all.size() == 50);
  CHECK(dataset.split(0.2, 42).second == validation);
  CHECK(dataset.split(0.2, 43).second != validation);

  CHECK(dataset.split(0.0, 42).second.empty());
  CHECK(dataset.split(0.001, 42).second.size() == 1);
  CHECK(dataset.split(1.0, 42).first.empty());
}

TEST_CASE("a split keeps the records of an image together, in all sets", "[data]") {
  const TemporaryFolder folder;
  std::string near;
  std::string far;
  for (int i = 0; i < 60; ++i) {
    const std::string image = std::to_string(i % 20) + ".ppm";
    near += record_json(image, "q", std::to_string(i)) + "\n";
    far += record_json("./images/" + image, "q", std::to_string(i)) + "\n";
  }
  const auto images = folder.path() / "images";
  const Dataset dataset(
      {{folder.write("near.jsonl", near), images, 1.0}, {folder.write("far.jsonl", far), folder.path(), 0.5}},
      small_options(), small_tokenizer());
  const auto names = [&](const Ids& indices) {
    std::set<std::string> found;
    for (const int64_t index : indices) found.insert(dataset.image_path(index).filename());
    return found;
  };
  for (const uint64_t seed : {1, 2, 3}) {
    const auto [training, validation] = dataset.split(0.2, seed);
    CHECK(validation.size() == 24);  // four images of six records
    CHECK(training.size() == 96);
    CHECK(names(validation).size() == 4);
    for (const auto& name : names(validation)) CHECK(names(training).count(name) == 0);
  }
  CHECK(dataset.split(0.001, 1).second.size() == 6);
  CHECK(names(dataset.split(0.2, 1).second) != names(dataset.split(0.2, 2).second));
}

TEST_CASE("a split does not depend on the order of the records or on where the data lie", "[data]") {
  std::vector<std::string> records;
  for (int i = 0; i < 30; ++i) {
    const std::string image = i % 3 == 0 ? "" : std::to_string(i / 2) + ".ppm";
    records.push_back(record_json(image, "q", std::to_string(i)));
  }
  const auto answers = [&] {
    const TemporaryFolder folder;
    std::string lines;
    for (const auto& record : records) lines += record + "\n";
    const Dataset dataset({{folder.write("set.jsonl", lines), folder.path(), 1.0}}, small_options(), small_tokenizer());
    std::set<std::string> found;
    for (const int64_t index : dataset.split(0.3, 7).second) found.insert(dataset.record(index).turns[1].text);
    return found;
  };
  const auto expected = answers();
  CHECK(expected.size() >= 9);
  CHECK(answers() == expected);
  std::reverse(records.begin(), records.end());
  CHECK(answers() == expected);
}

TEST_CASE("a split keeps records of equal turns together, whatever their ids", "[data]") {
  const TemporaryFolder folder;
  std::string json;
  for (int i = 0; i < 90; ++i) {
    const auto record = record_json("", "q", std::to_string(i / 3));
    json += i % 3 == 0 ? record + "\n" : R"({"id": ")" + std::to_string(i) + R"(",  )" + record.substr(1) + "\n";
  }
  json += "{\"image\": 3}\n{\"image\": 3}\n";  // bad ones are alike when their bytes are
  const Dataset dataset = dataset_of(folder, json);
  const auto group = [](int64_t index) { return index / 3; };
  for (const uint64_t seed : {1, 2, 3, 4}) {
    const auto [training, validation] = dataset.split(0.3, seed);
    std::set<int64_t> groups;
    for (const int64_t index : validation) groups.insert(group(index));
    CHECK(validation.size() >= 28);
    CHECK(validation.size() <= 30);
    for (const int64_t index : training) CHECK(groups.count(group(index)) == 0);
  }
}

TEST_CASE("a split of records that differ is that of earlier versions", "[data]") {
  const TemporaryFolder folder;
  std::string json;
  for (int i = 0; i < 20; ++i) {
    json += record_json(i % 2 == 0 ? "" : std::to_string(i / 4) + ".ppm", "q", std::to_string(i)) + "\n";
  }
  CHECK(dataset_of(folder, json).split(0.2, 42).second == Ids{9, 11, 13, 15});
  CHECK(dataset_of(folder, json).split(0.2, 7).second == Ids{0, 14, 16, 18});
}

TEST_CASE("sets of weight 0 are in neither part of a split, bad records in one", "[data]") {
  const TemporaryFolder folder;
  const std::string record = record_json("", "q", "a") + "\n";
  const auto used = folder.write(
      "used.jsonl", record + record_json("", "q", "b") + "\n{\"image\": 3}\n" + record_json("", "q", "c") + "\n");
  const auto unused = folder.write("unused.jsonl", record + record);
  const Dataset dataset({{unused, "", 0.0}, {used, "", 1.0}}, small_options(), small_tokenizer());
  CHECK(dataset.split(0.0, 1).first == Ids{2, 3, 4, 5});
  auto [training, validation] = dataset.split(0.5, 1);
  CHECK(training.size() == 2);
  CHECK(validation.size() == 2);
  training.insert(training.end(), validation.begin(), validation.end());
  std::sort(training.begin(), training.end());
  CHECK(training == Ids{2, 3, 4, 5});

  const Dataset nothing({{unused, "", 0.0}}, small_options(), small_tokenizer());
  CHECK(nothing.split(0.5, 1).second.empty());
  CHECK(Dataset({}, small_options(), small_tokenizer()).split(0.5, 1).second.empty());
}

}  // namespace convllava::data
