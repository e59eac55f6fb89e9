"""Writes tests/golden/model/training_flops.json: what torch's FlopCounterMode counts in forward and backward of transformers'
ConvNextModel, the projector and LlamaForCausalLM, for several sets of trained parameters, and of CLIPVisionModel. Run with the packages of
scripts/golden/requirements.txt:

    .venv/bin/python scripts/golden/training_flops.py
"""

import json
import pathlib

import torch
import transformers
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count
from transformers import CLIPVisionConfig, CLIPVisionModel, ConvNextConfig, ConvNextModel, LlamaConfig, LlamaForCausalLM

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "model" / "training_flops.json"
aten = torch.ops.aten
STAGES = "vision_tower.encoder.stages."
# Names begin with one of these. The sets of the paper's three stages, everything, and a part of the language model.
TRAINED = [
    [STAGES + "4", "mm_projector"],
    [STAGES + "2", STAGES + "3", STAGES + "4", "mm_projector", "llm"],
    ["mm_projector", "llm"],
    ["vision_tower", "mm_projector", "llm"],
    ["llm.model.layers.1", "llm.lm_head"],
]
# (height, width) of the image in pixels or none, tokens of text, supervised tokens
SAMPLES = [((64, 128), 21, 9), ((192, 64), 40, 17), (None, 30, 11)]


def conv_backward(grad_out, x, w, _bias, _stride, _padding, _dilation, _transposed, _output_padding, _groups, mask,
                  out_shape=None):
    """torch's formula counts the weight gradient of a depthwise convolution as that of a full one. Either gradient has the
    products of the forward pass."""
    return (int(mask[0]) + int(mask[1])) * conv_flop_count(list(x), list(w), list(grad_out))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        widths = [8, 12, 16, 20, 24]
        self.vision_tower = ConvNextModel(ConvNextConfig(depths=[1, 1, 2, 1, 1], hidden_sizes=widths, num_stages=5,
                                                         out_features=["stage5"]))
        self.mm_projector = nn.Sequential(nn.Linear(24, 32), nn.GELU(), nn.Linear(32, 32))
        self.llm = LlamaForCausalLM(LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                                                num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
                                                attn_implementation="eager"))

    def blocks(self):
        """In the order of the forward pass."""
        yield self.vision_tower.embeddings
        yield from self.vision_tower.encoder.stages
        yield self.mm_projector
        yield from self.llm.model.layers
        yield self.llm.lm_head


def count(model, trained, size, text, supervised):
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(tuple(trained)))

    # A trained block counts three times its forward pass, the first one too: its input has a gradient.
    def require_gradient(_module, inputs):
        return tuple(x if x.requires_grad else x.detach().requires_grad_() for x in inputs[:1]) + inputs[1:]

    blocks = [b for b in model.blocks() if any(p.requires_grad for p in b.parameters())]
    hooks = [block.register_forward_pre_hook(require_gradient) for block in blocks]
    with FlopCounterMode(display=False, custom_mapping={aten.convolution_backward: conv_backward}) as counter:
        embeds = [model.llm.model.embed_tokens(torch.arange(text) % 64)]
        if size:
            features = model.vision_tower(torch.zeros(1, 3, *size)).last_hidden_state.flatten(2).transpose(1, 2)
            embeds.insert(0, model.mm_projector(features)[0])
        states = model.llm.model(inputs_embeds=torch.cat(embeds)[None]).last_hidden_state[0]
        # The head works on supervised positions only.
        loss = model.llm.lm_head(states[-supervised:]).sum()
        loss.backward()
    for hook in hooks:
        hook.remove()
    # The table of RoPE's angles comes from a product in transformers; it is no part of the layers.
    counts = counter.get_flop_counts()
    table = counts["LlamaModel.rotary_emb"][aten.bmm]
    # Other batched products are those of attention, of which eager attention makes the full square and causality asks for half.
    attention = counts["Global"][aten.bmm] - table
    visual = size[0] * size[1] // 64**2 if size else 0
    height, width = size or (0, 0)
    return {"trained": trained, "height": height, "width": width, "visual_tokens": visual, "text_tokens": text,
            "supervised_tokens": supervised, "flops": counter.get_total_flops() - table - attention // 2}


def count_clip():
    """Forward pass, and forward and backward with everything trained. LLaVA's features do not need CLIP's last layer: these two layers
    are those of a network of three."""
    config = CLIPVisionConfig(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=28,
                              patch_size=14, attn_implementation="eager")
    tower = CLIPVisionModel(config)
    with FlopCounterMode(display=False) as forward, torch.no_grad():
        tower(torch.zeros(2, 3, 28, 28))
    with FlopCounterMode(display=False, custom_mapping={aten.convolution_backward: conv_backward}) as training:
        tower(torch.zeros(2, 3, 28, 28, requires_grad=True)).last_hidden_state.sum().backward()
    return {"images": 2, "forward": forward.get_total_flops(), "training": training.get_total_flops()}


def main():
    torch.manual_seed(0)
    model = Model()
    # A text gives no gradient to vision and projector alone.
    cases = [count(model, trained, *sample) for trained in TRAINED for sample in SAMPLES
             if sample[0] or any(name.startswith("llm") for name in trained)]
    lines = ",\n".join(json.dumps(case) for case in cases)
    made_with = f"torch {torch.__version__}, transformers {transformers.__version__}"
    OUT.write_text(f'{{"made_with": "{made_with}", "clip": {json.dumps(count_clip())}, "cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
