"""Signs of fractions of unknowns on their domains, shown by the signs of coefficients alone.

An unknown in (0, 1] is 1 / (1 + t) with t >= 0, one above 2 is 2 + t with t > 0, and so on; what is
then a sum of terms of one sign has that sign. A proof, or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from ...arithmetic.poly import ONE, Frac, Monomial, Poly, constant, frac, variable
from ...arithmetic.universe import Universe
from ...language.domains import Interval

MOST_TERMS = 400
POSITIVE, NOT_NEGATIVE, REAL = "positive", "not negative", "real"


@dataclass(frozen=True)
class Image:
    """An unknown as `top / bottom` in a new unknown t, with what is known of t; bottom > 0."""

    top: Poly
    bottom: Poly
    sign: str


@dataclass
class Signs:
    """What coefficients tell of signs, for unknowns of a universe in the given intervals.

    intervals: by the name of an entry; an entry without one is any real number.
    """

    universe: Universe
    intervals: Mapping[str, Interval]
    _images: dict[int, Image] = field(default_factory=dict)

    def of(self, x: Poly) -> tuple[int, bool]:
        """The sign of x (1, -1, or 0 for unknown), and whether x is never zero.

        x = 0 is (1, False).
        """
        if len(x.terms) > MOST_TERMS:
            return 0, False
        terms = self.image(x).terms
        signs = {1 if c > 0 else -1 for c in terms.values()}
        if len(signs) > 1:
            return 0, False
        loose = [self.loose(m) for m in terms]
        if any(v is None for v in loose):
            return 0, False
        return (signs.pop() if signs else 1), any(not v for v in loose)

    def positive(self, x: Frac) -> bool:
        """Whether x > 0 for all values of the unknowns."""
        sign, strict, sure = self._of_product(x)
        return strict and sure and sign == 1

    def not_negative(self, x: Frac) -> bool:
        """Whether x >= 0 wherever its denominator is not zero."""
        return self._of_product(x)[0] == 1

    def _of_product(self, x: Frac) -> tuple[int, bool, bool]:
        """The sign from those of the factors, and whether none above, none below is ever zero."""
        sign, strict = self.of(x.top)
        sure = True
        for f, e in x.factors.items():
            own, never = self.of(f)
            sign = sign if not e % 2 else sign * own
            strict, sure = strict and (never or e < 0), sure and (never or e > 0)
        return sign, strict, sure

    def loose(self, monomial: Monomial) -> set[int] | None:
        """The unknowns at whose zeros a term vanishes; None when its sign is open."""
        found = set()
        for v, power in monomial:
            sign = self.image_of(v).sign
            if sign == REAL and power % 2:
                return None
            if sign != POSITIVE:
                found.add(v)
        return found

    def zeros(self, x: Frac) -> set[int] | None:
        """Unknowns t that are zero wherever x is; None when x is never zero or its sign is open."""
        if not self.not_negative(x) or self.of(x.num)[1]:
            return None
        gone: set[int] = set()
        for m in self.image(x.num).terms:
            loose = self.loose(m) or set()
            gone |= loose if len(loose) == 1 else set()
        return gone

    def vanishes(self, x: Frac, gone: set[int]) -> bool:
        """Whether x is zero, and has a value, where the unknowns t of `gone` are zero."""
        if not self.of(x.den)[1]:
            return False
        known = self.universe.variables
        gone = set(gone)
        for v in self.universe.below(x.variables()):
            square = known[v].square
            if known[v].kind == "sqrt" and square is not None and self._zero(square, gone):
                gone.add(v)
        return self._zero(x.num, gone)

    def _zero(self, x: Poly, gone: set[int]) -> bool:
        image = self.image(x)
        rest = Poly({m: c for m, c in image.terms.items() if not gone & {v for v, _ in m}})
        return not rest

    def image(self, x: Poly) -> Poly:
        """`x` in the new unknowns, times positive denominators."""
        x = self.universe.reduce(x)
        highest: dict[int, int] = {}
        for m in x.terms:
            for v, power in m:
                highest[v] = max(power, highest.get(v, 0))
        moved = {v for v in highest if self.image_of(v).top != variable(v)}
        out = Poly({})
        for m, c in x.terms.items():
            term = Poly({tuple((v, e) for v, e in m if v not in moved): c})
            powers = dict(m)
            for v in moved:
                image, power = self.image_of(v), powers.get(v, 0)
                term = term * _power(image.top, power)
                term = term * _power(image.bottom, highest[v] - power)
            out = out + term
        return out

    def image_of(self, v: int) -> Image:
        """The unknown in terms of a new one, of the same number."""
        if v not in self._images:
            self._images[v] = self._image_of(v)
        return self._images[v]

    def _image_of(self, v: int) -> Image:
        known, t = self.universe.variables[v], variable(v)
        if known.kind == "entry":
            return _of_interval(self.intervals.get(known.name, Interval()), t)
        if known.kind == "sqrt":
            return Image(t, ONE, NOT_NEGATIVE)
        if known.kind == "exp":
            x = known.exponent
            if x is not None and self.not_negative(x):
                return Image(ONE + t, ONE, POSITIVE if self.positive(x) else NOT_NEGATIVE)
            if x is not None and self.not_negative(-x):
                return Image(ONE, ONE + t, POSITIVE if self.positive(-x) else NOT_NEGATIVE)
            return Image(t, ONE, POSITIVE)
        if known.kind == "log" and known.exponent is not None:
            above_one = self.positive(known.exponent - frac(1))
            return Image(t, ONE, POSITIVE if above_one else REAL)
        return Image(t, ONE, REAL)


def _of_interval(x: Interval, t: Poly) -> Image:
    low, high = x.low, x.high
    if low is not None and high is not None and (x.low_open or x.high_open):
        near, far, is_open = (high, low, x.high_open) if x.low_open else (low, high, x.low_open)
        return Image(constant(near) + t.scale(far), ONE + t, POSITIVE if is_open else NOT_NEGATIVE)
    if low is not None:
        return Image(constant(low) + t, ONE, POSITIVE if x.low_open else NOT_NEGATIVE)
    if high is not None:
        return Image(constant(high) - t, ONE, POSITIVE if x.high_open else NOT_NEGATIVE)
    return Image(t, ONE, REAL)


def _power(x: Poly, n: int) -> Poly:
    out = constant(Fraction(1))
    for _ in range(n):
        out = out * x
    return out
