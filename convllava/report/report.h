#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "convllava/report/metric_log.h"

// report.html: one file that opens without a network.

namespace convllava::report {

/// A validation image with what the model says about it.
struct SampleAnswer {
  std::filesystem::path image;  ///< its bytes are embedded; empty for a text-only sample
  std::string question;         ///< "<image>" in it is not shown
  std::string answer;
  std::string reference;
  bool hidden = false;  ///< the image's place is named, and its bytes are not embedded
};

struct ReportContents {
  std::string title;
  std::vector<std::pair<std::string, std::string>> facts;  ///< "trainable parameters", "502 M", ...
  std::vector<std::pair<int64_t, Scalars>> metrics;
  std::vector<SampleAnswer> samples;
  std::string config_yaml;
};

/// The first and the last validation loss among metrics, as facts: "validation loss before" is that of step 0.
std::vector<std::pair<std::string, std::string>> validation_facts(
    const std::vector<std::pair<int64_t, Scalars>>& metrics);

/// Curves as inline SVG (one chart per quantity, light and dark), sample answers beside their images with the number
/// that equal the reference, the configuration. "train/A", "validation/A" and "train/A/B" share the chart of A. An
/// image that cannot be read leaves its reason in its place. Replaces the file atomically; throws CheckpointError
/// when it cannot be written.
void write_report(const std::filesystem::path& file, const ReportContents& contents);

}  // namespace convllava::report
