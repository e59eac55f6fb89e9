"""Writes tests/golden/model/generation.json: where transformers' `generate` stops, which special tokens transformers reads from which
files, and how SentencePiece decodes byte tokens. Run with the packages of scripts/golden/requirements.txt:

    .venv/bin/python scripts/golden/generation.py

The models are chains: LLaMAs without attention whose next token depends on the last one alone, so that a case says what is generated.
"""

import json
import pathlib
import random
import shutil
import tempfile

import sentencepiece
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
TOKENIZER = ROOT / "text" / "tokenizer.model"
VOCAB = 600
END, COLON = 2, 539
LINE_BREAK = 3 + 0x0A  # the byte token
A, RED, DOG, QUESTION, SPACES = 273, 293, 276, 326, 259  # " a", " re", " d", "question", "  "
LESS, SLASH, S, GREATER, IMAGE = 581, 579, 524, 582, "image"


def llama(config):
    return transformers.LlamaConfig(**{
        "vocab_size": VOCAB, "hidden_size": VOCAB, "intermediate_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 6, "max_position_embeddings": 64, **config})  # fmt: skip


def chain(sequence):
    """A model that goes through the sequence again and again."""
    model = transformers.LlamaForCausalLM(llama({}))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.model.embed_tokens.weight.copy_(torch.eye(VOCAB))
        model.model.layers[0].input_layernorm.weight.fill_(1)
        model.model.layers[0].post_attention_layernorm.weight.fill_(1)
        model.model.norm.weight.fill_(1)
        for last, following in zip(sequence, sequence[1:] + sequence[:1]):
            model.lm_head.weight[following, last] = 1
    return model.eval()


def stopping(tokenizer, name, sequence, eos, stop, max_new_tokens=12):
    """The chain begins behind its first token, which ends the prompt."""
    model = chain(sequence)
    model.generation_config = transformers.GenerationConfig(eos_token_id=eos, pad_token_id=0)
    stops = {"stop_strings": [stop], "tokenizer": tokenizer} if stop else {}
    prompt = torch.tensor([[1, sequence[0]]])
    made = model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=False,
                          max_new_tokens=max_new_tokens, **stops)[0, 2:].tolist()  # fmt: skip
    said = made[:-1] if made[-1] in eos else made  # generate returns the end token too
    text = tokenizer.decode(said, skip_special_tokens=True)
    if stop:
        text = text.split(stop)[0].strip()  # as llava/serve/cli.py and llava/eval do
    return {"name": name, "sequence": sequence, "eos": eos, "stop": stop, "max_new_tokens": max_new_tokens,
            "made": made, "text": text}  # fmt: skip


def special_tokens(folder, config, generation):
    """What transformers has after it has read these files; no "read" where it refuses them."""
    case = {"config": config, "generation": generation}
    for name in ("config.json", "generation_config.json"):
        (folder / name).unlink(missing_ok=True)
    try:
        model = transformers.LlamaForCausalLM(llama({"hidden_size": 12}))
        model.save_pretrained(folder)
        fields = json.loads((folder / "config.json").read_text())
        for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
            fields.pop(name, None)
        (folder / "config.json").write_text(json.dumps({**fields, **config}))
        (folder / "generation_config.json").unlink()
        if generation is not None:
            (folder / "generation_config.json").write_text(json.dumps(generation))
        model = transformers.LlamaForCausalLM.from_pretrained(folder)
        model.generate(torch.tensor([[1]]), attention_mask=torch.ones(1, 1, dtype=torch.long), max_new_tokens=1)
        case["read"] = {"config": model.config.eos_token_id, "generation": model.generation_config.eos_token_id,
                        "bos": model.config.bos_token_id, "pad": model.config.pad_token_id}  # fmt: skip
    except Exception as error:  # each of its layers has its own
        case["refused"] = type(error).__name__
    return case


def tokenizer_ends(folder):
    """The end token of tokenizers with these settings."""
    added = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    end = {"content": "<|im_end|>", **added}
    cases = []
    for config, special in [
        ({"eos_token": "</s>"}, None), ({}, None), ({"eos_token": None}, None), ({"eos_token": "question"}, None),
        ({"eos_token": {"content": "question", "__type": "AddedToken", **added}}, None),
        ({"eos_token": "<|im_end|>", "added_tokens_decoder": {"600": {**end, "content": "<|x|>"}, "601": end}}, None),
        ({}, {"eos_token": "question"}), ({"eos_token": "</s>"}, {"eos_token": {"content": "question", **added}}),
    ]:  # fmt: skip
        (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "LlamaTokenizer", **config}))
        (folder / "special_tokens_map.json").unlink(missing_ok=True)
        if special:
            (folder / "special_tokens_map.json").write_text(json.dumps(special))
        read = transformers.AutoTokenizer.from_pretrained(folder).eos_token_id
        cases.append({"config": config, "special": special, "eos_token_id": read})
    return cases


