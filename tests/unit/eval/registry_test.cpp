#include "convllava/eval/registry.h"

#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/support/errors.h"

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
  using convllava::testing::Parts;
  using convllava::testing::thrown;
  const auto error = thrown<ConfigError>([] { find_benchmark("textvaq"); });
  CHECK(error == Parts{.field = "--bench",
                       .kind = "unknown benchmark",
                       .got = "textvaq",
                       .expected = "one of docvqa, infovqa, textvqa (did you mean \"textvqa\"?)"});
  CHECK_THAT(thrown<ConfigError>([] { find_benchmark("chess"); }).expected(), !contains("did you mean"));
}

}  // namespace convllava::eval
