"""Tables of outputs, pasts by futures, that are nonsingular: the lower bound on a layer's state."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import Any

from ..arithmetic.scalars import Balls, Irrational, Rationals
from ..automata.automaton import Automaton
from ..automata.run import Values
from ..certificates.checkers.exact import At, Exact, exact
from ..certificates.checkers.minimality import Future, full_rank, hankel_row
from ..derivation.affine import affine_layer
from ..language.evaluate import Sizes, shape_of
from ..language.layer import Layer

BITS = 256
LARGEST = 40
Word = tuple[int, ...]


def find_table(
    layer: Layer,
    sizes: Sizes,
    size: int,
    tokens: Sequence[Values],
    constants: Values,
    forms: Exact | None = None,
) -> dict[str, Any] | None:
    """A nonsingular table of `size` pasts and futures over these tokens; None when none is found.

    For an affine readout the pasts are words that reach independent states, the futures words that
    read independent functionals; else words of one and two tokens. forms: the layer at the tokens.
    """
    if size > LARGEST:
        return None
    if affine_layer(layer).denominator is None:
        at = forms or exact(Automaton((layer,), sizes), tokens, constants)
        scalars = at.scalars
        if isinstance(scalars, Balls):
            with scalars.precision():
                words = _independent(layer, sizes, list(at.forms), scalars, size, constants)
        else:
            words = _independent(layer, sizes, list(at.forms), scalars, size, constants)
    else:
        words = _ratio_words(layer, sizes, tokens, constants, size)
    if words is None:
        return None
    pasts, futures = words
    shown = [_text(t) for t in tokens]
    return {
        "constants": _text(constants),
        "pasts": [[shown[i] for i in past] for past in pasts],
        "futures": [
            None if f is None else {"tokens": [shown[i] for i in f[0]], "output": f[1]}
            for f in futures
        ],
        "bits": BITS,
    }


Words = tuple[list[Word], list[tuple[Word, int] | None]]


def _independent(
    layer: Layer, sizes: Sizes, forms: list[At], scalars: Any, size: int, constants: Values
) -> Words | None:
    start = _start(layer, sizes, scalars, constants)
    n = len(start) - 1
    last = _unit(n, scalars)
    steps = [
        [*([*row, b] for row, b in zip(x.transition, x.write, strict=True)), last] for x in forms
    ]
    reached, shown = _Basis(scalars), _Basis(scalars)
    pasts: list[tuple[Word, list[Any]]] = []
    queue: list[tuple[Word, list[Any]]] = [((), start)]
    while queue and len(pasts) <= n:
        word, x = queue.pop(0)
        if reached.add(x):
            pasts.append((word, x))
            queue += [((*word, i), _apply(step, x)) for i, step in enumerate(steps)]
    futures: list[tuple[tuple[Word, int] | None, list[Any]]] = []
    shown.add(last)
    futures.append((None, last))
    rows: list[tuple[tuple[Word, int], list[Any]]] = [
        (((i,), j), row) for i, x in enumerate(forms) for j, row in enumerate(x.readout)
    ]
    while rows and len(futures) <= n:
        (word, j), row = rows.pop(0)
        if shown.add(row):
            futures.append(((word, j), row))
            rows += [(((i, *word), j), _before(row, step)) for i, step in enumerate(steps)]
    table = [[_dot(row, x) for _, row in futures] for _, x in pasts]
    found = full_rank(table, scalars)
    if found is None or len(found[0]) < size:
        return None
    return [pasts[i][0] for i in found[0][:size]], [futures[j][0] for j in found[1][:size]]


class _Basis:
    """Rows in echelon form, independent for certain."""

    def __init__(self, scalars: Any) -> None:
        self.scalars = scalars
        self.rows: list[tuple[int, list[Any]]] = []

    def add(self, x: list[Any]) -> bool:
        """Add x if it is certainly independent of the rows."""
        x = list(x)
        for at, row in self.rows:
            c = x[at] / row[at]
            x = [p - c * q for p, q in zip(x, row, strict=True)]
            x[at] = x[at] * 0
        zero = x[0] * 0
        pivot = next((i for i, c in enumerate(x) if self.scalars.differ(c, zero)), None)
        if pivot is None:
            return False
        self.rows.append((pivot, x))
        return True


def _start(layer: Layer, sizes: Sizes, scalars: Any, constants: Values) -> list[Any]:
    out: list[Any] = []
    for s in layer.of_kind("state"):
        entries = prod(shape_of(s.dims, sizes))
        first = constants[layer.start[s.name]] if s.name in layer.start else [0] * entries
        out += [scalars.number(Fraction(x)) for x in first]
    return [*out, scalars.number(Fraction(1))]


def _unit(n: int, scalars: Any) -> list[Any]:
    """The functional that is the constant coordinate."""
    return [scalars.number(Fraction(int(i == n))) for i in range(n + 1)]


def _dot(x: Sequence[Any], y: Sequence[Any]) -> Any:
    return sum((a * b for a, b in zip(x, y, strict=True)), start=x[0] * 0)


def _apply(matrix: list[list[Any]], x: list[Any]) -> list[Any]:
    return [_dot(row, x) for row in matrix]


def _before(row: list[Any], matrix: list[list[Any]]) -> list[Any]:
    return [_dot(row, [m[j] for m in matrix]) for j in range(len(row))]


def _ratio_words(
    layer: Layer, sizes: Sizes, tokens: Sequence[Values], constants: Values, size: int
) -> Words | None:
    entries = prod(Automaton((layer,), sizes).output_shape)
    rng = random.Random(size)
    every: list[Word] = [(i,) for i in range(len(tokens))]
    every += [(i, j) for i in range(len(tokens)) for j in range(len(tokens))]
    pasts = every[: size + 2]
    futures: list[tuple[Word, int] | None] = [None]
    heads = every[: len(tokens)] + rng.sample(every[len(tokens) :], min(size, len(tokens)))
    futures += [(word, j) for word in heads for j in range(entries)]
    asked: list[Future] = []
    read: dict[Word, list[Values]] = {word: [tokens[i] for i in word] for word in heads}
    for f in futures:
        asked.append(None if f is None else (read[f[0]], f[1]))
    runs = [[tokens[i] for i in past] for past in pasts]
    try:
        scalars: Any = Rationals()
        table = [hankel_row(layer, sizes, constants, past, asked, scalars) for past in runs]
        found = full_rank(table, scalars)
    except Irrational:
        scalars = Balls(BITS)
        with scalars.precision():
            table = [hankel_row(layer, sizes, constants, past, asked, scalars) for past in runs]
            found = full_rank(table, scalars)
    except ZeroDivisionError:
        return None
    if found is None or len(found[0]) < size:
        return None
    return [pasts[i] for i in found[0][:size]], [futures[j] for j in found[1][:size]]


def _text(values: Values) -> dict[str, list[str]]:
    return {name: [str(x) for x in xs] for name, xs in values.items()}
