#pragma once

#include "convllava/model/convllava.h"

// Fresh weights for the parts that no checkpoint provides. Drawn from torch's default generator: seed it first. They
// are drawn in fp32 and rounded to the model's type, as the reference does: a bf16 model starts with the rounded
// weights of the fp32 model of the same seed. (torch's own uniform bf16 draws have 256 values, and their mean is off by
// half a step.)

namespace convllava::model {

/// normal(0, initializer_range) for linear layers and embeddings, norms 1 (transformers' `LlamaPreTrainedModel`).
void initialize_llama(LlamaImpl& llama);

/// Stages `first_stage`.. (0-based; 0 includes the stem) as the official code makes its fifth stage: PyTorch's default
/// uniform initialisation of convolutions and linear layers, LayerNorm 1 and 0, layer scale as configured.
void initialize_vision(ConvNextImpl& tower, int64_t first_stage = 0);

/// PyTorch's default initialisation of both linear layers.
void initialize_projector(ProjectorImpl& projector);

/// All parts.
void initialize(ConvLlavaImpl& model);

}  // namespace convllava::model
