"""Taylor softmax: e^s replaced by its polynomial T_P(s), with bounds that hold for every length.

The relative error is `1 - T_P(s) e^{-s} = ∫_0^s t^P e^{-t} / P! dt`: it is monotone on each side of
0 and larger in size at -R than at R, so its maximum over |s| <= R is `ε_P = |1 - T_P(-R) e^R|`,
and Lagrange's remainder bounds it by `e^R R^{P+1} / (P+1)!`. Every number is enclosed by balls and
rounded outwards.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import comb, factorial, isqrt

from ..arithmetic.scalars import Balls
from ..errors import DomainError

LARGEST_DEGREE = 400
BITS = 192
Enclosure = tuple[Fraction, Fraction]


@dataclass(frozen=True)
class Approximation:
    """T_P as a kernel on scores |s| <= radius.

    bound: Lagrange's bound on the relative error; error: the largest relative error ε there is.
    weights: 2ε/(1-ε), a bound on the ℓ₁ distance of a row of weights from softmax's; sharp:
    2(1-√(1-ε²))/ε, the least bound for all kernels of relative error ε; None where ε >= 1. All are
    rounded upwards. The error of an output is at most that times the largest norm of a value, at
    every length.
    """

    radius: Fraction
    degree: int
    bound: Fraction
    error: Fraction
    weights: Fraction | None
    sharp: Fraction | None

    @property
    def positive(self) -> bool:
        """Whether T_P > 0 on the reals: exactly for even P.

        At a minimum T_P' = T_{P-1} is 0, so T_P = s^P / P! there; T_P of odd P changes sign.
        """
        return self.degree % 2 == 0

    def features(self, m: int) -> int:
        """The monomials of degree at most P in m variables, C(m + P, P)."""
        return comb(m + self.degree, self.degree)

    def state(self, m: int, d: int) -> int:
        """Numbers in the state of normalised attention with this kernel, C(m + P, P) (d + 1)."""
        return self.features(m) * (d + 1)


def taylor(radius: Fraction, degree: int) -> Approximation:
    """The approximation of e^s by T_P on |s| <= radius. DomainError unless both are positive."""
    _require(radius, degree)
    bound, error = lagrange(radius, degree)[1], relative_error(radius, degree)[1]
    weights = sharp = None
    if error < 1:
        weights = 2 * error / (1 - error)
        # √(1 - ε²) rounded downwards, so that the quotient is rounded upwards.
        scale = 1 << BITS
        inside = (1 - error * error) * scale * scale
        sharp = 2 * (1 - Fraction(isqrt(int(inside)), scale)) / error
    return Approximation(radius, degree, bound, error, weights, sharp)


def lagrange(radius: Fraction, degree: int) -> Enclosure:
    """`e^R R^{P+1} / (P+1)!` between two rationals."""
    factor = radius ** (degree + 1) / factorial(degree + 1)
    low, high = _exp(radius)
    return low * factor, high * factor


def relative_error(radius: Fraction, degree: int) -> Enclosure:
    """`max over |s| <= R of |1 - T_P(s) e^{-s}| = |1 - T_P(-R) e^R|` between two rationals."""
    a, b = (1 - polynomial(degree, -radius) * e for e in _exp(radius))
    low, high = sorted((abs(a), abs(b)))
    return (low if a * b > 0 else Fraction(0)), high


def polynomial(degree: int, s: Fraction) -> Fraction:
    """`T_P(s) = Σ_{p <= P} s^p / p!`."""
    total = term = Fraction(1)
    for p in range(1, degree + 1):
        term = term * s / p
        total += term
    return total


def smallest_degree(
    radius: Fraction, tol: Fraction, error: Callable[[Fraction, int], Enclosure]
) -> int:
    """The least P at which `error`, `lagrange` or `relative_error`, is at most `tol`.

    Raises DomainError where no degree up to 400 reaches it.
    """
    _require(radius, 0)
    if tol <= 0:
        raise DomainError(f"tol={tol}: the tolerance is positive")
    for degree in range(LARGEST_DEGREE + 1):
        if error(radius, degree)[1] <= tol:
            return degree
    raise DomainError(
        f"no degree up to {LARGEST_DEGREE} reaches {tol} at radius {radius}; take a smaller radius"
    )


def negative_point(degree: int) -> Fraction:
    """A point at which T_P of odd P is negative, so that it has a root between there and 0."""
    if degree % 2 == 0:
        raise DomainError(f"degree {degree} is even: T_P is positive everywhere")
    s = Fraction(-1)
    while polynomial(degree, s) >= 0:
        s -= 1
    return s


def measured(
    approximation: Approximation, length: int, *, trials: int = 20, seed: int = 0
) -> float:
    """The largest ℓ₁ distance of two rows of weights seen, rounded up: a measurement, no bound.

    Rows of `length` scores at random in [-R, R], and one in which a share of the scores is -R.
    """
    if length < 1 or trials < 1:
        raise DomainError(f"length={length}, trials={trials}: both are at least 1")
    rng, radius = random.Random(seed), approximation.radius
    rows = [
        [radius * rng.randint(-4096, 4096) / 4096 for _ in range(length)] for _ in range(trials)
    ]
    rows += [[-radius] * share + [Fraction(0)] * (length - share) for share in _shares(length)]
    return max(_distance(approximation.degree, row) for row in rows)


def _shares(length: int) -> list[int]:
    return sorted({max(1, length * part // 16) for part in range(1, 16)})


def _distance(degree: int, row: list[Fraction]) -> float:
    values = {s: (_exp(s)[1], polynomial(degree, s)) for s in set(row)}
    exact = sum((values[s][0] for s in row), start=Fraction(0))
    close = sum((values[s][1] for s in row), start=Fraction(0))
    if not close:
        return float("inf")
    return float(sum(abs(values[s][0] / exact - values[s][1] / close) for s in row))


def _exp(s: Fraction) -> Enclosure:
    balls = Balls(BITS)
    with balls.precision():
        return balls.ends(balls.function("exp", balls.number(s)))


def _require(radius: Fraction, degree: int) -> None:
    if radius <= 0:
        raise DomainError(f"radius={radius}: the radius, a bound on |q·k|, is positive")
    if degree < 0:
        raise DomainError(f"degree={degree}: the degree of a polynomial is at least 0")
