#!/usr/bin/env python3
"""Fixtures of tests/unit/text: conversations with the token ids and labels that LLaVA makes of them.

    python scripts/golden/text.py                      # the committed fixtures
    python scripts/golden/text.py --llama DIR          # and those for LLaMA's own tokenizer.model in DIR

Needs sentencepiece and transformers. Nothing here shares code with the library: the tokenizer follows the slow
`LlamaTokenizer` of transformers 4.39.3 (which transformers 5 no longer has), the masks follow `preprocess_v1` and
`preprocess_plain` of LLaVA, by counting tokens. Where transformers 5 must agree, it is asked too.

Written to tests/golden/text:
    tokenizer.model       a SentencePiece model of 600 pieces with LLaMA's settings, trained here
    conversations.json    the conversations: [template, has image, texts of the turns]
    expected_small.json   hashes of ids and labels for tokenizer.model; all ids and answer spans of the first 50
    expected_llama.json   the same for LLaMA's tokenizer (the tokenizer itself may not be passed on)
"""

import argparse
import io
import json
import pathlib
import random
import re
import tempfile

import sentencepiece
import transformers

OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/text"
SEED = 20240525
CONVERSATIONS = 1000
SPELLED_OUT = 50
MAX_LENGTH = 2048

IMAGE = "<image>"
IMAGE_TOKEN = -200
IGNORE = -100
SPACE = "\u2581"
SYSTEM = (
    "A chat between a curious {0} and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the {0}'s questions."
)

WORDS = (
    "the a of in on is are what which how many where who does picture image photo sign word number colour shape red "
    "blue green yellow black white small large left right above below between man woman dog cat car bus street table "
    "receipt total date name price shop store company address tax cash change item amount please describe read answer "
    "question short detailed box circle square triangle star text letters written shown holding standing sitting "
    "there two three four with and for not yes no it this that from helpful polite assistant curious user human chat "
    "artificial intelligence gives answers questions detailed coordinates region sentence provide bounding"
).split()
ODD_TEXTS = (
    "naïve café", "Größe", "日本語のテキスト", "Привет, мир", "1,234.56", "2024-05-25", "[0.12, 0.34, 0.56, 0.78]",
    "🦙", "😶\u200d🌫️", "🚀✅", "e\u0301", "中文 text", "a\u00a0b", "x\u2581y", "tab\there", "C:\\path", "<b>bold</b>",
    "<s>", "<", "</", "USER:", "ASSISTANT:", "###", "''quoted''", "{}", "50%", "O'Neill", "über-", "\u3000wide", "½",
)  # fmt: skip
EMPTY_ISH = (" ", "  ", "\n", ".", "\t", "?", " \n ", "0")


# --- conversations ---------------------------------------------------------------------------------------------------


def make_text(rng):
    """Words with odd pieces among them, or next to nothing. Never a "</s>", "<unk>" or " ASSISTANT: "."""
    if rng.random() < 0.05:
        return rng.choice(EMPTY_ISH)
    parts = []
    for _ in range(rng.randint(1, 9)):
        parts.append(rng.choice(ODD_TEXTS) if rng.random() < 0.12 else rng.choice(WORDS))
        parts.append(rng.choices([" ", "  ", "\n", "\n\n", ", ", ".\n", ""], [80, 4, 4, 2, 6, 2, 2])[0])
    text = "".join(parts[:-1]) + rng.choice(["", "", ".", "?", "!", " ", "\n"])
    if rng.random() < 0.05:
        text = rng.choice([" ", "  ", "\n"]) + text
    if " ASSISTANT: " in f" {text} ":
        return make_text(rng)
    return text


def place_image(rng, text):
    """Puts the placeholder where LLaVA puts it, or at an odd place, or several times."""
    kind = rng.randrange(8)
    if kind == 0:
        return text + "\n" + IMAGE
    if kind == 1:
        return text + IMAGE
    if kind == 2:
        cut = rng.randint(0, len(text))
        return text[:cut] + IMAGE + text[cut:]
    if kind == 3:
        return IMAGE + " " + IMAGE + text + IMAGE
    if kind == 4:
        return rng.choice([IMAGE, " " + IMAGE + "\n ", IMAGE + "\n"])
    return IMAGE + "\n" + text


