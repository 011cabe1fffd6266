"""Layers run over tokens and weights of which some numbers are unknowns."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ...arithmetic.poly import Frac, Monomial, Poly, frac
from ...arithmetic.universe import Universe
from ...errors import Rejected
from ...language.graph import walk
from ...language.layer import Layer
from ...language.tensor import BRANCHING, Function, Input


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


def is_analytic(layer: Layer) -> bool:
    """Whether the outputs are analytic in the weights, and these fill a connected open set.

    What is then not 0 at some weights is not at generic ones: of √(w²) the sign of w would decide.
    """
    nodes = walk(*layer.step.values(), layer.output)
    roots = [n for n in nodes if isinstance(n, Function) and n.name == "sqrt"]
    inside = {n.name for n in walk(*roots) if isinstance(n, Input)}
    return all(s.name not in inside for s in layer.signals if s.kind != "token") and not any(
        s.domain.unit or s.domain.values is not None for s in layer.of_kind("constant")
    )
