"""Rational numbers from their residues modulo PRIME."""

from __future__ import annotations

from fractions import Fraction

from .universe import PRIME

LARGEST = 1 << 30


def rational_rows(rows: list[dict[int, int]]) -> list[dict[str, str]] | None:
    """Rows modulo PRIME as rows of small fractions, or None when an entry is not one."""
    out = []
    for row in rows:
        entries = {str(i): rational_from(x) for i, x in row.items()}
        if any(x is None for x in entries.values()):
            return None
        out.append({i: str(x) for i, x in entries.items()})
    return out


def rational_from(x: int) -> Fraction | None:
    """The fraction of small height that is `x` modulo PRIME, by the Euclidean algorithm."""
    r0, r1, t0, t1 = PRIME, x, 0, 1
    while r1 >= LARGEST:
        q = r0 // r1
        r0, r1, t0, t1 = r1, r0 - q * r1, t1, t0 - q * t1
    return Fraction(r1, t1) if 0 < abs(t1) < LARGEST else None
