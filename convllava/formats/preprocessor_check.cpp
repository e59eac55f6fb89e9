#include "convllava/formats/preprocessor_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>

#include "convllava/checkpoint/file_access.h"
#include "convllava/checkpoint/json_object.h"
#include "convllava/formats/hf_config_names.h"

namespace convllava::formats {
namespace {

constexpr int64_t kBicubic = 3;  // Pillow's number
// Some files round. This is a fortieth of a level of 8 bits.
constexpr double kTolerance = 1e-4;

bool is_near(double left, double right) { return std::abs(left - right) <= kTolerance; }

void check_colours(const checkpoint::JsonObject& file, const char* field, const std::array<double, 3>& wanted) {
  if (!file.has(field)) return;
  const auto values = file.number_list(field);
  bool same = values.size() == wanted.size();
  for (size_t i = 0; same && i < wanted.size(); ++i) same = is_near(values[i], wanted[i]);
  if (!same) file.fail_value(field, fmt::format("the tower's [{}]", fmt::join(wanted, ", ")));
}

}  // namespace

void check_preprocessor(const std::filesystem::path& tower, const image::PixelStats& stats) {
  const auto path = tower / kPreprocessorFile;
  if (!checkpoint::path_exists(path)) return;
  const checkpoint::JsonObject file(path);
  check_colours(file, "image_mean", stats.mean);
  check_colours(file, "image_std", stats.std);
  if (!file.flag("do_normalize", true)) file.fail_value("do_normalize", "true");
  if (!file.flag("do_rescale", true)) file.fail_value("do_rescale", "true");
  if (std::abs(file.number("rescale_factor", image::kPixelScale) / image::kPixelScale - 1) > kTolerance) {
    file.fail_value("rescale_factor", fmt::format("{}", image::kPixelScale));
  }
  if (file.whole("resample", kBicubic) != kBicubic) file.fail_value("resample", "3 (bicubic)");
}

}  // namespace convllava::formats
