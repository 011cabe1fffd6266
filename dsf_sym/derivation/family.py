"""Λ as a family over tokens: is it constant, commuting, symmetric? Proved either way, or not known.

Equal normal forms prove "yes" for all sizes. "No" is proved at one pair of tokens, in rigorous
interval arithmetic: two intervals that do not meet.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product
from typing import TYPE_CHECKING

from ..arithmetic.scalars import Balls
from ..arithmetic.sparse import Sparse, SparseAlgebra
from ..index.atoms import Form
from ..index.forms import at_time, compose, entries, signal_atom, transpose, zero
from ..language.domains import Domain
from ..language.evaluate import shape_of

if TYPE_CHECKING:
    from .derive import StateSpace

Blocks = dict[tuple[str, str], Form]
TRIES = 4
SIZE = 2
MOST_POINTS = 64


@dataclass(frozen=True)
class Property:
    """Whether something holds: True and False are proved, None is not known; and why."""

    holds: bool | None
    reason: str

    def __bool__(self) -> bool:
        return self.holds is True


def constant_in_time(space: StateSpace) -> Property:
    """Whether Λ is the same for every token."""
    tokens = sorted({a.name for f in space.Lam.values() for a in f.atoms() if a.kind == "token"})
    if not tokens:
        return Property(True, "Λ reads no token")
    left, right = ({k: at_time(f, i) for k, f in space.Lam.items()} for i in (0, 1))
    shown = _apart(space, left, right)
    if shown is None:
        return Property(None, f"Λ reads {', '.join(tokens)}, and sampled tokens gave the same Λ")
    return Property(False, f"Λ reads {', '.join(tokens)}: {shown}")


def commuting(space: StateSpace) -> Property:
    """Whether `Λ_i Λ_j = Λ_j Λ_i` for all tokens."""
    first, second = ({k: at_time(f, i) for k, f in space.Lam.items()} for i in (0, 1))
    left, right = _times(space, first, second), _times(space, second, first)
    if left == right:
        return Property(True, "Λ_i Λ_j and Λ_j Λ_i have one normal form, for all sizes")
    shown = _apart(space, left, right)
    if shown is None:
        return Property(
            None, "the normal forms of Λ_i Λ_j and Λ_j Λ_i differ, and no sampled tokens part them"
        )
    return Property(False, f"Λ_i Λ_j and Λ_j Λ_i differ: {shown}")


def symmetric(space: StateSpace) -> Property:
    """Whether Λ equals its transpose for all tokens."""
    turned = {
        (column, row): transpose(form, len(space.state(row).dims))
        for (row, column), form in space.Lam.items()
    }
    if turned == dict(space.Lam):
        return Property(True, "Λ and its transpose have one normal form, for all sizes")
    shown = _apart(space, dict(space.Lam), turned)
    if shown is None:
        return Property(
            None, "the normal forms of Λ and Λᵀ differ, and no sampled token parts them"
        )
    return Property(False, f"Λ and Λᵀ differ: {shown}")


def _times(space: StateSpace, a: Blocks, b: Blocks) -> Blocks:
    out: Blocks = {}
    for (row, inner), left in a.items():
        for (other, column), right in b.items():
            if inner == other:
                part = compose(left, right, len(space.state(inner).dims))
                key = (row, column)
                out[key] = out[key] + part if key in out else part
    return {key: form for key, form in out.items() if form}


def _apart(space: StateSpace, a: Blocks, b: Blocks) -> str | None:
    """An entry in which two families differ at some tokens, in words, or None if none is found."""
    sizes, balls = dict.fromkeys(space.layer.sizes, SIZE), Balls()
    algebra = SparseAlgebra(balls, sizes)
    nothing = balls.number(Fraction(0))
    with balls.precision():
        for seed in range(TRIES):
            values = _sample(space, random.Random(seed), algebra)
            for row, column in sorted({*a, *b}):
                dims = space.state(row).dims + space.state(column).dims
                pair = [entries(x.get((row, column), zero(dims)), values, algebra) for x in (a, b)]
                for index in pair[0].indices():
                    x, y = (p.entries.get(index, nothing) for p in pair)
                    if balls.differ(x, y):
                        at = ", ".join(f"{k}={v}" for k, v in sizes.items())
                        where = f"entry {list(index)} from {column} to {row}" if index else "at"
                        told = f"{balls.middle(x):.4g} and {balls.middle(y):.4g}"
                        return f"{where}, {at}: {told} at a sampled token pair"
    return None


def _sample(space: StateSpace, rng: random.Random, algebra: SparseAlgebra) -> Mapping[str, Sparse]:
    """Rational values of constants and of tokens untimed and at times 0 and 1, in their domains."""
    out = {}
    for signal in space.layer.signals:
        shape = shape_of(signal.dims, algebra.sizes)
        for time in (None, 0, 1):
            index = list(product(*map(range, shape)))
            draws = _draw(signal.domain, len(index), rng)
            cells = {i: algebra.scalars.number(x) for i, x in zip(index, draws, strict=True)}
            out[signal_atom(signal, time).key] = Sparse(shape, cells)
    return out


def _draw(domain: Domain, count: int, rng: random.Random) -> list[Fraction]:
    points = domain.points(count)
    if points is not None:
        return list(rng.choice(list(islice(points, MOST_POINTS))))
    if domain.unit:
        t = [Fraction(rng.randint(-9, 9), rng.randint(2, 7)) for _ in range(count - 1)]
        square = sum((x * x for x in t), start=Fraction(0))
        return [*(2 * x / (1 + square) for x in t), (1 - square) / (1 + square)]
    low, high = domain.interval.low, domain.interval.high
    share = [Fraction(rng.randint(1, 15), 16) for _ in range(count)]
    if low is not None and high is not None:
        return [low + (high - low) * s for s in share]
    if low is not None:
        return [low + 3 * s for s in share]
    if high is not None:
        return [high - 3 * s for s in share]
    return [6 * s - 3 for s in share]
