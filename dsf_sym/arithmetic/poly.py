"""Sparse polynomials and fractions over interned variables: the exact scalars of the checkers.

A variable is an integer handed out by a `Universe`, so new generators can appear at any time; that,
and one-term factors that cost one tuple merge, is why this is not a ring of fixed generators.
"""

from __future__ import annotations

from fractions import Fraction
from functools import reduce
from math import isqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Monomial = tuple[tuple[int, int], ...]
Coefficient = int | Fraction


class Poly:
    """A polynomial: `terms` maps monomials, sorted pairs (variable, power), to coefficients."""

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: dict[Monomial, Coefficient]) -> None:
        self.terms = terms
        self._hash: int | None = None

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Poly) and self.terms == other.terms

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self.terms.items()))
        return self._hash

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
        if self.is_one():
            return other
        if other.is_one():
            return self
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
    """A fraction `top f^e g^k ...` of polynomials, whole powers of factors kept apart.

    Equal factors cancel and are common denominators, others are not reduced; equal fractions are
    told by cross products.
    """

    __slots__ = ("_den", "_num", "factors", "top")

    def __init__(
        self, num: Poly, den: Poly = ONE, factors: Mapping[Poly, int] | None = None
    ) -> None:
        powers = dict(factors or {})
        if not den.is_one():
            powers[den] = powers.get(den, 0) - 1
        if powers and num in powers:
            powers[num] += 1
            num = ONE
        self.top = num
        self.factors = {f: e for f, e in powers.items() if e} if num.terms else {}
        self._num: Poly | None = None
        self._den: Poly | None = None

    @property
    def num(self) -> Poly:
        """The numerator, written out."""
        if self._num is None:
            self._num = _product(self.top, {f: e for f, e in self.factors.items() if e > 0})
        return self._num

    @property
    def den(self) -> Poly:
        """The denominator, written out."""
        if self._den is None:
            self._den = _product(ONE, {f: -e for f, e in self.factors.items() if e < 0})
        return self._den

    def __bool__(self) -> bool:
        return bool(self.top)

    def __add__(self, other: Frac) -> Frac:
        if self.factors == other.factors:
            return Frac(self.top + other.top, factors=self.factors)
        if not self.top:
            return other
        if not other.top:
            return self
        common, left, right = self.over(other)
        return Frac(_product(self.top, left) + _product(other.top, right), factors=common)

    def over(self, other: Frac) -> tuple[dict[Poly, int], dict[Poly, int], dict[Poly, int]]:
        """The factors that a sum has in common, and those that each of the two has beyond them."""
        both = dict.fromkeys([*self.factors, *other.factors])
        powers = {f: (self.factors.get(f, 0), other.factors.get(f, 0)) for f in both}
        lowest = {f: min(e) for f, e in powers.items()}
        left = {f: e[0] - lowest[f] for f, e in powers.items() if e[0] > lowest[f]}
        right = {f: e[1] - lowest[f] for f, e in powers.items() if e[1] > lowest[f]}
        return lowest, left, right

    def __neg__(self) -> Frac:
        return Frac(-self.top, factors=self.factors)

    def __sub__(self, other: Frac) -> Frac:
        return self + -other

    def __mul__(self, other: Frac) -> Frac:
        if not self.factors and not other.factors:
            return Frac(self.top * other.top)
        if not other.factors and len(other.top.terms) == 1 and other.top.is_one():
            return self
        powers, tops = dict(self.factors), []
        for f, e in other.factors.items():
            powers[f] = powers.get(f, 0) + e
        for top in (self.top, other.top):
            if powers.get(top, 0) < 0:
                powers[top] += 1
            else:
                tops.append(top)
        return Frac(reduce(Poly.__mul__, tops, ONE), factors=powers)

    def inverse(self) -> Frac:
        """1 over this fraction; ZeroDivisionError when it is zero."""
        if not self.top:
            raise ZeroDivisionError("a denominator is zero")
        powers = {f: -e for f, e in self.factors.items()}
        if len(self.top.terms) == 1 and () in self.top.terms:
            return Frac(constant(1 / Fraction(self.top.terms[()])), factors=powers)
        return Frac(ONE, self.top, powers)

    def variables(self) -> set[int]:
        """The variables of numerator and denominator."""
        return self.top.variables().union(*(f.variables() for f in self.factors))

    def variable(self) -> int | None:
        """The variable that this fraction is, if it is just one."""
        if len(self.top.terms) != 1 or self.factors:
            return None
        ((m, c),) = self.top.terms.items()
        return m[0][0] if c == 1 and len(m) == 1 and m[0][1] == 1 else None

    def at(self, values: Mapping[int, int], p: int) -> int:
        """The value modulo `p`; ZeroDivisionError at a pole."""
        out = self.top.at(values, p)
        for f, e in self.factors.items():
            x = f.at(values, p)
            if e < 0 and not x:
                raise ZeroDivisionError("a denominator is zero at this point")
            out = out * pow(x, e, p) % p
        return out


def _product(x: Poly, powers: Mapping[Poly, int]) -> Poly:
    """`x` times whole powers, written out, short factors first."""
    factors = [f for f, e in powers.items() for _ in range(e)]
    return reduce(Poly.__mul__, sorted(factors, key=lambda f: len(f.terms)), x)


def frac(x: Coefficient) -> Frac:
    """The fraction of a rational number."""
    return Frac(constant(x))


def power(x: Frac, n: int) -> Frac:
    """A whole power, also negative."""
    v = x.variable()
    if v is not None and n > 0:
        return Frac(Poly({((v, n),): 1}))
    base = x if n >= 0 else x.inverse()
    out = frac(1)
    for _ in range(abs(n)):
        out = out * base
    return out


def common_factor(terms: Iterable[Monomial]) -> Monomial:
    """The largest monomial that divides every one of these."""
    lowest: dict[int, int] | None = None
    for m in terms:
        powers = dict(m)
        lowest = (
            powers
            if lowest is None
            else {v: min(e, powers[v]) for v, e in lowest.items() if v in powers}
        )
    return tuple(sorted((lowest or {}).items()))


def divided(x: Poly, m: Monomial) -> Poly:
    """The polynomial over a monomial that divides it."""
    gone = dict(m)
    return Poly(
        {
            tuple((v, e - gone.get(v, 0)) for v, e in n if e > gone.get(v, 0)): c
            for n, c in x.terms.items()
        }
    )


def rational_root(x: Fraction) -> Fraction | None:
    """The square root of a rational number where it is rational."""
    if x < 0:
        return None
    top, bottom = isqrt(x.numerator), isqrt(x.denominator)
    return Fraction(top, bottom) if top**2 == x.numerator and bottom**2 == x.denominator else None
