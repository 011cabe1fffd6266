"""Check that no finite affine state, of any number of entries, gives a layer's outputs.

With N entries and coefficients of the current token a table of outputs, pasts by futures, has rank
N + 1 at most. Along a number t of a past token and a number s of a later one the output here is
`F = Σ_k g_k(t) h_k(s) + c(t) m(s) / (a(t) + b(s))` with finitely many k: tables of a Cauchy matrix,
nonsingular at any distinct a(t_i) and any distinct b(s_j), up to factors of rows and of columns and
a rank that does not grow. As a and b are analytic and not constant, no N is enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ...arithmetic.poly import Frac, Monomial, Poly, frac
from ...arithmetic.scalars import Balls
from ...automata.automaton import entry_name
from ...automata.run import run
from ...errors import Rejected
from ...language.layer import Layer
from .symbols import Symbols, is_analytic
from .tokens import read_inside, read_sizes, read_values, require_inside

BITS = 128
SIDES = ("past", "future")


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The output along the two unknowns has the form above."""
    (layer,) = layers
    sizes = read_sizes(data["sizes"])
    constants = read_inside([layer], "constant", data["constants"], sizes, "the constants")
    tokens: list[dict[str, list[Any]]] = [dict(read_values(t)) for t in data["tokens"]]
    times = [int(data[side]["token"]) for side in SIDES]
    if not 0 <= times[0] < times[1] < len(tokens):
        raise Rejected("the later unknown is not of a later token")
    universe, unknowns, lines = Symbols(), [], []
    for side, time in zip(SIDES, times, strict=True):
        s, entry = layer.signal(str(data[side]["name"])), int(data[side]["entry"])
        low, high = (Fraction(x) for x in data[side]["between"])
        if s.kind != "token" or s.domain.unit or s.domain.values is not None or not low < high:
            raise Rejected(f"{s} does not range over the numbers from {low} to {high}")
        for x in (low, high):
            tokens[time][s.name][entry] = x
            for token in tokens:
                for other in layer.of_kind("token"):
                    require_inside(other, token, sizes, "a token")
        name = f"{entry_name(s.name, (entry,))} of token {time}"
        unknowns.append(universe.entry(name, constant=False, positive=low > 0))
        lines.append(Line(universe, next(iter(unknowns[-1].variables())), (low, high)))
    for side, time, unknown in zip(SIDES, times, unknowns, strict=True):
        tokens[time][str(data[side]["name"])][int(data[side]["entry"])] = unknown
    y = run(layer, tokens, constants, sizes, universe)[-1][int(data["output"])]
    top, bottom = universe.reduce(y.num), universe.reduce(y.den)
    if not any(_has_cauchy_kernel(top, bottom, *pair) for pair in (lines, lines[::-1])):
        raise Rejected("the output is not shown to be sums of products and one Cauchy kernel")
    at = ", ".join(f"{name}={size}" for name, size in sizes.items())
    generic = ", and so at generic ones" * is_analytic(layer)
    return (
        "no finite affine state over functions of the current token has the outputs of "
        f"{layer.name}{' at ' * bool(at)}{at}, at these weights{generic}"
    )


