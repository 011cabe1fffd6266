"""Check a subspace V that contains the start, is closed under every token and reads out as zero.

With x = (h; h'; 1): x_* in V, J(s) V in V and r(s) x = r'(s) x on V, as identities in the token s.
That is the induction over the length: every reachable x lies in V, so the outputs agree for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ..automaton import Automaton, Branch, exact_action, start_vector
from ..errors import Rejected
from ..evaluate import Sizes
from ..layer import Layer
from ..poly import Frac, Poly, frac
from ..universe import Universe

Row = dict[int, Frac]


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The three identities for the basis in the certificate, at its sizes."""
    sizes: Sizes = {str(k): int(v) for k, v in data["sizes"].items()}
    automaton = Automaton(tuple(layers), sizes)
    universe = Universe()
    branches = [Branch(automaton, universe, letter) for letter in automaton.letters()]
    actions = [exact_action(branch) for branch in branches]
    basis = [_row(entries, universe, automaton.width) for entries in data["basis"]]
    pivots = _pivots(basis, data["pivots"])
    constants = {
        name: array
        for name, array in branches[0].symbols.items()
        if automaton.signals[name].kind == "constant"
    }
    space = _Space(basis, pivots, universe)
    space.require(start_vector(automaton, constants, frac(1)), "x_* in V")
    for row, vector in enumerate(basis):
        for action in actions:
            left, right = action.outputs(vector)
            for index in left.entries.keys() | right.entries.keys():
                zero = left.entries.get(index, frac(0)) - right.entries.get(index, frac(0))
                if not universe.is_zero(zero):
                    raise Rejected(
                        f"r(s) x = r'(s) x fails on basis vector {row}, output {list(index)}: "
                        f"the difference is {universe.show(zero)[:200]}"
                    )
            space.require(action.step(vector), f"J(s) V in V on basis vector {row}")
    at = ", ".join(f"{k}={v}" for k, v in sizes.items())
    return f"{layers[0].name} = {layers[1].name} for all lengths at {at}"


class _Space:
    """Membership in the span of a basis with unit pivots."""

    def __init__(self, basis: list[Row], pivots: list[int], universe: Universe) -> None:
        self.rows = dict(zip(pivots, basis, strict=True))
        self.universe = universe

    def require(self, x: Mapping[int, Frac], identity: str) -> None:
        """Raise Rejected unless x is the combination of basis vectors that its pivots say."""
        rest = {i: v for i, v in x.items() if i not in self.rows}
        for pivot, row in self.rows.items():
            if pivot in x:
                for i, v in row.items():
                    if i != pivot:
                        term = x[pivot] * v
                        rest[i] = rest[i] - term if i in rest else -term
        for i, v in rest.items():
            if not self.universe.is_zero(v):
                raise Rejected(
                    f"{identity} fails at coordinate {i}: {self.universe.show(v)[:200]} is not 0"
                )


def _row(entries: Mapping[str, Any], universe: Universe, width: int) -> Row:
    row = {int(i): read_scalar(x, universe) for i, x in entries.items()}
    if not all(0 <= i < width for i in row):
        raise Rejected(f"a basis vector has a coordinate outside 0..{width - 1}")
    return row


def read_scalar(x: Any, universe: Universe) -> Frac:
    """An entry: a rational as text, or a fraction of polynomials in constants as data."""
    if not isinstance(x, Mapping):
        return frac(Fraction(x))
    names = {v.name: i for i, v in enumerate(universe.variables) if v.constant}

    def poly(terms: Any) -> Poly:
        out = Poly({})
        for coefficient, powers in terms:
            m = tuple(sorted((names[str(n)], int(e)) for n, e in powers.items()))
            out = out + Poly({m: Fraction(coefficient)})
        return out

    den = poly(x["den"])
    if not universe.reduce(den):
        raise Rejected("an entry of the basis has denominator 0")
    return Frac(poly(x["num"]), den)


def _pivots(basis: list[Row], pivots: Any) -> list[int]:
    """The pivot columns, once every basis vector is seen to be 1 at its own and 0 at the others."""
    columns = [int(p) for p in pivots]
    if not basis or len(columns) != len(basis) or len(set(columns)) != len(columns):
        raise Rejected("x_* in V fails: the basis is empty or has no pivot for each vector")
    others = set(columns)
    for i, (row, pivot) in enumerate(zip(basis, columns, strict=True)):
        lead = row.get(pivot, frac(0))
        if not (lead.num.is_one() and lead.den.is_one()):
            raise Rejected(f"basis vector {i} is not 1 at its pivot {pivot}")
        if any(j != pivot and j in others and entry for j, entry in row.items()):
            raise Rejected(f"basis vector {i} is not 0 at the pivot of another")
    return columns
