#include "convllava/parallel/shard_options.h"

namespace convllava::parallel {

void ShardOptions::visit_fields(config::FieldVisitor& visitor) {
  visitor.choice<Level>("shard", shard, kLevelNames,
                        "What each rank holds only a share of: `none`, the states of the optimizer, these and the "
                        "gradients, or these and the weights, which are then gathered block by block. The result is "
                        "the same.");
  visitor.choice<torch::ScalarType>(
      "reduce_dtype", reduce_dtype, {{"fp32", torch::kFloat}, {"bf16", torch::kBFloat16}},
      "Type in which gradients are added over the ranks. `bf16` halves what is sent and rounds the sums.");
}

}  // namespace convllava::parallel
