"""Check to which order in a signal two layers agree: their steps as power series, exactly.

The signal, say Δ, is put to ε Δ in both. The new states and outputs are then series in ε whose
coefficients are fractions in the entries of everything else; the first that differs is the order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ...arithmetic.poly import Frac, frac
from ...arithmetic.sparse import Sparse, SparseAlgebra
from ...arithmetic.universe import Universe
from ...automata.automaton import entry_name
from ...errors import Rejected
from ...language.domains import POSITIVE
from ...language.evaluate import Sizes, evaluate, shape_of
from ...language.layer import Layer
from ...language.spec import deserialise

HIGHEST = 12


@dataclass(frozen=True, eq=False, slots=True)
class Series:
    """Coefficients of 1, ε, ε², ..., all up to the order that is kept."""

    terms: tuple[Frac, ...]

    def __add__(self, other: Series) -> Series:
        return Series(tuple(a + b for a, b in zip(self.terms, other.terms, strict=True)))

    def __sub__(self, other: Series) -> Series:
        return Series(tuple(a - b for a, b in zip(self.terms, other.terms, strict=True)))

    def __mul__(self, other: Series) -> Series:
        n = range(len(self.terms))
        return Series(
            tuple(
                sum((self.terms[i] * other.terms[k - i] for i in range(k + 1)), start=frac(0))
                for k in n
            )
        )

    def __neg__(self) -> Series:
        return Series(tuple(-a for a in self.terms))


@dataclass(frozen=True)
class SeriesRing:
    """Power series up to an order, over the scalars of a universe."""

    universe: Universe
    order: int

    def number(self, value: Fraction) -> Series:
        """A number as a constant series."""
        return self.constant(self.universe.number(value))

    def constant(self, x: Frac) -> Series:
        """A scalar as a constant series."""
        return Series((x, *(frac(0) for _ in range(self.order))))

    def is_zero(self, x: Series) -> bool:
        """Whether every coefficient vanishes."""
        return all(self.universe.is_zero(a) for a in x.terms)

    def function(self, name: str, x: Series) -> Series:
        """exp, cos, sin and the inverse; Rejected for others of a series that is not constant."""
        first, rest = x.terms[0], Series((frac(0), *x.terms[1:]))
        if name == "inverse":
            if self.universe.is_zero(first):
                raise Rejected("a denominator vanishes where the signal does")
            scaled = rest * self.constant(-first.inverse())
            return self._power_series(scaled, lambda k: Fraction(1)) * self.constant(
                first.inverse()
            )
        if self.is_zero(rest):
            return self.constant(self.universe.function(name, first))
        if name == "exp":
            inner = self._power_series(rest, lambda k: Fraction(1, _factorial(k)))
            return self.constant(self.universe.exp(first)) * inner
        if name in ("cos", "sin"):
            signs = {0: 1, 1: 1, 2: -1, 3: -1}
            both = [
                self._power_series(
                    rest,
                    lambda k, odd=odd: (
                        Fraction(signs[k % 4], _factorial(k)) if k % 2 == odd else Fraction(0)
                    ),
                )
                for odd in (0, 1)
            ]
            c, s = (self.constant(y) for y in self.universe.turn(first))
            return c * both[0] - s * both[1] if name == "cos" else s * both[0] + c * both[1]
        raise Rejected(f"{name} is not expanded")

    def _power_series(self, x: Series, coefficient: Any) -> Series:
        """Σ_k c_k x^k for an x without a constant term."""
        total, power = self.number(Fraction(0)), self.number(Fraction(1))
        for k in range(self.order + 1):
            total = total + power * self.number(coefficient(k))
            power = power * x
        return total


def _factorial(k: int) -> int:
    out = 1
    for i in range(2, k + 1):
        out *= i
    return out


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The steps agree below the order, and differ at it, by the claimed term where one is given."""
    a, b = layers
    sizes: Sizes = {str(k): int(v) for k, v in data["sizes"].items()}
    order, small = int(data["order"]), str(data["in"])
    if not 0 <= order <= HIGHEST or any(x.signal(small).kind == "state" for x in layers):
        raise Rejected(f"the order is between 0 and {HIGHEST}, in a token or weight")
    universe = Universe()
    ring = SeriesRing(universe, order)
    symbols = _symbols(layers, sizes, universe)
    known = {
        name: x.map(
            lambda v, name=name: (
                Series(  # type: ignore[misc]
                    tuple(v if k == (name == small) else frac(0) for k in range(order + 1))
                )
                if order or name != small
                else ring.number(Fraction(0))
            )
        )
        for name, x in symbols.items()
    }
    shared = [name for name in a.step if name in b.step]
    if not shared:
        raise Rejected("the layers have no state in common")
    found = [
        evaluate([x.step[name] for name in shared], known, SparseAlgebra(ring, sizes))
        for x in (a, b)
    ]
    claimed = deserialise(data["term"]) if "term" in data else None
    values = {}
    if claimed is not None:
        made = evaluate(list(claimed.values()), symbols, SparseAlgebra(universe, sizes))
        values = dict(zip(claimed, made, strict=True))
    differs, shown = False, ""
    zero = ring.number(Fraction(0))
    for name, x, y in zip(shared, *found, strict=True):
        for index in x.indices():
            gap = x.entries.get(index, zero) - y.entries.get(index, zero)
            if not all(universe.is_zero(v) for v in gap.terms[:order]):
                raise Rejected(f"the new {name} differs below order {order}")
            last = gap.terms[order]
            differs = differs or not universe.is_zero(last)
            shown = shown or ("" if universe.is_zero(last) else universe.show(last))
            if claimed is not None:
                wanted = values[name].entries.get(index, frac(0)) if name in values else frac(0)
                if not universe.is_zero(last - wanted):
                    raise Rejected(f"the term of order {order} is {universe.show(last)}")
    if not differs:
        raise Rejected(f"the steps do not differ at order {order}")
    return f"the steps of {a.name} and {b.name} differ at order {order} in {small}: by {shown}"


def _symbols(layers: list[Layer], sizes: Sizes, universe: Universe) -> dict[str, Sparse]:
    """A variable for every entry of every signal and state."""
    out = {}
    for s in (s for layer in layers for s in layer.signals):
        shape = shape_of(s.dims, sizes)
        positive = s.kind != "state" and s.domain.interval.within(POSITIVE.interval)
        whole = Sparse(shape, {})
        out[s.name] = Sparse(
            shape,
            {
                i: universe.entry(
                    entry_name(s.name, i), constant=s.kind == "constant", positive=positive
                )
                for i in whole.indices()
            },
        )
    return out
