#!/usr/bin/env python3
"""Fixtures of tests/unit/eval: answers, what EvalAI's processor makes of them, and the scores they get.

    python scripts/golden/eval.py

Needs nothing but Python, whose strings and regular expressions define the metrics: the processor of LLaVA's
`m4c_evaluator.py` (the same as lmms-eval's `vqa_eval_metric.py`), the leave-one-out soft accuracy, and the ANLS of
VLMEvalKit and lmms-eval. Nothing here shares code with the library.

Written to tests/golden/eval/answers.json:
    normalized     [answer, what the processor makes of it]
    soft_accuracy  [prediction, ten references, score]
    anls           [prediction, references, score]
"""

import json
import pathlib
import platform
import random
import re

OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/eval/answers.json"
SEED = 20240525

CONTRACTIONS = dict(
    pair.split("=")
    for pair in """
'ow'sat='ow's'at 'ows'at='ow's'at I'dve=I'd've Id've=I'd've Im=I'm Ive=I've aint=ain't arent=aren't cant=can't
couldn'tve=couldn't've couldnt've=couldn't've couldnt=couldn't couldve=could've didnt=didn't doesnt=doesn't
dont=don't hadn'tve=hadn't've hadnt've=hadn't've hadnt=hadn't hasnt=hasn't havent=haven't he'dve=he'd've
hed've=he'd've hed=he'd hes=he's howd=how'd howll=how'll hows=how's isnt=isn't it'dve=it'd've itd've=it'd've
itd=it'd itll=it'll let's=let's maam=ma'am mightn'tve=mightn't've mightnt've=mightn't've mightnt=mightn't
mightve=might've mustnt=mustn't mustve=must've neednt=needn't notve=not've oclock=o'clock oughtnt=oughtn't
ow's'at='ow's'at shant=shan't she'dve=she'd've she's=she's shed've=she'd've shouldn'tve=shouldn't've
shouldnt've=shouldn't've shouldnt=shouldn't shouldve=should've somebody'd=somebodyd somebody'dve=somebody'd've
somebodyd've=somebody'd've somebodyll=somebody'll somebodys=somebody's someone'dve=someone'd've
someoned've=someone'd've someoned=someone'd someonell=someone'll someones=someone's something'dve=something'd've
somethingd've=something'd've somethingd=something'd somethingll=something'll thats=that's there'dve=there'd've
thered've=there'd've thered=there'd therere=there're theres=there's they'dve=they'd've theyd've=they'd've
theyd=they'd theyll=they'll theyre=they're theyve=they've twas='twas wasnt=wasn't we'dve=we'd've wed've=we'd've
werent=weren't weve=we've whatll=what'll whatre=what're whats=what's whatve=what've whens=when's whered=where'd
wheres=where's whereve=where've who'dve=who'd've whod've=who'd've whod=who'd wholl=who'll whos=who's
whove=who've whyll=why'll whyre=why're whys=why's wont=won't wouldn'tve=wouldn't've wouldnt've=wouldn't've
wouldnt=wouldn't wouldve=would've y'all'dve=y'all'd've y'alld've=y'all'd've y'allll=y'all'll
yall'd've=y'all'd've yall'll=y'all'll yall=y'all you'dve=you'd've youd've=you'd've youd=you'd youll=you'll
youre=you're youve=you've
""".split()
)
NUMBERS = {"none": "0"} | {
    word: str(number) for number, word in enumerate("zero one two three four five six seven eight nine ten".split())
}
MARKS = [*";/[]\"{}()=+\\_-><@`,?!"]
COMMA_BETWEEN_DIGITS = re.compile(r"(?<=\d)(,)+(?=\d)")
PERIOD = re.compile(r"(?!<=\d)(\.)(?!\d)")


# --- the metrics -----------------------------------------------------------------------------------------------------


def normalize(answer):
    text = answer.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()
    text = text.replace("\n", " ").replace("\t", " ").strip()
    cleaned = text
    for mark in MARKS:
        delete = mark + " " in text or " " + mark in text or COMMA_BETWEEN_DIGITS.search(text)
        cleaned = cleaned.replace(mark, "" if delete else " ")
    cleaned = PERIOD.sub("", cleaned, count=int(re.UNICODE))  # 32: the reference gives the flag where the count goes
    words = [NUMBERS.get(word, word) for word in cleaned.lower().split()]
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in ("a", "an", "the"))


