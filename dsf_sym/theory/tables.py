"""Whether an affine state of a given size has a layer's outputs, or is the smallest that does."""

from __future__ import annotations

import random
from collections.abc import Iterator
from math import prod
from typing import Any

from ..arithmetic.scalars import Balls
from ..automata.automaton import Automaton
from ..certificates.checkers.minimality import Future, full_rank, hankel_row
from ..deciding.minimal import minimal
from ..deciding.witness import random_values
from ..language.evaluate import Sizes, shape_of
from ..language.layer import Layer
from ..verdict import Question, Verdict
from .points import text
from .settling import Candidate, layer_of, settle, sizes_of

BITS = 512
TRIES = 4


def has_affine_state(
    layer: Layer | str, states: int, *, sizes: Sizes | None = None, seed: int = 0
) -> Verdict:
    """Whether `h_i = Λ h_{i-1} + b, y_i = C h_i + e` with N entries has the layer's outputs.

    Λ, b, C and e are any functions of the current token. Refuted by a nonsingular table of outputs,
    pasts by futures, of N + 2 rows; for a layer of any kind. Raises UnknownName, SizeError.
    """
    made = layer_of(layer)
    at = sizes_of(made, sizes)

    def candidates() -> Iterator[Candidate]:
        for attempt in range(TRIES):
            table = _table(made, at, states + 2, random.Random(seed + attempt))
            if table is not None:
                yield "refuted", {"sizes": at, "states": states, "table": table}

    remains = "a form with such a state, or a table of outputs that is nonsingular"
    return settle(made, "table", f"an affine state of {states} entries", candidates(), remains)


def has_smallest_state(
    layer: Layer | str, states: int, *, sizes: Sizes | None = None, seed: int = 0
) -> Verdict:
    """Whether the smallest affine state with the layer's outputs has this many entries.

    At the sizes, for generic weights; see `minimal`. Raises NotAffine, UnknownName, SizeError.
    """
    found = minimal(layer_of(layer), sizes, seed=seed)
    question = Question(found.layer, "", sense=f"the smallest state has {states} entries")
    status = "undecided" if found.certificate is None else "proved"
    if status == "proved" and found.found != states:
        status = "refuted"
    how = "is shown from both sides" if found.certificate else "is what the search gives"
    return Verdict(
        question,
        status,
        f"a smallest state of {found.found} entries {how}",
        found.sizes,
        certificate=found.certificate,
        remains="" if found.certificate else f"between {found.lower} and {found.upper} entries",
    )


def _table(layer: Layer, sizes: Sizes, size: int, rng: random.Random) -> dict[str, Any] | None:
    """Pasts and futures of one token each, and a square part of their table."""
    automaton = Automaton((layer,), sizes)
    constants = random_values(automaton, "constant", rng, 3)
    pasts, heads = (
        [[random_values(automaton, "token", rng, 2 + i)] for i in range(size + 2)] for _ in range(2)
    )
    outputs = range(prod(shape_of(layer.output.dims, sizes)))
    futures: list[Future] = [None, *((head, j) for head in heads for j in outputs)]
    scalars = Balls(BITS)
    with scalars.precision():
        try:
            rows = [hankel_row(layer, sizes, constants, p, futures, scalars) for p in pasts]
        except ZeroDivisionError:
            return None
        found = full_rank(rows, scalars)
    if found is None or len(found[0]) < size:
        return None
    return {
        "constants": text(constants),
        "pasts": [[text(t) for t in pasts[i]] for i in found[0][:size]],
        "futures": [_text(futures[j]) for j in found[1][:size]],
        "bits": BITS,
    }


def _text(future: Future) -> dict[str, Any] | None:
    if future is None:
        return None
    return {"tokens": [text(t) for t in future[0]], "output": future[1]}
