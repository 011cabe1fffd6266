"""Where a signal lives: an interval for every entry, and whether the vector has unit norm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction


@dataclass(frozen=True)
class Interval:
    """An interval of the reals; an end of None is infinite, an infinite end is always open."""

    low: Fraction | None = None
    high: Fraction | None = None
    low_open: bool = True
    high_open: bool = True

    def __contains__(self, x: Fraction) -> bool:
        above = self.low is None or x > self.low or (x == self.low and not self.low_open)
        below = self.high is None or x < self.high or (x == self.high and not self.high_open)
        return above and below

    def meet(self, other: Interval) -> Interval:
        """The intersection; empty when `is_empty()` says so."""
        low, low_open = max((self.low, self.low_open), (other.low, other.low_open), key=_low_key)
        high, high_open = min(
            (self.high, self.high_open), (other.high, other.high_open), key=_high_key
        )
        return Interval(low, high, low_open, high_open)

    def within(self, other: Interval) -> bool:
        """Whether every point of this interval is one of `other`."""
        return self.meet(other) == self

    def is_empty(self) -> bool:
        """Whether no number is inside."""
        if self.low is None or self.high is None:
            return False
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))

    def __str__(self) -> str:
        if self.low is None and self.high is None:
            return "real"
        left = "(" if self.low_open else "["
        right = ")" if self.high_open else "]"
        low = "-inf" if self.low is None else str(self.low)
        high = "inf" if self.high is None else str(self.high)
        return f"{left}{low}, {high}{right}"


def _low_key(end: tuple[Fraction | None, bool]) -> tuple[bool, Fraction, bool]:
    return (end[0] is not None, end[0] or Fraction(0), end[1])


def _high_key(end: tuple[Fraction | None, bool]) -> tuple[bool, Fraction, bool]:
    return (end[0] is None, end[0] or Fraction(0), not end[1])


@dataclass(frozen=True)
class Domain:
    """Values of a signal: `interval` for each entry; with `unit`, vectors of Euclidean norm 1."""

    interval: Interval = Interval()
    unit: bool = False

    def meet(self, other: Domain) -> Domain:
        """The domain on which both hold."""
        return Domain(self.interval.meet(other.interval), self.unit or other.unit)

    def __str__(self) -> str:
        if not self.unit:
            return str(self.interval)
        return "unit norm" if self.interval == Interval() else f"unit norm, {self.interval}"


REAL = Domain()
POSITIVE = Domain(Interval(low=Fraction(0)))
NEGATIVE = Domain(Interval(high=Fraction(0)))
GATE = Domain(Interval(Fraction(0), Fraction(1), True, False))
UNIT = replace(REAL, unit=True)
