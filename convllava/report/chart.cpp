#include "convllava/report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "convllava/report/html.h"

namespace convllava::report {
namespace {

constexpr double kWidth = 640;
constexpr double kHeight = 260;
constexpr double kLeft = 58;
constexpr double kRight = 12;
constexpr double kTop = 10;
constexpr double kBottom = 30;
constexpr int kMostPoints = 300;
constexpr int kMostMarked = 40;  ///< points of a series that are drawn as dots
constexpr int kHoverBands = 80;
constexpr int kColors = 6;

/// One interval of a curve.
struct Bin {
  double step = 0;
  double mean = 0;
  double low = 0;
  double high = 0;
};

struct Curve {
  std::vector<Bin> bins;
  std::vector<int64_t> not_finite;  ///< steps
  bool thinned = false;
};

Curve thin(const Series& series) {
  Curve curve;
  std::vector<std::pair<int64_t, double>> finite;
  for (const auto& point : series.points) {
    if (std::isfinite(point.second)) {
      finite.push_back(point);
    } else {
      curve.not_finite.push_back(point.first);
    }
  }
  const size_t bins = std::min<size_t>(finite.size(), kMostPoints);
  curve.thinned = bins < finite.size();
  for (size_t i = 0; i < bins; ++i) {
    const size_t begin = i * finite.size() / bins;
    const size_t end = (i + 1) * finite.size() / bins;
    Bin bin{0, 0, std::numeric_limits<double>::max(), std::numeric_limits<double>::lowest()};
    for (size_t j = begin; j < end; ++j) {
      bin.step += static_cast<double>(finite[j].first) / static_cast<double>(end - begin);
      bin.mean += finite[j].second / static_cast<double>(end - begin);
      bin.low = std::min(bin.low, finite[j].second);
      bin.high = std::max(bin.high, finite[j].second);
    }
    curve.bins.push_back(bin);
  }
  return curve;
}

/// Maps values to coordinates and says where the grid lines are.
class Axis {
 public:
  /// `from` and `to` are the coordinates of the ends.
  Axis(double low, double high, double from, double to, bool logarithmic)
      : low_(low), high_(high), from_(from), to_(to), logarithmic_(logarithmic) {
    if (logarithmic_) {
      low_ = std::log10(low_);
      high_ = std::log10(high_);
    }
    if (high_ <= low_) {
      const double margin = low_ == 0 ? 1 : 0.1 * std::abs(low_);
      low_ -= margin;
      high_ += margin;
    }
  }

  double operator()(double value) const {
    const double position = logarithmic_ ? std::log10(value) : value;
    return from_ + (position - low_) / (high_ - low_) * (to_ - from_);
  }

  /// About `wanted` round values; of steps, whole ones.
  std::vector<double> ticks(int wanted, bool whole = false) const {
    if (logarithmic_) return logarithmic_ticks();
    const double rough = (high_ - low_) / wanted;
    const double decade = std::pow(10, std::floor(std::log10(rough)));
    double distance = 10 * decade;
    for (const double factor : {5.0, 2.0, 1.0}) {
      if (factor * decade >= rough) distance = factor * decade;
    }
    if (whole) distance = std::max(1.0, distance);
    std::vector<double> ticks;
    for (double i = std::ceil(low_ / distance - 1e-9); i * distance <= high_ + 1e-9 * distance; ++i) {
      ticks.push_back(i * distance);
    }
    return ticks;
  }

 private:
  std::vector<double> logarithmic_ticks() const {
    const double decades = high_ - low_;
    const double stride = std::ceil(decades / 5);
    std::vector<double> ticks;
    for (double exponent = std::floor(low_); exponent <= high_; exponent += stride) {
      for (const double factor : {1.0, 2.0, 5.0}) {
        const double position = exponent + std::log10(factor);
        if (factor > 1 && decades > 2) break;
        if (position >= low_ - 1e-9 && position <= high_ + 1e-9) ticks.push_back(std::pow(10, position));
      }
    }
    return ticks;
  }

