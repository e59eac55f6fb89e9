#include "convllava/core/suggest.h"

#include "tests/catch.h"

namespace convllava::core {

TEST_CASE("the nearest name is suggested", "[core]") {
  const std::vector<std::string> names = {"learning_rate", "weight_decay", "warmup_ratio", "steps"};
  CHECK(nearest_name("learning_rat", names) == "learning_rate");
  CHECK(nearest_name("lerning_rate", names) == "learning_rate");
  CHECK(nearest_name("weight-decay", names) == "weight_decay");
  CHECK(nearest_name("step", names) == "steps");
  CHECK(nearest_name("steps", names) == "steps");
  CHECK(nearest_name("Weight_Decay", names) == "weight_decay");
  CHECK(nearest_name("LR", {"eps", "lr"}) == "lr");
}

TEST_CASE("a name that is like none suggests nothing", "[core]") {
  const std::vector<std::string> names = {"learning_rate", "weight_decay"};
  CHECK(nearest_name("batch", names).empty());
  CHECK(nearest_name("learning_rate_of_tower", names).empty());
  CHECK(nearest_name("anything", {}).empty());
}

TEST_CASE("a short name is not changed into another one altogether", "[core]") {
  CHECK(nearest_name("tf", {"lr", "eps"}).empty());
  CHECK(nearest_name("l", {"lr"}).empty());
  CHECK(nearest_name("", {"lr"}).empty());
  CHECK(nearest_name("lm", {"vision", "llm"}) == "llm");
  CHECK(nearest_name("ep", {"lr", "eps"}) == "eps");
}

TEST_CASE("of two equally near names the first is suggested", "[core]") {
  CHECK(nearest_name("stage4", {"stage1", "stage2"}) == "stage1");
}

TEST_CASE("another word for a name suggests this name, although a third one is nearer by letters", "[core]") {
  CHECK(nearest_name("gpu", {"auto", "cpu", "cuda"}) == "cuda");
  CHECK(nearest_name("FP16", {"fp32", "bf16"}) == "bf16");
  CHECK(nearest_name("gpu", {"cpu", "lr"}) == "cpu");
}

TEST_CASE("join puts the separator between the parts", "[core]") {
  CHECK(join({}) == "");
  CHECK(join({"a"}) == "a");
  CHECK(join({"a", "b", "c"}) == "a, b, c");
  CHECK(join({"", "b", ""}, "|") == "|b|");
}

}  // namespace convllava::core