def make_conversation(rng):
    """[template, has image, texts]: the texts are a human's and the assistant's in turn."""
    template = rng.choices(["v1", "llava_v1", "plain"], [75, 15, 10])[0]
    rounds = 1 if template == "plain" else rng.choices([1, 2, 3, 4, 5, 6], [30, 25, 15, 12, 10, 8])[0]
    texts = [make_text(rng) for _ in range(2 * rounds)]
    has_image = template == "plain" or rng.random() < 0.6
    if has_image:
        turn = 0 if rng.random() < 0.8 else 2 * rng.randrange(rounds)
        texts[turn] = place_image(rng, texts[turn])
    return [template, has_image, texts]


# --- the tokenizer ---------------------------------------------------------------------------------------------------


def train_small_tokenizer(rng):
    """A BPE model with the settings of LLaMA's. As with LLaMA's, "USER" must be one token fewer than " USER":
    preprocess_v1 takes it for granted, and encode_chat raises where it is not so."""
    lines = []
    for _ in range(4000):
        words = [rng.choice(WORDS) for _ in range(rng.randint(2, 12))]
        if rng.random() < 0.3:
            words.append(str(rng.randint(0, 99999)))
        if rng.random() < 0.3:
            words[0] = words[0].capitalize()
        lines.append(rng.choice([" ", " ", " ", "  "]).join(words) + rng.choice([".", "?", ",", "!", ":", ""]))
    lines += ["xUSER: ASSISTANT: café über naïve [(<>)]{}/\\-'\"#%*_&@;"] * 40
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        model_type="bpe",
        vocab_size=600,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        allow_whitespace_only_pieces=True,
        character_coverage=1.0,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


class SlowLlamaTokenizer:
    """transformers 4.39.3: PreTrainedTokenizer.tokenize and LlamaTokenizer on top of it."""

    SPECIAL = {"<unk>": 0, "<s>": 1, "</s>": 2}

    def __init__(self, model, legacy):
        self.legacy = legacy
        if not legacy:
            # Protobuf merges what is appended: normalizer_spec { add_dummy_prefix: false }.
            model = model + b"\x1a\x02\x18\x00"
        self.processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        self.guard_length = len(self.processor.encode("<unk>", out_type=str))

    def __call__(self, text):
        return [1] + [self.token_id(token) for token in self.tokenize(text)]

    def token_id(self, token):
        return self.SPECIAL.get(token, self.processor.piece_to_id(token))

    def tokenize(self, text):
        if self.legacy or not text:
            return self.tokenize_around_special(text)
        tokens = self.tokenize_around_special(SPACE + text.replace(SPACE, " "))
        if len(tokens) > 1 and tokens[0] == SPACE and tokens[1] in self.SPECIAL:
            tokens = tokens[1:]
        return tokens

    def tokenize_around_special(self, text):
        tokens = []
        for part in re.split("(<unk>|<s>|</s>)", text):
            if part in self.SPECIAL:
                tokens.append(part)
            elif part:
                tokens += self.tokenize_text(part)
        return tokens

    def tokenize_text(self, text):
        if self.legacy or not text.startswith((SPACE, " ")):
            return self.processor.encode(text, out_type=str)
        tokens = self.processor.encode("<unk>" + text, out_type=str)
        return tokens[self.guard_length :] if len(tokens) >= self.guard_length else tokens


# --- LLaVA -----------------------------------------------------------------------------------------------------------


def normalize_placeholders(texts):
    """preprocess_multimodal."""
    result = []
    for text in texts:
        if IMAGE in text:
            text = text.replace(IMAGE, "").strip()
            text = (IMAGE + "\n" + text).strip()
        result.append(text)
    return result


def chat_text(template, texts):
    """Conversation.get_prompt of a v1 template."""
    text = SYSTEM.format("human" if template == "llava_v1" else "user") + " "
    for i, message in enumerate(texts):
        text += ("ASSISTANT: " if i % 2 else "USER: ") + message + ("</s>" if i % 2 else " ")
    return text


def tokenize_with_images(text, tokenizer):
    """tokenizer_image_token."""
    ids = [1]
    for i, chunk in enumerate(text.split(IMAGE)):
        ids += ([IMAGE_TOKEN] if i else []) + tokenizer(chunk)[1:]
    return ids


def encode_chat(template, has_image, texts, tokenizer):
    """preprocess_v1, with upstream's condition on `legacy` for the correction of later rounds."""
    def tokens(text):
        return tokenize_with_images(text, tokenizer) if has_image else tokenizer(text)

    conversation = chat_text(template, texts)
    ids = tokens(conversation)
    labels = list(ids)
    total = sum(token != 0 for token in labels)
    labels[0] = IGNORE
    current = 1
    for i, round_text in enumerate(conversation.split("</s>")):
        if not round_text:
            break
        parts = round_text.split(" ASSISTANT: ")
        if len(parts) != 2:
            break
        round_length = len(tokens(round_text))
        instruction_length = len(tokens(parts[0] + " ASSISTANT: ")) - 2
        if i > 0 and not tokenizer.legacy:
            round_length -= 1
            instruction_length -= 1
        labels[current : current + instruction_length] = [IGNORE] * instruction_length
        current += round_length
    labels[current:] = [IGNORE] * (len(labels) - current)
    if current < MAX_LENGTH and current != total:
        raise ValueError(f"preprocess_v1 masks this sample whole ({current} of {total}): {conversation!r}")
    return ids, labels


