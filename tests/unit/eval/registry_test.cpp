#include "convllava/eval/registry.h"

#include "convllava/core/error.h"
#include "tests/catch.h"

namespace convllava::eval {

TEST_CASE("every benchmark is found by its name", "[eval]") {
  REQUIRE(benchmark_names() == std::vector<std::string>{"docvqa", "infovqa", "textvqa"});
  for (const auto& name : benchmark_names()) {
    CHECK(find_benchmark(name).name == name);
    CHECK(find_benchmark(name).max_new_tokens > 0);
  }
}

TEST_CASE("an unknown benchmark is rejected with the nearest name", "[eval]") {
  using convllava::testing::contains;
  using convllava::testing::message_of;
  const auto message = message_of<ConfigError>([] { find_benchmark("textvaq"); });
  CHECK_THAT(message, contains("unknown benchmark; got textvaq"));
  CHECK_THAT(message, contains("docvqa, infovqa, textvqa (did you mean \"textvqa\"?)"));
  CHECK(message_of<ConfigError>([] { find_benchmark("chess"); }).find("did you mean") == std::string::npos);
}

}  // namespace convllava::eval
