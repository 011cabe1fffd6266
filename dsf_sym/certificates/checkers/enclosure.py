"""Intervals as scalars: a layer on whole domains at once, every end rounded outwards.

An end of None is infinite. A product of an entry with itself is a square; apart from that entries
are taken as independent, so an interval is never too small and may be too wide.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import inf

from ...arithmetic.scalars import Balls
from ...arithmetic.sparse import Sparse, from_flat
from ...errors import Rejected
from ...language.domains import Interval
from ...language.evaluate import Sizes, shape_of
from ...language.layer import Layer

BITS = 128
RISING = ("exp", "log", "sigmoid", "tanh", "softplus", "sqrt", "elu", "relu", "step")
# Where a rising function is defined, and its limits at the ends.
LIMITS: dict[str, tuple[Fraction | None, Fraction | None]] = {
    "exp": (Fraction(0), None),
    "log": (None, None),
    "sigmoid": (Fraction(0), Fraction(1)),
    "tanh": (Fraction(-1), Fraction(1)),
    "softplus": (Fraction(0), None),
    "sqrt": (None, None),
    "elu": (Fraction(-1), None),
    "relu": (Fraction(0), None),
    "step": (Fraction(0), Fraction(1)),
}
ATTAINED = ("relu", "step")
End = tuple[Fraction | float, bool]


@dataclass(frozen=True, eq=False, slots=True)
class Range:
    """An unknown number of an interval; one object stands for one number."""

    interval: Interval

    def __add__(self, other: Range) -> Range:
        a, b = self.interval, other.interval
        low = None if a.low is None or b.low is None else a.low + b.low
        high = None if a.high is None or b.high is None else a.high + b.high
        return Range(Interval(low, high, a.low_open or b.low_open, a.high_open or b.high_open))

    def __mul__(self, other: Range) -> Range:
        ends = [_times(x, y) for x in _ends(self.interval) for y in _ends(other.interval)]
        made = _between(ends)
        if self is other:
            # A square is 0 only where the number is.
            zero = Fraction(0)
            made = made.meet(Interval(low=zero, low_open=zero not in self.interval))
        return Range(made)


@dataclass(frozen=True)
class Ranges:
    """The ring of intervals, with functions by rigorous balls."""

    bits: int = BITS

    def number(self, value: Fraction) -> Range:
        """The interval of one number."""
        return Range(Interval(value, value, False, False))

    def is_zero(self, x: Range) -> bool:
        """Whether the interval is the point 0."""
        return x.interval == Interval(Fraction(0), Fraction(0), False, False)

    def function(self, name: str, x: Range) -> Range:
        """The image of the interval; Rejected where the function is undefined in it."""
        own = x.interval
        if name == "inverse":
            return Range(_inverse(own))
        if name in ("cos", "sin"):
            return Range(Interval(Fraction(-1), Fraction(1), False, False))
        if name not in RISING:
            raise Rejected(f"no bounds of {name} are known")
        needs = {"log": Interval(low=Fraction(0)), "sqrt": Interval(Fraction(0), low_open=False)}
        if name in needs and not own.within(needs[name]):
            raise Rejected(f"{name} is not defined on all of {own}")
        low, low_open = self._end(name, own.low, own.low_open, lower=True)
        high, high_open = self._end(name, own.high, own.high_open, lower=False)
        return Range(Interval(low, high, low_open, high_open))

    def _end(
        self, name: str, at: Fraction | None, is_open: bool, *, lower: bool
    ) -> tuple[Fraction | None, bool]:
        limit = LIMITS[name][not lower]
        if at is None or (name == "log" and at == 0):
            return limit, name not in ATTAINED or limit is None
        if name == "step":
            return (Fraction(at > 0 or (at == 0 and lower and is_open)), False)
        balls = Balls(self.bits)
        with balls.precision():
            ends = balls.ends(balls.function(name, balls.number(at)))
        exact = ends[0] == ends[1]
        value = ends[not lower]
        outside = limit is not None and (value < limit if lower else value > limit)
        if outside or value == limit:
            return limit, name not in ATTAINED
        return value, is_open and exact


def whole_domains(layer: Layer, sizes: Sizes) -> dict[str, Sparse]:
    """Every token and weight as an array of intervals, one for each entry."""
    one = Interval(Fraction(-1), Fraction(1), False, False)
    out = {}
    for s in layer.signals:
        if s.kind != "state":
            shape = shape_of(s.dims, sizes)
            own = s.domain.interval.meet(one) if s.domain.unit else s.domain.interval
            out[s.name] = from_flat(shape, [Range(own) for _ in product(*map(range, shape))])
    return out


def interval(shown: str) -> Interval:
    """An interval from text: "[0, 1]", "(0, inf)"; Rejected for anything else."""
    text = shown.strip()
    parts = [p.strip() for p in text[1:-1].split(",")]
    if len(parts) != 2 or text[0] not in "([" or text[-1] not in ")]":
        raise Rejected(f"{shown!r} is not an interval such as [0, 1] or (0, inf)")

    def end(part: str, infinite: str) -> Fraction | None:
        return None if part == infinite else Fraction(part)

    try:
        low, high = end(parts[0], "-inf"), end(parts[1], "inf")
    except ValueError:
        raise Rejected(f"{shown!r} has an end that is not a number") from None
    made = Interval(low, high, low is None or text[0] == "(", high is None or text[-1] == ")")
    if made.is_empty():
        raise Rejected(f"{shown!r} holds no number")
    return made


def sides(x: Interval) -> list[tuple[int, Fraction, bool]]:
    """The finite ends: 1 for the lower and -1 for the upper, its value, and whether it is open."""
    both = ((1, x.low, x.low_open), (-1, x.high, x.high_open))
    return [(side, end, is_open) for side, end, is_open in both if end is not None]


def _ends(x: Interval) -> tuple[End, End]:
    low = (-inf, True) if x.low is None else (x.low, x.low_open)
    return low, ((inf, True) if x.high is None else (x.high, x.high_open))


def _times(a: End, b: End) -> End:
    for x, y in ((a, b), (b, a)):
        if x[0] == 0:
            # A closed zero reaches 0 with any factor; an open one only approaches it.
            return Fraction(0), x[1] and (y[1] or y[0] != 0)
    if isinstance(a[0], float) or isinstance(b[0], float):
        return (inf if (a[0] > 0) == (b[0] > 0) else -inf), True
    return a[0] * b[0], a[1] or b[1]


def _between(ends: list[End]) -> Interval:
    low = min(ends, key=_lowest)
    high = max(ends, key=_highest)
    return Interval(
        None if isinstance(low[0], float) else low[0],
        None if isinstance(high[0], float) else high[0],
        low[1],
        high[1],
    )


def _lowest(end: End) -> tuple[Fraction | float, bool]:
    return end


def _highest(end: End) -> tuple[Fraction | float, bool]:
    return end[0], not end[1]


def _inverse(x: Interval) -> Interval:
    if Fraction(0) in x or ((x.low is None or x.low < 0) and (x.high is None or x.high > 0)):
        raise Rejected(f"division by what lies in {x}, which holds 0")

    def end(at: Fraction | None, is_open: bool) -> tuple[Fraction | None, bool]:
        if at is None:
            return Fraction(0), True
        return (1 / at, is_open) if at else (None, True)

    low, low_open = end(x.high, x.high_open)
    high, high_open = end(x.low, x.low_open)
    return Interval(low, high, low_open, high_open)
