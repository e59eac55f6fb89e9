#include "convllava/data/summary.h"

#include "tests/unit/data/fixtures.h"

namespace convllava::data {
namespace {

using namespace testing;

DataSummary summarize_all(const Dataset& dataset, const SummaryOptions& options = {.threads = 2}) {
  return summarize(dataset, dataset.split(0, 0).first, options);
}

}  // namespace

TEST_CASE("a set without faults gives counts and no warnings", "[data]") {
  const TemporaryFolder folder;
  folder.write_image("a.ppm", 8, 8);
  const Dataset dataset =
      dataset_of(folder, "[" + record_json("a.ppm", "what", "it") + "," + record_json("", "who", "he") + "]");
  const DataSummary summary = summarize_all(dataset);
  CHECK(summary.records == 2);
  CHECK(summary.text_only == 1);
  CHECK(summary.examined == 2);
  CHECK(summary.unusable == 0);
  const Sample first = dataset.sample(0);
  const Sample second = dataset.sample(1);
  CHECK(summary.tokens == first.tokens() + second.tokens());
  CHECK(summary.answer_tokens == first.kept_labels + second.kept_labels);
  CHECK(summary.longest_tokens == first.tokens());
  CHECK(summary.longest_where == dataset.where(0));
  CHECK(warnings(summary).empty());
}

TEST_CASE("unused fields are reported with their counts", "[data]") {
  const TemporaryFolder folder;
  const std::string turns = R"("conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a")";
  const Dataset dataset = dataset_of(
      folder, R"([{"id": 1, "images": ["a.jpg"], "system": "Answer in one word.", )" + turns + "}]},\n" +
                  R"({"images": ["b.jpg"], "system": "", "model": null, "tools": [], )" + turns + "}]},\n" + "{" +
                  turns +
                  R"(, "loss": false}, {"from": "human", "value": "q"}, {"from": "gpt", "value": "b", "loss": 0}]}])");
  const DataSummary summary = summarize_all(dataset);
  using Fields = std::map<std::string, int64_t>;
  CHECK(summary.unused_fields == Fields{{"conversations[].loss", 1}, {"images", 2}, {"system", 1}});
  CHECK(warnings(summary) ==
        std::vector<std::string>{
            "unused fields: \"conversations[].loss\" in 1 records, \"images\" in 2 records, \"system\" in 1 "
            "records; only \"id\", \"image\" (one image) and \"conversations\" are read"});
}

TEST_CASE("fields of sets that are not used, and of bad records, do not count", "[data]") {
  const TemporaryFolder folder;
  const auto used = folder.write("used.json", "[" + record_json("", "q", "a") + R"(, {"images": ["a.jpg"]}])");
  const auto unused = folder.write(
      "unused.json",
      R"([{"system": "s", "conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}])");
  const Dataset dataset({{used, "", 1.0}, {unused, "", 0.0}}, small_options(), small_tokenizer());
  CHECK(summarize_all(dataset).unused_fields.empty());
}

TEST_CASE("empty answers are reported", "[data]") {
  const TemporaryFolder folder;
  const DataSummary summary =
      summarize_all(dataset_of(folder, "[" + record_json("", "q", "") + "," + record_json("", "q", " \\n") + "," +
                                           record_json("", "q", "a") + "]"));
  CHECK(summary.with_empty_answer == 2);
  CHECK(summary.unusable == 0);
  CHECK(warnings(summary) ==
        std::vector<std::string>{"2 of 3 records have an empty answer: the model learns to answer nothing"});
}

TEST_CASE("truncated answers are reported with the number of lost tokens", "[data]") {
  const TemporaryFolder folder;
  const std::string json =
      "[" + record_json("", "what is it", "a black cat sits on the red table") + "," + record_json("", "q", "a") + "]";
  const Dataset whole = dataset_of(folder, json);
  SampleOptions options = small_options();
  options.max_length = whole.sample(0).tokens() - 3;
  const int64_t answers = whole.sample(0).kept_labels + whole.sample(1).kept_labels;
  const DataSummary summary = summarize_all(dataset_of(folder, json, options));
  CHECK(summary.cut_records == 1);
  CHECK(summary.cut_answer_tokens == 3);
  CHECK(summary.answer_tokens == answers);
  CHECK(warnings(summary) ==
        std::vector<std::string>{"1 of 2 records lose 3 of " + std::to_string(summary.answer_tokens) +
                                 " answer tokens beyond data.max_length"});
}

