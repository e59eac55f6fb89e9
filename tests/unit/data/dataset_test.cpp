#include "convllava/data/dataset.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "convllava/core/error.h"
#include "convllava/core/watched_file.h"
#include "convllava/data/loader.h"
#include "convllava/data/packed_batch.h"
#include "tests/support/errors.h"
#include "tests/unit/data/fixtures.h"

namespace convllava::data {
namespace {

using namespace testing;

constexpr const char* kImageDoesNotFit = "the image does not fit into max_length";

/// Why sample 0 of `json` is bad.
DataError sample_error(const TemporaryFolder& folder, const std::string& json,
                       const SampleOptions& options = small_options()) {
  const Dataset dataset = dataset_of(folder, json, options);
  auto error = thrown<DataError>([&] { dataset.sample(0); });
  REQUIRE(error.place().where.starts_with((folder.path() / "set.json").string() + ":1: record 0"));
  return error;
}

int64_t supervised(const Sample& sample) {
  return static_cast<int64_t>(sample.prompt.labels.size()) -
         std::count(sample.prompt.labels.begin(), sample.prompt.labels.end(), text::kIgnoreLabel);
}

}  // namespace

TEST_CASE("several sets are one list of records with the weight of their set", "[data]") {
  const TemporaryFolder folder;
  const auto first = folder.write("first.json", "[" + record_json("a.ppm", "q", "one") + "]");
  const auto second =
      folder.write("second.jsonl", record_json("", "q", "two") + "\n" + record_json("b.ppm", "q", "three"));
  const Dataset dataset({{first, folder.path() / "x", 1.0}, {second, folder.path() / "y", 0.25}}, small_options(),
                        small_tokenizer());
  REQUIRE(dataset.size() == 3);
  CHECK(dataset.weight(0) == 1.0);
  CHECK(dataset.weight(1) == 0.25);
  CHECK(dataset.weight(2) == 0.25);
  CHECK(dataset.record(1).turns[1].text == "two");
  CHECK(dataset.where(2) == second.string() + ":2: record 1");
  CHECK(dataset.summary(0).has_image);
  CHECK_FALSE(dataset.summary(1).has_image);
  CHECK(dataset.image_path(0) == folder.path() / "x/a.ppm");
  CHECK(dataset.image_path(1).empty());
  CHECK(dataset.image_path(2) == folder.path() / "y/b.ppm");
  CHECK_THROWS_AS(dataset.summary(3), std::out_of_range);
}

TEST_CASE("a sample holds the prompt and the resized image", "[data]") {
  const TemporaryFolder folder;
  folder.write_image("a.ppm", 90, 30);
  const Dataset dataset = dataset_of(folder, "[" + record_json("a.ppm", "what is it", "a cat") + "]");
  const Sample sample = dataset.sample(0);
  const auto expected =
      text::encode_conversation(dataset.tokenizer(), text::Template::kV1, dataset.record(0).turns, true);
  CHECK(sample.prompt.input_ids == expected.input_ids);
  CHECK(sample.prompt.labels == expected.labels);
  CHECK(sample.visual_tokens == 4);
  CHECK(sample.cut_labels == 0);
  REQUIRE(sample.image.has_value());
  CHECK(sample.image->height == 64);
  CHECK(sample.image->width == 64);
  CHECK(sample.image->pixels ==
        image::preprocess(image::load_image(folder.path() / "a.ppm"), dataset.options().image).pixels);
}

TEST_CASE("native aspect gives visual tokens in proportion", "[data]") {
  const TemporaryFolder folder;
  folder.write_image("a.ppm", 90, 30);
  SampleOptions options = small_options();
  options.image.aspect = image::Aspect::kNative;
  const Sample sample = dataset_of(folder, "[" + record_json("a.ppm", "q", "a") + "]", options).sample(0);
  CHECK(sample.image->height == 64);
  CHECK(sample.image->width == 192);
  CHECK(sample.visual_tokens == 12);
}

TEST_CASE("a text-only record gives a sample without an image", "[data]") {
  const TemporaryFolder folder;
  const Sample sample = dataset_of(folder, "[" + record_json("", "q", "a") + "]").sample(0);
  CHECK_FALSE(sample.image.has_value());
  CHECK(sample.visual_tokens == 0);
  CHECK(supervised(sample) > 0);
}

TEST_CASE("images of 1x1 and 30000x10 pixels are padded and used", "[data]") {
  const TemporaryFolder folder;
  folder.write_image("dot.ppm", 1, 1);
  folder.write_image("line.ppm", 30000, 10);
  const Dataset dataset =
      dataset_of(folder, "[" + record_json("dot.ppm", "q", "a") + "," + record_json("line.ppm", "q", "a") + "]");
  CHECK(dataset.sample(0).image->pixels.size() == 64 * 64 * 3);
  CHECK(dataset.sample(1).image->pixels.size() == 64 * 64 * 3);
}

TEST_CASE("an image that would fill the sample is rejected before it is resized", "[data]") {
  const TemporaryFolder folder;
  folder.write_image("long.ppm", 600, 10);
  folder.write_image("line.ppm", 30000, 10);
  SampleOptions options = small_options();
  options.image.aspect = image::Aspect::kNative;
  options.image.size = 1024 * 1024;  // 200 TB if it were resized
  options.visual_tokens = tokens_of(64);
  const std::string json = "[" + record_json("long.ppm", "q", "a") + "]";
  const Dataset dataset = dataset_of(folder, json, options);
  const auto prompt =
      text::encode_conversation(dataset.tokenizer(), text::Template::kV1, dataset.record(0).turns, true).input_ids;
  const auto before = std::find(prompt.begin(), prompt.end(), text::kImageToken) - prompt.begin();
  CHECK(sample_error(folder, json, options) ==
        Parts{.where = (folder.path() / "long.ppm").string(),
              .kind = kImageDoesNotFit,
              .got = "600x10 pixels, resized to 62914560x1048576: 16106127360 visual tokens after " +
                     std::to_string(before) + " tokens of text",
              .expected = "at most 200 together"});
  const auto line = sample_error(folder, "[" + record_json("line.ppm", "q", "a") + "]", options);
  CHECK(line == Parts{.where = (folder.path() / "line.ppm").string()});
  CHECK(line.got().starts_with("30000x10 pixels"));
}

TEST_CASE("an image that cannot be read is rejected with record, path and reason", "[data]") {
  const TemporaryFolder folder;
  folder.write("empty.ppm", "");
  folder.write("text.ppm", "<html>404</html>");
  folder.write_image("whole.ppm", 20, 20);
  std::filesystem::resize_file(folder.path() / "whole.ppm", 300);
  std::filesystem::create_directory(folder.path() / "folder.ppm");
  const auto error = [&](const std::string& name) {
    auto error = sample_error(folder, "[" + record_json(name, "q", "a") + "]");
    CHECK(error == Parts{.where = (folder.path() / name).string()});
    return error;
  };
  CHECK(error("absent.ppm") == Parts{.got = "No such file or directory"});
  CHECK_THAT(error("empty.ppm").kind(), contains("empty"));
  CHECK(error("text.ppm") ==
        Parts{.kind = "unknown image format", .expected = "a JPEG, PNG, WebP, GIF, BMP, TIFF or PPM image"});
  CHECK_THAT(error("whole.ppm").kind(), contains("truncated"));
  CHECK(error("folder.ppm") == Parts{.got = "Is a directory"});
}

TEST_CASE("an image outside the set's image folder is used and reported, by any path", "[data]") {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "set/sub");
  folder.write_image("outside.ppm", 64, 64);
  folder.write_image("set/inside.ppm", 64, 64);
  std::filesystem::create_symlink(folder / "outside.ppm", folder / "set/linked.ppm");
  std::filesystem::create_directory_symlink("set", folder / "other_name");
  const std::string root = folder.path().string();
  const auto is_outside = [&](const std::string& image, const std::string& images) {
    const auto file = folder.write("set.json", record_json(image, "q", "a"));
    const Dataset dataset({{file, images, 1.0}}, small_options(), small_tokenizer());
    CHECK(dataset.sample(0).image.has_value());
    return dataset.image_is_outside(0);
  };
  for (const std::string& image :
       {root + "/outside.ppm", std::string("../outside.ppm"), std::string("sub/../../outside.ppm")}) {
    CHECK(is_outside(image, root + "/set"));
  }
  for (const std::string image : {"inside.ppm", "sub/../inside.ppm", "../set/inside.ppm", "linked.ppm"}) {
    CHECK_FALSE(is_outside(image, root + "/set"));
  }
  CHECK_FALSE(is_outside(root + "/set/inside.ppm", root + "/set/"));
  CHECK_FALSE(is_outside((std::filesystem::canonical(root) / "set/inside.ppm").string(), root + "/other_name"));
  CHECK_FALSE(is_outside(root + "/outside.ppm", "/"));
  CHECK(is_outside(root + "/outside.ppm", ""));
}

