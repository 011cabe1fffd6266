"""Small affine layers given by matrices, and an oracle that decides their equality by brute force.

`h' = (M_0 + s M_1 + ...) h + b_0 + s b_1 + ...`, `y = (c_0 + s c_1 + ...) h + d_0 + s d_1 + ...`,
over scalar signals s, ... The output after L tokens has degree at most 1 in each signal of each
token, so it vanishes for all tokens as soon as it does for those with every signal 0 or 1: the
oracle is complete at every length it looks at, and by the theorem n + n' + 1 is enough.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from fractions import Fraction

from dsf_sym import Layer
from dsf_sym.language.domains import REAL, Domain
from dsf_sym.language.layer import Signal, validate
from dsf_sym.language.tensor import Input, lift

NAMES = ("s", "t")
Matrix = tuple[tuple[Fraction, ...], ...]


@dataclass(frozen=True)
class Affine:
    """One matrix of size (n + 1) by (n + 1) for 1 and for each signal.

    Rows 0 to n - 1 are the new states, row n is the output; no state multiplies the last column.
    """

    parts: tuple[Matrix, ...]

    @property
    def n(self) -> int:
        return len(self.parts[0]) - 1

    @property
    def signals(self) -> int:
        return len(self.parts) - 1

    def at(self, token: tuple[Fraction, ...]) -> Matrix:
        """The matrix at one token."""
        size = range(self.n + 1)
        weights = (Fraction(1), *token)
        return tuple(
            tuple(sum(w * p[i][j] for w, p in zip(weights, self.parts, strict=True)) for j in size)
            for i in size
        )

    def layer(self, name: str, domain: Domain = REAL) -> Layer:
        """The layer in the language."""
        states = [Input(f"h{i}") for i in range(self.n)]
        tokens = [Input(name) for name in NAMES[: self.signals]]
        rows = []
        for i in range(self.n + 1):
            total = lift(0)
            for weight, part in zip([lift(1), *tokens], self.parts, strict=True):
                for j, h in enumerate([*states, lift(1)]):
                    if part[i][j]:
                        total = total + part[i][j] * weight * h
            rows.append(total)
        made = Layer(
            name,
            (
                *(Signal(h.name, (), REAL, "state") for h in states),
                *(Signal(s.name, (), domain, "token") for s in tokens),
            ),
            {h.name: row for h, row in zip(states, rows[:-1], strict=True)},
            rows[-1],
        )
        validate(made)
        return made

    def changed(self, part: int, i: int, j: int, by: Fraction) -> Affine:
        """The same with one entry moved."""
        rows = [list(r) for r in self.parts[part]]
        rows[i][j] += by
        parts = list(self.parts)
        parts[part] = tuple(map(tuple, rows))
        return replace(self, parts=tuple(parts))

    def under(self, T: Matrix) -> Affine:
        """The same map with states T h in place of h."""
        size = self.n + 1
        wide = [[*row, Fraction(0)] for row in T] + [[Fraction(0)] * self.n + [Fraction(1)]]
        back = inverse(wide)
        assert len(wide) == size
        return Affine(tuple(times(times(wide, p), back) for p in self.parts))

    def with_junk(self, rng, unseen: bool) -> Affine:
        """The same map with one more state, one that is never read or one that is never reached."""
        n, parts = self.n, []
        for p in self.parts:
            junk = [Fraction(rng.randint(-2, 2)) for _ in range(n + 2)]
            rows = [
                [*row[:-1], Fraction(0) if unseen else x, row[-1]]
                for row, x in zip(p, junk, strict=False)
            ]
            alone = [Fraction(0)] * n + [junk[-1], Fraction(0)]
            rows.insert(n, junk if unseen else alone)
            parts.append(tuple(map(tuple, rows)))
        return Affine(tuple(parts))


def times(a, b):
    return tuple(
        tuple(sum((x * b[k][j] for k, x in enumerate(row)), Fraction(0)) for j in range(len(b[0])))
        for row in a
    )


def inverse(a):
    """The inverse of a square matrix; ZeroDivisionError when there is none."""
    n = len(a)
    work = [[Fraction(x) for x in row] + [Fraction(int(i == j)) for j in range(n)]
            for i, row in enumerate(a)]  # fmt: skip
    for c in range(n):
        pivot = next((r for r in range(c, n) if work[r][c]), None)
        if pivot is None:
            raise ZeroDivisionError("the matrix has no inverse")
        work[c], work[pivot] = work[pivot], work[c]
        work[c] = [x / work[c][c] for x in work[c]]
        for r in range(n):
            if r != c and work[r][c]:
                work[r] = [x - work[r][c] * y for x, y in zip(work[r], work[c], strict=True)]
    return tuple(tuple(row[n:]) for row in work)


def first_difference(a: Affine, b: Affine, longest: int, grid=(0, 1)) -> int | None:
    """The length of the shortest sequence of tokens from the grid on which the outputs differ."""
    tokens = [tuple(map(Fraction, t)) for t in itertools.product(grid, repeat=a.signals)]
    steps = [(a.at(t), b.at(t)) for t in tokens]
    level = {((Fraction(0),) * a.n, (Fraction(0),) * b.n)}
    for length in range(1, longest + 1):
        after = set()
        for h, g in level:
            for m, k in steps:
                *new, y = _apply(m, h)
                *other, z = _apply(k, g)
                if y != z:
                    return length
                after.add((tuple(new), tuple(other)))
        level = after
    return None


def _apply(m: Matrix, h: tuple[Fraction, ...]) -> list[Fraction]:
    x = (*h, Fraction(1))
    return [sum((p * q for p, q in zip(row, x, strict=True) if p), Fraction(0)) for row in m]


def random_affine(
    rng, n: int, signals: int, entries=(-2, -1, 0, 0, 1, 2, Fraction(1, 2))
) -> Affine:
    """A random layer with small rational entries."""

    def matrix() -> Matrix:
        return tuple(
            tuple(Fraction(rng.choice(entries)) for _ in range(n + 1)) for _ in range(n + 1)
        )

    return Affine(tuple(matrix() for _ in range(signals + 1)))


def random_change(rng, n: int) -> Matrix:
    """A dense invertible rational matrix."""
    while True:
        T = tuple(
            tuple(Fraction(rng.randint(-4, 4), rng.randint(1, 3)) for _ in range(n))
            for _ in range(n)
        )
        try:
            inverse(T)
        except ZeroDivisionError:
            continue
        return T
