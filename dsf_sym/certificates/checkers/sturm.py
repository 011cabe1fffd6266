"""Real roots of a polynomial with rational coefficients, counted by Sturm's theorem.

The chain p, p', -rem(p, p'), ... loses as many sign changes between two points, neither of them a
root, as p has distinct real roots between them.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

Polynomial = list[Fraction]
"""Coefficients, the constant one first."""


def roots_between(p: Polynomial, low: Fraction | None, high: Fraction | None) -> int:
    """The number of distinct real roots in the closed interval; an end of None is infinite."""
    p = _trimmed(p)
    if not p:
        raise ValueError("the zero polynomial has every number as a root")
    roots = 0
    for end in {low, high} - {None}:
        assert end is not None
        while len(p) > 1 and _at(p, end) == 0:
            p = _divided_by_root(p, end)
            roots += _at(p, end) != 0 or len(p) == 1
    chain = [p, _trimmed([i * c for i, c in enumerate(p)][1:])]
    while len(chain[-1]) > 1:
        rest = _remainder(chain[-2], chain[-1])
        if not rest:
            break
        chain.append([-c for c in rest])
    chain = [q for q in chain if q]
    return roots + _changes(chain, low, -1) - _changes(chain, high, 1)


def _changes(chain: list[Polynomial], at: Fraction | None, side: int) -> int:
    """The sign changes of the chain at a point, or at infinity on a side."""
    values = [
        q[-1] * (side ** (len(q) - 1)) if at is None else _at(q, at)  # the leading term at infinity
        for q in chain
    ]
    signs = [x > 0 for x in values if x]
    return sum(a != b for a, b in pairwise(signs))


def _at(p: Polynomial, x: Fraction) -> Fraction:
    total = Fraction(0)
    for c in reversed(p):
        total = total * x + c
    return total


def _trimmed(p: Polynomial) -> Polynomial:
    p = list(p)
    while p and not p[-1]:
        p.pop()
    return p


def _remainder(p: Polynomial, q: Polynomial) -> Polynomial:
    p = list(p)
    while len(p) >= len(q):
        factor = p[-1] / q[-1]
        shift = len(p) - len(q)
        for i, c in enumerate(q):
            p[shift + i] -= factor * c
        p.pop()
        p = _trimmed(p)
    return p


def _divided_by_root(p: Polynomial, x: Fraction) -> Polynomial:
    out: Polynomial = []
    carry = Fraction(0)
    for c in reversed(p):
        carry = carry * x + c
        out.append(carry)
    return list(reversed(out[:-1]))
