"""Exact rationals and rigorous real balls: the scalars a definition is run on."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import Any

from ..errors import DsfError

HAVE_FLINT = importlib.util.find_spec("flint") is not None
MOST_BITS = 1 << 16


class Irrational(DsfError):
    """A function whose value at a rational point is not rational."""


class Rationals:
    """The field of rational numbers; functions only where the value is rational."""

    def number(self, value: Fraction) -> Fraction:
        """The number itself."""
        return value

    def is_zero(self, x: Fraction) -> bool:
        """Whether x is 0."""
        return x == 0

    def function(self, name: str, x: Fraction) -> Fraction:
        """The exact value, or Irrational."""
        if name == "inverse":
            return 1 / x
        if name == "relu" or (name == "elu" and x >= 0):
            return max(x, Fraction(0))
        if name == "step":
            return Fraction(x > 0)
        if name == "sqrt":
            top, bottom = isqrt(x.numerator), isqrt(x.denominator)
            if top**2 == x.numerator and bottom**2 == x.denominator:
                return Fraction(top, bottom)
        exact = {("exp", 0): Fraction(1), ("log", 1): Fraction(0), ("tanh", 0): Fraction(0)}
        exact |= {("sigmoid", 0): Fraction(1, 2), ("cos", 0): Fraction(1), ("sin", 0): Fraction(0)}
        for (known, at), value in exact.items():
            if name == known and x == at:
                return value
        raise Irrational(f"{name}({x}) is not rational")

    def differ(self, x: Fraction, y: Fraction) -> bool:
        """Whether the two numbers are certainly different."""
        return x != y

    def show(self, x: Fraction) -> str:
        """The number as text."""
        return str(x)


@dataclass(frozen=True)
class Balls:
    """Real intervals that contain the true value; python-flint's, or mpmath's without it.

    bits: the working precision; ValueError beyond 2^16.
    """

    bits: int = 128
    fast: bool = HAVE_FLINT

    def __post_init__(self) -> None:
        if self.bits > MOST_BITS:
            raise ValueError(f"{self.bits} bits are more than {MOST_BITS}")

    def number(self, value: Fraction) -> Any:
        """An interval around a rational number."""
        if self.fast:
            from flint import arb

            with self.precision():
                return arb(value.numerator) / arb(value.denominator)
        from mpmath import iv

        with self.precision():
            return iv.mpf(value.numerator) / iv.mpf(value.denominator)

    def precision(self) -> Any:
        """The working precision, for the length of a with-block."""
        if self.fast:
            from flint import ctx

            return ctx.workprec(self.bits)
        from mpmath import iv

        return _IntervalPrecision(iv, self.bits)

    def is_zero(self, x: Any) -> bool:
        """Whether the interval is exactly the point 0."""
        return bool(x == 0)

    def function(self, name: str, x: Any) -> Any:
        """The image of the interval; ZeroDivisionError where it is not shown to have a value.

        What has no value would else be any number, as step(1 / 0) is one between 0 and 1.
        """
        one = self.number(Fraction(1))
        if (
            (name == "inverse" and not (x < 0 or x > 0))
            or (name == "log" and not x > 0)
            or (name == "sqrt" and not x >= 0)
        ):
            raise ZeroDivisionError(f"{name} of {x} is not shown to have a value")
        if name == "inverse":
            return one / x
        if name in ("exp", "log", "sqrt", "cos", "sin"):
            if self.fast:
                return getattr(x, name)()
            from mpmath import iv

            return getattr(iv, name)(x)
        if name == "step":
            return one - one if x <= 0 else one if x > 0 else self._either(one)
        if name == "relu":
            return self._relu(x)
        if name == "elu":
            return self._relu(x) + self.function("exp", -self._relu(-x)) - one
        if name == "sigmoid":
            return one / (one + self.function("exp", -x))
        if name == "softplus":
            return self.function("log", one + self.function("exp", x))
        if name == "tanh":
            e = self.function("exp", x + x)
            return one - (one + one) / (e + one)
        raise AssertionError(name)

    def _relu(self, x: Any) -> Any:
        if self.fast:
            return x.max(0)
        from mpmath import iv

        return iv.mpf([max(x.a, 0), max(x.b, 0)])

    def _either(self, one: Any) -> Any:
        """The interval from 0 to 1."""
        if self.fast:
            return (one - one).union(one)
        from mpmath import iv

        return iv.mpf([0, 1])

    def differ(self, x: Any, y: Any) -> bool:
        """Whether the two intervals do not meet."""
        if self.fast:
            return not bool(x.overlaps(y))
        return bool(x.b < y.a or y.b < x.a)

    def ends(self, x: Any) -> tuple[Fraction, Fraction]:
        """The two ends of the interval, exactly."""
        if self.fast:
            low, high = x.lower().fmpq(), x.upper().fmpq()
            return Fraction(int(low.p), int(low.q)), Fraction(int(high.p), int(high.q))
        signed = [(-m if sign else m, power) for sign, m, power, _ in x._mpi_]
        low_end, high_end = (Fraction(int(m)) * Fraction(2) ** power for m, power in signed)
        return low_end, high_end

    def middle(self, x: Any) -> float:
        """The midpoint, rounded."""
        return float(x.mid()) if self.fast else float(x.mid.a)

    def show(self, x: Any) -> str:
        """Midpoint and radius as text."""
        return str(x.str(20)) if self.fast else str(x)


class _IntervalPrecision:
    """mpmath's interval precision for the length of a with-block."""

    def __init__(self, context: Any, bits: int) -> None:
        self.context, self.bits = context, bits

    def __enter__(self) -> None:
        self.before, self.context.prec = self.context.prec, self.bits

    def __exit__(self, *_: object) -> None:
        self.context.prec = self.before
