#include "convllava/image/weighted_sum.h"

namespace convllava::image {

std::vector<WeightedSum> weighted_sums() { return {weighted_sum_portable}; }

}  // namespace convllava::image
