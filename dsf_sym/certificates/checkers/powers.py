"""Check all real zeros of `f(a) = Σ_i c_i b_i^a`, with rational c_i and distinct bases b_i > 0.

In the order of the bases f has at most as many real zeros, each by its order, as the signs of the
c_i change (Descartes' rule for exponential sums: between two zeros of f / b_1^a lies one of its
derivative, which has one term less). So as many zeros as there are changes are all there are. At
whole a the value is rational; f'(a) is Σ_i c_i b_i^a log b_i, the log of a product of powers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from math import lcm, prod
from typing import Any

from ...errors import Rejected
from ...language.layer import Layer
from .enclosure import interval
from .families import polynomial

LARGEST = 4096
Sum = dict[Fraction, Fraction]


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The zeros are zeros, and as many as the signs change; those inside the interval."""
    (layer,) = layers
    bases = {str(n): Fraction(b) for n, b in data["bases"].items()}
    f = exponential_sum(layer, bases)
    zeros = [int(x) for x in data["zeros"]]
    for a, order in Counter(zeros).items():
        if order > order_of_zero(f, a):
            raise Rejected(f"a = {a} is not shown to be a zero of order {order}")
    if len(zeros) != changes(f):
        raise Rejected(f"the signs change {changes(f)} times, {len(zeros)} zeros are given")
    inside = interval(str(data["inside"]))
    found = ", ".join(str(x) for x in sorted(set(zeros)) if Fraction(x) in inside) or "nowhere"
    known = ", ".join(f"{s.name} = ({bases[s.name]})^a" for s in layer.signals)
    return f"{layer.name} is 0 for a in {inside} at {found}, and there alone, with {known}"


def exponential_sum(layer: Layer, bases: Mapping[str, Fraction]) -> Sum:
    """The coefficients by base, each signal of a polynomial read as base^a."""
    if any(b <= 0 for b in bases.values()):
        raise Rejected("a base is not positive")
    f: Sum = {}
    for monomial, c in polynomial(layer).items():
        base = prod((bases[name] ** power for name, power in monomial), start=Fraction(1))
        f[base] = f.get(base, Fraction(0)) + c
    kept = {b: c for b, c in f.items() if c}
    if not kept:
        raise Rejected(f"{layer.name} is 0 at every a")
    return kept


def changes(f: Sum) -> int:
    """How often the sign changes from one base to the next."""
    signs = [f[b] > 0 for b in sorted(f)]
    return sum(x != y for x, y in pairwise(signs))


def order_of_zero(f: Sum, a: int) -> int:
    """0, 1 or 2: the order of a zero at a whole number, as far as it is looked for."""
    parts = {b: c * b**a for b, c in f.items()}
    if sum(parts.values()):
        return 0
    scale = lcm(*(x.denominator for x in parts.values()))
    powers = {b: int(x * scale) for b, x in parts.items()}
    if sum(map(abs, powers.values())) > LARGEST:
        return 1
    return 1 + (prod((b**n for b, n in powers.items()), start=Fraction(1)) == 1)
