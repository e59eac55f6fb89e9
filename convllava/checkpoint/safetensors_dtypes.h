#pragma once

// Internal: what the reader and the writer of safetensors files share.

#include <torch/types.h>

#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

namespace convllava::checkpoint {

static_assert(std::endian::native == std::endian::little,
              "safetensors files are little-endian and are read as they are");

/// Of the header's length, at the beginning of a file.
inline constexpr uint64_t kLengthBytes = 8;

struct Dtype {
  std::string_view name;
  torch::ScalarType type;
};

// In the reference's order, which is also the order of tensors in a file it writes: later ones come first.
inline constexpr std::array<Dtype, 19> kDtypes = {{{"BOOL", torch::kBool},
                                                   {"U8", torch::kUInt8},
                                                   {"I8", torch::kInt8},
                                                   {"F8_E5M2", torch::kFloat8_e5m2},
                                                   {"F8_E4M3", torch::kFloat8_e4m3fn},
                                                   {"F8_E8M0", torch::kFloat8_e8m0fnu},
                                                   {"F8_E4M3FNUZ", torch::kFloat8_e4m3fnuz},
                                                   {"F8_E5M2FNUZ", torch::kFloat8_e5m2fnuz},
                                                   {"I16", torch::kInt16},
                                                   {"U16", torch::kUInt16},
                                                   {"F16", torch::kFloat16},
                                                   {"BF16", torch::kBFloat16},
                                                   {"I32", torch::kInt32},
                                                   {"U32", torch::kUInt32},
                                                   {"F32", torch::kFloat32},
                                                   {"C64", torch::kComplexFloat},
                                                   {"F64", torch::kFloat64},
                                                   {"I64", torch::kInt64},
                                                   {"U64", torch::kUInt64}}};

inline std::optional<torch::ScalarType> scalar_type(std::string_view name) {
  for (const auto& dtype : kDtypes) {
    if (dtype.name == name) return dtype.type;
  }
  return std::nullopt;
}

inline std::optional<size_t> dtype_rank(torch::ScalarType type) {
  for (size_t i = 0; i < kDtypes.size(); ++i) {
    if (kDtypes[i].type == type) return i;
  }
  return std::nullopt;
}

}  // namespace convllava::checkpoint