def soft_accuracy(prediction, references):
    prediction = normalize(prediction)
    references = [normalize(reference) for reference in references]
    scores = []
    for i in range(len(references)):
        others = references[:i] + references[i + 1 :]
        scores.append(min(1.0, others.count(prediction) / 3))
    return sum(scores) / len(scores)


def edits(a, b):
    table = [[max(i, j) if min(i, j) == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            change = table[i - 1][j - 1] + (a[i - 1] != b[j - 1])
            table[i][j] = min(change, table[i - 1][j] + 1, table[i][j - 1] + 1)
    return table[-1][-1]


def anls(prediction, references):
    distances = []
    for reference in references:
        length = max(len(reference), len(prediction))
        plain = [" ".join(text.strip().lower().split()) for text in (reference, prediction)]
        distances.append(edits(*plain) / length if length else 0.0)
    similarity = 1 - min(distances)
    return similarity if similarity >= 0.5 else 0.0


# --- answers ---------------------------------------------------------------------------------------------------------

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
    "🦙 llama", "a\u00a0b", "\u3000wide\u3000", "thin\u2009space", "€5.00", "£1,299.99", "café's", "e\u0301",
    "1.2.3", "v1.2.", "192.168.0.1", "...5", "5...", "a.b.c." * 12, "." * 40, ". " * 40, ".5" * 40,
    "x." * 33 + "1.5", "- - -", "--", "a -- b", "-", "_", "=", "+1", "1+1=2",
)  # fmt: skip
WORDS = (
    "the a an stop exit coffee Coca-Cola pepsi two three ten none zero 7 42 1,000 3.14 $5.99 50% 10:30 dont couldnt "
    "theyre whats yall Hershey's driver's U.S. Mr. St. no. A B C red Blue GREEN open/closed 24/7 (left) [right] #1 "
    "@home a.m. isn't O'Hare rock'n'roll shouldn'tve somebodys wont youve let's 1st 2nd new-york e-mail x_y up! "
    "why? ok; été ÉTÉ"
).split()
GLUE = (" ", " ", " ", " ", "  ", "-", "/", ", ", ",", ". ", ".", "\n", "; ", " (", ") ", "'", "\t", " & ")
ANSWERS = 500
SCORED = 120


def random_answer(rng):
    text = rng.choice(WORDS)
    for _ in range(rng.randrange(4)):
        text += rng.choice(GLUE) + rng.choice(WORDS)
    return text


def variant(rng, text):
    """The same answer as another person would write it, or nearly."""
    changes = (
        lambda: text,
        lambda: text.upper(),
        lambda: " " + text + " ",
        lambda: "the " + text,
        lambda: text + ".",
        lambda: text.replace(" ", "  "),
        lambda: text[: len(text) // 2] + text[len(text) // 2 + 1 :],
        lambda: "".join(c for c in text if rng.random() < 0.7),
        lambda: random_answer(rng),
    )
    return rng.choice(changes)()


def main():
    rng = random.Random(SEED)
    answers = [*ODD, *CONTRACTIONS]
    while len(answers) < ANSWERS:
        answers.append(random_answer(rng))
    soft, similar = [], []
    for _ in range(SCORED):
        text, agreement = random_answer(rng), rng.random()
        references = [variant(rng, text) if rng.random() < agreement else random_answer(rng) for _ in range(10)]
        soft.append([text, references, soft_accuracy(text, references)])
    for text in [*ODD[:60], *(random_answer(rng) for _ in range(SCORED))]:
        references = [variant(rng, text) for _ in range(rng.randint(1, 3))]
        similar.append([text, references, anls(text, references)])
    fixture = {
        "made_by": f"scripts/golden/eval.py, seed {SEED}, Python {platform.python_version()}",
        "normalized": [[answer, normalize(answer)] for answer in answers],
        "soft_accuracy": soft,
        "anls": similar,
    }
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    lines = [f' "made_by": {json.dumps(fixture["made_by"])}']
    for name in ("normalized", "soft_accuracy", "anls"):
        rows = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in fixture[name])
        lines.append(f' "{name}": [\n  {rows}\n ]')
    OUTPUT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{OUTPUT}: {OUTPUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
