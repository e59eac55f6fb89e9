#include "convllava/report/report.h"

#include "convllava/core/error.h"
#include "tests/catch.h"
#include "tests/support/errors.h"
#include "tests/unit/report/fixtures.h"

namespace convllava::report {
namespace {

using convllava::testing::contains;
using convllava::testing::thrown;
using testing::count_of;
using testing::ppm_bytes;
using testing::TemporaryFolder;
using testing::test_image;
using testing::text_of;
using testing::write_text;

std::string report(const TemporaryFolder& folder, const ReportContents& contents) {
  write_report(folder / "report.html", contents);
  return text_of(folder / "report.html");
}

/// Bytes of the only data: URI of a kind.
std::string embedded(const std::string& html, const std::string& type) {
  const std::string start = "src=\"data:" + type + ";base64,";
  REQUIRE(count_of(html, start) == 1);
  const size_t begin = html.find(start) + start.size();
  const std::string text = html.substr(begin, html.find('"', begin) - begin);
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  REQUIRE(text.size() % 4 == 0);
  std::string bytes;
  uint32_t held = 0;
  int bits = 0;
  for (const char c : text.substr(0, text.find('='))) {
    held = held << 6 | static_cast<uint32_t>(digits.find(c));
    if ((bits += 6) >= 8) bytes += static_cast<char>(held >> (bits -= 8) & 0xFF);
  }
  return bytes;
}

}  // namespace

TEST_CASE("a report holds curves, facts, answers and the configuration, and needs nothing else", "[report]") {
  const TemporaryFolder folder("sinks_report");
  const auto html = report(
      folder,
      {"demo", {{"steps", "12"}}, {{1, {{"train/loss", 2.0}}}}, {{{}, "<image>\nWhy?", "so", "so"}}, "seed: 1\n"});
  CHECK(html.starts_with("<!DOCTYPE html>"));
  CHECK(html.ends_with("</html>\n"));
  CHECK_THAT(html, contains("<dt>steps</dt><dd>12</dd>"));
  CHECK(count_of(html, "<svg") == 1);
  CHECK_THAT(html, contains("seed: 1\n</pre>"));
  CHECK_THAT(html, contains("<p class=\"question\">Why?</p>"));
  CHECK_THAT(html, contains("matches reference"));
  for (const char* outside : {"http", "<script", "<link", "@import", "url("})
    CHECK(html.find(outside) == std::string::npos);
  for (const char* tag : {"section", "figure", "svg", "g", "div", "p", "small", "ul", "li", "title", "details", "dl"}) {
    INFO(tag);
    const std::string name = tag;
    CHECK(count_of(html, "<" + name + ">") + count_of(html, "<" + name + " ") == count_of(html, "</" + name + ">"));
  }
}

TEST_CASE("a report counts the answers that are the reference", "[report]") {
  const TemporaryFolder folder("sinks_count");
  const auto html = report(folder, {"", {}, {}, {{{}, "a", "1", "1"}, {{}, "b", "2", "3"}, {{}, "c", "", ""}}, ""});
  CHECK_THAT(html, contains("<h2>Sample answers: 2 of 3 match the reference</h2>"));
}

TEST_CASE("a report says what validation gave before and after", "[report]") {
  using Facts = std::vector<std::pair<std::string, std::string>>;
  CHECK(validation_facts({{0, {{"validation/loss", 6.25}}},
                          {1, {{"train/loss", 5.0}}},
                          {4, {{"validation/loss", 3.0}}},
                          {9, {{"validation/loss", 2.5}}}}) ==
        Facts{{"validation loss before", "6.25"}, {"validation loss, step 9", "2.5"}});
  CHECK(validation_facts({{0, {{"validation/loss", 6.25}}}}) == Facts{{"validation loss before", "6.25"}});
  CHECK(validation_facts({{1, {{"train/loss", 5.0}}}}).empty());
}

TEST_CASE("what users and models write cannot become markup", "[report]") {
  const TemporaryFolder folder("sinks_escape");
  const std::string evil = "<script>\"x\" & 'y'</script>";
  const std::string safe = "&lt;script&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/script&gt;";
  write_text(folder / "<b>.ppm", ppm_bytes(test_image(8, 8)));
  const auto html = report(
      folder, {evil, {{evil, evil}}, {{1, {{evil, 2.0}}}}, {{folder / "<b>.ppm", evil, evil, evil + "!"}}, evil});
  CHECK(html.find("<script") == std::string::npos);
  CHECK(html.find("<b>.ppm") == std::string::npos);
  CHECK(count_of(html, safe) >= 8);
}

TEST_CASE("an empty report is one too", "[report]") {
  const TemporaryFolder folder("sinks_empty");
  const auto html = report(folder, {});
  CHECK(count_of(html, "<h2>") == 0);
  CHECK(html.ends_with("</html>\n"));
}

TEST_CASE("small images that browsers show are embedded as they are", "[report]") {
  const TemporaryFolder folder("sinks_embed");
  // A PNG's signature and header are enough to be known as one.
  const std::string png("\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x8\2\0\0\0", 29);
  write_text(folder / "a.png", png);
  CHECK(embedded(report(folder, {"", {}, {}, {{folder / "a.png", "", "", ""}}, ""}), "image/png") == png);
}

TEST_CASE("other images are shrunk to a JPEG", "[report]") {
  const TemporaryFolder folder("sinks_shrink");
  write_text(folder / "a.ppm", ppm_bytes(test_image(2000, 500)));
  const auto bytes = embedded(report(folder, {"", {}, {}, {{folder / "a.ppm", "", "", ""}}, ""}), "image/jpeg");
  CHECK(bytes.size() < 60'000);
  const size_t frame = bytes.find("\xFF\xC0");
  REQUIRE(frame != std::string::npos);
  const auto word = [&](size_t at) {
    return static_cast<uint8_t>(bytes[at]) << 8 | static_cast<uint8_t>(bytes[at + 1]);
  };
  CHECK(word(frame + 5) == 192);
  CHECK(word(frame + 7) == 768);
}

TEST_CASE("an image outside of the image folder is named and not embedded", "[report]") {
  const TemporaryFolder folder("sinks_hidden");
  write_text(folder / "secret.ppm", ppm_bytes(test_image(8, 8)));
  const auto html = report(folder, {"", {}, {}, {{folder / "secret.ppm", "Q", "", "", true}}, ""});
  CHECK(count_of(html, "<img") == 0);
  CHECK_THAT(html, contains("secret.ppm: not shown: outside the image folder"));
}

TEST_CASE("an image that cannot be read leaves its reason", "[report]") {
  const TemporaryFolder folder("sinks_unreadable");
  write_text(folder / "a.jpg", "not an image");
  const auto html =
      report(folder, {"", {}, {}, {{folder / "a.jpg", "Q1", "", ""}, {folder / "none.jpg", "Q2", "", ""}}, ""});
  CHECK(count_of(html, "<img") == 0);
  CHECK_THAT(html, contains("a.jpg: "));
  CHECK_THAT(html, contains("none.jpg: cannot read the file"));
  CHECK_THAT(html, contains("Q2"));
}

TEST_CASE("a report that cannot be written says so", "[report]") {
  const TemporaryFolder folder("sinks_unwritable_report");
  CHECK_THAT(thrown<CheckpointError>([&] { write_report(folder / "absent/report.html", {}); }).place().where,
             contains("absent/report.html"));
}

}  // namespace convllava::report
