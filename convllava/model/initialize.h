#pragma once

#include "convllava/model/convllava.h"

// Fresh weights for the parts that no checkpoint provides. Drawn from torch's default generator: seed it first.

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
