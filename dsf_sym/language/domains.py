"""Where a signal lives: an interval for every entry, and whether the vector has unit norm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


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

    def holds_norm(self, count: int) -> bool:
        """Whether a vector of `count` entries in this finite interval can have norm 1."""
        assert self.low is not None and self.high is not None
        ends = [(self.low**2, self.low_open), (self.high**2, self.high_open)]
        low = min(ends) if Fraction(0) not in self else (Fraction(0), False)
        high = max(ends, key=lambda end: (end[0], not end[1]))
        above = low[0] * count < 1 or (low[0] * count == 1 and not low[1])
        return above and (high[0] * count > 1 or (high[0] * count == 1 and not high[1]))

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
    """Values of a signal: `interval` for each entry; with `unit`, vectors of Euclidean norm 1.

    values: the finitely many values that an entry may have, in order, or None for all of the
    interval, which then reaches from the first to the last.
    """

    interval: Interval = Interval()
    unit: bool = False
    values: tuple[Fraction, ...] | None = None

    def __contains__(self, x: Fraction) -> bool:
        return x in self.interval and (self.values is None or x in self.values)

    def meet(self, other: Domain) -> Domain:
        """The domain on which both hold."""
        interval, unit = self.interval.meet(other.interval), self.unit or other.unit
        if self.values is None and other.values is None:
            return Domain(interval, unit)
        listed = self.values if self.values is not None else other.values or ()
        return finite(*(x for x in listed if x in self and x in other), unit=unit)

    def is_empty(self, count: int | None = None) -> bool:
        """Whether no value exists: of an entry, or of a tensor of `count` entries."""
        if self.values is not None:
            if not any(x in self.interval for x in self.values):
                return True
            points = None if count is None else self.points(count)
            return points is not None and next(points, None) is None
        if not self.unit:
            return self.interval.is_empty()
        box = self.interval.meet(Interval(Fraction(-1), Fraction(1), False, False))
        return box.is_empty() or (count is not None and not box.holds_norm(count))

    def choices(self, count: int) -> tuple[Fraction, ...] | None:
        """The values of an entry of `count` entries where they are finitely many, else None."""
        if self.unit and count == 1 and self.values is None:
            return tuple(x for x in (Fraction(1), Fraction(-1)) if x in self)
        return self.values

    def points(self, count: int) -> Iterator[tuple[Fraction, ...]] | None:
        """The values of a tensor of `count` entries where they are finitely many, else None."""
        values = self.choices(count)
        if values is None:
            return None
        return _of_norm_one(values, count) if self.unit else product(values, repeat=count)

    def __str__(self) -> str:
        where = str(self.interval)
        if self.values is not None:
            where = f"{{{', '.join(map(str, self.values))}}}"
        if not self.unit:
            return where
        return "unit norm" if where == str(Interval()) else f"unit norm, {where}"


def _of_norm_one(
    values: tuple[Fraction, ...], count: int, square: Fraction = Fraction(1)
) -> Iterator[tuple[Fraction, ...]]:
    """Vectors of these values whose squares sum to `square`."""
    if not count:
        yield from [()] if square == 0 else []
        return
    for x in values:
        if x * x <= square:
            yield from ((x, *rest) for rest in _of_norm_one(values, count - 1, square - x * x))


def finite(*values: Fraction | int, unit: bool = False) -> Domain:
    """The domain of finitely many values for each entry."""
    listed = tuple(sorted({Fraction(x) for x in values}))
    ends = Interval(listed[0], listed[-1], False, False) if listed else _NOWHERE
    return Domain(ends, unit, listed)


_NOWHERE = Interval(Fraction(0), Fraction(0))
REAL = Domain()
POSITIVE = Domain(Interval(low=Fraction(0)))
NEGATIVE = Domain(Interval(high=Fraction(0)))
GATE = Domain(Interval(Fraction(0), Fraction(1), True, False))
UNIT = replace(REAL, unit=True)
FLAG = finite(0, 1)
