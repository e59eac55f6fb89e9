#include <algorithm>
#include <map>
#include <string_view>

#include "convllava/report/chart.h"

// Groups the metrics of a run into charts, with titles.

namespace convllava::report {
namespace {

struct KnownChart {
  std::string_view key;
  const char* title;
  const char* note;
  double scale = 1;
  bool logarithmic = false;
};

// In the order of the report.
constexpr KnownChart kKnown[] = {
    {"loss", "Loss", "cross-entropy per supervised token", 1, true},
    {"lr", "Learning rate", ""},
    {"grad_norm", "Gradient norm", "before clipping", 1, true},
    {"speed/tokens_per_second", "Throughput", "tokens per second"},
    {"speed/samples_per_second", "Throughput", "samples per second"},
    {"speed/seconds_per_step", "Step time", "seconds"},
    {"speed/data_wait_share", "Waiting for data", "share of rank 0's time"},
    {"speed/tflops", "Compute", "TFLOP/s of all ranks"},
    {"speed/mfu", "Model FLOPs utilisation", "share of the GPUs' bf16 peak"},
    {"memory/resident_bytes", "Memory of rank 0", "GiB resident", 1.0 / (1 << 30)},
    {"memory/gpu_peak_bytes", "GPU memory of rank 0", "GiB at most", 1.0 / (1 << 30)},
    {"supervised_tokens", "Supervised tokens", "per step"},
    {"data/cut_samples", "Answers truncated by max_length", "samples per step"},
    {"data/bad_samples", "Skipped samples", "so far"},
    {"data/idle_steps", "Steps without supervised tokens", "so far"},
};
constexpr std::string_view kSkipped = "epoch";  // a straight line

struct Place {
  std::string chart;
  std::string split;   ///< "train", "validation" or ""
  std::string detail;  ///< the rest of the name
};

Place place_of(const std::string& name) {
  for (const std::string split : {"train", "validation"}) {
    if (!name.starts_with(split + "/")) continue;
    const std::string rest = name.substr(split.size() + 1);
    const size_t slash = rest.find('/');
    return {rest.substr(0, slash), split, slash == std::string::npos ? "" : rest.substr(slash + 1)};
  }
  return {name, "", ""};
}

std::string series_name(const Place& place, bool several_splits) {
  if (place.detail.empty()) return several_splits || place.split.empty() ? place.split : "all";
  return several_splits ? place.split + " " + place.detail : place.detail;
}

size_t rank_of(const std::string& key) {
  const auto* found =
      std::find_if(std::begin(kKnown), std::end(kKnown), [&](const KnownChart& known) { return known.key == key; });
  return static_cast<size_t>(found - std::begin(kKnown));
}

struct PlacedSeries {
  Place place;
  Series series;
};
/// Curves by chart, both in order of first appearance.
using Groups = std::vector<std::pair<std::string, std::vector<PlacedSeries>>>;

Groups collect(const std::vector<std::pair<int64_t, Scalars>>& metrics) {
  Groups groups;
  std::map<std::string, std::pair<size_t, size_t>> where;  // name -> group and curve
  for (const auto& [step, scalars] : metrics) {
    for (const auto& [name, value] : scalars) {
      auto found = where.find(name);
      if (found == where.end()) {
        const Place place = place_of(name);
        auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.first == place.chart; });
        if (group == groups.end()) group = groups.insert(group, {place.chart, {}});
        group->second.push_back({place, {}});
        found = where.emplace(name, std::pair(group - groups.begin(), group->second.size() - 1)).first;
      }
      groups[found->second.first].second[found->second.second].series.points.emplace_back(step, value);
    }
  }
  return groups;
}

Chart make_chart(const std::string& key, std::vector<PlacedSeries> curves) {
  const size_t rank = rank_of(key);
  const KnownChart look = rank < std::size(kKnown) ? kKnown[rank] : KnownChart{key, key.c_str(), ""};
  std::stable_sort(curves.begin(), curves.end(), [](const PlacedSeries& a, const PlacedSeries& b) {
    return std::pair(a.place.split, !a.place.detail.empty()) < std::pair(b.place.split, !b.place.detail.empty());
  });
  const bool several = curves.front().place.split != curves.back().place.split;
  Chart chart{look.title, look.note, look.logarithmic, {}};
  for (auto& curve : curves) {
    curve.series.name = curves.size() == 1 ? "last" : series_name(curve.place, several);
    for (auto& point : curve.series.points) point.second *= look.scale;
    chart.series.push_back(std::move(curve.series));
  }
  return chart;
}

}  // namespace

std::vector<Chart> make_charts(const std::vector<std::pair<int64_t, Scalars>>& metrics) {
  Groups groups = collect(metrics);
  std::stable_sort(groups.begin(), groups.end(),
                   [](const auto& a, const auto& b) { return rank_of(a.first) < rank_of(b.first); });
  std::vector<Chart> charts;
  for (auto& [key, curves] : groups) {
    if (key != kSkipped) charts.push_back(make_chart(key, std::move(curves)));
  }
  return charts;
}

}  // namespace convllava::report
