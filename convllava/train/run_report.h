#pragma once

#include <string>

#include "convllava/train/observer.h"
#include "convllava/train/training.h"

namespace convllava::train {

/// Writes report.html of a run when it ends.
class RunReport : public Observer {
 public:
  /// `samples`: validation images that the model answers in it. `config_yaml` is shown.
  RunReport(Training& training, int64_t samples, std::string config_yaml)
      : training_(training), samples_(samples), config_yaml_(std::move(config_yaml)) {}
  void finished() override;

 private:
  void write() const;

  Training& training_;
  int64_t samples_;
  std::string config_yaml_;
};

/// Whether a run that is done has no report of its last checkpoint. Rank 0 looks, all ranks know. Collective.
bool report_is_missing(Training& training);

}  // namespace convllava::train