TEST_CASE("a conversation that cannot be a prompt is rejected with its record", "[data]") {
  const TemporaryFolder folder;
  folder.write_image("a.ppm", 8, 8);
  CHECK(sample_error(folder, "[" + record_json("", "see <image>", "a") + "]") ==
        Parts{.kind = "\"<image>\" in a record without an image", .expected = "no \"<image>\", or an image"});
  CHECK(
      sample_error(folder, R"([{"image": "a.ppm", "conversations": [{"from": "human", "value": "q"},
                                       {"from": "gpt", "value": "a"}]}])") ==
      Parts{.kind = "the record has an image and no \"<image>\"", .expected = "\"<image>\" in one of its human turns"});
  CHECK(sample_error(folder, R"([{"conversations": [{"from": "human", "value": "q"}]}])") ==
        Parts{.kind = "the conversation ends with a human turn", .expected = "the assistant's answer"});
  CHECK(sample_error(folder, "[{\"id\": 1}]") == Parts{.field = "conversations"});
}

TEST_CASE("labels beyond max_length are counted", "[data]") {
  const TemporaryFolder folder;
  folder.write_image("a.ppm", 8, 8);
  const std::string json =
      "[" + record_json("a.ppm", "what is it", "a black cat sits on the red table and sleeps") + "]";
  const Sample whole = dataset_of(folder, json).sample(0);
  const auto length = static_cast<int64_t>(whole.prompt.input_ids.size()) + whole.visual_tokens - 1;
  const int64_t labels = supervised(whole);
  REQUIRE(labels > 4);

  SampleOptions options = small_options();
  options.max_length = length;
  CHECK(dataset_of(folder, json, options).sample(0).cut_labels == 0);
  options.max_length = length - 3;
  const Sample shorter = dataset_of(folder, json, options).sample(0);
  CHECK(shorter.cut_labels == 3);
  CHECK(shorter.kept_labels == labels - 3);
  CHECK(shorter.tokens() == length);
  // What the loss sees is what `pack` leaves.
  CHECK(pack({shorter}, options.max_length).supervised_tokens() == shorter.kept_labels);
  CHECK(kept_entries(shorter, options.max_length) == static_cast<int64_t>(shorter.prompt.input_ids.size()) - 3);
  options.max_length = length - labels + 1;
  CHECK(dataset_of(folder, json, options).sample(0).cut_labels == labels - 1);

  options.max_length = length - labels;
  CHECK(sample_error(folder, json, options) ==
        Parts{.kind = "no part of an answer fits into max_length",
              .got = std::to_string(length) + " tokens, 4 of them visual",
              .expected = "an answer within " + std::to_string(length - labels) +
                          " tokens: a shorter question, or a larger max_length"});
}