  double low_, high_, from_, to_;
  bool logarithmic_;
};

std::string tick_label(double value) {
  const double size = std::abs(value);
  if (size >= 1e6) return format_number(value / 1e6) + "M";
  if (size >= 1e4) return format_number(value / 1e3) + "k";
  return format_number(size < 1e-12 ? 0 : value);
}

Axis value_axis(const std::vector<Curve>& curves, bool logarithmic) {
  double low = std::numeric_limits<double>::max();
  double high = std::numeric_limits<double>::lowest();
  for (const auto& curve : curves) {
    for (const auto& bin : curve.bins) {
      low = std::min(low, bin.low);
      high = std::max(high, bin.high);
    }
  }
  if (low > high) low = high = 0;
  const bool positive = low > 0;
  if (!logarithmic || !positive) {
    const double margin = 0.05 * (high - low);
    const bool near_zero = low >= 0 && low < 0.6 * high;  // then the height of a curve shows its value
    low = near_zero ? 0 : low - margin;
    high += margin;
  }
  return {low, high, kHeight - kBottom, kTop, logarithmic && positive};
}

Axis step_axis(const Chart& chart) {
  int64_t first = std::numeric_limits<int64_t>::max();
  int64_t last = 0;
  for (const auto& series : chart.series) {
    for (const auto& [step, value] : series.points) {
      first = std::min(first, step);
      last = std::max(last, step);
    }
  }
  return {static_cast<double>(std::min(first, last)), static_cast<double>(last), kLeft, kWidth - kRight, false};
}

std::string grid(const Axis& x, const Axis& y) {
  std::string svg = "<g class=\"grid\">";
  for (const double value : y.ticks(4)) {
    const double at = y(value);
    svg += fmt::format("<path d=\"M{} {:.1f}H{}\"/><text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", kLeft,
                       at, kWidth - kRight, kLeft - 8, at + 4, tick_label(value));
  }
  for (const double step : x.ticks(6, true)) {
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>", x(step), kHeight - 10,
                       tick_label(step));
  }
  return svg + "</g>";
}

std::string draw(const Curve& curve, size_t color, const Axis& x, const Axis& y) {
  std::string svg = fmt::format("<g class=\"s{}\">", color % kColors);
  if (curve.thinned) {
    std::string band;
    for (const auto& bin : curve.bins) band += fmt::format("{:.1f},{:.1f} ", x(bin.step), y(bin.high));
    for (auto bin = curve.bins.rbegin(); bin != curve.bins.rend(); ++bin) {
      band += fmt::format("{:.1f},{:.1f} ", x(bin->step), y(bin->low));
    }
    svg += fmt::format("<polygon class=\"band\" points=\"{}\"/>", band);
  }
  std::string line;
  for (const auto& bin : curve.bins) line += fmt::format("{:.1f},{:.1f} ", x(bin.step), y(bin.mean));
  svg += fmt::format("<polyline points=\"{}\"/>", line);
  if (curve.bins.size() <= kMostMarked) {
    for (const auto& bin : curve.bins) {
      svg += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>", x(bin.step), y(bin.mean));
    }
  }
  return svg + "</g>";
}

std::string mark_not_finite(const Chart& chart, const std::vector<Curve>& curves, const Axis& x) {
  std::string svg;
  for (size_t i = 0; i < curves.size(); ++i) {
    const auto& steps = curves[i].not_finite;
    const size_t shown = std::min<size_t>(steps.size(), kMostMarked);
    for (size_t j = 0; j < shown; ++j) {
      const int64_t step = steps[j * steps.size() / shown];
      svg += fmt::format("<path class=\"bad\" d=\"M{:.1f} {}l4 8h-8z\"><title>step {}: {} is not finite</title></path>",
                         x(static_cast<double>(step)), kHeight - kBottom - 8, step, escape_html(chart.series[i].name));
    }
  }
  return svg;
}

/// The value of a curve near a step, or nothing where the curve has none within `reach`.
std::string value_near(const Curve& curve, double step, double reach) {
  const Bin* nearest = nullptr;
  for (const auto& bin : curve.bins) {
    if (nearest == nullptr || std::abs(bin.step - step) < std::abs(nearest->step - step)) nearest = &bin;
  }
  return nearest != nullptr && std::abs(nearest->step - step) <= reach ? format_number(nearest->mean) : "";
}

/// Strips over the whole height, each with the values of all curves there as its title.
std::string hover_strips(const Chart& chart, const std::vector<Curve>& curves, const Axis& x) {
  std::vector<double> steps;
  for (const auto& curve : curves) {
    for (const auto& bin : curve.bins) steps.push_back(bin.step);
  }
  std::sort(steps.begin(), steps.end());
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  const size_t count = std::min<size_t>(steps.size(), kHoverBands);
  std::string svg = "<g class=\"hover\">";
  double left = kLeft;
  for (size_t i = 0; i < count; ++i) {
    const double step = steps[i * steps.size() / count];
    const double next = i + 1 < count ? steps[(i + 1) * steps.size() / count] : step;
    const double right = i + 1 < count ? x((step + next) / 2) : kWidth - kRight;
    std::string title = fmt::format("step {:.0f}", step);
    for (size_t j = 0; j < curves.size(); ++j) {
      const std::string value = value_near(curves[j], step, std::max(0.5, (next - step) / 2));
      if (!value.empty()) title += "\n" + chart.series[j].name + " " + value;
    }
    svg += fmt::format("<g><title>{}</title><rect x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\"/>",
                       escape_html(title), left, kTop, std::max(0.0, right - left), kHeight - kTop - kBottom);
    svg += fmt::format("<path d=\"M{:.1f} {}V{}\"/></g>", x(step), kTop, kHeight - kBottom);
    left = right;
  }
  return svg + "</g>";
}

std::string legend(const Chart& chart) {
  std::string html = "<ul>";
  for (size_t i = 0; i < chart.series.size(); ++i) {
    const auto& series = chart.series[i];
    const std::string last = series.points.empty() ? "" : format_number(series.points.back().second);
    html += fmt::format("<li class=\"s{}\"><i></i>{} <b>{}</b></li>", i % kColors, escape_html(series.name), last);
  }
  return html + "</ul>";
}

}  // namespace

std::string render_chart(const Chart& chart) {
  std::vector<Curve> curves;
  for (const auto& series : chart.series) curves.push_back(thin(series));
  const Axis x = step_axis(chart);
  const Axis y = value_axis(curves, chart.logarithmic);
  std::string svg = grid(x, y);
  for (size_t i = 0; i < curves.size(); ++i) svg += draw(curves[i], i, x, y);
  svg += mark_not_finite(chart, curves, x) + hover_strips(chart, curves, x);
  const std::string note = chart.note.empty() ? "" : " <span>" + escape_html(chart.note) + "</span>";
  return fmt::format(
      "<figure><figcaption>{}{}</figcaption>{}<svg viewBox=\"0 0 {} {}\" role=\"img\" "
      "aria-label=\"{}\">{}</svg></figure>\n",
      escape_html(chart.title), note, legend(chart), kWidth, kHeight, escape_html(chart.title), svg);
}

}  // namespace convllava::report
