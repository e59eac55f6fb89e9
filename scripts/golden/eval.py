#!/usr/bin/env python3
"""Fixtures of tests/unit/eval: texts, and what the official evaluation code makes of them.

    python scripts/golden/eval.py --llava LLaVA --lmms-eval lmms-eval

The two folders hold the sources of github.com/haotian-liu/LLaVA (c121f04) and github.com/EvolvingLMMs-Lab/lmms-eval
(75571cf). Their files are run as they are; what those import and do not use here is replaced by empty modules. Nothing
of them is copied into this repository.

Written to tests/golden/eval/answers.json:
    files          SHA-256 of the official files that were run
    normalized     [answer, EvalAIAnswerProcessor's], equal in LLaVA and lmms-eval
    soft_accuracy  [prediction, ten references, score], equal in LLaVA and lmms-eval
    anls           [prediction, references, lmms-eval's score]
    prompts        [question, lmms-eval's TextVQA prompt]
    llava_answers  [TextVQA entries, answers of model_vqa_loader.py, per cent that eval_textvqa.py prints]
"""

import argparse
import contextlib
import hashlib
import importlib
import io
import itertools
import json
import pathlib
import platform
import random
import re
import sys
import tempfile
import types
import unicodedata
from unittest import mock

OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/eval/answers.json"
SEED = 20240525

# --- the official code -----------------------------------------------------------------------------------------------


def add_package(name, folder):
    """A package whose own __init__ is left out: it would import models."""
    package = types.ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package


class Official:
    def __init__(self, llava, lmms_eval):
        for name in ("numpy", "sacrebleu", "loguru", "tqdm", "lmms_eval.api.registry"):
            sys.modules[name] = mock.MagicMock()
        sys.modules["tqdm"].tqdm = lambda items: items
        for decorator in ("register_metric", "register_aggregation"):
            setattr(sys.modules["lmms_eval.api.registry"], decorator, lambda *_, **__: lambda function: function)
        for name, folder in (("llava", llava), ("lmms_eval", lmms_eval)):
            add_package(name, folder / name)
        for name in ("llava.eval", "lmms_eval.api", "lmms_eval.tasks", "lmms_eval.tasks.textvqa"):
            add_package(name, (llava if name.startswith("llava") else lmms_eval) / name.replace(".", "/"))
        self.m4c = importlib.import_module("llava.eval.m4c_evaluator")
        self.eval_textvqa = importlib.import_module("llava.eval.eval_textvqa")
        self.metrics = importlib.import_module("lmms_eval.api.metrics")
        self.processor = importlib.import_module("lmms_eval.tasks._task_utils.vqa_eval_metric")
        self.textvqa = importlib.import_module("lmms_eval.tasks.textvqa.utils")

    def files(self):
        modules = (self.m4c, self.eval_textvqa, self.metrics, self.processor, self.textvqa)
        paths = [pathlib.Path(module.__file__) for module in modules]
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}

    def contractions(self):
        return self.m4c.EvalAIAnswerProcessor.CONTRACTIONS

    def normalize(self, answer):
        results = {module.EvalAIAnswerProcessor()(answer) for module in (self.m4c, self.processor)}
        assert len(results) == 1, answer
        return results.pop()

    def soft_accuracy(self, prediction, references):
        pair = {"pred_answer": prediction, "gt_answers": references}
        llava = self.m4c.TextVQAAccuracyEvaluator().eval_pred_list([pair])
        lmms = self.textvqa.textvqa_process_results({"question_id": 0, "answers": list(references)}, [prediction])
        assert abs(llava - lmms["exact_match"]) < 1e-12, (prediction, references)
        return llava

    def anls(self, prediction, references):
        return self.metrics.anls(references, [prediction])["anls"]

    def prompt(self, question):
        # As in lmms_eval/tasks/textvqa/_default_template_textvqa_yaml.
        options = {"post_prompt": "\nAnswer the question using a single word or phrase.", "ocr": False}
        return self.textvqa.textvqa_doc_to_text({"question": question}, options)

    def score_llava_answers(self, entries, answers):
        with tempfile.TemporaryDirectory() as folder:
            annotations, results = pathlib.Path(folder, "annotations.json"), pathlib.Path(folder, "answers.jsonl")
            annotations.write_text(json.dumps({"data": entries}))
            results.write_text("".join(json.dumps(answer) + "\n" for answer in answers))
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                self.eval_textvqa.eval_single(str(annotations), str(results))
        assert f"Samples: {len(answers)}\n" in printed.getvalue()
        return float(re.search(r"Accuracy: (\S+)%", printed.getvalue())[1])