TEST_CASE("records that cannot be used are counted, the first of them named in their order", "[data]") {
  const TemporaryFolder folder;
  folder.write_image("a.ppm", 8, 8);
  folder.write("text.ppm", "<html>404</html>");
  std::string json = "[" + record_json("a.ppm", "q", "a") + "," + record_json("text.ppm", "q", "a") + R"(, {"id": 1})";
  for (int i = 0; i < 200; ++i) json += "," + record_json("absent.ppm", "q", "a");
  const Dataset dataset = dataset_of(folder, json + "]");

  const DataSummary summary = summarize_all(dataset);
  CHECK(summary.unusable == 201);  // that of text.ppm is not seen without decoding
  CHECK(summary.missing == 200);
  CHECK(summary.decoded == 0);
  REQUIRE(summary.reasons.size() == DataSummary::kMostReasons);
  CHECK_THAT(summary.reasons[0], contains("record 2: conversations: not given"));
  CHECK_THAT(summary.reasons[1], contains("record 3: ") && contains("absent.ppm") && contains("No such file"));
  CHECK_THAT(summary.reasons[4], contains("record 6: "));
  REQUIRE(warnings(summary).size() == 1);
  CHECK_THAT(warnings(summary)[0],
             contains("201 of 203 records are unusable, 200 of them without their image file; the first: " +
                      summary.reasons[0]));

  const DataSummary decoded = summarize_all(dataset, {.most_decoded = 500, .threads = 2});
  CHECK(decoded.unusable == 202);
  CHECK(decoded.missing == 200);
  CHECK(decoded.decoded == 2);
  CHECK_THAT(decoded.reasons[0], contains("record 1: ") && contains("text.ppm: unknown image format"));
}

TEST_CASE("a part of the records is spread over all of them and named as such", "[data]") {
  const TemporaryFolder folder;
  std::string json = "[" + record_json("", "q", "a");
  for (int i = 1; i < 100; ++i) json += "," + record_json(i % 2 == 1 ? "absent.ppm" : "", "q", "a");
  std::vector<int64_t> seen;
  const DataSummary summary = summarize_all(
      dataset_of(folder, json + "]"), {.most_examined = 30, .progress = [&](int64_t done) { seen.push_back(done); }});
  CHECK(summary.records == 100);
  CHECK(summary.examined == 30);
  CHECK(seen == std::vector<int64_t>{30});
  CHECK(summary.missing == 10);  // positions 0, 3, 6, 10, 13, 16, ...: every third is odd
  CHECK_THAT(warnings(summary)[0], contains("10 of 30 examined records are unusable"));
}

TEST_CASE("characters without a token are reported", "[data]") {
  const TemporaryFolder folder;
  const DataSummary summary =
      summarize_all(dataset_of(folder, "[" + record_json("", "€€€€", "€") + "," + record_json("", "q", "a") + "]"));
  CHECK(summary.characters_without_token == std::map<std::string, int64_t>{{"€", 5}});
  REQUIRE(warnings(summary).size() == 1);
  CHECK_THAT(warnings(summary)[0], contains("no token for 5 characters of the text") && contains("\"€\" 5"));
}

TEST_CASE("an outline counts what the sample has, without its pixels", "[data]") {
  const TemporaryFolder folder;
  folder.write_image("a.ppm", 90, 30);
  SampleOptions options = small_options();
  for (const auto aspect : {image::Aspect::kPad, image::Aspect::kNative}) {
    options.image.aspect = aspect;
    const Dataset dataset = dataset_of(folder, "[" + record_json("a.ppm", "what is it", "a cat") + "]", options);
    const Sample sample = dataset.sample(0);
    const Sample outline = dataset.outline(0);
    CHECK(outline.prompt.input_ids == sample.prompt.input_ids);
    CHECK(outline.visual_tokens == sample.visual_tokens);
    CHECK(outline.tokens() == sample.tokens());
    CHECK(outline.kept_labels == sample.kept_labels);
    CHECK(outline.image->width == sample.image->width);
    CHECK(outline.image->pixels.empty());
  }
}

}  // namespace convllava::data
