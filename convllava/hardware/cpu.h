#pragma once

#include <functional>
#include <string>

// How CPUs are to compute; hardware/gpu.h for GPUs.

namespace convllava::hardware {

/// As many compute threads as core::usable_cores, which knows the limits of containers and batch systems. What
/// OMP_NUM_THREADS or MKL_NUM_THREADS say stays. Returns the number.
int set_cpu_threads();

/// One product of two fp32 matrices by LibTorch's default library and by oneDNN.
struct ProductTrial {
  double difference = 0;       ///< of the results: norm of the difference over the norm
  double default_seconds = 0;  ///< processor time, the best of several
  double onednn_seconds = 0;
};

/// Multiplies [512, 384] by [384, 1024] in one thread; takes about a tenth of a second.
ProductTrial try_products();

/// Lets oneDNN multiply fp32 matrices on CPUs where a trial shows that its results are those of fp32 and that it is
/// clearly faster: about twice as fast on processors of AMD that multiply 512 bits at once (Zen 5), which LibTorch's
/// default, MKL, does not use there. The setting permits oneDNN to round to bf16, which it does on processors with AMX:
/// the default stays there. Returns a line for the log.
std::string set_cpu_arithmetic(const std::function<ProductTrial()>& trial = try_products);

}  // namespace convllava::hardware
