"""Sizes of eigenvalues and norms of transitions, block by block, complex eigenvalues included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

from ...arithmetic.poly import Frac, frac
from ...errors import Rejected
from ...language.layer import Layer
from . import factors, rotations
from .everywhere import Everywhere, Form, NoProperty, blocks
from .exact import Exact

LARGEST_BLOCK = 4
Claim = Mapping[str, Any]


def in_disc(a: Everywhere, data: Claim) -> str:
    """|eigenvalues| < r, or <= r, by Schur and Cohn for blocks of one and two."""
    radius, strict = _radius(data)
    r = frac(radius)
    for form in a.forms:
        for matrix in matrix_blocks(a, form):
            turns = len(matrix) == 2 and _turns(a, matrix)
            for value in _schur(matrix, r)[2 * turns :]:
                sign = form.signs.positive if strict else form.signs.not_negative
                if not sign(value):
                    raise NoProperty(f"{a.layer.name}: an eigenvalue may be {radius} in size")
    return (
        f"every eigenvalue of a transition of {a.layer.name} is {'below' if strict else 'at most'} "
        f"{radius} in size"
    )


def out_of_disc(b: Exact, data: Claim) -> str:
    """An eigenvalue beyond the circle, or on it where it is excluded."""
    (x,), scalars = b.require(1)
    radius, strict = _radius(data)
    zero = scalars.number(Fraction(0))
    for block in exact_blocks(x.transition, scalars):
        for value in _schur(block, scalars.number(radius)):
            if (scalars.differ(value, zero) and value < zero) or (
                strict and scalars.is_zero(value)
            ):
                size = "at least" if strict else "above"
                return f"an eigenvalue of a transition of {b.layer.name} is {size} {radius} in size"
    raise Rejected(f"{b.layer.name}: no eigenvalue is shown to leave the disc at this token")


def norm(layer: Layer, data: Claim) -> str:
    """|Λ| <= c for all sizes, from the factors; products then have the norm c^(i-j) at most."""
    bound, found = Fraction(data["at most"]), spectral_norm(layer)
    if found is None or found > bound:
        raise NoProperty(f"{layer.name}: the norm of Λ is shown to be at most {found}")
    return _decays(layer, bound)


def spectral_norm(layer: Layer) -> Fraction | None:
    """A bound on |Λ| from its factors, or of states that turn in pairs; None for none, Rejected."""
    try:
        return factors.norm(layer)
    except Rejected:
        return rotations.norm(layer)


def norm_at(a: Everywhere, data: Claim) -> str:
    """The norm of a normal block is its spectral radius."""
    for form in a.forms:
        for matrix in matrix_blocks(a, form):
            size = range(len(matrix))
            skew = [matrix[i][j] - matrix[j][i] for i in size for j in range(i)]
            if not all(map(a.universe.is_zero, skew)) and not (
                len(matrix) == 2 and _turns(a, matrix)
            ):
                raise NoProperty(f"{a.layer.name}: its transitions are not shown to be normal")
    bound = Fraction(data["at most"])
    in_disc(a, {"at most": bound})
    return _decays(a.layer, bound)


def _decays(layer: Layer, bound: Fraction) -> str:
    return f"|Λ_i ... Λ_(j+1)| <= {bound}^(i-j) for all tokens of {layer.name}"


def _schur(matrix: Sequence[Sequence[Any]], r: Any) -> list[Any]:
    """What is positive exactly where all eigenvalues are below r in size: of one or two rows."""
    if len(matrix) == 1:
        ((x,),) = matrix
        return [r - x, r + x]
    if len(matrix) > 2:
        raise Rejected("the criterion is written out for blocks of one and two states")
    (a, b), (c, d) = matrix
    trace, det = a + d, a * d - b * c
    return [r * r - r * trace + det, r * r + r * trace + det, r * r - det]


def _turns(a: Everywhere, matrix: Sequence[Sequence[Frac]]) -> bool:
    """Whether a block multiplies a complex number, whose square of the size is the determinant."""
    (p, q), (r, s) = matrix
    return a.universe.is_zero(p - s) and a.universe.is_zero(q + r)


def _radius(data: Claim) -> tuple[Fraction, bool]:
    strict = "below" in data
    radius = Fraction(data["below" if strict else "at most"])
    if radius <= 0:
        raise Rejected(f"a radius of {radius} holds no disc")
    return radius, strict


def matrix_blocks(a: Everywhere, form: Form) -> list[list[list[Frac]]]:
    """Λ at a symbolic token, in blocks of coordinates that it joins."""
    found = blocks(form.transition, a.states)
    if any(len(block) > LARGEST_BLOCK for block in found):
        raise NoProperty(f"{a.layer.name}: blocks of more than {LARGEST_BLOCK} states")
    zero = frac(0)
    return [[[form.transition.get((i, j), zero) for j in block] for i in block] for block in found]


def exact_blocks(matrix: Sequence[Sequence[Any]], scalars: Any) -> list[list[list[Any]]]:
    """A matrix of exact numbers, in blocks of coordinates that it joins."""
    size = range(len(matrix))
    pairs = [(i, j) for i, j in product(size, size) if not scalars.is_zero(matrix[i][j])]
    return [[[matrix[i][j] for j in block] for i in block] for block in blocks(pairs, len(matrix))]
