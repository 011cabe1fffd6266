"""Check whether a causal matrix is masked attention `L ∘ (Q Kᵀ)` with a mask of one state.

The mask has L_ij = a_i ... a_{j+1}. Where M_ij is not 0, the a between i and j are not, so within a
run of rows that such entries join the mask scales rows and columns only. A column of such a run is
new if it is, on its rows of the lower triangle, no combination of the columns before it. In any
completion of the triangle to a full matrix new columns are independent: more than N of them leave
no factors of width N. With a skip, the diagonal is free and the triangle is the strict one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from ...arithmetic.scalars import Rationals
from ...errors import Rejected
from ...language.layer import Layer
from .minimality import full_rank
from .realisations import times

Matrix = list[list[Fraction]]


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """Factors of width N and a mask that give M, or more than N new columns; and M's states."""
    if layers:
        raise Rejected("the certificate is about a matrix, not a layer")
    matrix = read(data["matrix"])
    size, width, skip = len(matrix), int(data["width"]), bool(data["skip"])
    if not size or any(len(row) != size for row in matrix) or width < 1:
        raise Rejected("the matrix is not square, or the width not positive")
    if any(matrix[i][j] for i in range(size) for j in range(i + 1, size)):
        raise Rejected("the matrix is not causal")
    states = _states(matrix, data["states"]) if "states" in data else ""
    free = "with a skip" if skip else "without a skip"
    if "new columns" not in data:
        _require_factors(matrix, data, width, skip)
        return f"{states}the matrix is masked attention of width {width} {free}"
    columns = [int(j) for j in data["new columns"]]
    if len(set(columns)) <= width:
        raise Rejected(f"{len(set(columns))} new columns do not exceed the width {width}")
    rows = next((r for r in runs(matrix, skip=skip) if set(columns) <= set(r)), None)
    if rows is None:
        raise Rejected("the new columns do not lie in one run of rows")
    for j in columns:
        if not is_new(matrix, rows, j, skip=skip):
            raise Rejected(f"column {j} is a combination of those before it")
    return (
        f"{states}the matrix is no masked attention of width {width} {free}: in one run of rows "
        f"{len(set(columns))} columns are independent in every completion"
    )


def runs(matrix: Matrix, *, skip: bool) -> list[list[int]]:
    """Rows joined by entries that are not 0: the mask between them has no 0."""
    size = len(matrix)
    joined = [
        any(matrix[i][j] for i in range(at, size) for j in range(at)) for at in range(1, size)
    ]
    out = [[0]]
    for row, same in enumerate(joined, start=1):
        if same:
            out[-1].append(row)
        else:
            out.append([row])
    return out


def is_new(matrix: Matrix, rows: Sequence[int], column: int, *, skip: bool) -> bool:
    """Whether a column is no combination of those before it, on its rows of the triangle."""
    below = [i for i in rows if (i > column if skip else i >= column)]
    before = [j for j in rows if j < column]

    def rank(columns: Sequence[int]) -> int:
        table = [[matrix[i][j] for i in below] for j in columns]
        found = full_rank(table, Rationals()) if below and columns else None
        return 0 if found is None else len(found[0])

    return rank([*before, column]) > rank(before)


def _require_factors(matrix: Matrix, data: Mapping[str, Any], width: int, skip: bool) -> None:
    q, k = read(data["Q"]), read(data["K"])
    mask = [Fraction(a) for a in data["mask"]]
    size = len(matrix)
    if len(q) != size or len(k) != size or len(mask) != size:
        raise Rejected("the factors do not fit the matrix")
    if any(len(row) != width for row in (*q, *k)):
        raise Rejected(f"the factors have not the width {width}")
    for i in range(size):
        for j in range(i + (not skip)):
            scale = Fraction(1)
            for a in mask[j + 1 : i + 1]:
                scale *= a
            if scale * sum(x * y for x, y in zip(q[i], k[j], strict=True)) != matrix[i][j]:
                raise Rejected(f"L ∘ (Q Kᵀ) differs from the matrix at {i}, {j}")


def _states(matrix: Matrix, data: Mapping[str, Any]) -> str:
    """The matrix as C_i Λ_i ... B_j of a state of N numbers, D = 0."""
    count = int(data["count"])
    lam, b, c = ([read(m) for m in data[name]] for name in ("Lam", "B", "C"))
    size = len(matrix)
    shapes = ((lam, count, count), (b, count, 1), (c, 1, count))
    for stack, rows, columns in shapes:
        if len(stack) != size or any(
            len(m) != rows or any(len(row) != columns for row in m) for m in stack
        ):
            raise Rejected("the matrices do not fit the state")
    for j in range(size):
        reached = b[j]
        for i in range(j, size):
            reached = reached if i == j else times(lam[i], reached)
            if times(c[i], reached)[0][0] != matrix[i][j]:
                raise Rejected(f"C Λ ... B differs from the matrix at {i}, {j}")
    return f"with {count} states, "


def read(rows: Sequence[Sequence[Any]]) -> Matrix:
    """A matrix of exact rationals."""
    return [[Fraction(x) for x in row] for row in rows]
