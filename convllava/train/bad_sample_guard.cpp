#include "convllava/train/bad_sample_guard.h"

#include <fmt/format.h>

#include <algorithm>

#include "convllava/nn/libtorch.h"

namespace convllava::train {

/// A bad record is met again in every epoch: its share is that of the samples drawn so far, or of the first epoch.
void BadSampleGuard::after_step(const StepEvent& event) {
  const auto& quarantine = *training_.quarantine;
  training_.quarantine->add(event.batch.bad);
  const auto& state = training_.state;
  const auto members = static_cast<int64_t>(training_.data.train.members.size());
  const int64_t drawn = std::max(members, state.samples + state.bad_samples);
  if (!data::too_many_bad(state.bad_samples, drawn, options_.max_bad_share)) return;
  throw AgreedFailure{[this, &state, &quarantine, drawn] {
    const std::string example = quarantine.last_message().empty() ? "" : ", the last: " + quarantine.last_message();
    const bool alone = training_.group.world_size() == 1;
    const auto listed = alone ? quarantine.file() : training_.folder / "quarantine*.jsonl";
    return std::make_exception_ptr(data::bad_share_error(listed.string(), "too many records or images cannot be used",
                                                         fmt::format("{} of {}{}", state.bad_samples, drawn, example),
                                                         options_.max_bad_share));
  }};
}

}  // namespace convllava::train
