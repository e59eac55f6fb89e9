#pragma once

// fp32 products by oneDNN, as the programs take them on some CPUs (nn/cpu.h).

#include "convllava/hardware/cpu.h"
#include "convllava/nn/libtorch.h"

namespace convllava::testing {

inline constexpr const char* kOneDnnRounds = "oneDNN rounds fp32 products on this CPU";

inline bool onednn_keeps_fp32() { return hardware::try_products().difference < 1e-5; }

/// LibTorch's own choice is back at the end of the scope.
class KeptProducts {
 public:
  KeptProducts() = default;
  ~KeptProducts() { set(at::Float32Precision::NONE); }
  KeptProducts(const KeptProducts&) = delete;
  KeptProducts& operator=(const KeptProducts&) = delete;

 protected:
  static void set(at::Float32Precision precision) {
    at::globalContext().setFloat32Precision(at::Float32Backend::MKLDNN, at::Float32Op::MATMUL, precision);
  }
};

/// oneDNN multiplies in this scope, whether it is faster or not.
class OneDnnProducts : public KeptProducts {
 public:
  OneDnnProducts() { set(at::Float32Precision::BF16); }
};

}  // namespace convllava::testing
