"""A basis of the closed subspace over rational functions of the constants, in exact arithmetic.

Where the subspace moves with the weights (a gain in one layer's input and in the other's readout),
its basis is computed in SymPy's field of fractions with integer tokens; the checker verifies it for
all tokens.
"""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

from ..arithmetic.poly import Frac, Poly
from ..arithmetic.sparse import Sparse, SparseAlgebra
from ..arithmetic.universe import Universe
from ..automata.automaton import Action, Automaton, Branch, start_vector

LARGEST_RANK = 40


class _Field:
    """SymPy's field of fractions in the constants, as a ring for sparse arrays."""

    def __init__(self, names: list[str]) -> None:
        from sympy import QQ

        self.field = QQ.frac_field(*[f"c{i}" for i in range(len(names))])
        self.names = names

    def number(self, value: Fraction) -> Any:
        return self.field(self.field.domain(value.numerator, value.denominator))

    def is_zero(self, x: Any) -> bool:
        return not x

    def function(self, name: str, x: Any) -> Any:
        raise AssertionError(name)


def basis_over_constants(
    automaton: Automaton, rank: int, *, seed: int = 0
) -> list[dict[str, Any]] | None:
    """Reduced rows with entries over the constants, or None when it is out of reach.

    rank: the dimension that the search found.
    """
    if rank > LARGEST_RANK:
        return None
    rng, universe = random.Random(seed), Universe()
    branches = [Branch(automaton, universe, letter) for letter in automaton.letters()]
    used = {v for b in branches for v in b.variables}
    constants = [v for v in universe.below(used) if universe.variables[v].constant]
    if any(universe.variables[v].square is not None for v in constants):
        return None
    finest = [v for v in constants if universe.variables[v].equals is None]
    field = _Field([universe.name(v) for v in finest])
    known = dict(zip(finest, field.field.gens, strict=True))
    _settle(universe, constants, known, field)
    rows: dict[int, dict[int, Any]] = {}
    weights = {
        name: array.map(lambda x: _value(x, known, field))
        for name, array in branches[0].symbols.items()
        if automaton.signals[name].kind == "constant"
    }
    new = [start_vector(automaton, weights, field.number(Fraction(1)))]
    idle = 0
    while new and idle < 3:
        added = [row for x in new if (row := _insert(rows, x))]
        if len(rows) > rank:
            return None
        idle = 0 if added else idle + 1
        new = [_random_action(branches, known, field, rng).step(x) for x in rows.values()]
    if len(rows) != rank:
        return None
    return [
        {str(i): _data(x, field.names) for i, x in sorted(rows[p].items())} for p in sorted(rows)
    ]


def _random_action(
    branches: list[Branch], known: dict[int, Any], field: _Field, rng: random.Random
) -> Action:
    branch = rng.choice(branches)
    values = dict(known)
    order = branch.universe.below(branch.variables)
    for v in reversed(order):
        own = branch.universe.variables[v]
        if v not in values and own.kind == "sin" and own.square is not None:
            (cosine,) = own.square.variables()
            t = Fraction(rng.randint(1, 50))
            values[cosine] = field.number((1 - t * t) / (1 + t * t))
            values[v] = field.number(2 * t / (1 + t * t))
        elif v not in values:
            values[v] = field.number(Fraction(rng.randint(1, 50)))
    _settle(branch.universe, order, values, field)

    def point(array: Sparse) -> Sparse:
        return array.map(lambda x: _value(x, values, field))

    inputs = {name: point(a) for name, a in branch.symbols.items()}
    functions = {node: point(a) for node, a in branch.functions.items()}
    algebra = SparseAlgebra(field, branch.automaton.sizes)
    return Action(branch.automaton, algebra, inputs, functions)


def _settle(universe: Universe, order: list[int], values: dict[int, Any], field: _Field) -> None:
    """Values of the variables that are parts of finer ones, in place."""
    for v in reversed(order):
        equals = universe.variables[v].equals
        if equals is not None:
            values[v] = _value(Frac(equals), values, field)


def _value(x: Frac, values: dict[int, Any], field: _Field) -> Any:
    def poly(p: Poly) -> Any:
        total = field.number(Fraction(0))
        for m, c in p.terms.items():
            term = field.number(Fraction(c))
            for v, e in m:
                term = term * values[v] ** e
            total = total + term
        return total

    return poly(x.num) / poly(x.den)


def _insert(rows: dict[int, dict[int, Any]], x: dict[int, Any]) -> dict[int, Any] | None:
    """Reduce x by the rows, keep them reduced, and return the new row, or None if x was inside."""
    for pivot, row in rows.items():
        if pivot in x:
            x = _minus(x, x[pivot], row)
    if not x:
        return None
    pivot = min(x)
    lead = x[pivot]
    new = {i: v / lead for i, v in x.items()}
    for p, row in rows.items():
        if pivot in row:
            rows[p] = _minus(row, row[pivot], new)
    rows[pivot] = new
    return new


def _minus(x: dict[int, Any], c: Any, row: dict[int, Any]) -> dict[int, Any]:
    out = dict(x)
    for i, v in row.items():
        out[i] = out[i] - c * v if i in out else -c * v
    return {i: v for i, v in out.items() if v}


def _data(x: Any, names: list[str]) -> Any:
    """A field element as plain data: text when rational, else numerator and denominator terms."""

    def poly(p: Any) -> list[Any]:
        return [[str(c), {names[i]: e for i, e in enumerate(m) if e}] for m, c in sorted(p.terms())]

    top, bottom = poly(x.numer), poly(x.denom)
    if all(not powers for _, powers in [*top, *bottom]):
        numerator = Fraction(top[0][0]) if top else Fraction(0)
        return str(numerator / Fraction(bottom[0][0]))
    return {"num": top, "den": bottom}
