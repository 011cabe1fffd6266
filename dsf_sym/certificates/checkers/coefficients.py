"""A kernel at given sizes as `κ(x, y) = Σ_{a,b} G_{ab} Φ_a(x) Ψ_b(y)`, by its coefficients G.

Φ_a and Ψ_b are monomials in entries and in functions of the query alone or of the key alone. A
function of the query and the same function of the key have one name, so that a row and a column
of that name are one function of a point.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from typing import Any

from ...arithmetic.poly import Frac, Poly, frac
from ...arithmetic.scalars import Irrational, Rationals
from ...arithmetic.sparse import Sparse, SparseAlgebra
from ...arithmetic.universe import Universe
from ...automata.automaton import entry_name
from ...errors import Rejected
from ...language.domains import POSITIVE
from ...language.evaluate import Sizes, evaluate, shape_of
from ...language.kernel import KernelLayer
from ...language.layer import Signal

NOW, PAST = "·", "°"
PIECEWISE = ("elu", "relu", "step")
Name = tuple[tuple[str, int], ...]
Below = frozenset[tuple[frozenset[tuple[Name, Fraction]], int]]


@dataclass(frozen=True)
class Coefficients:
    """The numbers G by row, column and a factor that reads neither point; and the denominators.

    left, right: the denominators of query and key, as sets of terms with their powers.
    """

    entries: Mapping[tuple[Name, Name, Name], Fraction]
    left: Below
    right: Below

    @property
    def table(self) -> tuple[list[Name], list[Name], list[list[Fraction]]]:
        """Rows, columns and the dense matrix, factors of neither point taken to the rows."""
        found: dict[tuple[Name, Name], Fraction] = {}
        for (row, column, rest), c in self.entries.items():
            found[row + rest, column] = c
        rows, columns = (sorted({key[i] for key in found}) for i in range(2))
        zero = Fraction(0)
        return rows, columns, [[found.get((r, c), zero) for c in columns] for r in rows]


def coefficients(layer: KernelLayer, names: Mapping[str, str], sizes: Sizes) -> Coefficients:
    """G of a kernel, the squares of a unit vector's entries summing to 1.

    names: the name that a signal of the key shares with one of the query. Raises Rejected where a
    function reads query and key together.
    """
    scalars = _Scalars(Universe())
    universe, algebra = scalars.universe, SparseAlgebra(scalars, sizes)
    for s in layer.signals:
        if s.domain.values is not None and s.kind != "state":
            raise Rejected(f"{layer.name}: {s.name} has finitely many values")

    def name_of(s: Signal, shared: Mapping[str, str]) -> str:
        # A name that another signal takes is not that of this one as well.
        return shared.get(s.name, s.name + "'" * (s.name in shared.values()))

    def symbols(mark: str, shared: Mapping[str, str]) -> dict[str, Sparse]:
        return {
            s.name: _symbols(s, name_of(s, shared), mark, sizes, universe)
            for s in layer.signals
            if s.kind != "state"
        }

    past = symbols(PAST, names)
    entry = evaluate(list(layer.step.values()), past, algebra)
    inputs = {**symbols(NOW, {}), **dict(zip(layer.step, entry, strict=True))}
    (weight,) = evaluate([layer.weight], inputs, algebra)
    value, *others = weight.flat(frac(0))
    if not all(universe.is_zero(x - value) for x in others):
        raise Rejected(f"{layer.name} does not weigh all entries of its values alike")
    return _separate(layer, universe, value)


def _symbols(s: Signal, name: str, mark: str, sizes: Sizes, universe: Universe) -> Sparse:
    shape, own = shape_of(s.dims, sizes), mark if s.kind == "token" else ""
    positive = s.domain.interval.within(POSITIVE.interval)
    places = list(product(*map(range, shape)))
    symbols = [
        universe.entry(f"{entry_name(name, i)}{own}", constant=not own, positive=positive)
        for i in places
    ]
    if s.domain.unit:
        *others, (last,) = [x.variables() for x in symbols]
        squares = sum((x * x for x in symbols[: len(others)]), start=frac(0))
        universe.variables[last] = replace(universe.variables[last], square=(frac(1) - squares).num)
    return Sparse(shape, dict(zip(places, symbols, strict=True)))


@dataclass(frozen=True)
class _Scalars:
    """A universe in which a function with branches is an unknown of its own."""

    universe: Universe

    def number(self, value: Fraction) -> Frac:
        return self.universe.number(value)

    def is_zero(self, x: Frac) -> bool:
        return self.universe.is_zero(x)

    def function(self, name: str, x: Frac) -> Frac:
        if name not in PIECEWISE:
            return self.universe.function(name, x)
        if not x.variables():
            top, bottom = (Fraction(p.terms.get((), 0)) for p in (x.num, x.den))
            try:
                return frac(Rationals().function(name, top / bottom))
            except Irrational:
                pass
        return self.universe.entry(
            f"{name}({self.universe.show(x)})", constant=False, positive=False
        )


def _separate(layer: KernelLayer, universe: Universe, value: Frac) -> Coefficients:
    below: dict[str, set[tuple[frozenset[tuple[Name, Fraction]], int]]] = {NOW: set(), PAST: set()}
    shift: list[tuple[Poly, int]] = []
    for f, e in value.factors.items():
        if e >= 0:
            continue
        sides = {side for v in f.variables() for side in _sides(universe.name(v))}
        if len(f.terms) == 1:
            shift.append((f, e))
        elif len(sides) == 1:
            terms = frozenset(
                (_split(layer, universe, m)[3], Fraction(c)) for m, c in f.terms.items()
            )
            below[sides.pop()].add((terms, e))
        else:
            raise Rejected(f"{layer.name}: a denominator is no product of parts of query and key")
    entries: dict[tuple[Name, Name, Name], Fraction] = {}
    for m, c in universe.reduce(value.num).terms.items():
        powers, scale = dict(m), Fraction(c)
        for f, e in shift:
            (((inner, by),)) = f.terms.items()
            scale *= Fraction(by) ** e
            for v, power in inner:
                powers[v] = powers.get(v, 0) + e * power
        key = _split(layer, universe, [(v, p) for v, p in powers.items() if p])[:3]
        entries[key] = entries.get(key, Fraction(0)) + scale
    kept = {key: c for key, c in entries.items() if c}
    return Coefficients(kept, frozenset(below[NOW]), frozenset(below[PAST]))


def _sides(name: str) -> Iterator[str]:
    yield from (mark for mark in (NOW, PAST) if mark in name)


def _split(layer: KernelLayer, universe: Universe, monomial: Any) -> tuple[Name, Name, Name, Name]:
    """The parts of a monomial that read the query, the key and neither, and all of it."""
    parts: dict[str, list[tuple[str, int]]] = {NOW: [], PAST: [], "": []}
    for v, power in monomial:
        name = universe.name(v)
        sides = list(_sides(name))
        if len(sides) > 1:
            shown = name.replace(NOW, "").replace(PAST, "_j")
            raise Rejected(f"{layer.name}: {shown} reads query and key together")
        parts["".join(sides)].append((name.replace(NOW, "").replace(PAST, ""), power))
    now, past, rest = (tuple(sorted(parts[side])) for side in (NOW, PAST, ""))
    return now, past, rest, tuple(sorted([*now, *past, *rest]))
