#include "convllava/train/run_report.h"

#include <fmt/format.h>

#include "convllava/checkpoint/run_folder.h"
#include "convllava/core/progress.h"
#include "convllava/hardware/device_info.h"
#include "convllava/nn/libtorch.h"
#include "convllava/report/report.h"
#include "convllava/train/validation.h"

namespace convllava::train {
namespace fs = std::filesystem;

/// Without the last validation loss the report is not complete, and the next start makes up for it.
void RunReport::finished() {
  if (training_.is_done() && training_.summary.stopped) return;
  const parallel::WholeWeights weights(*training_.engine);  // rank 0 answers alone
  if (!training_.is_main()) return;
  write();
  training_.summary.reported = true;
}

void RunReport::write() const {
  const auto& [state, data] = std::tie(training_.state, training_.data);
  report::ReportContents contents;
  contents.title = training_.folder.filename().string();
  const auto parameters = nn::count_parameters(*training_.model);
  const auto peak_bytes = static_cast<double>(hardware::peak_memory_bytes(training_.device));
  contents.facts = {
      {"steps", training_.steps_text()},
      {"parameters", fmt::format("{} ({} trainable)", parameters.all, parameters.trained)},
      {"records", fmt::format("{} training, {} validation", data.train.members.size(), data.validation.members.size())},
      {"samples seen", std::to_string(state.samples)},
      {"tokens seen", std::to_string(state.tokens)},
      {"training time", core::format_duration(state.seconds)},
      {"ranks", std::to_string(training_.group.world_size())},
      {"peak memory of rank 0", core::format_bytes(peak_bytes)}};
  contents.metrics = report::read_metrics(training_.folder / "metrics.jsonl");
  for (const auto& fact : report::validation_facts(contents.metrics)) contents.facts.push_back(fact);
  if (data.validation.dataset && !training_.summary.stopped) {
    contents.samples = sample_answers(*training_.model, data.validation, samples_);
  }
  contents.config_yaml = config_yaml_;
  report::write_report(training_.folder / "report.html", contents);
}

bool report_is_missing(Training& training) {
  double missing = 0;
  if (training.is_main()) {
    std::error_code error;
    const auto reported = fs::last_write_time(training.folder / "report.html", error);
    const auto written = checkpoint::step_directory(training.folder, training.state.step) / "config.json";
    const auto saved = error ? reported : fs::last_write_time(written, error);
    missing = error || reported < saved;
  }
  return training.group.all_reduce(std::vector<double>{missing})[0] > 0;
}

}  // namespace convllava::train
