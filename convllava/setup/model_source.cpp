#include "convllava/setup/model_source.h"

namespace convllava::setup {

void ModelSource::visit_fields(config::FieldVisitor& visitor) {
  visitor.fixed_on_resume().field(
      "size", size,
      "Named shape: `convllava-7b` (the paper's), `small` or `tiny` (they train on a CPU). With `llm_from` "
      "the language model takes its shape from there; empty takes all shapes from the directories.");
  visitor.path("from", from,
               "Checkpoint of the previous stage: tower, projector, language model and tokenizer are read from it.");
  visitor.path(
      "vision_from", vision_from,
      "Directory that the tower starts from: a ConvNeXt in Hugging Face's, OpenCLIP's or timm's names, or a "
      "CLIP ViT of Hugging Face. Stages that a ConvNeXt lacks, such as the paper's fifth, are added and start from "
      "random weights. Its patches and the epsilon of its norms count, also beside `size`.");
  visitor.path("llm_from", llm_from, "Hugging Face LLaMA directory that the language model starts from.");
  visitor.path("tokenizer", tokenizer,
               "`tokenizer.model` or the directory that holds it; empty takes the one beside the language model.");
  visitor.fixed_on_resume().field("vision_depths", vision_depths,
                                  "Blocks in each stage of the tower; empty takes those of `size`.", {1, 1000});
  visitor.fixed_on_resume().field("vision_hidden_sizes", vision_hidden_sizes,
                                  "Channels in each stage of the tower; empty takes those of `size`.", {1, 65536});
  visitor.fixed_on_resume().field(
      "layer_scale_init_value", layer_scale_init_value,
      "Start of the layer scale in stages with random weights; 0 takes that of `size` or of `vision_from`, which must "
      "not differ. 1e-6 lets a new stage fade in on top of trained ones; a tower without any trained stage needs a "
      "value near 1, or its output stays near zero.",
      {0, 10});
}

}  // namespace convllava::setup
