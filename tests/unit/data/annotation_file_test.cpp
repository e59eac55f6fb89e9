#include "convllava/data/annotation_file.h"

#include <sys/stat.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "convllava/core/error.h"
#include "convllava/core/fingerprint.h"
#include "tests/support/errors.h"
#include "tests/unit/data/fixtures.h"

namespace convllava::data {
namespace {

using namespace testing;

constexpr const char* kFileEmpty = "the file is empty";
constexpr const char* kNotAnAnnotationFile = "not an annotation file";
constexpr const char* kTruncated = "the file is truncated inside record 1, which begins on line 2";
constexpr const char* kUnterminatedString = "unterminated string in record 0";
constexpr const char* kInvalidJson = "invalid JSON";
constexpr const char* kNotGiven = "not given";
constexpr const char* kNoTurns = "no turns";
constexpr const char* kNotAnObject = "not an object";

const std::string kGood = record_json("a.jpg", "what is it", "a cat");

/// The error that a file of these bytes gives.
DataError file_error(const std::string& bytes) {
  const TemporaryFolder folder;
  const auto path = folder.write("set.json", bytes);
  return thrown<DataError>([&] { AnnotationFile file(path); });
}

/// Why record 1 of an array of a good record, `record` (on line 2) and a good one is bad.
DataError record_error(const std::string& record) {
  const TemporaryFolder folder;
  const AnnotationFile file(folder.write("set.json", "[" + kGood + ",\n" + record + ",\n" + kGood + "]"));
  REQUIRE(file.size() == 3);
  REQUIRE(file.bad().size() == 1);
  CHECK(file.bad()[0].index == 1);
  CHECK(file.record(0).turns.size() == 2);
  CHECK(file.record(2).turns.size() == 2);
  auto error = thrown<DataError>([&] { file.record(1); });
  CHECK(file.bad()[0].message == error.what());
  REQUIRE(error.place().where.starts_with((folder.path() / "set.json").string() + ":2: record 1"));
  return error;
}

}  // namespace

TEST_CASE("records of a JSON array are read one by one", "[data]") {
  const TemporaryFolder folder;
  const auto path = folder.write("set.json", R"([
  {"id": "x", "image": "d/a.jpg", "model": "", "conversations": [
    {"from": "human", "value": "<image>\nIs \"it\" {[a]} \\ cat?"},
    {"from": "gpt", "value": "Yes\t\u00e9"}]},
  {"id": 17, "conversations": [{"from": "gpt", "value": "one"}, {"from": "human", "value": "two three"}, {"from": "gpt",
    "value": ""}]}
])");
  const AnnotationFile file(path);
  REQUIRE(file.size() == 2);
  CHECK(file.bad().empty());

  const Record first = file.record(0);
  CHECK(first.id == "x");
  CHECK(first.image == "d/a.jpg");
  REQUIRE(first.turns.size() == 2);
  CHECK(first.turns[0].speaker == text::Speaker::kHuman);
  CHECK(first.turns[0].text == "<image>\nIs \"it\" {[a]} \\ cat?");
  CHECK(first.turns[1].speaker == text::Speaker::kAssistant);
  CHECK(first.turns[1].text == "Yes\té");
  CHECK(file.summary(0).has_image);
  CHECK(file.summary(0).words == 8);
  CHECK(file.where(0) == path.string() + ":2: record 0");

  const Record second = file.record(1);
  CHECK(second.id == "17");
  CHECK_FALSE(second.image.has_value());
  CHECK(second.turns.size() == 3);
  CHECK_FALSE(file.summary(1).has_image);
  CHECK(file.summary(1).words == 3);
  CHECK(file.where(1) == path.string() + ":5: record 1");
}

TEST_CASE("JSON lines may have blank lines, Windows line ends and no line end at the last", "[data]") {
  const TemporaryFolder folder;
  const auto path = folder.write("set.jsonl", "\n" + record_json("", "a", "b") + "\r\n\n  \n  " + kGood + "\n" + kGood);
  const AnnotationFile file(path);
  REQUIRE(file.size() == 3);
  CHECK(file.bad().empty());
  CHECK(file.record(0).turns[1].text == "b");
  CHECK(file.record(1).image == "a.jpg");
  CHECK(file.record(2).image == "a.jpg");
  CHECK(file.where(1) == path.string() + ":5: record 1");
  CHECK(file.where(2) == path.string() + ":6: record 2");
}

