#!/usr/bin/env python3
"""Fixtures of tests/unit/text for templates that transformers renders: text, token ids and labels.

    python scripts/golden/chat_templates.py

Needs sentencepiece, transformers and jinja2. Nothing here shares code with the library: transformers'
`apply_chat_template` renders the text, and the slow `LlamaTokenizer` of text.py tokenizes it, around images as in LLaVA.
The learned tokens are counted: those of the text through the end of an answer, less those of the text before it. For
conversations without an image, the ids and the assistant mask of transformers must agree.

Written to tests/golden/text/chat_templates.json. Add a template: one entry of TEMPLATES.
"""

import json
import pathlib
import random
import tempfile

import transformers

from text import (CONVERSATIONS, IGNORE, IMAGE, IMAGE_TOKEN, OUTPUT, SEED, SPELLED_OUT, SlowLlamaTokenizer,
                  answer_spans, fnv1a, make_text, normalize_placeholders, place_image, versions)  # fmt: skip

# The system message, and the text of all messages in Jinja. `{% generation %}` is around the text with loss.
TEMPLATES = {
    "chatml": (
        "You are a helpful assistant.",
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
        "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
        "{{ '\\n' }}{% else %}{{ message['content'] + '<|im_end|>\\n' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
    ),
}


def make_conversation(rng, template):
    """[template, has image, texts], as in text.py; some messages are empty."""
    rounds = rng.choices([1, 2, 3, 4], [40, 30, 20, 10])[0]
    texts = [make_text(rng) if rng.random() < 0.95 else "" for _ in range(2 * rounds)]
    has_image = rng.random() < 0.5
    if has_image:
        turn = 2 * rng.randrange(rounds)
        texts[turn] = place_image(rng, texts[turn])
    return [template, has_image, texts]


def messages_of(conversation):
    template, has_image, texts = conversation
    texts = normalize_placeholders(texts) if has_image else texts
    roles = [{"role": "assistant" if i % 2 else "user", "content": text} for i, text in enumerate(texts)]
    return [{"role": "system", "content": TEMPLATES[template][0]}, *roles]


def render(theirs, messages, **options):
    return theirs.apply_chat_template(messages, tokenize=False, **options)


def tokenize(slow, text):
    """tokenizer_image_token, without BOS."""
    ids = []
    for i, chunk in enumerate(text.split(IMAGE)):
        ids += ([IMAGE_TOKEN] if i else []) + slow(chunk)[1:]
    return ids


def encode(slow, theirs, messages):
    """Ids and labels of the whole conversation."""
    text = render(theirs, messages)
    ids = tokenize(slow, text)
    labels = [IGNORE] * len(ids)
    for i, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before = render(theirs, messages[:i], add_generation_prompt=True)
        through = render(theirs, messages[: i + 1]).removesuffix("\n")
        assert text.startswith(before) and text.startswith(through)
        begin, end = len(tokenize(slow, before)), len(tokenize(slow, through))
        assert tokenize(slow, before) == ids[:begin] and tokenize(slow, through) == ids[:end]
        labels[begin:end] = ids[begin:end]
    return ids, labels


def agrees_with_transformers(slow, theirs, messages, ids, labels):
    """Whether transformers was asked; raises if its answer differs. Text is skipped for the reasons in
    text.check_against_transformers."""
    spaced = render(theirs, messages).replace("\u2581", " ")
    if IMAGE in spaced or "  " in spaced or "\n " in spaced or (slow.legacy and "<s> " in spaced):
        return False
    result = theirs.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    if result["input_ids"] != ids:
        raise ValueError(f"transformers {transformers.__version__} has other ids for {spaced!r}")
    if result["assistant_masks"] != [int(label != IGNORE) for label in labels]:
        raise ValueError(f"transformers {transformers.__version__} has another mask for {spaced!r}")
    return True


def expectations(model, legacy, conversations):
    slow = SlowLlamaTokenizer(model, legacy)
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "tokenizer.model").write_bytes(model)
        pathlib.Path(folder, "tokenizer_config.json").write_text(json.dumps({"legacy": legacy, "add_bos_token": False}))
        theirs = transformers.LlamaTokenizer.from_pretrained(folder)
    compared, encoded, texts = 0, [], []
    for conversation in conversations:
        theirs.chat_template = TEMPLATES[conversation[0]][1]
        messages = messages_of(conversation)
        ids, labels = encode(slow, theirs, messages)
        compared += agrees_with_transformers(slow, theirs, messages, ids, labels)
        encoded.append((ids, labels))
        texts.append([render(theirs, messages), render(theirs, messages[:-1], add_generation_prompt=True)])
    return texts, {
        "same_as_transformers": compared,
        "hashes": "".join(fnv1a([len(ids), *ids, *labels]) for ids, labels in encoded),
        "spelled_out": [{"ids": ids, "answers": answer_spans(labels)} for ids, labels in encoded[: SPELLED_OUT // 5]],
    }


def main():
    rng = random.Random(SEED)
    conversations = [make_conversation(rng, name) for name in TEMPLATES for _ in range(CONVERSATIONS // 5)]
    model = (OUTPUT / "tokenizer.model").read_bytes()
    texts, legacy = expectations(model, True, conversations)
    _, non_legacy = expectations(model, False, conversations)
    fixtures = {"versions": versions(), "conversations": conversations, "texts": texts, "legacy": legacy,
                "non_legacy": non_legacy}  # fmt: skip
    text = json.dumps(fixtures, ensure_ascii=False, separators=(",", ":"))
    for opening in ("[", '{"ids"'):
        text = text.replace("]," + opening, "],\n" + opening).replace("}," + opening, "},\n" + opening)
    (OUTPUT / "chat_templates.json").write_text(text + "\n", encoding="utf-8")
    print(f"{len(conversations)} conversations, {legacy['same_as_transformers']} and "
          f"{non_legacy['same_as_transformers']} of them tokenized and masked by transformers too")  # fmt: skip


if __name__ == "__main__":
    main()
