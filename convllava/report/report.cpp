#include "convllava/report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "convllava/core/error.h"
#include "convllava/core/files.h"
#include "convllava/report/chart.h"
#include "convllava/report/embedded_image.h"
#include "convllava/report/html.h"
#include "convllava/text/conversation.h"

namespace convllava::report {
namespace {

constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --line: #e3e6eb; --ink: #1b2430; --soft: #667085;
  --good: #0f8a5f; --bad: #d92d20; --c0: #2563eb; --c1: #ea580c; --c2: #059669; --c3: #9333ea;
  --c4: #0891b2; --c5: #be185d; }
@media (prefers-color-scheme: dark) { :root { --page: #0f141b; --card: #171e27; --line: #2a3441; --ink: #e6eaf0;
  --soft: #94a1b2; --good: #34d399; --bad: #f87171; --c0: #60a5fa; --c1: #fb923c; --c2: #34d399; --c3: #c084fc;
  --c4: #22d3ee; --c5: #f472b6; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 32px 20px 56px; }
h1 { margin: 0 0 4px; font-size: 26px; line-height: 1.25; overflow-wrap: anywhere; }
h2 { margin: 36px 0 14px; font-size: 18px; }
.soft, figcaption span, dt { color: var(--soft); }
.card, figure, dl > div, details { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(170px, 1fr)); gap: 12px; margin: 22px 0 0; }
dl > div { padding: 10px 14px; }
dt { font-size: 12.5px; }
dt::first-letter { text-transform: uppercase; }
dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 480px), 1fr)); gap: 16px; }
figure { margin: 0; padding: 14px 14px 6px; min-width: 0; }
figcaption { font-weight: 600; }
figcaption span { font-weight: 400; font-size: 13px; margin-left: 4px; }
figure ul { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 4px 0 6px; padding: 0;
  font-size: 13px; color: var(--soft); min-height: 20px; }
figure li b { color: var(--ink); font-weight: 600; font-variant-numeric: tabular-nums; }
figure li i { display: inline-block; width: 10px; height: 10px; margin-right: 6px; border-radius: 3px;
  background: var(--c); }
svg { display: block; width: 100%; height: auto; overflow: visible; }
.s0 { --c: var(--c0); } .s1 { --c: var(--c1); } .s2 { --c: var(--c2); }
.s3 { --c: var(--c3); } .s4 { --c: var(--c4); } .s5 { --c: var(--c5); }
.grid path { stroke: var(--line); }
.grid text { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
polyline { fill: none; stroke: var(--c); stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; }
circle { fill: var(--c); }
.band { fill: var(--c); opacity: .18; }
.bad { fill: var(--bad); }
.hover rect { fill: transparent; }
.hover path { stroke: var(--soft); stroke-dasharray: 3 3; visibility: hidden; pointer-events: none; }
.hover g:hover path { visibility: visible; }
@media (max-width: 600px) { main { padding: 24px 14px 40px; } .grid text { font-size: 19px; }
  polyline { stroke-width: 3; } }
.samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 270px), 1fr)); gap: 16px; }
.card { overflow: hidden; display: flex; flex-direction: column; }
.image { height: 230px; display: flex; align-items: center; justify-content: center; background: var(--page);
  border-bottom: 1px solid var(--line); }
.image img { width: 100%; height: 100%; object-fit: contain; }
.image p { padding: 0 16px; font-size: 13px; color: var(--soft); overflow-wrap: anywhere; }
.words { padding: 12px 14px 14px; display: grid; gap: 8px; }
.words p { margin: 0; white-space: pre-line; overflow-wrap: anywhere; max-height: 15em; overflow-y: auto; }
.words small { display: block; color: var(--soft); font-size: 12px; }
.question { font-weight: 600; }
.same small b { color: var(--good); }
details { padding: 12px 16px; }
summary { cursor: pointer; font-weight: 600; }
pre { margin: 12px 0 4px; overflow-x: auto; font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
)css";

