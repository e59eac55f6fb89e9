#pragma once

#include <string>
#include <vector>

#include "convllava/report/metric_log.h"

// Curves of a report as inline SVG.

namespace convllava::report {

struct Series {
  std::string name;  ///< for the legend
  std::vector<std::pair<int64_t, double>> points;
};

/// Series of one unit that share an axis.
struct Chart {
  std::string title;
  std::string note;  ///< quantity or unit, next to the title; may be empty
  bool logarithmic = false;
  std::vector<Series> series;
};

/// The charts of a run, the most important first. "train/A", "validation/A" and "train/A/B" share the chart of A; each
/// other name has its own chart.
std::vector<Chart> make_charts(const std::vector<std::pair<int64_t, Scalars>>& metrics);

/// A <figure> with title, legend and curves; hovering shows the values. A curve of more than 300 points is reduced to
/// 300 intervals, with the mean as line and the range as band, so that the size does not grow with the run. Non-finite
/// values are marked at the lower edge.
std::string render_chart(const Chart& chart);

}  // namespace convllava::report