def decodings(count):
    """Tokens in which bytes that are, begin or are not UTF-8 stand between pieces."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(TOKENIZER))
    chosen = random.Random(9)
    cases = []
    for _ in range(count):
        ids = [A]
        for _ in range(chosen.randint(1, 6)):
            character = chosen.choice("\n<éß日🦙\u0800").encode()
            kept = character[: chosen.randint(1, len(character))] if chosen.random() < 0.4 else character
            ids += chosen.choice([[3 + byte for byte in kept], [3 + chosen.randint(0x80, 0xFF)], [DOG], [QUESTION]])
        cases.append({"ids": ids, "text": processor.decode(ids)})
    return cases


def main():
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        shutil.copy(TOKENIZER, folder)
        (folder / "tokenizer_config.json").write_text(json.dumps({
            "tokenizer_class": "LlamaTokenizer", "legacy": False, "bos_token": "<s>", "eos_token": "</s>",
            "unk_token": "<unk>"}))  # fmt: skip
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        image = tokenizer.convert_tokens_to_ids(IMAGE)
        stops = [
            stopping(tokenizer, "a caption ends with its line break", [COLON, A, RED, DOG, LINE_BREAK], [END], "\n"),
            stopping(tokenizer, "a caption that begins with a line break", [COLON, LINE_BREAK, A], [END], "\n"),
            stopping(tokenizer, "a stop text of four tokens", [COLON, A, LESS, SLASH, S, GREATER, RED], [END], "</s>"),
            stopping(tokenizer, "a stop text that is only begun", [COLON, A, LESS, SLASH, S, RED, END], [END], "</s>"),
            stopping(tokenizer, "an answer that spells a picture", [COLON, LESS, image, GREATER, END], [END], "</s>"),
            stopping(tokenizer, "white space around an answer", [COLON, LINE_BREAK, A, RED, SPACES, END], [END], "</s>"),
            stopping(tokenizer, "the second of two end tokens", [COLON, A, RED, 505, DOG], [END, 505], "</s>"),
            stopping(tokenizer, "an end token that is an ordinary word", [COLON, A, QUESTION, DOG], [QUESTION], "</s>"),
            stopping(tokenizer, "the end token first", [COLON, END, A], [END], "</s>"),
            stopping(tokenizer, "no end at all", [COLON, A, RED], [END], "</s>"),
        ]
        eos = [5, [2, 5], [5, 5], None]
        files = [({"eos_token_id": c}, g) for c in eos for g in [None, {}, *({"eos_token_id": e} for e in eos)]]
        files += [({}, None), ({}, {"eos_token_id": 5})]
        files += [({name: value}, None) for name in ("bos_token_id", "pad_token_id") for value in (None, -1, 5, "5", [5])]
        files += [({"eos_token_id": bad}, None) for bad in ("5", 5.0, True, [2, "5"])]
        files += [({"pad_token_id": VOCAB}, None), ({}, {"eos_token_id": "5"})]
        tokens = [special_tokens(folder, *case) for case in files]
        ends = tokenizer_ends(folder)
    versions = {"transformers": transformers.__version__, "sentencepiece": sentencepiece.__version__}
    lists = {"stopping": stops, "special_tokens": tokens, "tokenizer_ends": ends, "decodings": decodings(200)}
    lines = [f'"versions": {json.dumps(versions)}']
    for name, cases in lists.items():
        lines.append(f'"{name}": [\n' + ",\n".join(json.dumps(case) for case in cases) + "\n]")
    (ROOT / "model" / "generation.json").write_text("{" + ",\n".join(lines) + "}\n")


if __name__ == "__main__":
    main()