TEST_CASE("a byte order mark is skipped", "[data]") {
  const TemporaryFolder folder;
  CHECK(AnnotationFile(folder.write("set.json", "\xEF\xBB\xBF[" + kGood + "]")).record(0).image == "a.jpg");
  CHECK(AnnotationFile(folder.write("set.jsonl", "\xEF\xBB\xBF" + kGood + "\n")).record(0).image == "a.jpg");
}

TEST_CASE("the fingerprint of a file is that of all its bytes", "[data]") {
  const TemporaryFolder folder;
  const auto of = [&](const std::string& bytes) { return AnnotationFile(folder.write("x", bytes)).fingerprint(); };
  for (const std::string& bytes :
       {"[" + kGood + "]", "\xEF\xBB\xBF " + kGood + "\n\n" + kGood + "\r\n \n", "[" + kGood + " ,\n{}, 3 ] \n"}) {
    core::Fingerprint expected;
    expected.add(bytes);
    CHECK(of(bytes) == expected.value());
  }
  CHECK(of(kGood + "\n") != of(kGood + " "));
}

TEST_CASE("null and empty images mean that there is none", "[data]") {
  const TemporaryFolder folder;
  const std::string turns = R"("conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]})";
  const AnnotationFile file(
      folder.write("set.jsonl", R"({"image": null, )" + turns + "\n" + R"({"image": "", )" + turns));
  CHECK(file.bad().empty());
  for (const int64_t i : {0, 1}) {
    CHECK_FALSE(file.summary(i).has_image);
    CHECK_FALSE(file.record(i).image.has_value());
  }
}

TEST_CASE("words are what Python's split() gives", "[data]") {
  const TemporaryFolder folder;
  const auto words = [&](const std::string& text) {
    return AnnotationFile(folder.write("set.json", "[" + record_json("", text, "") + "]")).summary(0).words;
  };
  CHECK(words("") == 0);
  CHECK(words(" \\n ") == 0);
  CHECK(words(" one  two\\tthree\\n") == 3);
  CHECK(words("a\\u001cb\\u0000c") == 2);
  CHECK(words("a\\u00a0b\\u2003c\\u3000d\\u0085e\\u2028f") == 6);
  CHECK(words("日本語 は\\u200bé") == 2);
}

TEST_CASE("several threads read one file", "[data]") {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 200; ++i) text += record_json("", "q", std::to_string(i)) + "\n";
  const AnnotationFile file(folder.write("set.jsonl", text));
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) wrong += file.record(i).turns[1].text != std::to_string(i);
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("a file that is no annotation file is rejected", "[data]") {
  const TemporaryFolder folder;
  const auto error = [](const std::filesystem::path& path) {
    return thrown<DataError>([&] { AnnotationFile file(path); });
  };
  const std::string expected = "a JSON array of records, or one record per line";
  CHECK(error(folder.path() / "none.json") == Parts{.where = (folder.path() / "none.json").string(),
                                                    .got = "No such file or directory",
                                                    .expected = expected});
  CHECK(error(folder.path()) == Parts{.where = folder.path().string(), .got = "Is a directory", .expected = expected});
  CHECK(error("/dev/null") == Parts{.where = "/dev/null", .got = "a pipe or a device", .expected = expected});
  const auto pipe = folder.path() / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(error(pipe) == Parts{.where = pipe.string(), .got = "a pipe or a device", .expected = expected});
  CHECK(file_error("") == Parts{.where = "set.json", .kind = kFileEmpty});
  CHECK(file_error("\xEF\xBB\xBF \n") == Parts{.where = "set.json", .kind = kFileEmpty});
  CHECK(file_error("[\n]") == Parts{.where = "set.json:2", .kind = "the array is empty"});
  CHECK(file_error("\n\"text\"") == Parts{.where = "set.json:2", .kind = kNotAnAnnotationFile, .got = "\"\"text\"\""});
  CHECK(file_error("12") == Parts{.kind = kNotAnAnnotationFile, .got = "\"12\""});
  CHECK(file_error("\x89PNG\r\n\x1a\n") ==
        Parts{.kind = kNotAnAnnotationFile, .got = "\"\\x89PNG\\x0d\\x0a\\x1a\\x0a\""});
  CHECK(file_error(std::string(60, 'x')) == Parts{.got = "\"" + std::string(40, 'x') + "...\""});
  CHECK(file_error(std::string("\0\0", 2)) == Parts{.got = "\"\\x00\\x00\""});
  CHECK(file_error("{\n\"data\": [" + kGood + "]\n}") ==
        Parts{.where = "set.json:2",
              .kind = "an object on several lines",
              .got = "\"\"data\": [{\"image\": \"a.jpg\", \"conversatio...\""});
}

