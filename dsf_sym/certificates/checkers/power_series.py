"""Power series up to an order, over exact or interval scalars: a step evaluated in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import factorial
from typing import Any

from ...arithmetic.sparse import Scalars
from ...errors import Rejected


@dataclass(frozen=True, eq=False, slots=True)
class Series:
    """Coefficients of 1, ε, ε², ..., all up to the order that is kept."""

    terms: tuple[Any, ...]

    def __add__(self, other: Series) -> Series:
        return Series(tuple(a + b for a, b in zip(self.terms, other.terms, strict=True)))

    def __sub__(self, other: Series) -> Series:
        return Series(tuple(a - b for a, b in zip(self.terms, other.terms, strict=True)))

    def __mul__(self, other: Series) -> Series:
        def term(k: int) -> Any:
            first, *rest = (self.terms[i] * other.terms[k - i] for i in range(k + 1))
            return sum(rest, start=first)

        return Series(tuple(map(term, range(len(self.terms)))))

    def __neg__(self) -> Series:
        return Series(tuple(-a for a in self.terms))


@dataclass(frozen=True)
class SeriesRing:
    """Power series up to an order, over scalars."""

    scalars: Scalars
    order: int

    def number(self, value: Fraction) -> Series:
        """A number as a constant series."""
        return self.constant(self.scalars.number(value))

    def constant(self, x: Any) -> Series:
        """A scalar as a constant series."""
        zero = self.scalars.number(Fraction(0))
        return Series((x, *(zero for _ in range(self.order))))

    def times_small(self, x: Any) -> Series:
        """ε x."""
        zero = self.scalars.number(Fraction(0))
        return Series(tuple(x if k == 1 else zero for k in range(self.order + 1)))

    def is_zero(self, x: Series) -> bool:
        """Whether every coefficient vanishes."""
        return all(self.scalars.is_zero(a) for a in x.terms)

    def function(self, name: str, x: Series) -> Series:
        """A function with derivatives; Rejected for others of a series that is not constant."""
        first = x.terms[0]
        rest = Series((self.scalars.number(Fraction(0)), *x.terms[1:]))

        def at_first(function: str) -> Series:
            return self.constant(self.scalars.function(function, first))

        if self.is_zero(rest):
            return at_first(name)
        if name == "inverse":
            if self.scalars.is_zero(first):
                raise Rejected("a denominator vanishes where the signal does")
            inverse = at_first("inverse")
            return self._power_series(-rest * inverse, lambda k: Fraction(1)) * inverse
        if name == "exp":
            return at_first("exp") * self._power_series(rest, lambda k: Fraction(1, factorial(k)))
        if name == "log":
            scaled = rest * at_first("inverse")
            return at_first("log") + self._power_series(
                scaled, lambda k: Fraction((-1) ** (k + 1), max(k, 1)) * (k > 0)
            )
        if name in ("sigmoid", "softplus"):
            one = self.number(Fraction(1))
            if name == "softplus":
                return self.function("log", one + self.function("exp", x))
            return self.function("inverse", one + self.function("exp", -x))
        if name in ("cos", "sin"):
            even = self._power_series(rest, lambda k: _turned(k) * (k % 2 == 0))
            odd = self._power_series(rest, lambda k: _turned(k) * (k % 2))
            c, s = at_first("cos"), at_first("sin")
            return c * even - s * odd if name == "cos" else s * even + c * odd
        raise Rejected(f"{name} is not expanded")

    def _power_series(self, x: Series, coefficient: Callable[[int], Fraction]) -> Series:
        """Σ_k c_k x^k for an x without a constant term."""
        total, power = self.number(Fraction(0)), self.number(Fraction(1))
        for k in range(self.order + 1):
            total = total + power * self.number(coefficient(k))
            power = power * x
        return total


def _turned(k: int) -> Fraction:
    """The coefficient of x^k in cos x + sin x."""
    return Fraction((1, 1, -1, -1)[k % 4], factorial(k))
