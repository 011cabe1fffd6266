"""A layer at exact tokens: Λ, b and the readout of `h_i = Λ h_{i-1} + b`, `y_i = r h_{i-1} + e`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

from ...arithmetic.scalars import Balls, Irrational, Rationals
from ...arithmetic.sparse import SparseAlgebra, from_flat
from ...automata.automaton import Action, Automaton
from ...automata.run import Values
from ...errors import Rejected
from ...language.evaluate import shape_of
from ...language.layer import Layer
from .minimality import full_rank

Matrix = list[list[Any]]
BITS = 256


@dataclass(frozen=True)
class At:
    """Λ, b and the readout rows (r, e) of one token."""

    transition: Matrix
    write: list[Any]
    readout: Matrix


@dataclass(frozen=True, eq=False)
class Exact:
    """A layer at exact weights and tokens, in rationals or, where functions need them, balls."""

    layer: Layer
    forms: Sequence[At]
    scalars: Any

    def require(self, count: int) -> tuple[list[At], Any]:
        """The first forms and their scalars; Rejected when there are fewer tokens or no state."""
        if len(self.forms) < count or not self.forms[0].transition:
            raise Rejected(f"{self.layer.name}: {len(self.forms)} tokens and a state are too few")
        return list(self.forms[:count]), self.scalars


def exact(automaton: Automaton, tokens: Sequence[Values], constants: Values) -> Exact:
    """The one layer of an automaton at these tokens."""
    (layer,) = automaton.layers
    try:
        scalars: Any = Rationals()
        return Exact(layer, [_at(automaton, t | constants, scalars) for t in tokens], scalars)
    except Irrational:
        scalars = Balls(BITS)
        with scalars.precision():
            return Exact(layer, [_at(automaton, t | constants, scalars) for t in tokens], scalars)


def _at(automaton: Automaton, values: Values, scalars: Any) -> At:
    n, one, zero = automaton.width - 1, scalars.number(Fraction(1)), scalars.number(Fraction(0))
    inputs = {
        s.name: from_flat(
            shape_of(s.dims, automaton.sizes), [scalars.number(x) for x in values[s.name]]
        )
        for s in automaton.signals.values()
    }
    action = Action(automaton, SparseAlgebra(scalars, automaton.sizes), inputs, {})
    columns = [action.step({j: one}) for j in range(n + 1)]
    shown = [action.outputs({j: one})[0][0] for j in range(n + 1)]
    places = list(product(*map(range, automaton.output_shape)))
    return At(
        [[columns[j].get(i, zero) for j in range(n)] for i in range(n)],
        [columns[n].get(i, zero) for i in range(n)],
        [[y.entries.get(i, zero) for y in shown] for i in places],
    )


def joined(parts: Sequence[Exact]) -> Exact:
    """Several tokens, each evaluated on its own, in the same scalars."""
    balls = next((x.scalars for x in parts if isinstance(x.scalars, Balls)), None)
    if balls is None:
        return Exact(parts[0].layer, [f for x in parts for f in x.forms], parts[0].scalars)

    def lifted(rows: Matrix, scalars: Any) -> Matrix:
        exactly = isinstance(scalars, Rationals)
        return [[balls.number(x) if exactly else x for x in row] for row in rows]

    forms = [
        At(
            lifted(f.transition, x.scalars),
            lifted([f.write], x.scalars)[0],
            lifted(f.readout, x.scalars),
        )
        for x in parts
        for f in x.forms
    ]
    return Exact(parts[0].layer, forms, balls)


def nonsingular(matrix: Matrix, scalars: Any) -> bool:
    """Whether the rows are certainly independent."""
    found = full_rank(matrix, scalars)
    return found is not None and len(found[0]) == len(matrix)


def multiple_of_identity(c: Any, size: int) -> Matrix:
    """The matrix `c I`."""
    return [[c if i == j else c * 0 for j in range(size)] for i in range(size)]
