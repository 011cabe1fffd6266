"""Bounds of |Λ| for all sizes where states turn in pairs: complex numbers as two real ones.

Two states of one shape with the blocks [[diag(a), -diag(b)], [diag(b), diag(a)]] are multiplied by
a + ib, entry by entry, and the norm of such a block is the largest √(a² + b²).
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

from ...errors import Rejected
from ...index.atoms import Form
from ...index.forms import diagonal_of, hadamard
from ...language.layer import Layer
from .entries import bounds
from .factors import blocks_of

SCALE = 1 << 40


def norm(layer: Layer) -> Fraction | None:
    """A bound on the spectral norm of Λ, None for none; Rejected where Λ is of another form."""
    found = blocks_of(layer)
    squares = []
    for row in layer.step:
        joined = {c for r, c in found if r == row} | {r for r, c in found if c == row}
        others = sorted(joined - {row})
        if len(others) > 1:
            raise Rejected(f"{layer.name}: {row} turns with more than one state")
        own = _diagonal(layer, found.get((row, row)))
        square = [] if own is None else [hadamard(own, own)]
        for other in others:
            there, back = (_diagonal(layer, found.get(x)) for x in ((row, other), (other, row)))
            if (
                there is None
                or back is None
                or there + back
                or own != _diagonal(layer, found.get((other, other)))
            ):
                raise Rejected(f"{layer.name}: {row} and {other} are no complex number")
            square.append(hadamard(back, back))
        if square:
            squares.append(bounds(sum(square[1:], start=square[0]), layer).interval.high)
    if any(x is None for x in squares):
        return None
    largest = max((x for x in squares if x is not None), default=Fraction(0))
    # The root, rounded upwards.
    return Fraction(isqrt(int(largest * SCALE * SCALE)) + 1, SCALE)


def _diagonal(layer: Layer, form: Form | None) -> Form | None:
    vector = None if form is None else diagonal_of(form)
    if form is not None and vector is None:
        raise Rejected(f"{layer.name}: a block of Λ is not diagonal")
    return vector
