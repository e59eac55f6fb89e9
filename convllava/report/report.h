#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "convllava/report/metric_log.h"

// report.html: one file, which needs no network.

namespace convllava::report {

/// A validation sample with the answer of the model.
struct SampleAnswer {
  std::filesystem::path image;  ///< its bytes are embedded; empty for a text-only sample
  std::string question;         ///< "<image>" in it is not shown
  std::string answer;
  std::string reference;
  bool hidden = false;  ///< the report has the path of the image, but not the image
};

struct ReportContents {
  std::string title;
  std::vector<std::pair<std::string, std::string>> facts;  ///< "trainable parameters", "502 M", ...
  std::vector<std::pair<int64_t, Scalars>> metrics;
  std::vector<SampleAnswer> samples;
  std::string config_yaml;
};

/// The first and the last validation loss as facts; "validation loss before" is the loss at step 0.
std::vector<std::pair<std::string, std::string>> validation_facts(
    const std::vector<std::pair<int64_t, Scalars>>& metrics);

/// Writes curves as inline SVG (one chart per quantity, light and dark), sample answers next to their images, the
/// number of answers that match the reference, and the configuration. If an image cannot be read, the report has the
/// error in its place. Replaces the file atomically. Throws CheckpointError if it cannot be written.
void write_report(const std::filesystem::path& file, const ReportContents& contents);

}  // namespace convllava::report
