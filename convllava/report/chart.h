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
  std::string note;  ///< what is measured, beside the title; may be empty
  bool logarithmic = false;
  std::vector<Series> series;
};

/// The charts of a run, those that matter most first. "train/A", "validation/A" and "train/A/B" share the chart of A;
/// any other name has a chart of its own.
std::vector<Chart> make_charts(const std::vector<std::pair<int64_t, Scalars>>& metrics);

/// A <figure> with title, legend and curves; pointing at it shows the values. More than a few hundred points are
/// thinned to the mean of as many stretches, over a band from the smallest to the largest value of each, so that the
/// size does not grow with the run. Values that are not finite are marked at the lower edge.
std::string render_chart(const Chart& chart);

}  // namespace convllava::report
