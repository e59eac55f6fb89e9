#include "convllava/optim/flat_state.h"

#include <algorithm>
#include <tuple>

#include "convllava/core/error.h"
#include "convllava/nn/libtorch.h"
#include "convllava/nn/weight_decay.h"

namespace convllava::optim {
namespace {

constexpr int64_t kAlignment = 64;

/// In the order of format 1.
std::vector<parallel::FlatParameter> ordered_parameters(const parallel::FlatUnit& unit) {
  auto parameters = unit.parameters();
  const auto key = [](const parallel::FlatParameter& parameter) {
    return std::tuple(nn::decays(parameter.tensor), parameter.name);
  };
  std::sort(parameters.begin(), parameters.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  return parameters;
}

}  // namespace

FlatState::FlatState(checkpoint::SafetensorsFile file, const std::deque<parallel::FlatUnit>& units)
    : file_(std::move(file)) {
  auto rest = file_.tensors();
  for (const auto& unit : units) {
    if (!unit.trained()) continue;
    for (const std::string kind : {".exp_avg", ".exp_avg_sq", ".master"}) {
      const std::string flat = unit.name() + kind;
      const auto stored = rest.extract(flat);
      if (stored.empty()) continue;
      int64_t end = 0;
      for (const auto& parameter : ordered_parameters(unit)) {
        const auto& tensor = parameter.tensor;
        places_[parameter.name + kind] = {flat, tensor.sizes().vec(), tensor.strides().vec(), end};
        infos_[parameter.name + kind] = {"F32", tensor.sizes().vec(), tensor.numel() * 4};
        end += (tensor.numel() + kAlignment - 1) / kAlignment * kAlignment;
      }
      const auto& shape = stored.mapped().shape;
      if (shape != std::vector<int64_t>{end}) {
        throw CheckpointError("optimizer state", "tensor \"" + flat + "\" does not fit",
                              std::to_string(shape.empty() ? 0 : shape[0]), std::to_string(end));
      }
    }
  }
  infos_.merge(rest);
}

torch::Tensor FlatState::tensor(const std::string& name) const {
  const auto place = places_.find(name);
  if (place == places_.end()) return file_.tensor(name);
  const auto& [flat, sizes, strides, begin] = place->second;
  if (last_name_ != flat) last_ = file_.tensor(flat);
  last_name_ = flat;
  return last_.as_strided(sizes, strides, begin).clone(torch::MemoryFormat::Contiguous);
}

}  // namespace convllava::optim
