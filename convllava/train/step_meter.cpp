#include "convllava/train/step_meter.h"

#include <fmt/format.h>

#include <utility>

namespace convllava::train {

void LogOptions::visit_fields(config::FieldVisitor& visitor) {
  visitor.field("log_every", log_every, "Optimizer steps between entries of `metrics.jsonl`.", config::kSteps);
}

report::Scalars Speed::scalars() const {
  report::Scalars scalars = {{"speed/tokens_per_second", tokens_per_second},
                             {"speed/samples_per_second", samples_per_second},
                             {"speed/seconds_per_step", seconds_per_step},
                             {"speed/data_wait_share", data_wait_share},
                             {"speed/tflops", tflops}};
  if (mfu) scalars.emplace_back("speed/mfu", *mfu);
  return scalars;
}

std::string Speed::text() const {
  const std::string utilisation = mfu ? fmt::format(" MFU {:.1f} %", 100 * *mfu) : "";
  return fmt::format("{:.0f} tok/s {:.1f} samples/s {:.3g} TFLOP/s{} data wait {:.0f} %", tokens_per_second,
                     samples_per_second, tflops, utilisation, 100 * data_wait_share);
}

void StepMeter::add(const GlobalCounts& counts, double flops) {
  tokens_ += counts.tokens;
  samples_ += counts.samples;
  flops_ += flops;
  steps_ += 1;
}

StepMeter StepMeter::split() {
  stopped_at_ = watch_.seconds();
  return std::exchange(*this, StepMeter());
}

Speed StepMeter::speed(double flops_of_all, std::optional<double> peak_flops) const {
  Speed speed;
  speed.seconds = stopped_at_.value_or(watch_.seconds()) - left_out_;
  speed.tokens_per_second = tokens_ / speed.seconds;
  speed.samples_per_second = samples_ / speed.seconds;
  speed.seconds_per_step = speed.seconds / static_cast<double>(steps_);
  speed.data_wait_share = data_wait_ / speed.seconds;
  speed.tflops = flops_of_all / speed.seconds / 1e12;
  if (peak_flops) speed.mfu = flops_of_all / speed.seconds / *peak_flops;
  return speed;
}

}  // namespace convllava::train
