"""What fails for the outputs of a layer on exact sequences: one function each.

Each returns the failure in words, or raises Rejected where the property may hold there.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from ...arithmetic.scalars import Balls, Irrational, Rationals
from ...automata.run import Values, run
from ...errors import Rejected
from ...language.evaluate import Sizes
from ...language.layer import Layer

BITS = 256


def several_directions(b: Layer, sizes: Sizes, tokens: Sequence[Values], constants: Values) -> str:
    """`y(s_0, s) - y(s)` for two tokens s, where the two vectors are not parallel."""
    first, *later = tokens[:3]
    words = [[first, later[0]], [first, later[1]], [later[0]], [later[1]]]
    (x, y, v, w), scalars = _last(b, sizes, words, constants)
    p = [c - e for c, e in zip(x, v, strict=True)]
    q = [c - e for c, e in zip(y, w, strict=True)]
    for i, j in combinations(range(len(p)), 2):
        if scalars.differ(p[i] * q[j], p[j] * q[i]):
            return f"and two tokens of {b.name} read it in two"
    raise Rejected(f"{b.name}: the two tokens read in one direction")


def beyond_both(b: Layer, sizes: Sizes, tokens: Sequence[Values], constants: Values) -> str:
    """An entry of `y(s_0, s_1)` that is above, or below, those of `y(s_0)` and `y(s_1)`."""
    first, later = tokens[:2]
    (x, y, both), _ = _last(b, sizes, [[first], [later], [first, later]], constants)
    for p, q, r in zip(x, y, both, strict=True):
        if (r > p and r > q) or (r < p and r < q):
            return f"and that of {b.name} does not"
    raise Rejected(f"{b.name}: the output on both tokens is between those on each")


def _last(
    b: Layer, sizes: Sizes, words: Sequence[Sequence[Values]], constants: Values
) -> tuple[list[list[Any]], Any]:
    """The last outputs on several sequences, all in the same scalars."""
    try:
        exact: Any = Rationals()
        return [run(b, word, constants, sizes, exact)[-1] for word in words], exact
    except Irrational:
        balls = Balls(BITS)
        with balls.precision():
            return [run(b, word, constants, sizes, balls)[-1] for word in words], balls
