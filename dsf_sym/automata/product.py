"""Ratios: N/D = N'/D' as equality on the product of two automata.

With x, x' the joint states, `N(s) x / D(s) x = N'(s) x' / D'(s) x'` for all tokens exactly when
`(N (x) D' - D (x) N')(x (x) x')` vanishes, where (x) is the tensor product: the theorem of affine
layers on `J (x) J'`, with the bound (n + 1)(n' + 1).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from ..arithmetic.span import Span
from ..errors import DomainError, SizeError
from .automaton import Action, Automaton, Vector
from .closure import WIDE, Closure, check_memory
from .modular import Draws, IntegerEngine, Residue

LARGEST_WIDTH = 2500
Matrix = dict[int, dict[int, Any]]


@dataclass(frozen=True)
class Factors:
    """One token's action on each factor: columns of J and J', rows of N, D, N', D' by output."""

    steps: tuple[Matrix, Matrix]
    numerators: tuple[Matrix, Matrix]
    denominators: tuple[Matrix, Matrix]


@dataclass(frozen=True)
class Frame:
    """Where the coordinates of each factor, its constant included, sit in the joint automaton."""

    automaton: Automaton

    @property
    def sides(self) -> tuple[list[int], list[int]]:
        """The joint coordinates of the first and of the second layer, the constant one last."""
        last = self.automaton.width - 1
        cut = min((s.offset for s in self.automaton.slots if s.layer == 1), default=last)
        return [*range(cut), last], [*range(cut, last), last]

    @property
    def width(self) -> int:
        """The dimension of the product, (n + 1)(n' + 1)."""
        left, right = self.sides
        return len(left) * len(right)

    def start(self, x: Vector) -> Vector:
        """The tensor product of the two parts of a joint vector."""
        left, right = self.sides
        return {
            i * len(right) + j: x[a] * x[b]
            for i, a in enumerate(left)
            for j, b in enumerate(right)
            if a in x and b in x
        }

    def factors(self, action: Action, one: Any) -> Factors:
        """The matrices of one token, a column for each coordinate."""
        steps: list[Matrix] = []
        tops: list[Matrix] = []
        bottoms: list[Matrix] = []
        for side, coordinates in enumerate(self.sides):
            place = {c: i for i, c in enumerate(coordinates)}
            step: Matrix = {}
            top: Matrix = {}
            bottom: Matrix = {}
            for i, c in enumerate(coordinates):
                moved = action.step({c: one})
                step[i] = {place[k]: v for k, v in moved.items() if k in place}
                n, d = action.outputs({c: one})[side]
                for rows, array in ((top, n), (bottom, d)):
                    for index, v in array.entries.items():
                        rows.setdefault(self._output(index), {})[i] = v
            steps.append(step)
            tops.append(top)
            bottoms.append(bottom)
        return Factors((steps[0], steps[1]), (tops[0], tops[1]), (bottoms[0], bottoms[1]))

    def _output(self, index: tuple[int, ...]) -> int:
        at = 0
        for i, n in zip(index, self.automaton.output_shape, strict=True):
            at = at * n + i
        return at

    def step(self, factors: Factors, x: Vector) -> Vector:
        """(J (x) J') x: each factor moved in turn."""
        right = len(self.sides[1])
        half: dict[tuple[int, int], Any] = {}
        for at, v in x.items():
            i, j = divmod(at, right)
            for a, c in factors.steps[0][i].items():
                _add(half, (a, j), c * v)
        out: dict[int, Any] = {}
        for (a, j), v in half.items():
            for b, c in factors.steps[1][j].items():
                _add(out, a * right + b, c * v)
        return out

    def outputs(self, factors: Factors, x: Vector) -> dict[int, Any]:
        """(N (x) D' - D (x) N') x for each output entry."""
        right = len(self.sides[1])
        (n, n2), (d, d2) = factors.numerators, factors.denominators
        out: dict[int, Any] = {}
        for first, second, sign in ((n, d2, 1), (d, n2, -1)):
            for m in first.keys() & second.keys():
                for i, c in first[m].items():
                    for j, e in second[m].items():
                        if i * right + j in x:
                            term = c * e * x[i * right + j]
                            _add(out, m, term if sign > 0 else -term)
        return out


def _add(into: dict[Any, Any], key: Any, value: Any) -> None:
    into[key] = into[key] + value if key in into else value


def product_closure(automaton: Automaton, *, seed: int = 0) -> Closure:
    """The reachable space of the product, stopped early when the ratios differ on it.

    Raises SizeError, with the number, before starting on a product past the size limit.
    """
    frame = Frame(automaton)
    if frame.width > LARGEST_WIDTH:
        raise SizeError(
            f"the ratios of {' and '.join(x.name for x in automaton.layers)} need a product of "
            f"dimension {frame.width}, past the limit of {LARGEST_WIDTH}; take smaller sizes"
        )
    engine = IntegerEngine(Draws(automaton, seed))
    space, rng, amount = Span(frame.width), random.Random(seed + 1), WIDE
    x = frame.start(_residues(engine.start()))
    space.extend([_row(x, frame.width)])
    while True:
        x = _residues(space.random(rng))
        rows = []
        for _ in range(amount):
            factors = frame.factors(engine.token(), Residue(1))
            if any(y.value for y in frame.outputs(factors, x).values()):
                return Closure(space.rows(), True)
            x = {i: v for i, v in frame.step(factors, x).items() if v.value}
            rows.append(_row(x, frame.width))
        growth = space.extend(rows)
        if not growth:
            return Closure(space.rows(), False)
        amount = max(WIDE, space.rank) if growth == len(rows) else WIDE


def first_ratio_difference(automaton: Automaton, longest: int, *, seed: int = 0) -> int | None:
    """The length of the shortest sequence on which two ratios differ, at most `longest`.

    Raises DomainError where a denominator vanishes on every sequence of some length, and SizeError
    where what the tokens reach would not fit in memory.
    """
    check_memory(automaton)
    engine = IntegerEngine(Draws(automaton, seed))
    x, rng = engine.start(), random.Random(seed)
    # A word of letters is one of many: a denominator is zero on all where it is on their span.
    wide = 1 if len(automaton.letters()) == 1 else WIDE * len(automaton.letters())
    here = Span(automaton.width)
    here.extend([x])
    for length in range(1, longest + 1):
        x, (one, other) = engine.move(engine.token(), x)
        half = len(one) // 2
        seen = [[y[half:] for y in (one, other)]]
        after = Span(automaton.width)
        grown = wide > 1
        while grown:
            moved = [engine.move(engine.token(), here.random(rng)) for _ in range(wide)]
            seen += [[y[half:] for y in outputs] for _, outputs in moved]
            grown = bool(after.extend([row for row, _ in moved]))
        here = after
        for i, layer in enumerate(automaton.layers):
            if any(not any(column) for column in zip(*(ys[i] for ys in seen), strict=True)):
                raise DomainError(
                    f"{layer.name}: the denominator of the output is zero on every sequence of "
                    f"{length} tokens, so the layer has no value there and equals nothing"
                )
        pairs = zip(one[:half], one[half:], other[:half], other[half:], strict=True)
        if any((Residue(n) * Residue(e)) != (Residue(d) * Residue(m)) for n, d, m, e in pairs):
            return length
    return None


def _residues(row: list[int]) -> Vector:
    return {i: Residue(v) for i, v in enumerate(row) if v}


def _row(x: Vector, width: int) -> list[int]:
    return [x[i].value if i in x else 0 for i in range(width)]
