"""Sparse polynomials and fractions over interned variables: the exact scalars of the checkers.

A variable is an integer handed out by a `Universe`, so new generators can appear at any time; that,
and one-term factors that cost one tuple merge, is why this is not a ring of fixed generators.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Monomial = tuple[tuple[int, int], ...]
Coefficient = int | Fraction


class Poly:
    """A polynomial: `terms` maps monomials, sorted pairs (variable, power), to coefficients."""

    __slots__ = ("terms",)

    def __init__(self, terms: dict[Monomial, Coefficient]) -> None:
        self.terms = terms

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Poly) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(frozenset(self.terms.items()))

    def __add__(self, other: Poly) -> Poly:
        if not self.terms:
            return other
        if not other.terms:
            return self
        out = dict(self.terms)
        for m, c in other.terms.items():
            x = out.get(m, 0) + c
            if x:
                out[m] = x
            else:
                del out[m]
        return Poly(out)

    def __neg__(self) -> Poly:
        return Poly({m: -c for m, c in self.terms.items()})

    def __sub__(self, other: Poly) -> Poly:
        return self + -other

    def __mul__(self, other: Poly) -> Poly:
        out: dict[Monomial, Coefficient] = {}
        for m, c in self.terms.items():
            for n, e in other.terms.items():
                mn = _merge(m, n)
                x = out.get(mn, 0) + c * e
                if x:
                    out[mn] = x
                else:
                    del out[mn]
        return Poly(out)

    def scale(self, c: Coefficient) -> Poly:
        """Every coefficient times `c`."""
        return Poly({m: _tidy(x * c) for m, x in self.terms.items()}) if c else Poly({})

    def is_one(self) -> bool:
        """Whether this is the constant 1."""
        return self.terms == {(): 1}

    def variables(self) -> set[int]:
        """The variables that occur."""
        return {v for m in self.terms for v, _ in m}

    def at(self, values: Mapping[int, int], p: int) -> int:
        """The value modulo the prime `p`."""
        total = 0
        for m, c in self.terms.items():
            x = c if isinstance(c, int) else c.numerator * pow(c.denominator, -1, p)
            for v, power in m:
                x = x * (values[v] if power == 1 else pow(values[v], power, p)) % p
            total += x
        return total % p

    def show(self, name: Callable[[int], str]) -> str:
        """Text with variables named by `name`."""
        if not self.terms:
            return "0"
        parts = []
        for m, c in sorted(self.terms.items(), key=lambda t: (-len(t[0]), t[0])):
            factors = [name(v) + (f"^{e}" if e > 1 else "") for v, e in m]
            lead = [str(c)] if c != 1 or not factors else []
            parts.append("*".join(lead + factors))
        return " + ".join(parts).replace("+ -", "- ")


def _tidy(x: Coefficient) -> Coefficient:
    return x.numerator if isinstance(x, Fraction) and x.denominator == 1 else x


def _merge(m: Monomial, n: Monomial) -> Monomial:
    if not m:
        return n
    if not n:
        return m
    if m[-1][0] < n[0][0]:
        return m + n
    powers = dict(m)
    for v, e in n:
        powers[v] = powers.get(v, 0) + e
    return tuple(sorted(powers.items()))


ZERO, ONE = Poly({}), Poly({(): 1})


def constant(x: Coefficient) -> Poly:
    """The polynomial of a rational number."""
    return Poly({(): _tidy(x)}) if x else ZERO


def variable(v: int) -> Poly:
    """The polynomial of one variable."""
    return Poly({((v, 1),): 1})


class Frac:
    """A fraction of polynomials, not reduced; equal fractions are told by cross products."""

    __slots__ = ("den", "num")

    def __init__(self, num: Poly, den: Poly = ONE) -> None:
        self.num, self.den = num, den

    def __bool__(self) -> bool:
        return bool(self.num)

    def __add__(self, other: Frac) -> Frac:
        if self.den.is_one() and other.den.is_one():
            return Frac(self.num + other.num)
        if self.den == other.den:
            return Frac(self.num + other.num, self.den)
        return Frac(self.num * other.den + other.num * self.den, self.den * other.den)

    def __neg__(self) -> Frac:
        return Frac(-self.num, self.den)

    def __sub__(self, other: Frac) -> Frac:
        return self + -other

    def __mul__(self, other: Frac) -> Frac:
        if self.den.is_one() and other.den.is_one():
            return Frac(self.num * other.num)
        if self.num == other.den:
            return Frac(other.num, self.den)
        if self.den == other.num:
            return Frac(self.num, other.den)
        return Frac(self.num * other.num, self.den * other.den)

    def inverse(self) -> Frac:
        """1 over this fraction; ZeroDivisionError when it is zero."""
        if not self.num:
            raise ZeroDivisionError("a denominator is zero")
        if len(self.num.terms) == 1 and () in self.num.terms:
            return Frac(self.den.scale(Fraction(1) / self.num.terms[()]))
        return Frac(self.den, self.num)

    def variables(self) -> set[int]:
        """The variables of numerator and denominator."""
        return self.num.variables() | self.den.variables()

    def variable(self) -> int | None:
        """The variable that this fraction is, if it is just one."""
        if len(self.num.terms) != 1 or not self.den.is_one():
            return None
        ((m, c),) = self.num.terms.items()
        return m[0][0] if c == 1 and len(m) == 1 and m[0][1] == 1 else None

    def at(self, values: Mapping[int, int], p: int) -> int:
        """The value modulo `p`; ZeroDivisionError at a pole."""
        top = self.num.at(values, p)
        if self.den.is_one():
            return top
        bottom = self.den.at(values, p)
        if not bottom:
            raise ZeroDivisionError("a denominator is zero at this point")
        return top * pow(bottom, -1, p) % p


def frac(x: Coefficient) -> Frac:
    """The fraction of a rational number."""
    return Frac(constant(x))