TEST_CASE("all tokens of an image must be within max_length, in any turn", "[data]") {
  const TemporaryFolder folder;
  folder.write_image("a.ppm", 8, 8);
  const std::string json = R"([{"image": "a.ppm", "conversations": [
    {"from": "human", "value": "first"}, {"from": "gpt", "value": "one"},
    {"from": "human", "value": "<image>\nsecond"}, {"from": "gpt", "value": "two"}]}])";
  const Sample whole = dataset_of(folder, json).sample(0);
  const auto& ids = whole.prompt.input_ids;
  const auto before = std::find(ids.begin(), ids.end(), text::kImageToken) - ids.begin();
  SampleOptions options = small_options();
  options.max_length = before + whole.visual_tokens;
  const Sample cut = dataset_of(folder, json, options).sample(0);
  CHECK(cut.cut_labels > 0);
  CHECK(pack({cut}, options.max_length).visual_rows.size() == 4);
  --options.max_length;
  CHECK(
      sample_error(folder, json, options) ==
      Parts{.kind = kImageDoesNotFit, .got = "8x8 pixels, resized to 64x64: 4 visual tokens after 76 tokens of text"});
}

TEST_CASE("an image of a size that the tower does not take is rejected", "[data]") {
  const TemporaryFolder folder;
  folder.write_image("a.ppm", 8, 16);
  SampleOptions options = small_options();
  options.image.aspect = image::Aspect::kNative;
  options.visual_tokens = [](int64_t height, int64_t width) { return height == width ? 4 : 0; };
  CHECK(sample_error(folder, "[" + record_json("a.ppm", "q", "a") + "]", options) ==
        Parts{.kind = "gives no visual token",
              .got = "64x128 pixels after resizing",
              .expected = "a size that the vision tower takes"});
}

