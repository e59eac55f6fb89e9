#include "convllava/hardware/device_info.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "convllava/core/progress.h"
#include "convllava/nn/libtorch.h"
#include "tests/catch.h"

namespace convllava::hardware {

TEST_CASE("the peak of a GPU is that of its tensor cores, found by the name that CUDA gives it", "[train]") {
  std::ifstream file(CONVLLAVA_SOURCE_DIR "/tests/golden/hardware/bf16_peaks.json");
  const auto gpus = nlohmann::json::parse(file);
  REQUIRE(gpus.size() == 10);
  for (const auto& gpu : gpus) {
    INFO(gpu.dump());
    const auto peak = datasheet_bf16_flops(gpu.at("name").get<std::string>());
    REQUIRE(peak);
    // Datasheets round to whole teraFLOPS.
    CHECK(*peak == Approx(gpu.at("flops").get<double>()).epsilon(0.001));
  }
}

TEST_CASE("a GPU that is not listed has no known peak", "[train]") {
  CHECK(datasheet_bf16_flops("NVIDIA GeForce RTX 4090") == std::nullopt);
}

TEST_CASE("a CPU has no known peak, and the memory of the process", "[train]") {
  CHECK(peak_bf16_flops(torch::kCPU) == std::nullopt);
  const auto ballast = torch::ones({32 << 20});
  CHECK(peak_memory_bytes(torch::kCPU) >= ballast.numel() * 4);
}

}  // namespace convllava::hardware
