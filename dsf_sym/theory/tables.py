"""Whether an affine state of a given size has a layer's outputs, or is the smallest that does."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from math import prod
from typing import Any

from ..arithmetic.scalars import Balls
from ..automata.automaton import Automaton
from ..automata.run import count
from ..certificates.checkers.minimality import Future, full_rank, hankel_row
from ..deciding.minimal import minimal
from ..deciding.witness import random_values
from ..language.evaluate import Sizes, shape_of
from ..language.layer import Layer
from ..verdict import Question, Verdict
from .points import SIMPLE, points, text
from .settling import Candidate, layer_of, settle, sizes_of

BITS = 512
TRIES = 4
WEIGHTS = 12


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


def has_finite_state(
    layer: Layer | str,
    *,
    constants: Mapping[str, Sequence[str]] | None = None,
    sizes: Sizes | None = None,
    seed: int = 0,
) -> Verdict:
    """Whether an affine state of any number N of entries has the layer's outputs.

    As in `has_affine_state`, for all N at once. constants: weights to use. Refuted at weights where
    outputs are, along a number of a past token and one of a later token, a Cauchy kernel and sums
    of products; then at generic weights too. Raises UnknownName, SizeError.
    """
    made = layer_of(layer)
    at = sizes_of(made, sizes)
    own = {name: list(map(Fraction, xs)) for name, xs in (constants or {}).items()}

    def candidates() -> Iterator[Candidate]:
        for drawn, tokens in points(made, at, 2, seed=seed, tries=WEIGHTS):
            shown = {"sizes": at, "constants": text(drawn | own), "tokens": [*map(text, tokens)]}
            for past, future in product(_numbers(made, at), repeat=2):
                for output in range(prod(shape_of(made.output.dims, at))):
                    line = {"past": {"token": 0, **past}, "future": {"token": 1, **future}}
                    yield "refuted", {**shown, **line, "output": output}

    remains = "a form with such a state, or outputs along two tokens that are a Cauchy kernel"
    return settle(made, "endless tables", "a finite affine state", candidates(), remains)


def _numbers(layer: Layer, sizes: Sizes) -> Iterator[dict[str, Any]]:
    """Entries of a token with an interval inside their domain."""
    for s in layer.of_kind("token"):
        if s.domain.unit or s.domain.values is not None:
            continue
        inside = [x for x in SIMPLE if x in s.domain]
        for entry in range(prod(shape_of(s.dims, sizes)) if len(inside) > 1 else 0):
            ends = [str(x) for x in sorted(inside)[-2:]]
            yield {"name": s.name, "entry": entry, "between": ends}


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


def has_smallest_continuous_state(
    layer: Layer | str, states: int, *, sizes: Sizes | None = None, seed: int = 0
) -> Verdict:
    """Whether the smallest state with continuous steps and readouts has N entries.

    `h_i = f(h_{i-1}, s_i)`, `y_i = g(h_{i-1}, s_i)`, those of ratios included. Shown where the
    derivative of later outputs by past tokens has as large a rank as the layer's own state has
    entries. Raises UnknownName, SizeError.
    """
    made = layer_of(layer)
    at = sizes_of(made, sizes)
    own = sum(count(s, at) for s in made.of_kind("state"))

    def candidates() -> Iterator[Candidate]:
        tokens = max(1, sum(count(s, at) for s in made.of_kind("token")))
        length = own // tokens + 2
        for constants, drawn in points(made, at, 2 * length, seed=seed, tries=TRIES, simple=False):
            data = {"sizes": at, "bits": BITS, "constants": text(constants)}
            data["past"] = [text(t) for t in drawn[:length]]
            ahead = [text(t) for t in drawn[length:]]
            more = range(0, own + 1, max(1, prod(shape_of(made.output.dims, at))))
            others = points(made, at, 1, seed=seed + 1, tries=len(more), simple=False)
            data["futures"] = [[*ahead], *([text(t)] for _, (t,) in others)]
            yield ("proved" if own == states else "refuted"), data

    sense = f"the smallest continuous state has {states} entries"
    remains = f"the layer's own state has {own} entries, and fewer may do"
    return settle(made, "smallest continuous state", sense, candidates(), remains)


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