TEST_CASE("weights and sizes that cannot work are rejected", "[data]") {
  const TemporaryFolder folder;
  const auto path = folder.write("set.json", "[" + record_json("", "q", "a") + "]");
  const auto error = [&](double weight, const SampleOptions& options) {
    return thrown<ConfigError>([&] { Dataset dataset({{path, "", weight}}, options, small_tokenizer()); });
  };
  CHECK(error(-1.0, small_options()) ==
        Parts{.where = path.string(), .field = "weight", .got = "-1", .expected = "a number >= 0"});
  CHECK(error(std::nan(""), small_options()) == Parts{.field = "weight", .got = "nan"});
  SampleOptions options = small_options();
  options.visual_tokens = tokens_of(128);
  CHECK(error(1.0, options) == Parts{.where = "dataset",
                                     .field = "image.size",
                                     .kind = "images give no visual token",
                                     .got = "64 pixels",
                                     .expected = "a size that the vision tower takes"});
}

TEST_CASE("an annotation file that is written anew while it is in use is no fault of its records", "[data]") {
  const TemporaryFolder folder;
  const auto path = folder.write("set.json", "[" + record_json("", "what", "a") + "]");
  convllava::testing::age(path);
  const Dataset dataset({{path, folder.path(), 1.0}}, small_options(), small_tokenizer());
  CHECK(dataset.sample(0).cut_labels == 0);
  SECTION("emptied") { folder.write("set.json", ""); }
  SECTION("with other records of the same size") { folder.write("set.json", "[" + record_json("", "that", "b") + "]"); }
  CHECK(thrown<core::FileChanged>([&] { dataset.sample(0); }) == Parts{.where = path.string()});
  Loader loader(dataset, {0}, {});
  CHECK(thrown<core::FileChanged>([&] { loader.next(); }) == Parts{.where = path.string()});
}

TEST_CASE("annotation files of real data sets are read whole", "[data]") {
  const auto root = convllava::testing::shared_data("real");
  if (!std::filesystem::exists(root / "receipts_train.json")) SKIP("CONVLLAVA_SHARED_DATA holds no real/*_train.json");
  std::vector<DataSource> sources;
  for (const char* name : {"receipts", "scene_text", "coco_captions", "coco_instruct"}) {
    sources.push_back({root / (std::string(name) + "_train.json"), root, 1.0});
  }
  SampleOptions options;
  options.max_length = 100000;
  const Dataset dataset(sources, options, small_tokenizer());
  CHECK(dataset.size() > 500);
  for (int64_t i = 0; i < dataset.size(); ++i) {
    CHECK(dataset.summary(i).has_image);
    CHECK(dataset.summary(i).words > 4);
    CHECK(std::filesystem::is_regular_file(dataset.image_path(i)));
    CHECK_NOTHROW(
        text::encode_conversation(dataset.tokenizer(), options.prompt_template, dataset.record(i).turns, true));
  }
}

}  // namespace convllava::data
