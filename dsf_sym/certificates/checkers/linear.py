"""Subspaces given by reduced rows, for the checkers: membership without any elimination."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ...arithmetic.poly import Frac, Poly, frac
from ...arithmetic.universe import Universe
from ...errors import Rejected

Row = dict[int, Frac]


class Space:
    """The span of rows that are each 1 at a pivot of their own and 0 at the others' pivots.

    Raises Rejected when the rows are not of that form or there are none.
    """

    def __init__(self, rows: list[Row], universe: Universe) -> None:
        self.universe = universe
        self.pivots = [min(row, default=-1) for row in rows]
        if not rows or len(set(self.pivots)) < len(rows) or -1 in self.pivots:
            raise Rejected("x_* in V fails: the basis is empty or two vectors share a pivot")
        others = set(self.pivots)
        for i, (row, pivot) in enumerate(zip(rows, self.pivots, strict=True)):
            if not (row[pivot].num.is_one() and row[pivot].den.is_one()):
                raise Rejected(f"basis vector {i} is not 1 at its pivot {pivot}")
            if any(j != pivot and j in others and entry for j, entry in row.items()):
                raise Rejected(f"basis vector {i} is not 0 at the pivot of another")
        self.rows = dict(zip(self.pivots, rows, strict=True))

    def require(self, x: Mapping[int, Frac], identity: str) -> None:
        """Raise Rejected unless x is the combination of the rows that its pivot entries say."""
        rest = {i: v for i, v in x.items() if i not in self.rows}
        for pivot in x.keys() & self.rows.keys():
            for i, v in self.rows[pivot].items():
                if i != pivot:
                    term = x[pivot] * v
                    rest[i] = rest[i] - term if i in rest else -term
        for i, v in rest.items():
            if not self.universe.is_zero(v):
                raise Rejected(
                    f"{identity} fails at coordinate {i}: {self.universe.show(v)[:200]} is not 0"
                )


def cancels(x: Poly, universe: Universe) -> bool:
    """Whether `x y = 0` leaves only `y = 0`, so that one may divide by x.

    Modulo f^2 = f, or s^2 = w^2, a product of two that are not 0 can be 0: f is zero for half of
    its values, and s - w for every positive w. A circle has no such parts.
    """
    known = [universe.variables[v] for v in universe.reduce(x).variables()]
    return all(v.square is None or v.kind == "sin" for v in known)


def read_row(entries: Mapping[str, Any], universe: Universe, width: int) -> Row:
    """A row from data, non-zero entries by coordinate."""
    row = {int(i): _scalar(x, universe) for i, x in entries.items()}
    if not all(0 <= i < width for i in row):
        raise Rejected(f"a basis vector has a coordinate outside 0..{width - 1}")
    return row


def _scalar(x: Any, universe: Universe) -> Frac:
    """A rational as text, or a fraction of polynomials in constants as data."""
    if not isinstance(x, Mapping):
        return frac(Fraction(x))
    names = {v.name: i for i, v in enumerate(universe.variables) if v.constant}

    def poly(terms: Any) -> Poly:
        out = Poly({})
        for coefficient, powers in terms:
            m = tuple(sorted((names[str(n)], int(e)) for n, e in powers.items()))
            if any(e < 1 for _, e in m):
                raise Rejected("an entry of the basis has a power that is not a positive number")
            out = out + Poly({m: Fraction(coefficient)})
        return out

    den = poly(x["den"])
    if not universe.reduce(den):
        raise Rejected("an entry of the basis has denominator 0")
    if not cancels(den, universe):
        raise Rejected(
            "a denominator of the basis reads a root or a number of finitely many values"
        )
    return Frac(poly(x["num"]), den)
