"""Layers run over tokens and weights of which some numbers are unknowns."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ...arithmetic.poly import Frac, Monomial, Poly, frac
from ...arithmetic.scalars import Irrational, Rationals
from ...arithmetic.universe import Universe
from ...errors import Rejected
from ...language.graph import inputs, walk
from ...language.layer import Layer
from ...language.tensor import BRANCHING, Function


@dataclass
class Symbols(Universe):
    """A universe in which a number may be an unknown already, without functions with branches."""

    def number(self, value: Any) -> Frac:
        """A rational number, or the unknown itself."""
        return value if isinstance(value, Frac) else super().number(value)

    def function(self, name: str, x: Frac) -> Frac:
        """A function that is analytic."""
        if name in BRANCHING:
            raise Rejected(f"{name} has branches, and is no analytic function")
        return super().function(name, x)

    def exp(self, x: Frac) -> Frac:
        """The exponential, the denominator cancelled from parts of the exponent that hold it."""
        den, parts, out = x.den, dict[Monomial, Poly](), frac(1)
        for m, c in x.num.terms.items():
            key = tuple(f for f in m if f[0] not in den.variables())
            more = Poly({tuple(f for f in m if f[0] in den.variables()): c})
            parts[key] = parts.get(key, Poly({})) + more
        for key, p in parts.items():
            c = Fraction(next(iter(p.terms.values()), 0)) / Fraction(next(iter(den.terms.values())))
            whole = p == den.scale(c)
            term = Frac(Poly({key: c})) if whole else Frac(p * Poly({key: 1}), den)
            out = out * super().exp(term)
        return out


class Support:
    """Numbers known only as 0, or as 1 where they may be anything: which entries a rule fills."""

    def number(self, value: Fraction) -> int:
        """0 for zero alone."""
        return int(value != 0)

    def is_zero(self, x: int) -> bool:
        """Whether the entry is 0 at all weights."""
        return not x

    def function(self, name: str, x: int) -> int:
        """0 where the function of 0 is 0."""
        try:
            return int(bool(x) or Rationals().function(name, Fraction(0)) != 0)
        except (Irrational, ZeroDivisionError):
            return 1


def is_analytic(layer: Layer) -> bool:
    """Whether the outputs are analytic in the weights, and these fill a connected open set.

    What is then not 0 at some weights is not at generic ones: of √(w²) the sign of w would decide.
    """
    functions = [n for n in walk(*layer.step.values(), layer.output) if isinstance(n, Function)]
    inside = inputs(*(n for n in functions if n.name == "sqrt"))
    return (
        not any(n.name in BRANCHING for n in functions)
        and all(s.name not in inside for s in layer.signals if s.kind != "token")
        and all(not s.domain.unit and s.domain.values is None for s in layer.of_kind("constant"))
    )
