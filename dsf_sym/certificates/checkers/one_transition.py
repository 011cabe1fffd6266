"""What fails for a transition Λ of a layer at exact tokens: one function each.

Each returns the failure in words, or raises Rejected where the property may hold at these tokens.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ...errors import Rejected
from .everywhere import blocks
from .exact import Exact, Matrix, multiple_of_identity, nonsingular


def _times(x: Matrix, y: Matrix) -> Matrix:
    return [
        [sum((a * y[k][j] for k, a in enumerate(row)), start=row[0] * 0) for j in range(len(y[0]))]
        for row in x
    ]


def _differ(x: Matrix, y: Matrix, scalars: Any) -> bool:
    return any(
        scalars.differ(c, e) for p, q in zip(x, y, strict=True) for c, e in zip(p, q, strict=True)
    )


def not_commuting(b: Exact) -> str:
    """Λ at two tokens, in both orders."""
    (x, y), scalars = b.require(2)
    left, right = _times(x.transition, y.transition), _times(y.transition, x.transition)
    if not _differ(left, right, scalars):
        raise Rejected(f"{b.layer.name}'s transitions commute at these tokens")
    return f"and two of {b.layer.name}'s do not"


def not_identity(b: Exact) -> str:
    """Λ at a token is not I."""
    (x,), scalars = b.require(1)
    if not _differ(
        x.transition, multiple_of_identity(scalars.number(Fraction(1)), len(x.write)), scalars
    ):
        raise Rejected(f"{b.layer.name}'s transition is the identity at this token")
    return f"and one of {b.layer.name}'s is not"


def not_constant(b: Exact) -> str:
    """Λ differs between two tokens."""
    (x, y), scalars = b.require(2)
    if not _differ(x.transition, y.transition, scalars):
        raise Rejected(f"{b.layer.name}'s transitions are equal at these tokens")
    return f"and that of {b.layer.name} is not"


def not_scalar(b: Exact) -> str:
    """Λ at a token has an entry off its first multiple of I."""
    (x,), scalars = b.require(1)
    if not _differ(x.transition, multiple_of_identity(x.transition[0][0], len(x.write)), scalars):
        raise Rejected(f"{b.layer.name}'s transition is a multiple of the identity at this token")
    return f"and one of {b.layer.name}'s is not"


def far_from_identity(b: Exact) -> str:
    """Λ - I at a token is invertible."""
    (x,), scalars = b.require(1)
    if not nonsingular(_shifted(x.transition, -1, scalars), scalars):
        raise Rejected(f"{b.layer.name}: Λ - I is not shown to have full rank at this token")
    return f"and {len(x.write)} in {b.layer.name}"


def not_positive(b: Exact) -> str:
    """Λ at a token has a real eigenvalue that is 0 or negative."""
    return _eigenvalue(b, 0, 1, strict=False)


def negative(b: Exact) -> str:
    """Λ at a token has a negative eigenvalue."""
    return _eigenvalue(b, 0, 1, strict=True)


def not_below_one(b: Exact) -> str:
    """Λ at a token has a real eigenvalue of at least 1."""
    return _eigenvalue(b, 1, -1, strict=False)


def above_one(b: Exact) -> str:
    """Λ at a token has a real eigenvalue above 1."""
    return _eigenvalue(b, 1, -1, strict=True)


def _eigenvalue(b: Exact, at: int, side: int, *, strict: bool) -> str:
    """The sign of `det(side (Λ - at I))` in each block of Λ.

    Where it is 0, `at` is an eigenvalue; where it is negative there is one beyond, as the
    determinant of `Λ + t I`, or of `t I - Λ`, is positive for large t.
    """
    (x,), scalars = b.require(1)
    pairs = [
        (i, j)
        for i, row in enumerate(x.transition)
        for j, c in enumerate(row)
        if not scalars.is_zero(c)
    ]
    shifted = _shifted(x.transition, -at, scalars)
    for block in blocks(pairs, len(x.write)):
        sign = _sign([[shifted[i][j] * side for j in block] for i in block], scalars)
        if sign == -1:
            return f"and one of {b.layer.name}'s is {'negative' if at == 0 else 'above 1'}"
        if sign == 0 and not strict:
            return f"and one of {b.layer.name}'s is {at}"
    raise Rejected(f"{b.layer.name}'s transition shows no such eigenvalue at this token")


def _shifted(x: Matrix, c: int, scalars: Any) -> Matrix:
    number = scalars.number(Fraction(c))
    return [[e + number if i == j else e for j, e in enumerate(row)] for i, row in enumerate(x)]


def _sign(matrix: Matrix, scalars: Any) -> int | None:
    """The sign of a determinant by elimination; None where balls do not tell."""
    sign, work = 1, [list(row) for row in matrix]
    for column in range(len(work)):
        rows = range(column, len(work))
        zero = scalars.number(Fraction(0))
        pivot = next((i for i in rows if scalars.differ(work[i][column], zero)), None)
        if pivot is None:
            return 0 if all(scalars.is_zero(work[i][column]) for i in rows) else None
        if pivot != column:
            work[pivot], work[column] = work[column], work[pivot]
            sign = -sign
        sign = sign if work[column][column] > 0 else -sign
        for i in range(column + 1, len(work)):
            c = work[i][column] / work[column][column]
            work[i] = [p - c * q for p, q in zip(work[i], work[column], strict=True)]
    return sign