# --- texts -----------------------------------------------------------------------------------------------------------

MARKS = [*";/[]\"{}()=+\\_-><@`,?!", *".:%$#&*'~^|", *"，。？！：；、（）「」“”‘’«»…–—·¿¡·؟،。｡．"]
ODD = (
    "", " ", ".", "...", "?", ",", "'s", "''s", "a", "The", "an apple", "The  the THE", "A.", "yes,no", "Yes, no?",
    "Hershey's", "hershey s", "$2.99.", "$2.99", "U.S.A.", "3.5.", ".5", "5.", "1,000", "1,000,000.50", "1, 000",
    "10:30", "10:30 a.m.", "50%", "# 1", "AT&T", "m&m's", "coca-cola", "coca - cola", "coca -cola",
    "Coca-Cola; light", "x-ray / y-ray", "a/b", "a/ b", "(555) 123-4567", "555-123-4567", "[unanswerable]", "{ }",
    "<unk>", "foo@bar.com", "foo @bar", "C:\\path", "C:\\ path", "`code`", "snake_case", "a=b+c", "a = b + c",
    "!important", "stop!", "stop !", "no\nnewline", "tab\there", " \n lead", "None", "Zero", "TEN", "ten.",
    "ten-four", "one two three", "twenty one", "dont", "Don't", "DONT", "Im", "i'm", "Ive", "Id've", "I'dve",
    "id've", "lets", "let's", "she's", "shes", "somebody'd", "somebodyd", "ow's'at", "'ows'at", "'ow'sat",
    "y'allll", "yall'd've", "y'all'dve", "oclock", "twas", "maam", "couldn'tve", "couldnt've", "isn't it?",
    "what's up", "O'Neill", "rock 'n' roll", "'quoted'", '"quoted"', "café", "CAFÉ", "À LA CARTE", "Ñandu",
    "STRAßE", "ŁÓDŹ", "Škoda", "Żółć", "ΑΘΗΝΑ", "Όμηρος", "МОСКВА", "Ёлка", "Ấm ĐẤT", "Ÿ", "×", "日本語", "中文, text",
    "🦙 llama", "€5.00", "£1,299.99", "café's", "١٬٢٣٤٫٥", "٣.٥", "x.٣", "３．５", "3.５", "1.२.", "².5", "5.²", "5.①", "1.Ⅳ",
    "1.2.3", "v1.2.", "192.168.0.1", "...5", "5...", "a.b.c." * 12, "." * 40, ". " * 40, ".5" * 40, ".٥" * 40,
    "x." * 33 + "1.5", "- - -", "--", "a -- b", "-", "_", "=", "+1", "1+1=2", "THE\u00a0A\u2003AN\u3000TEN", "a\u200bthe",
    "\u200bthe", "ＴＨＥ", "ｔｅｎ", "ONE\u0301", "I\u0307", "İ", "İNGİLTERE", "ıI", "DON’T", "donʼt", "dońt", "ŚŻŹ'S",
)  # fmt: skip
WORDS = (
    "the a an stop exit coffee Coca-Cola pepsi two three ten none zero 7 42 1,000 3.14 $5.99 50% 10:30 dont couldnt "
    "theyre whats yall Hershey's driver's U.S. Mr. St. no. A B C red Blue GREEN open/closed 24/7 (left) [right] #1 "
    "@home a.m. isn't O'Hare rock'n'roll shouldn'tve somebodys wont youve let's 1st 2nd new-york e-mail x_y up! "
    "why? ok; été ÉTÉ ĐƯỜNG đường ƠN ȘCOALA Țara țara ΟΔΟΣ οδος ΣΑΣ ΌΣΙΟΣ. ＡＢＣ ａｂｃ Ω Å ẞ Straße STRASSE ԱԲ և Ა ა Ə Ⅳ "
    "ﬁn FIN ŉ İzmir ISPARTA ǅ ᾼ ῼ ᏣᎳᎩ ꮳꮃꭹ 𐐀𐐨 Ꙋ 5.٣ ٣.5 １２.３ x.६ ८. e\u0301 é E\u0301 Å A\u030a 한국 한국 ｶﾞ ガ ﷺ"
).split()
GLUE = (" ", " ", " ", "  ", "-", "/", ", ", ",", ". ", ".", "\n", "; ", " (", ") ", "'", "\t", " & ", "\u00a0", "\u3000")
SPACES = [chr(c) for c in range(sys.maxunicode + 1) if chr(c).isspace()]
INVISIBLE = ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u180e", "\u061c", "\u202e", "\ufe0f", "\0"]
RANDOM_ANSWERS = 800
SCORED = 250


