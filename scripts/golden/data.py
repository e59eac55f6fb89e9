#!/usr/bin/env python3
"""Fixture of tests/unit/data: orders of epochs as an independent statement of the sampler gives them.

    python scripts/golden/data.py

Needs nothing but Python. Written to tests/golden/data/epoch_order.json: cases of items (dataset index = position;
columns length, has_image, weight), options, and the order of several epochs. The order of an epoch is part of a run's
result: a change of this file means that older runs cannot be continued.
"""

import itertools
import json
import math
import pathlib
import platform

OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/data/epoch_order.json"
MASK = (1 << 64) - 1


class SplitMix64:
    """Steele, Lea, Flood 2014, with the stream folded into the start as in core/random.h."""

    def __init__(self, seed, stream):
        self.state = seed
        self.state = self.next() ^ (stream * 0xD1342543DE82EF95 & MASK)

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
        return z ^ (z >> 31)

    def below(self, bound):
        threshold = (1 << 64) % bound
        while (value := self.next()) < threshold:
            pass
        return value % bound

    def permutation(self, size):
        order = list(range(size))
        for i in range(size - 1, 0, -1):
            j = self.below(i + 1)
            order[i], order[j] = order[j], order[i]
        return order


def draw(items, rng):
    """Every item floor(weight) times; of the items of one weight a random share of its fraction once more."""
    drawn = []
    for weight in sorted({item[2] for item in items}):
        members = [i for i, item in enumerate(items) if item[2] == weight]
        drawn += members * math.floor(weight)
        more = math.floor((weight - math.floor(weight)) * len(members) + 0.5)
        if more:
            drawn += [members[i] for i in rng.permutation(len(members))][:more]
    return drawn


def batches_of(items, members, size, by_length, rng):
    order = [members[i] for i in rng.permutation(len(members))]
    batches = [order[i : i + size] for i in range(0, len(order), size)]
    return [sorted(batch, key=lambda i: -items[i][0]) for batch in batches] if by_length else batches


def epoch_order(items, grouping, size, seed, epoch):
    """LLaVA's get_modality_length_grouped_indices, without its division of a batch among ranks."""
    rng = SplitMix64(seed, epoch)
    drawn = draw(items, rng)
    if grouping == "none":
        return [drawn[i] for i in rng.permutation(len(drawn))]
    by_length = grouping == "modality_length"
    images = [i for i in drawn if items[i][1]]
    texts = [i for i in drawn if not items[i][1]]
    if not images or not texts:
        return sum(batches_of(items, drawn, size, by_length, rng), [])
    *image_batches, last_images = batches_of(items, images, size, by_length, rng)
    *text_batches, last_texts = batches_of(items, texts, size, by_length, rng)
    batches = image_batches + text_batches
    shuffled = [batches[i] for i in rng.permutation(len(batches))]
    return sum(shuffled, []) + sorted(last_images + last_texts)


def mixture(images, texts, weights):
    """Items of both modalities with repeated lengths, so that ties are part of the fixture."""
    cycle = itertools.cycle(weights)
    return [[1 + i * 7 % 11, i % (images + texts) < images, next(cycle)] for i in range(images + texts)]


def main():
    cases = []
    for grouping, images, texts, weights, size, seed in [
        ("modality_length", 17, 12, [1.0], 4, 42),
        ("modality_length", 17, 12, [1.0, 0.5, 2.25], 4, 42),
        ("modality_length", 20, 0, [1.0], 6, 7),
        ("modality_length", 0, 9, [0.3], 2, 2**64 - 1),
        ("modality_length", 8, 8, [1.0], 4, 3),
        ("modality", 17, 12, [1.0], 4, 42),
        ("none", 17, 12, [1.0, 1.5], 4, 42),
    ]:
        items = mixture(images, texts, weights)
        orders = {str(epoch): epoch_order(items, grouping, size, seed, epoch) for epoch in (0, 1, 1000)}
        cases.append(
            {"grouping": grouping, "global_batch_size": size, "seed": seed, "items": items, "orders": orders}
        )
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(case) for case in cases)
    OUTPUT.write_text(f'{{"made_with": "Python {platform.python_version()}", "cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