def encode_plain(texts, tokenizer):
    """preprocess_plain."""
    ids = tokenize_with_images(IMAGE + texts[1] + "\n", tokenizer)
    masked = len(tokenize_with_images(IMAGE, tokenizer))
    return ids, [IGNORE] * masked + ids[masked:]


def encode(conversation, tokenizer):
    template, has_image, texts = conversation
    if has_image:
        texts = normalize_placeholders(texts)
    if template == "plain":
        return encode_plain(texts, tokenizer)
    return encode_chat(template, has_image, texts, tokenizer)


# --- fixtures --------------------------------------------------------------------------------------------------------


def fnv1a(values):
    """64-bit FNV-1a over the values as 8 bytes each, lowest first."""
    value = 0xCBF29CE484222325
    for number in values:
        for byte in number.to_bytes(8, "little", signed=True):
            value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def answer_spans(labels):
    """[begin, end) of each run of labels."""
    spans = []
    for i, label in enumerate(labels):
        if label != IGNORE:
            if i == 0 or labels[i - 1] == IGNORE:
                spans.append([i, i])
            spans[-1][1] = i + 1
    return spans


def check_against_transformers(model, legacy, conversations):
    """How many conversations transformers 5 was asked about; raises unless it gives the same ids for each. Left out is
    text with two spaces in a row, the prefix counted: transformers 5 puts no prefix before a space, and it joins spaces
    first, against the scores that LLaMA's model gives them."""
    slow = SlowLlamaTokenizer(model, legacy)
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "tokenizer.model").write_bytes(model)
        pathlib.Path(folder, "tokenizer_config.json").write_text(json.dumps({"legacy": legacy, "add_bos_token": True}))
        theirs = transformers.LlamaTokenizer.from_pretrained(folder)
    compared = 0
    for template, _, texts in conversations:
        text = chat_text(template, texts)
        spaced = text.replace(SPACE, " ")
        if "  " in spaced or (legacy and any(special + " " in spaced for special in slow.SPECIAL)):
            continue
        if theirs(text).input_ids != slow(text):
            raise ValueError(f"transformers {transformers.__version__} disagrees on {text!r}")
        compared += 1
    return compared


def expectations(model, conversations):
    result = {"versions": versions()}
    for behaviour in ("legacy", "non_legacy"):
        legacy = behaviour == "legacy"
        tokenizer = SlowLlamaTokenizer(model, legacy)
        encoded = [encode(conversation, tokenizer) for conversation in conversations]
        assert max(len(ids) for ids, _ in encoded) < MAX_LENGTH
        result[behaviour] = {
            "same_as_transformers": check_against_transformers(model, legacy, conversations),
            "hashes": "".join(fnv1a([len(ids), *ids, *labels]) for ids, labels in encoded),
            "spelled_out": [{"ids": ids, "answers": answer_spans(labels)} for ids, labels in encoded[:SPELLED_OUT]],
        }
    return result


def versions():
    return {"sentencepiece": sentencepiece.__version__, "transformers": transformers.__version__, "seed": SEED}


def write(name, value):
    """One line per top-level entry and per conversation, so that differences can be read."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for opening in ("[\"v1\"", "[\"llava_v1\"", "[\"plain\"", "{\"ids\""):
        text = text.replace("," + opening, ",\n" + opening)
    (OUTPUT / name).write_text(text + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llama", type=pathlib.Path, metavar="DIR", help="folder with LLaMA's tokenizer.model")
    options = parser.parse_args()

    rng = random.Random(SEED)
    conversations = [make_conversation(rng) for _ in range(CONVERSATIONS)]
    model = train_small_tokenizer(random.Random(SEED))
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "tokenizer.model").write_bytes(model)
    write("conversations.json", {"versions": versions(), "conversations": conversations})
    write("expected_small.json", expectations(model, conversations))
    if options.llama:
        llama = (options.llama / "tokenizer.model").read_bytes()
        write("expected_llama.json", expectations(llama, conversations))


if __name__ == "__main__":
    main()