def chunks(items, size):
    return [items[i : i + size] for i in range(0, len(items), size)]


def systematic():
    """Every letter with two cases, every digit, mark of punctuation and white space, where the metrics look at them."""
    every = [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c <= 0xDFFF]
    cased = [c for c in every if len({c, c.lower(), c.upper(), c.title()}) > 1]
    for group in chunks(cased, 40):
        yield " ".join(group)
    for group in chunks([c for c in every if unicodedata.category(c) in ("Nd", "Nl", "No")], 25):
        yield " ".join(f"x.{c}" for c in group)
        yield " ".join(f"{c}." for c in group)
    for group in chunks([c for c in every if unicodedata.category(c).startswith("P")], 40):
        yield " ".join(group)
        yield "x".join(group)
    for space in [*SPACES, *INVISIBLE]:
        yield f"{space}the{space}cat{space * 2}ten{space}-x!{space}"
        yield f"a{space}\n{space}dont.{space}"
    for mark, word in itertools.product(MARKS, ("dont", "isn't", "she's", "ten", "the", "1", "٣")):
        yield f"{word}{mark} {mark}{word} x{mark}x"
        yield f"{mark}{word}{mark}x{word}"


def normal_forms():
    text = "ĐƯỜNG Şişli ﬁancée Å Ω 한국어 ①½ ﷺ ｶﾞ e\u0301 ｔｈｅ ＴＥＮ don\u2019t a\u030a ǰ ΐ ẛ\u0323"
    return [unicodedata.normalize(form, word) for form in ("NFC", "NFD", "NFKC", "NFKD") for word in (text, text.upper())]


def sigmas():
    around = ("", "a", "Α", "ʰ", "'", ".", "\u0301", "\u00ad", ":", "’", " ", "1", "日", "-", ",")
    return [f"{before}Σ{after}" for before, after in itertools.product(around, repeat=2)]


def random_answer(rng):
    text = rng.choice(WORDS)
    for _ in range(rng.randrange(4)):
        text += rng.choice(GLUE) + rng.choice((*WORDS, rng.choice(MARKS), rng.choice(SPACES), rng.choice(INVISIBLE)))
    return text