@dataclass(frozen=True)
class Line:
    """A number of one token that ranges between two ends, as an unknown, and what reads it."""

    universe: Symbols
    unknown: int
    ends: tuple[Fraction, Fraction]

    def reads(self, v: int) -> bool:
        """Whether a variable is the unknown or a function of it."""
        known = self.universe.variables[v]
        below = set() if known.exponent is None else known.exponent.variables()
        below |= set() if known.square is None else known.square.variables()
        return v == self.unknown or any(self.reads(w) for w in below)

    def moves(self, x: Frac) -> bool:
        """Whether x, an analytic function of this unknown, is shown to have two values."""
        balls = Balls(BITS)
        with balls.precision():
            one, other = (self._at(x, {self.unknown: balls.number(t)}, balls) for t in self.ends)
            return balls.differ(one, other)

    def is_other_than_zero(self, x: Frac) -> bool:
        """Whether x, an analytic function of this unknown, is shown not to be 0 throughout."""
        balls = Balls(BITS)
        with balls.precision():
            values = [self._at(x, {self.unknown: balls.number(t)}, balls) for t in self.ends]
            return any(balls.differ(y, balls.number(Fraction(0))) for y in values)

    def _at(self, x: Frac, known: dict[int, Any], balls: Balls) -> Any:
        """The value where the unknown has one; Rejected where x may have a pole in between."""

        def polynomial(p: Poly) -> Any:
            total = balls.number(Fraction(0))
            for m, c in self.universe.reduce(p).terms.items():
                term = balls.number(Fraction(c))
                for v, power in m:
                    for _ in range(power):
                        term = term * self._value(v, known, balls)
                total = total + term
            return total

        return polynomial(x.num) * balls.function("inverse", polynomial(x.den))

    def _value(self, v: int, known: dict[int, Any], balls: Balls) -> Any:
        if v not in known:
            own = self.universe.variables[v]
            if own.kind not in ("exp", "log") or own.exponent is None:
                raise Rejected(f"{own.name} is not of one token alone, or is no exp or log")
            regular = Frac(own.exponent.den) if own.kind == "exp" else own.exponent
            if not self.universe.certainly_positive(regular):
                raise Rejected(f"{own.name} is not shown to have a value all along")
            known[v] = balls.function(own.kind, self._at(own.exponent, known, balls))
        return known[v]


def _has_cauchy_kernel(top: Poly, bottom: Poly, mine: Line, other: Line) -> bool:
    """Whether `top / bottom` is sums of products and c m / (a + b), c and a monomials' of `mine`.

    bottom = x p F + r G with an unknown x and monomials p, r of `mine` and F, G of `other`. Divided
    by it as a polynomial in x, top leaves its value at x = -r G / (p F).
    """
    parts = _by(bottom, mine)
    both = bottom.variables() | top.variables()
    if len(parts) != 2 or any(other.reads(v) and mine.reads(v) for v in both):
        return False
    for one, rest in (list(parts), list(parts)[::-1]):
        for x, power in one:
            if power != 1 or x in dict(rest):
                continue
            p, r = (Poly({m: 1}) for m in (tuple(f for f in one if f[0] != x), rest))
            root = -Frac(r * parts[rest], p * parts[one])
            left = _product(_replaced(top, x, root), mine)
            a, b = Frac(Poly({one: 1}), r), Frac(parts[rest], parts[one])
            if left is None or not (mine.moves(a) and other.moves(b)):
                continue
            if mine.is_other_than_zero(left[0]) and other.is_other_than_zero(left[1]):
                return True
    return False


def _by(x: Poly, line: Line) -> dict[Monomial, Poly]:
    """The polynomial by monomials of the variables that read a line's unknown."""
    found: dict[Monomial, Poly] = {}
    for m, c in x.terms.items():
        key = tuple(f for f in m if line.reads(f[0]))
        more = Poly({tuple(f for f in m if not line.reads(f[0])): c})
        found[key] = found.get(key, Poly({})) + more
    return found


def _replaced(x: Poly, v: int, by: Frac) -> Frac:
    """The polynomial with a fraction for a variable."""
    total = frac(0)
    for m, c in x.terms.items():
        term = Frac(Poly({tuple(f for f in m if f[0] != v): c}))
        for _ in range(dict(m).get(v, 0)):
            term = term * by
        total = total + term
    return total


def _product(x: Frac, mine: Line) -> tuple[Frac, Frac] | None:
    """The fraction as a factor of this line and one of the other, or None where none is seen."""
    top, bottom = _factors(x.num, mine), _factors(x.den, mine)
    if top is None or bottom is None:
        return None
    return Frac(top[0], bottom[0]), Frac(top[1], bottom[1])


def _factors(x: Poly, mine: Line) -> tuple[Poly, Poly] | None:
    parts = {m: p for m, p in _by(x, mine).items() if p}
    if not parts:
        return None
    first = next(iter(parts.values()))
    at, c = next(iter(first.terms.items()))
    shares = {m: Fraction(p.terms.get(at, 0)) / Fraction(c) for m, p in parts.items()}
    if any(p != first.scale(shares[m]) for m, p in parts.items()):
        return None
    return Poly(dict(shares)), first
