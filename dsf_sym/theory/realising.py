"""Matrices of rationals: independent columns, coordinates, and causal operators as state space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..arithmetic.scalars import Rationals
from ..certificates.checkers.minimality import full_rank

Matrix = list[list[Fraction]]


@dataclass(frozen=True)
class Realised:
    """Λ_i, B_i, C_i for every time, D = 0, on a state of `states` numbers."""

    states: int
    Lam: tuple[Matrix, ...]
    B: tuple[Matrix, ...]
    C: tuple[Matrix, ...]

    @property
    def data(self) -> dict[str, object]:
        """As plain data."""
        return {name: [texts(m) for m in getattr(self, name)] for name in ("Lam", "B", "C")}


def texts(matrix: Sequence[Sequence[Fraction]]) -> list[list[str]]:
    """A matrix as plain data."""
    return [[str(x) for x in row] for row in matrix]


def rank(matrix: Matrix) -> int:
    """The rank."""
    found = full_rank(matrix, Rationals()) if matrix and matrix[0] else None
    return 0 if found is None else len(found[0])


def independent(columns: Sequence[Sequence[Fraction]]) -> list[int]:
    """The places of columns that are no combination of those before them."""
    found = full_rank([list(row) for row in zip(*columns, strict=True)], Rationals())
    return sorted(found[1]) if found is not None else []


def coordinates(basis: Sequence[Sequence[Fraction]], x: Sequence[Fraction]) -> list[Fraction]:
    """The c with Σ c_i basis_i = x, for independent basis vectors and an x of their span."""
    size = len(basis)
    rows = [[*(b[i] for b in basis), x[i]] for i in range(len(x))]
    at = 0
    for column in range(size):
        pivot = next(i for i in range(at, len(rows)) if rows[i][column])
        rows[at], rows[pivot] = rows[pivot], rows[at]
        head = rows[at][column]
        rows[at] = [v / head for v in rows[at]]
        for i, row in enumerate(rows):
            if i != at and row[column]:
                f = row[column]
                rows[i] = [v - f * p for v, p in zip(row, rows[at], strict=True)]
        at += 1
    return [rows[i][size] for i in range(size)]


def realise(operator: Matrix, length: int) -> Realised:
    """The smallest state-space form with D = 0 of a causal operator of `length` blocks.

    The state after token i holds what the inputs so far give to the outputs from i on: as many
    numbers as that block of the operator has rank, padded with zeros to the largest.
    """
    out, into = len(operator) // length, len(operator[0]) // length
    bases: list[list[list[Fraction]]] = []
    lam: list[Matrix] = []
    b: list[Matrix] = []
    c: list[Matrix] = []
    for i in range(length):
        rows = operator[i * out :]
        columns = [[row[j] for row in rows] for j in range((i + 1) * into)]
        chosen = [columns[j] for j in independent(columns)]
        before = [x[out:] for x in bases[-1]] if bases else []
        lam.append(_columns([coordinates(chosen, x) for x in before], len(chosen)))
        b.append(_columns([coordinates(chosen, x) for x in columns[i * into :]], len(chosen)))
        c.append([[x[row] for x in chosen] for row in range(out)])
        bases.append(chosen)
    states = max(1, *(len(x) for x in bases))
    return Realised(
        states,
        tuple(_padded(m, states, states) for m in lam),
        tuple(_padded(m, states, into) for m in b),
        tuple(_padded(m, out, states) for m in c),
    )


def _columns(columns: list[list[Fraction]], height: int) -> Matrix:
    return [[x[i] for x in columns] for i in range(height)]


def _padded(matrix: Matrix, rows: int, columns: int) -> Matrix:
    zero = Fraction(0)
    return [
        [matrix[i][j] if i < len(matrix) and j < len(matrix[i]) else zero for j in range(columns)]
        for i in range(rows)
    ]
