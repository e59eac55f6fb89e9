#include "data/demo/draw.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "convllava/core/random.h"

namespace convllava::demo {
namespace {

using core::Random;

// Fixed-point drawing: coordinates carry 4 fractional bits, so that positions vary by less than a pixel.
constexpr int kShift = 4;
constexpr double kUnit = 1 << kShift;

double uniform(Random& random, double low, double high) { return low + (high - low) * random.uniform(); }

cv::Point fixed(double x, double y) {
  return {static_cast<int>(std::lround(x * kUnit)), static_cast<int>(std::lround(y * kUnit))};
}

// Blue, green, red: OpenCV's order. One row for each of `colors()`.
cv::Scalar paint(int color, Random& random) {
  static constexpr std::array<std::array<int, 3>, 8> kPaint = {{{30, 30, 215},
                                                                {20, 130, 245},
                                                                {40, 225, 245},
                                                                {60, 165, 40},
                                                                {240, 110, 40},
                                                                {200, 60, 150},
                                                                {190, 130, 250},
                                                                {245, 245, 245}}};
  cv::Scalar scalar;
  for (int channel = 0; channel < 3; ++channel)
    scalar[channel] = std::clamp<double>(kPaint[color][channel] + random.between(-10, 10), 0, 255);
  return scalar;
}

cv::Scalar muted(Random& random) {
  const auto grey = random.between(30, 80);
  cv::Scalar scalar;
  for (int channel = 0; channel < 3; ++channel) scalar[channel] = static_cast<double>(grey + random.between(-20, 20));
  return scalar;
}

// A ground with lines and blobs of its own shades, and grain. It is darker than every paint and every digit: where the
// sign of the contrast changes from image to image, a network needs many times as many of them to learn glyphs.
void draw_background(cv::Mat& image, Random& random) {
  const int size = image.cols;
  const cv::Scalar top = muted(random), bottom = muted(random);
  for (int y = 0; y < size; ++y) {
    const double weight = static_cast<double>(y) / size;
    image.row(y).setTo(top * (1 - weight) + bottom * weight);
  }
  const auto anywhere = [&] {
    const double x = uniform(random, -0.1, 1.1), y = uniform(random, -0.1, 1.1);
    return fixed(x * size, y * size);
  };
  for (int i = 0; i < 6; ++i) {
    const cv::Point from = anywhere(), to = anywhere();
    const int thickness = static_cast<int>(random.between(1, std::max(1, size / 32)));
    cv::line(image, from, to, muted(random), thickness, cv::LINE_AA, kShift);
  }
  for (int i = 0; i < 4; ++i) {
    const cv::Point center = anywhere();
    const int radius = static_cast<int>(uniform(random, 0.03, 0.12) * size * kUnit);
    cv::circle(image, center, radius, muted(random), cv::FILLED, cv::LINE_AA, kShift);
  }
  for (int y = 0; y < size; ++y) {
    auto* row = image.ptr<unsigned char>(y);
    uint64_t bits = 0;
    for (int i = 0; i < 3 * size; ++i, bits >>= 4) {
      if (i % 16 == 0) bits = random.next();
      row[i] = static_cast<unsigned char>(row[i] + (bits & 15) - 8);
    }
  }
}

// Text that fills `width` x `height` around a centre as far as its proportions allow.
void draw_text(cv::Mat& image, const std::string& text, cv::Point2d center, double width, double height,
               const cv::Scalar& color, Random& random) {
  const int font = random.below(2) == 0 ? cv::FONT_HERSHEY_SIMPLEX : cv::FONT_HERSHEY_DUPLEX;
  const int thickness = std::max(1, static_cast<int>(std::lround(height / 10)));
  const cv::Size unit = cv::getTextSize(text, font, 1.0, 0, nullptr);
  const double scale = std::min((width - thickness) / unit.width, (height - thickness) / unit.height);
  const cv::Point origin(static_cast<int>(std::lround(center.x - scale * unit.width / 2)),
                         static_cast<int>(std::lround(center.y + scale * unit.height / 2)));
  cv::putText(image, text, origin, font, scale, color, thickness, cv::LINE_AA);
}

// Points on a circle of `radius` (in turn `radii`), the first one straight up.
std::vector<cv::Point> around(cv::Point2d center, const std::vector<double>& radii, int points, double turn) {
  std::vector<cv::Point> polygon;
  for (int i = 0; i < points; ++i) {
    const double angle = turn + 2 * std::numbers::pi * i / points, radius = radii[i % radii.size()];
    polygon.push_back(fixed(center.x + radius * std::sin(angle), center.y - radius * std::cos(angle)));
  }
  return polygon;
}

std::vector<cv::Point> heart(cv::Point2d center, double radius) {
  std::vector<cv::Point> polygon;
  for (int i = 0; i < 40; ++i) {
    const double t = 2 * std::numbers::pi * i / 40;
    const double x = 16 * std::pow(std::sin(t), 3);
    const double y = 13 * std::cos(t) - 5 * std::cos(2 * t) - 2 * std::cos(3 * t) - std::cos(4 * t);
    polygon.push_back(fixed(center.x + radius * x / 16, center.y - radius * (y + 2.5) / 15));
  }
  return polygon;
}

// A disc less a shifted disc of the same size, as one outline.
std::vector<cv::Point> moon(cv::Point2d center, double radius) {
  std::vector<cv::Point> polygon;
  const double shift = 0.75 * radius, corner = std::acos(shift / (2 * radius));
  for (int i = 0; i <= 24; ++i) {
    const double t = corner + (2 * std::numbers::pi - 2 * corner) * i / 24;
    polygon.push_back(fixed(center.x + radius * std::cos(t), center.y + radius * std::sin(t)));
  }
  for (int i = 0; i <= 24; ++i) {
    const double t = std::numbers::pi + corner - 2 * corner * i / 24;
    polygon.push_back(fixed(center.x + shift + radius * std::cos(t), center.y + radius * std::sin(t)));
  }
  return polygon;
}

std::vector<cv::Point> cross(cv::Point2d center, double radius, double turn) {
  const double arm = 0.36 * radius, reach = 0.95 * radius;
  const std::array<cv::Point2d, 12> corners = {{{-arm, -reach},
                                                {arm, -reach},
                                                {arm, -arm},
                                                {reach, -arm},
                                                {reach, arm},
                                                {arm, arm},
                                                {arm, reach},
                                                {-arm, reach},
                                                {-arm, arm},
                                                {-reach, arm},
                                                {-reach, -arm},
                                                {-arm, -arm}}};
  std::vector<cv::Point> polygon;
  for (const auto& [x, y] : corners)
    polygon.push_back(
        fixed(center.x + x * std::cos(turn) - y * std::sin(turn), center.y + x * std::sin(turn) + y * std::cos(turn)));
  return polygon;
}

void draw_shape(cv::Mat& image, const std::string& shape, cv::Point2d center, double radius, const cv::Scalar& color,
                Random& random) {
  const double turn = uniform(random, -0.15, 0.15);
  const auto fill = [&](const std::vector<cv::Point>& polygon) {
    cv::fillPoly(image, std::vector<std::vector<cv::Point>>{polygon}, color, cv::LINE_AA, kShift);
  };
  const cv::Point middle = fixed(center.x, center.y);
  if (shape == "circle")
    cv::circle(image, middle, static_cast<int>(0.9 * radius * kUnit), color, cv::FILLED, cv::LINE_AA, kShift);
  else if (shape == "ring")
    cv::circle(image, middle, static_cast<int>(0.75 * radius * kUnit), color, std::max(2, static_cast<int>(radius / 3)),
               cv::LINE_AA, kShift);
  else if (shape == "square")
    fill(around(center, {1.15 * radius}, 4, turn + std::numbers::pi / 4));
  else if (shape == "triangle")
    fill(around({center.x, center.y + 0.2 * radius}, {1.15 * radius}, 3, turn));
  else if (shape == "star")
    fill(around(center, {1.1 * radius, 0.45 * radius}, 10, turn));
  else if (shape == "heart")
    fill(heart(center, radius));
  else if (shape == "moon")
    fill(moon({center.x - 0.2 * radius, center.y}, radius));
  else
    fill(cross(center, radius, turn));
}

void draw_plate(cv::Mat& image, cv::Point2d center, double width, double height, const cv::Scalar& fill,
                const cv::Scalar& edge) {
  const cv::Point from = fixed(center.x - width / 2, center.y - height / 2);
  const cv::Point to = fixed(center.x + width / 2, center.y + height / 2);
  cv::rectangle(image, from, to, fill, cv::FILLED, cv::LINE_8, kShift);
  cv::rectangle(image, from, to, edge, std::max(1, image.cols / 64), cv::LINE_AA, kShift);
}

}  // namespace

std::string draw_jpeg(const Scene& scene, int size) {
  Random random(scene.drawing_seed);
  cv::Mat image(size, size, CV_8UC3);
  draw_background(image, random);
  const auto place = [&](double x, double y) {
    const double dx = uniform(random, -0.015, 0.015), dy = uniform(random, -0.02, 0.02);
    return cv::Point2d((x + dx) * size, (y + dy) * size);
  };
  const cv::Scalar black(20, 20, 20), white(240, 240, 240);

  const cv::Point2d sign = place(0.5, 0.26);
  const double zoom = uniform(random, 0.92, 1.0);
  draw_plate(image, sign, 0.94 * zoom * size, 0.42 * zoom * size, paint(scene.sign_color, random), black);
  draw_text(image, words()[scene.word], sign, 0.86 * zoom * size, 0.34 * zoom * size, black, random);

  const cv::Point2d shape = place(0.21, 0.74);
  const double radius = uniform(random, 0.17, 0.19) * size;
  const cv::Scalar color = paint(scene.shape_color, random);
  draw_shape(image, shapes()[scene.shape], shape, radius, color, random);

  const cv::Point2d number = place(0.7, 0.74);
  draw_text(image, std::to_string(scene.number), number, 0.54 * size, 0.36 * size, white, random);

  std::vector<unsigned char> bytes;
  cv::imencode(".jpg", image, bytes, {cv::IMWRITE_JPEG_QUALITY, 95});
  return {bytes.begin(), bytes.end()};
}

}  // namespace convllava::demo