TEST_CASE("a JSON array that is cut off is rejected wherever the cut is", "[data]") {
  const std::string whole = "[" + kGood + ",\n" + kGood + "]";
  for (size_t length = 1; length < whole.size(); ++length) {
    const auto error = file_error(whole.substr(0, length));
    CHECK_THAT(error.place().where, contains("set.json"));
    CHECK_THAT(error.kind(), contains("the file is truncated"));
  }
  CHECK(file_error("[" + kGood + ",\n{\"conversations\": [{\"from\": \"hum") ==
        Parts{.where = "set.json:2", .kind = kTruncated, .got = "its end inside a string", .expected = "'\"}]}'"});
  CHECK(file_error("[" + kGood + ",\n{\"conversations\":\n[{") ==
        Parts{.where = "set.json:3", .kind = kTruncated, .got = "its end", .expected = "'}]}'"});
  CHECK(file_error("[{\"a\": \"b\\") == Parts{.got = "its end inside a string"});
  CHECK(file_error("[" + std::string(50, '[')) == Parts{.expected = "']]]]]]]]]]]]...'"});
  CHECK(file_error("[" + kGood) == Parts{.where = "set.json:1",
                                         .kind = "the file is truncated after record 0",
                                         .got = "its end",
                                         .expected = "',' or ']'"});
  CHECK(file_error("[" + kGood + ",") ==
        Parts{.kind = "the file is truncated before record 1", .got = "its end", .expected = "a record"});
}

TEST_CASE("JSON lines that are cut off are rejected", "[data]") {
  CHECK(file_error(kGood + "\n" + kGood.substr(0, 60)) == Parts{.where = "set.json:2", .kind = kTruncated});
  CHECK(file_error(kGood.substr(0, 20)) ==
        Parts{.where = "set.json:1", .kind = "the file is truncated inside record 0, which begins on line 1"});
}

TEST_CASE("an array with misplaced brackets, commas or quotes is rejected", "[data]") {
  CHECK(file_error("[" + kGood + "\n" + kGood + "]") ==
        Parts{.where = "set.json:2",
              .kind = "invalid JSON after record 0",
              .got = "\"{\"image\": \"a.jpg\", \"conversations\": [{\"f...\""});
  CHECK(file_error("[" + kGood + ",\n]") ==
        Parts{.where = "set.json:2", .kind = "invalid JSON before record 1", .got = "\"]\"", .expected = "a record"});
  CHECK(file_error("[" + kGood + "]\n[]") == Parts{.where = "set.json:2",
                                                   .kind = "invalid JSON after the array of records",
                                                   .got = "\"[]\"",
                                                   .expected = "the end of the file"});
  CHECK(file_error("[{\"a\": [1,\n2}]") ==
        Parts{.where = "set.json:2", .kind = "mismatched bracket in record 0", .got = "'}'", .expected = "']'"});
  CHECK(file_error("[\n{\"a\": \"b},\n{}]") == Parts{.where = "set.json:2",
                                                     .kind = kUnterminatedString,
                                                     .got = "the end of the line",
                                                     .expected = "'\"'; line breaks inside a string are written \\n"});
  CHECK(file_error("[\n{\"a\": \"b\\\n\"}]") == Parts{.where = "set.json:2", .kind = kUnterminatedString});
}

