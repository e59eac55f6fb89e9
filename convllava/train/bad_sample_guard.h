#pragma once

#include "convllava/train/observer.h"
#include "convllava/train/training.h"

namespace convllava::train {

/// Lists the samples that could not be used (data/quarantine.h) and ends the run when they are too many.
class BadSampleGuard : public Observer {
 public:
  BadSampleGuard(Training& training, const data::QuarantineOptions& options) : training_(training), options_(options) {}
  /// Throws AgreedFailure.
  void after_step(const StepEvent& event) override;

 private:
  Training& training_;
  const data::QuarantineOptions& options_;
};

}  // namespace convllava::train
