"""The outputs of two layers on a few tokens, as polynomials in scalars of the tokens.

An output is linear in the carried inputs u_j. The coefficient p_ij of u_j in the difference of the
outputs y_i is a polynomial in numbers of a token and in sums over products, such as k_0 · k_1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, reduce
from operator import mul
from typing import Any

from ...errors import Rejected
from ...index.atoms import Atom, Factor, Form, Monomial
from ...index.canonical import canonical
from ...index.forms import coefficient, signal_atom
from ...index.normal import step_form
from ...language.domains import REAL, Interval
from ...language.layer import Layer
from .enclosure import Range, Ranges

Expression = Any
"""A polynomial of SymPy in the unknowns x0, x1, ..."""


@dataclass(frozen=True)
class Equations:
    """The coefficients p_ij, one polynomial for each, in unknown scalars of the tokens.

    unknowns: x0, x1, ... as products of signals that are summed over. values: p_ij with i and j.
    """

    layers: tuple[Layer, ...]
    unknowns: tuple[Monomial, ...]
    values: tuple[tuple[int, int, Expression], ...]

    @cached_property
    def keys(self) -> dict[str, Expression]:
        """The unknowns as symbols, by a text that is equal for equal ones."""
        import sympy

        return {key_of(m): sympy.Symbol(f"x{i}") for i, m in enumerate(self.unknowns)}

    @cached_property
    def _ranges(self) -> dict[Expression, Range]:
        domains = {s.name: s.domain.interval for layer in self.layers for s in layer.signals}
        found = zip(self.keys.values(), self.unknowns, strict=True)
        return {x: Range(range_of(m, domains)) for x, m in found}

    def has_no_zero(self, x: Expression) -> bool:
        """Whether interval arithmetic on the domains of the signals excludes 0."""
        import sympy

        ring, total = Ranges(), Ranges().number(Fraction(0))
        for powers, c in sympy.Poly(x, *self.keys.values()).terms():
            factors = [
                part
                for own, e in zip(self._ranges.values(), powers, strict=True)
                for part in [own * own] * (e // 2) + [own] * (e % 2)
            ]
            total = total + reduce(mul, factors, ring.number(Fraction(int(c.p), int(c.q))))
        return Fraction(0) not in total.interval

    def read(self, rows: Sequence[Any]) -> Expression:
        """A polynomial from data: rows of a number and powers of unknowns by their keys."""
        import sympy

        if any(int(e) < 1 for _, powers in rows for _, e in powers):
            raise Rejected("a polynomial has a power that is not a positive number")
        return sympy.Add(
            *(
                sympy.Rational(str(c)) * sympy.Mul(*(self.keys[k] ** int(e) for k, e in powers))
                for c, powers in rows
            )
        )


def key_of(monomial: Monomial) -> str:
    """A text that is equal for equal products."""
    return ".".join(f"{a.key}{list(labels)}" for a, labels in monomial)


def equations(layers: Sequence[Layer], length: int) -> Equations:
    """The coefficients of the inputs in the differences of the outputs on `length` tokens.

    At each entry of their axes, where an identity between axes leaves the diagonal alone.
    """
    import sympy

    names = {layer.input_name for layer in layers}
    if len(names) > 1 or None in names:
        raise Rejected("the layers have no common input")
    if any(layer.signal(str(name)).domain != REAL for layer in layers for name in names):
        raise Rejected("the input does not range over the reals")
    u = layers[0].signal(str(*names))
    found: list[tuple[int, int, dict[tuple[Monomial, ...], Fraction]]] = []
    directions = set()
    for i, rest in enumerate(_differences(layers, length)):
        for j in range(i + 1):
            part, rest = coefficient(rest, signal_atom(u, j))
            terms: dict[tuple[Monomial, ...], Fraction] = {}
            for monomial, c in part.terms.items():
                scalars, direction = _at_entry(monomial)
                terms[scalars] = terms.get(scalars, Fraction(0)) + c
                directions.add(direction)
            found.append((i, j, terms))
        if rest.terms:
            raise Rejected(f"the difference of the outputs y_{i} is not linear in {u.name}")
    if len(directions) > 1:
        raise Rejected(f"some products of {u.name} are along a diagonal, and some are not")
    every = {s for _, _, terms in found for scalars in terms for s in scalars}
    unknowns = sorted(every, key=key_of)
    symbol = {m: sympy.Symbol(f"x{i}") for i, m in enumerate(unknowns)}
    values = tuple(
        (
            i,
            j,
            sympy.Add(*(sympy.Rational(c) * sympy.Mul(*map(symbol.get, s)) for s, c in t.items())),
        )
        for i, j, t in found
    )
    return Equations(tuple(layers), tuple(unknowns), values)


def _differences(layers: Sequence[Layer], length: int) -> list[Form]:
    rows: list[list[Form]] = []
    for layer in layers:
        states: Mapping[str, Form] = step_form(layer).start
        rows.append([])
        for i in range(length):
            step = step_form(layer, states, time=i)
            states = step.new
            rows[-1].append(step.output)
    return [x - y for x, y in zip(*rows, strict=True)]


def apart(monomial: Monomial) -> tuple[tuple[Monomial, ...], Monomial]:
    """The products in which every label is summed, and the factors that have axes."""
    groups = _groups(monomial, lambda label: True)
    free = [g for g in groups if any(x >= 0 for _, ls in g for x in ls)]
    scalars = sorted((canonical(g) for g in groups if g not in free), key=key_of)
    return tuple(scalars), canonical([f for g in free for f in g])


def _at_entry(monomial: Monomial) -> tuple[tuple[Monomial, ...], Monomial]:
    """The products that are one number at each entry of the axes, and the identities."""
    groups = _groups(monomial, lambda label: label < 0)
    eyes = [g for g in groups if all(a.kind == "eye" for a, _ in g)]
    scalars = sorted((canonical(g) for g in groups if g not in eyes), key=key_of)
    return tuple(scalars), canonical([f for g in eyes for f in g])


def _groups(monomial: Monomial, joins: Callable[[int], bool]) -> list[list[Factor]]:
    """The factors that share labels of which `joins` is true."""
    groups: list[list[Factor]] = []
    for factor in monomial:
        labels = set(filter(joins, factor[1]))
        touching = [g for g in groups if any(labels & set(ls) for _, ls in g)]
        groups = [g for g in groups if g not in touching]
        groups.append([*(f for g in touching for f in g), factor])
    return groups


def range_of(monomial: Monomial, domains: Mapping[str, Interval]) -> Interval:
    """Where a product of signals lies; sums over an axis are not bounded."""
    if len(monomial) > 1 or any(label < 0 for label in monomial[0][1]):
        return Interval()
    return _of_atom(monomial[0][0], domains)


def _of_atom(atom: Atom, domains: Mapping[str, Interval]) -> Interval:
    if atom.kind == "size":
        return Interval(Fraction(1), low_open=False)
    if atom.arg is None:
        return domains[atom.name]
    ring, total = Ranges(), Ranges().number(Fraction(0))
    for monomial, c in atom.arg.terms.items():
        parts = [Range(range_of((f,), domains)) for f in monomial]
        total = total + reduce(mul, parts, ring.number(c))
    try:
        return ring.function(atom.name, total).interval
    except Rejected:
        return Interval()
