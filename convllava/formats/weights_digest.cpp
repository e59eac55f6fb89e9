#include "convllava/formats/weights_digest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>

#include "convllava/checkpoint/safetensors.h"
#include "convllava/core/fingerprint.h"
#include "convllava/formats/hf_config.h"
#include "convllava/nn/libtorch.h"

namespace convllava::formats {
namespace {

constexpr size_t kSamples = 4;
constexpr size_t kSampleBytes = 4096;

/// The whole, or samples from the first byte to the last.
void add_sampled(core::Fingerprint& fingerprint, std::string_view bytes) {
  if (bytes.size() <= kSamples * kSampleBytes) {
    fingerprint.add(bytes);
    return;
  }
  for (size_t i = 0; i < kSamples; ++i) {
    fingerprint.add(bytes.substr((bytes.size() - kSampleBytes) / (kSamples - 1) * i, kSampleBytes));
  }
}

void add_weights(core::Fingerprint& fingerprint, const std::filesystem::path& directory) {
  const checkpoint::ModelShards shards(directory);
  for (const auto& [name, info] : shards.tensors()) {
    fingerprint.add(fmt::format("{} {} {}\n", name, info.dtype, fmt::join(info.shape, " ")));
    const torch::Tensor tensor = shards.tensor(name);
    add_sampled(fingerprint, {static_cast<const char*>(tensor.data_ptr()), static_cast<size_t>(info.bytes)});
  }
}

}  // namespace

std::string weights_digest(const std::filesystem::path& directory) {
  core::Fingerprint fingerprint;
  add_weights(fingerprint, directory);
  if (const auto tower = tower_directory(directory); tower != directory) add_weights(fingerprint, tower);
  return fmt::format("{:016x}", fingerprint.value());
}

}  // namespace convllava::formats