def variant(rng, text):
    """The same answer as another person would write it, or nearly."""
    changes = (
        lambda: text,
        lambda: text.upper(),
        lambda: text.lower(),
        lambda: unicodedata.normalize(rng.choice(("NFC", "NFD", "NFKC", "NFKD")), text),
        lambda: rng.choice(SPACES) + text + rng.choice(SPACES),
        lambda: "the " + text,
        lambda: text + ".",
        lambda: text.replace(" ", rng.choice(SPACES) * 2),
        lambda: text[: len(text) // 2] + text[len(text) // 2 + 1 :],
        lambda: "".join(c for c in text if rng.random() < 0.7),
        lambda: random_answer(rng),
    )
    return rng.choice(changes)()


def llava_answers(rng, official):
    """Images with several questions, one of them asked twice; prompts of every form that eval_textvqa.py reads."""
    suffix = "Answer the question using a single word or phrase."
    entries, answers = [], []
    for number in range(40):
        image = f"{number // 3:016x}"
        question = "what does SIGN say" if number % 9 == 4 else f"{rng.choice(WORDS)} number {number} ΟΔΟΣ?"
        if number % 9 == 5 and number // 3 == (number - 1) // 3:
            question = "What does sign SAY"
        text = random_answer(rng)
        entries.append({"question_id": 34602 + number, "image_id": image, "question": question,
                        "answers": [variant(rng, text) for _ in range(10)]})  # fmt: skip
        prompt = rng.choice((
            f"{question.lower()}\n{suffix}",
            f"{question}\nReference OCR token: A, B\n{suffix}",
            f"Reference OCR token: A, B\n{question}\n{suffix}",
            f"OCR tokens: A, B. Question: {question} Short answer:",
        ))  # fmt: skip
        answers.append({"question_id": image, "prompt": prompt, "text": variant(rng, text), "answer_id": f"a{number}",
                        "model_id": "m", "metadata": {}})  # fmt: skip
    return [entries, answers, official.score_llava_answers(entries, answers)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--llava", type=pathlib.Path, required=True, help="folder that holds llava/eval/")
    parser.add_argument("--lmms-eval", type=pathlib.Path, required=True, help="folder that holds lmms_eval/")
    arguments = parser.parse_args()
    official = Official(arguments.llava, arguments.lmms_eval)
    rng = random.Random(SEED)

    contractions = official.contractions()
    near = [word[:i] + word[i + 1 :] for word in contractions.values() for i in range(len(word)) if word[i] == "'"]
    answers = [*ODD, *contractions, *contractions.values(), *near, *systematic(), *normal_forms(), *sigmas()]
    answers += [random_answer(rng) for _ in range(RANDOM_ANSWERS)]
    answers = list(dict.fromkeys(answers))
    soft, similar = [], []
    for _ in range(SCORED):
        text, agreement = random_answer(rng), rng.random()
        references = [variant(rng, text) if rng.random() < agreement else random_answer(rng) for _ in range(10)]
        soft.append([text, references, official.soft_accuracy(text, references)])
    for text in [*ODD, *normal_forms(), *sigmas(), *(random_answer(rng) for _ in range(SCORED))]:
        references = [variant(rng, text) for _ in range(rng.randint(1, 3))]
        similar.append([text, references, official.anls(text, references)])
    questions = [*ODD, *sigmas(), *normal_forms(), *(random_answer(rng) for _ in range(100))]
    fixture = {
        "made_by": f"scripts/golden/eval.py, seed {SEED}, Python {platform.python_version()}",
        "unicode_version": unicodedata.unidata_version,
        "files": official.files(),
        "normalized": [[answer, official.normalize(answer)] for answer in answers],
        "soft_accuracy": soft,
        "anls": similar,
        "prompts": [[question, official.prompt(question)] for question in questions],
        "llava_answers": llava_answers(rng, official),
    }
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for name, value in fixture.items():
        rows = [json.dumps(row, ensure_ascii=False) for row in value] if isinstance(value, list) else None
        lines.append(f' "{name}": ' + ("[\n  " + ",\n  ".join(rows) + "\n ]" if rows else json.dumps(value)))
    OUTPUT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{OUTPUT}: {OUTPUT.stat().st_size} bytes, {len(answers)} answers")


if __name__ == "__main__":
    main()
