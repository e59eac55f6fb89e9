#include "convllava/core/error.h"

#include "tests/catch.h"

namespace convllava {

TEST_CASE("a message says where, what, got and expected", "[core]") {
  CHECK(error_message("a.yaml:3", "unknown key", "\"lrr\"", "\"lr\"") ==
        "a.yaml:3: unknown key; got \"lrr\"; expected \"lr\"");
}

TEST_CASE("a message skips empty parts", "[core]") {
  CHECK(error_message("a", "b") == "a: b");
  CHECK(error_message("", "b") == "b");
  CHECK(error_message("", "b", "c") == "b; got c");
  CHECK(error_message("", "b", "", "d") == "b; expected d");
  CHECK(error_message("a", "b", "c") == "a: b; got c");
}

TEST_CASE("a message inside a message leaves one got and one expected", "[core]") {
  const auto inner = error_message("b:2", "not a number", "x", "0 to 1");
  CHECK(error_message("a", "1 of 2, the first", inner, "none") ==
        "a: 1 of 2, the first; got b:2: not a number, got x, expected 0 to 1; expected none");
  CHECK(DataError("a", "rank 1 left: " + inner).kind() == "rank 1 left: " + inner);
}

TEST_CASE("an error as one of another type keeps its parts", "[core]") {
  const auto error = error_as<CheckpointError>(DataError({"a.json", "size"}, "out of range", "0", "at least 1"));
  CHECK(std::string(error.what()) == "a.json: size: out of range; got 0; expected at least 1");
  CHECK(error.place().field == "size");
}

TEST_CASE("each kind of error has its exit code", "[core]") {
  CHECK(exit_code(ConfigError("")) == 2);
  CHECK(exit_code(DataError("")) == 3);
  CHECK(exit_code(CheckpointError("")) == 4);
  CHECK(exit_code(DistributedError("")) == 5);
  CHECK(exit_code(Error("")) == 1);
  CHECK(exit_code(std::bad_alloc()) == 1);
}

TEST_CASE("every kind of error is caught as Error", "[core]") {
  CHECK_THROWS_AS(throw ConfigError("x"), Error);
  CHECK_THROWS_AS(throw DataError("x"), Error);
  CHECK_THROWS_AS(throw CheckpointError("x"), Error);
  CHECK_THROWS_AS(throw DistributedError("x"), Error);
  CHECK(std::string(DataError("the text").what()) == "the text");
}

}  // namespace convllava
