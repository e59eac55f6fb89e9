#include "convllava/train/checkpoint_files.h"

#include "convllava/checkpoint/state_files.h"
#include "convllava/core/files.h"
#include "convllava/nn/libtorch.h"

namespace convllava::train {
namespace fs = std::filesystem;
namespace {

/// The tensors of this rank's files, by the places of the files in the plan.
std::map<size_t, checkpoint::NamedTensors> own_weights(parallel::Engine& engine,
                                                       const std::vector<checkpoint::WeightsFile>& plan,
                                                       const Writer& writer) {
  std::map<std::string, std::pair<size_t, std::string>> wanted;
  for (auto i = static_cast<size_t>(writer.rank); i < plan.size(); i += static_cast<size_t>(writer.ranks)) {
    for (const auto& [parameter, name] : plan[i].tensors) wanted[parameter] = {i, name};
  }
  const bool divided = engine.level() == parallel::Level::kParameters;
  std::map<size_t, checkpoint::NamedTensors> tensors;
  engine.visit_weights([&](const parallel::FlatUnit& unit) {
    for (const auto& parameter : unit.parameters()) {
      const auto found = wanted.find(parameter.name);
      if (found == wanted.end()) continue;
      const auto tensor = parameter.tensor.detach();
      // Divided weights are gone after this call.
      tensors[found->second.first].emplace_back(found->second.second,
                                                divided ? tensor.to(torch::kCPU, false, /*copy=*/true) : tensor);
    }
  });
  return tensors;
}

}  // namespace

checkpoint::Checksums write_own_files(Training& training, const fs::path& directory,
                                      const std::vector<checkpoint::WeightsFile>& plan, const Writer& writer) {
  checkpoint::Checksums checksums;
  auto& engine = *training.engine;
  for (const auto& [file, tensors] : own_weights(engine, plan, writer)) {
    const auto& path = plan[file].path;
    checksums[path.generic_string()] =
        checkpoint::write_safetensors(directory / path, tensors, checkpoint::kModelMetadata);
  }
  auto pieces = training.optimizer->state();
  if (engine.level() == parallel::Level::kNone) pieces = checkpoint::share_of(pieces, writer.rank, writer.ranks);
  const auto& state = training.state;
  const auto [path, checksum] = checkpoint::write_state_file(directory, pieces, state.step, writer.rank, writer.ranks);
  checksums[path.generic_string()] = checksum;
  const checkpoint::OptimizerOutline optimizer{std::move(pieces), training.optimizer->steps()};
  if (writer.rank == 0) checkpoint::save_training_state(directory, state, optimizer, writer.ranks);
  return checksums;
}

void write_checksums(const fs::path& directory, checkpoint::Checksums known) {
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    const auto path = entry.path().lexically_relative(directory).generic_string();
    if (!known.contains(path)) known[path] = checkpoint::checksum_of(entry.path());
  }
  core::write_file_atomic(directory / checkpoint::kChecksumsFile, checkpoint::checksums_text(known));
}

}  // namespace convllava::train