std::string section(std::string_view heading, std::string_view css_class, const std::string& content) {
  if (content.empty()) return "";
  return fmt::format("<section><h2>{}</h2>\n<div class=\"{}\">\n{}</div></section>\n", heading, css_class, content);
}

std::string facts(const ReportContents& contents) {
  std::string html;
  for (const auto& [name, value] : contents.facts) {
    html += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escape_html(name), escape_html(value));
  }
  return html.empty() ? "" : "<dl>\n" + html + "</dl>\n";
}

std::string image(const std::filesystem::path& path, bool hidden) {
  if (path.empty()) return "";
  if (hidden) {
    return fmt::format("<div class=\"image\"><p>{}: not shown: outside the image folder</p></div>\n",
                       escape_html(path.string()));
  }
  try {
    return fmt::format("<div class=\"image\"><img alt=\"{}\" src=\"{}\"></div>\n",
                       escape_html(path.filename().string()), image_uri(path));
  } catch (const DataError& error) {
    return fmt::format("<div class=\"image\"><p>{}</p></div>\n", escape_html(error.what()));
  }
}

/// The report shows the image next to the question.
std::string without_placeholder(std::string question) {
  for (size_t at; (at = question.find(text::kImagePlaceholder)) != std::string::npos;) {
    question.erase(at, text::kImagePlaceholder.size());
  }
  return question.erase(0, std::min(question.find_first_not_of(" \n"), question.size()));
}

std::string sample(const SampleAnswer& sample) {
  const bool same = sample.answer == sample.reference;
  std::string html = "<div class=\"card\">\n" + image(sample.image, sample.hidden) + "<div class=\"words\">\n";
  html += fmt::format("<p class=\"question\">{}</p>\n", escape_html(without_placeholder(sample.question)));
  html += fmt::format("<p{}><small>Answer{}</small>{}</p>\n", same ? " class=\"same\"" : "",
                      same ? " <b>\u2713 matches reference</b>" : "", escape_html(sample.answer));
  if (!same) html += fmt::format("<p><small>Reference</small>{}</p>\n", escape_html(sample.reference));
  return html + "</div></div>\n";
}

std::string sample_heading(const std::vector<SampleAnswer>& samples) {
  const auto same =
      std::count_if(samples.begin(), samples.end(), [](const auto& s) { return s.answer == s.reference; });
  return fmt::format("Sample answers: {} of {} match the reference", same, samples.size());
}

}  // namespace

std::vector<std::pair<std::string, std::string>> validation_facts(
    const std::vector<std::pair<int64_t, Scalars>>& metrics) {
  std::vector<std::pair<std::string, std::string>> facts;
  std::pair<int64_t, double> last;
  for (const auto& [step, scalars] : metrics) {
    for (const auto& [name, value] : scalars) {
      if (name != "validation/loss") continue;
      if (step == 0) facts = {{"validation loss before", format_number(value)}};
      last = {step, value};
    }
  }
  if (last.first > 0)
    facts.emplace_back(fmt::format("validation loss, step {}", last.first), format_number(last.second));
  return facts;
}

void write_report(const std::filesystem::path& file, const ReportContents& contents) {
  std::string charts;
  for (const auto& chart : make_charts(contents.metrics)) charts += render_chart(chart);
  std::string samples;
  for (const auto& answer : contents.samples) samples += sample(answer);
  const std::string title = escape_html(contents.title);

  std::string html = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  html += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  html += fmt::format("<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n", title, kStyle);
  html += fmt::format("<h1>{}</h1>\n<div class=\"soft\">ConvLLaVA training report</div>\n", title);
  html += facts(contents) + section("Curves", "charts", charts) +
          section(sample_heading(contents.samples), "samples", samples);
  if (!contents.config_yaml.empty()) {
    html += fmt::format(
        "<section><h2>Configuration</h2>\n<details><summary>Show</summary><pre>{}</pre></details></section>\n",
        escape_html(contents.config_yaml));
  }
  html += "</main>\n</body>\n</html>\n";
  core::write_file_atomic(file, html);
}

}  // namespace convllava::report
