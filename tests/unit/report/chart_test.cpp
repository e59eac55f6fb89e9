#include "convllava/report/chart.h"

#include <cmath>

#include "tests/catch.h"
#include "tests/unit/report/fixtures.h"

namespace convllava::report {
namespace {

using convllava::testing::contains;
using testing::count_of;

std::vector<std::string> names(const Chart& chart) {
  std::vector<std::string> names;
  for (const auto& series : chart.series) names.push_back(series.name);
  return names;
}

Series line(const std::string& name, int64_t steps) {
  Series series{name, {}};
  for (int64_t step = 1; step <= steps; ++step)
    series.points.emplace_back(step, std::sin(0.01 * static_cast<double>(step)) + 2);
  return series;
}

}  // namespace

TEST_CASE("train and validation losses share the first chart, modules one for each quantity", "[report]") {
  const auto charts = make_charts({{0, {{"validation/loss", 6.0}}},
                                   {1,
                                    {{"speed/tokens_per_second", 1e4},
                                     {"train/grad_norm/vision", 0.5},
                                     {"train/grad_norm", 1.0},
                                     {"train/grad_norm/llm", 0.8},
                                     {"train/epoch", 0.1},
                                     {"train/lr/llm", 1e-5},
                                     {"memory/resident_bytes", 2147483648.0},
                                     {"data/bad_samples", 3},
                                     {"train/loss", 5.0}}}});
  std::vector<std::string> titles;
  for (const auto& chart : charts) titles.push_back(chart.title);
  REQUIRE(titles == std::vector<std::string>{"Loss", "Learning rate", "Gradient norm", "Throughput", "Memory of rank 0",
                                             "Skipped samples"});
  // A loss of 10 before the first step would press the rest of its curve flat.
  CHECK(charts[0].logarithmic);
  CHECK(names(charts[0]) == std::vector<std::string>{"train", "validation"});
  CHECK(charts[0].series[1].points == std::vector<std::pair<int64_t, double>>{{0, 6.0}});
  CHECK(names(charts[2]) == std::vector<std::string>{"all", "vision", "llm"});
  CHECK(charts[2].logarithmic);
  CHECK(names(charts[3]) == std::vector<std::string>{"last"});
  CHECK(charts[4].series[0].points[0].second == 2);
}

TEST_CASE("a run of 100,000 steps gives charts as small as one of 1,000", "[report]") {
  const auto small = render_chart({"Loss", "", false, {line("train", 1000)}});
  const auto large = render_chart({"Loss", "", false, {line("train", 100'000)}});
  CHECK(large.size() < small.size() * 12 / 10);
  CHECK(large.size() < 40'000);
  CHECK(count_of(large, "class=\"band\"") == 1);
  CHECK(count_of(render_chart({"Loss", "", false, {line("train", 300)}}), "class=\"band\"") == 0);
}

TEST_CASE("a chart says its values to a pointer and in its legend", "[report]") {
  const auto html = render_chart(
      {"Loss", "per <token>", false, {{"train", {{1, 4.0}, {2, 3.5}}}, {"validation & test", {{2, 3.25}}}}});
  CHECK_THAT(html, contains("<title>step 1\ntrain 4</title>"));
  CHECK_THAT(html, contains("<title>step 2\ntrain 3.5\nvalidation &amp; test 3.25</title>"));
  CHECK_THAT(html, contains("validation &amp; test <b>3.25</b>"));
  CHECK_THAT(html, contains("per &lt;token&gt;"));
}

TEST_CASE("values that are not finite are marked and leave the curve alone", "[report]") {
  const double nan = std::nan("");
  const auto html = render_chart({"Loss", "", false, {{"train", {{1, 4.0}, {2, nan}, {3, INFINITY}, {4, 2.0}}}}});
  CHECK(count_of(html, "class=\"bad\"") == 2);
  CHECK_THAT(html, contains("<title>step 2: train is not finite</title>"));
  CHECK(count_of(html, "<circle") == 2);
  CHECK(count_of(html, "points=\"") == 1);
  const auto body = html.substr(html.find("<svg"));
  CHECK(body.find("nan") == std::string::npos);
  CHECK(body.find("inf") == std::string::npos);
}

TEST_CASE("charts with hardly any values are drawn too", "[report]") {
  const double nan = std::nan("");
  for (const bool logarithmic : {false, true}) {
    for (const std::vector<std::pair<int64_t, double>>& points : {std::vector<std::pair<int64_t, double>>{},
                                                                  {{0, 0.0}},
                                                                  {{5, 2.0}},
                                                                  {{1, 3.0}, {2, 3.0}},
                                                                  {{1, -1.0}, {9, 1.0}},
                                                                  {{1, nan}},
                                                                  {{1, 1e-300}, {2, 1e300}}}) {
      const auto html = render_chart({"t", "", logarithmic, {{"a", points}}});
      const auto body = html.substr(html.find("<svg"));
      CHECK(body.find("nan") == std::string::npos);
      CHECK(body.find("inf") == std::string::npos);
      CHECK(body.size() < 10'000);
    }
  }
}

}  // namespace convllava::report