TEST_CASE("a malformed record is listed and the others are read", "[data]") {
  CHECK(record_error("{\"a\" 1}") ==
        Parts{.where = "record 1: line 2, column 6",
              .kind = kInvalidJson,
              .got = "syntax error while parsing object separator - unexpected number literal; expected ':'"});
  CHECK_THAT(record_error("{\n\"a\": \"\xff\"}").place().where, contains("line 3, column "));
  CHECK_THAT(record_error("{\"a\": \"\xff\"}").got(), contains("ill-formed UTF-8 byte"));
  CHECK_THAT(record_error("{\"a\": \"\xc3\"}").got(), contains("ill-formed UTF-8 byte"));
  CHECK(record_error(R"({"a": "\ud800"})") ==
        Parts{.got = "syntax error while parsing value - invalid string: surrogate U+D800..U+DBFF must be followed by "
                     "U+DC00..U+DFFF"});
  CHECK(record_error("{\"a\": nan}") == Parts{.where = "line 2, column 8", .kind = kInvalidJson});
  CHECK(record_error("{\"a\": NaN, 1}") == Parts{.where = "line 2, column 12", .kind = kInvalidJson});
  const auto nested = record_error("{\"id\": " + std::string(200'000, '[') + std::string(200'000, ']') + "}");
  CHECK(nested == Parts{.kind = kInvalidJson, .got = "more than 127 levels of nesting"});
  CHECK_THAT(nested.place().where, contains("line 2, column "));
  CHECK(record_error("{\"a\": 1e999}") == Parts{.kind = kInvalidJson, .got = "number overflow parsing '1e999'"});
}

TEST_CASE("a record that is not a conversation is listed with the reason", "[data]") {
  const auto turns = [](const std::string& text) { return "{\"conversations\": " + text + "}"; };
  CHECK(record_error("12") == Parts{.kind = kNotAnObject, .got = "12", .expected = "{\"conversations\": [...]}"});
  CHECK(record_error("\"ab\"") == Parts{.kind = kNotAnObject, .got = "\"ab\""});
  CHECK(record_error("null") == Parts{.kind = kNotAnObject, .got = "null"});
  CHECK(record_error("[1, 2]") == Parts{.kind = kNotAnObject, .got = "an array of 2"});
  CHECK_THAT(record_error(std::string(100000, '[') + std::string(100000, ']')).got(), contains("levels of nesting"));
  CHECK(record_error("{}") ==
        Parts{.field = "conversations", .kind = kNotGiven, .got = "", .expected = "a list of turns"});
  CHECK(record_error(turns("[]")) ==
        Parts{.field = "conversations", .kind = kNoTurns, .got = "an array of 0", .expected = "a list of turns"});
  CHECK(record_error(turns("{\"from\": 1}")) == Parts{.field = "conversations", .kind = kNoTurns, .got = "an object"});
  CHECK(record_error(turns("[\"hi\"]")) ==
        Parts{.where = "turn 1", .kind = kNotAnObject, .got = "\"hi\"", .expected = "{\"from\": ..., \"value\": ...}"});
  CHECK(record_error(turns(R"([{"value": "a"}])")) ==
        Parts{.where = "turn 1", .field = "from", .kind = kNotGiven, .expected = "{\"from\": ..., \"value\": ...}"});
  CHECK(record_error(turns(R"([{"from": "human"}])")) == Parts{.where = "turn 1", .field = "value", .kind = kNotGiven});
  CHECK(record_error(turns(R"([{"from": "human", "value": null}])")) ==
        Parts{.where = "turn 1", .field = "value", .got = "null", .expected = "a string"});
  CHECK(record_error(turns(R"([{"from": 3, "value": "a"}])")) ==
        Parts{.where = "turn 1", .field = "from", .got = "3", .expected = "a string"});
  CHECK(record_error(turns(R"([{"from": "human", "value": "a"}, {"from": "user\n", "value": "b"}])")) ==
        Parts{.where = "turn 2",
              .field = "from",
              .kind = "unknown speaker",
              .got = R"("user\x0a")",
              .expected = R"("human" or "gpt")"});
  CHECK(record_error(R"({"image": ["a.jpg", "b.jpg"], "conversations": []})") ==
        Parts{.field = "image", .kind = "wrong type", .got = "an array of 2", .expected = "one path, as a string"});
  CHECK(record_error(R"({"image": 12})") == Parts{.field = "image", .got = "12"});
  CHECK(record_error(R"({"image": NaN})") == Parts{.field = "image", .got = "NaN"});
  CHECK(record_error(R"({"image": "a\u0000b.jpg"})") ==
        Parts{.field = "image", .kind = "contains a NUL byte", .got = R"("a\x00b.jpg")", .expected = "a path"});
}

TEST_CASE("the error of a bad record has its file, line, turn and field", "[data]") {
  const TemporaryFolder folder;
  const auto path = folder.write("set.jsonl", kGood + "\n" + R"({"conversations": [{"from": "user"}]})" + "\n");
  const AnnotationFile file(path);
  std::optional<DataError> caught;
  try {
    file.record(1);
  } catch (const DataError& error) {
    caught = error;
  }
  REQUIRE(caught);
  CHECK(caught->place().where == path.string() + ":2: record 1: turn 1");
  CHECK(caught->place().field == "from");
  CHECK(caught->kind() == "unknown speaker");
  CHECK(caught->got() == "\"user\"");
  CHECK(caught->expected() == "\"human\" or \"gpt\"");
}

TEST_CASE("a field that Python wrote as a constant does not make a record unusable", "[data]") {
  const TemporaryFolder folder;
  const std::string record = "{\"score\": NaN, \"loss\": -Infinity, " + kGood.substr(1);
  const AnnotationFile file(folder.write("set.json", "[" + kGood + ", " + record + "]"));
  REQUIRE(file.size() == 2);
  CHECK(file.bad().empty());
  CHECK(file.record(1).image == "a.jpg");
}

TEST_CASE("an unusable line of JSON lines is listed", "[data]") {
  const TemporaryFolder folder;
  const auto path = folder.write("set.jsonl", "{}\n" + kGood + "\n{\"a\": \n[]\n" + kGood + "\n");
  const AnnotationFile file(path);
  REQUIRE(file.size() == 5);
  REQUIRE(file.bad().size() == 3);
  CHECK(file.bad()[0].message == path.string() + ":1: record 0: conversations: not given; expected a list of turns");
  CHECK_THAT(file.bad()[1].message, contains(":3: record 2: line 3, column "));
  CHECK_THAT(file.bad()[2].message, contains(":4: record 3: not an object; got an array of 0"));
}

TEST_CASE("a first line that is whole but unusable does not make the second one part of it", "[data]") {
  const TemporaryFolder folder;
  const AnnotationFile file(folder.write("set.jsonl", "{\"id\": \"}{\"}\nnonsense\n" + kGood + "\n"));
  REQUIRE(file.size() == 3);
  REQUIRE(file.bad().size() == 2);
  CHECK_THAT(file.bad()[0].message, contains(":1: record 0: conversations: not given"));
  CHECK_THAT(file.bad()[1].message, contains(":2: record 1: line 2, column 2: invalid JSON"));
}

TEST_CASE("a record's bytes are those of the file, bad ones' too", "[data]") {
  const TemporaryFolder folder;
  const AnnotationFile array(folder.write("set.json", "[ " + kGood + " ,\n{\"a\": 1}]"));
  CHECK(array.bytes(0) == kGood);
  CHECK(array.bytes(1) == "{\"a\": 1}");
  const AnnotationFile lines(folder.write("set.jsonl", kGood + "\n  nonsense\n"));
  CHECK(lines.bytes(0) == kGood);
  CHECK(lines.bytes(1) == "nonsense");
}

TEST_CASE("an unusable record counts to the modality of its image", "[data]") {
  const TemporaryFolder folder;
  const AnnotationFile file(folder.write("set.json", R"([{"image": "a.jpg"}, {"image": ["a.jpg"]}, {"id": 1}, 3])"));
  CHECK(file.bad().size() == 4);
  CHECK(file.summary(0).has_image);
  CHECK(file.summary(1).has_image);
  CHECK_FALSE(file.summary(2).has_image);
  CHECK_FALSE(file.summary(3).has_image);
}

}  // namespace convllava::data
