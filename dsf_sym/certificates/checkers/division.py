"""A polynomial divided by an unknown minus its value."""

from __future__ import annotations

from ...arithmetic.poly import Frac, Poly, frac, variable


def by_root(x: Poly, v: int, zero: Frac) -> tuple[Frac, Frac]:
    """Q and r with `x = (v - zero) q + r`, r without v: Horner's rule."""
    parts: dict[int, Poly] = {}
    for m, c in x.terms.items():
        power = dict(m).get(v, 0)
        rest = Poly({tuple((w, e) for w, e in m if w != v): c})
        parts[power] = parts.get(power, Poly({})) + rest
    quotient, remainder = frac(0), frac(0)
    for i in range(max(parts, default=0), -1, -1):
        quotient = quotient * Frac(variable(v)) + remainder
        remainder = remainder * zero + Frac(parts.get(i, Poly({})))
    return quotient, remainder
