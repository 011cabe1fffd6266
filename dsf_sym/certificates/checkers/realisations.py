"""Check state-space forms and heads of an operator, exactly, at tokens where it is rational."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import Any

from ...arithmetic.scalars import Balls, Irrational, Rationals
from ...arithmetic.universe import Universe
from ...automata.run import Values, count
from ...errors import Rejected
from ...language.domains import POSITIVE
from ...language.evaluate import Sizes, shape_of
from ...language.layer import Layer
from .minimality import full_rank
from .operators import Matrix, require_linear, response
from .symbols import Support, Symbols, is_analytic
from .tokens import at_sizes, read_inside, read_sizes, read_values, require_inside


def check_realisation(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """Rational Λ_i, B_i, C_i (D = 0) give the operator at exact tokens; its ordinary rank."""
    (layer,) = layers
    sizes = read_sizes(data["sizes"])
    tokens = [read_values(t) for t in data["tokens"]]
    constants = read_inside([layer], "constant", data["constants"], sizes, "the constants")
    carried = str(data["carried"])
    require_linear(layer, carried)
    for s in layer.of_kind("token"):
        for t in tokens:
            if s.name != carried:
                require_inside(s, t, sizes, "a token")
    operator = operator_at(layer, tokens, constants, carried, sizes)
    states = int(data["states"])
    lam, b, c = ([_matrix(m) for m in data[name]] for name in ("Lam", "B", "C"))
    out, into = prod(shape_of(layer.output.dims, sizes)), count(layer.signal(carried), sizes)
    for m, (rows, columns) in zip(
        (lam, b, c), ((states, states), (states, into), (out, states)), strict=True
    ):
        if len(m) != len(tokens) or any(len(x) != rows for x in m):
            raise Rejected("the matrices do not fit the state")
        if any(len(row) != columns for x in m for row in x):
            raise Rejected("the matrices do not fit the state")
    for j in range(len(tokens)):
        reached = b[j]
        for i in range(j, len(tokens)):
            reached = reached if i == j else times(lam[i], reached)
            for row, line in enumerate(times(c[i], reached)):
                if line != operator[i * out + row][j * into : (j + 1) * into]:
                    raise Rejected(f"C Λ ... B is not the block of the operator at {i}, {j}")
    found = full_rank(operator, Rationals())
    rank = 0 if found is None else len(found[0])
    if int(data.get("rank", rank)) != rank:
        raise Rejected(f"the operator has rank {rank}")
    return (
        f"the operator of {layer.name} at {len(tokens)} tokens has rank {rank} and {states} states"
    )


def operator_at(
    layer: Layer, tokens: Sequence[Values], constants: Values, carried: str, sizes: Sizes
) -> list[list[Fraction]]:
    """The operator as a matrix of rationals; Rejected where it is not rational."""
    width = len(tokens) * count(layer.signal(carried), sizes)
    try:
        columns = [
            response(layer, tokens, p, carried, constants, sizes, Rationals()) for p in range(width)
        ]
    except Irrational:
        raise Rejected(f"the operator of {layer.name} is not rational at these tokens") from None
    flat = [[x for y in column for x in y] for column in columns]
    return [list(row) for row in zip(*flat, strict=True)]


def times(x: Sequence[Sequence[Any]], y: Sequence[Sequence[Any]]) -> Matrix:
    """The product of two matrices of rationals."""
    columns = range(len(y[0]) if y else 0)
    return [
        [sum((a * y[k][j] for k, a in enumerate(row)), start=Fraction(0)) for j in columns]
        for row in x
    ]


def _matrix(rows: Sequence[Sequence[str]]) -> list[list[Fraction]]:
    return [[Fraction(x) for x in row] for row in rows]


def check_heads(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The blocks W_l of y_i = Σ_l W_l u_{i-l}, l < L, span a space of the claimed dimension.

    Heads give `W_ij = Σ_h α^h_ij V_h`, so that their least number is this dimension. Without a
    length it is that at every L > N, as A^l is a combination of lower powers for l >= N. Generic:
    for all weights but those at which some minor vanishes; the rank with the weights as unknowns is
    an upper bound, that at the point a lower one.
    """
    (layer,) = layers
    sizes = read_sizes(data["sizes"])
    carried = str(data["carried"])
    every = data["length"] is None
    states = sum(count(s, sizes) for s in layer.of_kind("state"))
    length = states + 1 if every else int(data["length"])
    if [s.name for s in layer.of_kind("token")] != [carried] or length < 1:
        raise Rejected(f"{layer.name} has tokens besides its input: its blocks depend on the time")
    constants = read_inside([layer], "constant", data["constants"], sizes, "the constants")
    if apart := sorted(layer.step.keys() - require_linear(layer, carried)):
        raise Rejected(f"{', '.join(apart)} goes on without {carried}: blocks depend on the time")

    def blocks(weights: Mapping[str, Sequence[Any]], scalars: Any) -> Matrix:
        tokens: list[Values] = [{} for _ in range(length)]
        own: Any = weights
        columns = [
            response(layer, tokens, place, carried, own, sizes, scalars)
            for place in range(count(layer.signal(carried), sizes))
        ]
        return [[x for column in columns for x in column[lag]] for lag in range(length)]

    rank = _rank_at(lambda scalars: blocks(constants, scalars), certain=not data["generic"])
    at = "these weights"
    if data["generic"]:
        if not is_analytic(layer):
            raise Rejected(f"the rank of {layer.name} at some weights is not that at generic ones")
        at = "generic weights"
        universe = Symbols()
        unknown = {
            s.name: [
                universe.entry(
                    f"{s.name}[{i}]",
                    constant=True,
                    positive=bool(s.domain.interval.within(POSITIVE.interval)),
                )
                for i in range(count(s, sizes))
            ]
            for s in layer.of_kind("constant")
        }
        some = {s.name: [Fraction(1)] * count(s, sizes) for s in layer.of_kind("constant")}
        filled = sum(map(any, zip(*blocks(some, Support()), strict=True)))
        if rank < min(length, filled) and rank < formal_rank(blocks(unknown, universe), universe):
            raise Rejected(f"the blocks of unknown weights span more than {rank} dimensions")
    if rank != int(data["heads"]):
        raise Rejected(f"the blocks span {rank} dimensions")
    when = f"every length above {states}" if every else f"length {length}"
    of = f"{layer.name}{at_sizes(sizes)}"
    return f"{of}, {at} and {when} is {rank} heads, and no fewer"


def _rank_at(blocks: Callable[[Any], Matrix], *, certain: bool) -> int:
    """The rank; of balls, where it is a lower bound alone, only if it need not be certain."""
    try:
        found = full_rank(blocks(Rationals()), Rationals())
    except Irrational:
        if certain:
            raise Rejected("the blocks are not rational at these weights") from None
        balls = Balls(256)
        with balls.precision():
            found = full_rank(blocks(balls), balls)
    return 0 if found is None else len(found[0])


def formal_rank(rows: Matrix, universe: Universe) -> int:
    """The rank over fractions of the unknowns, an upper bound on that at any values."""
    work, rank = [list(row) for row in rows], 0
    for column in range(len(work[0]) if work else 0):
        pivot = next((row for row in work if not universe.is_zero(row[column])), None)
        if pivot is None:
            continue
        rank += 1
        work = [
            [x * pivot[column] - row[column] * p for x, p in zip(row, pivot, strict=True)]
            for row in work
            if row is not pivot
        ]
    return rank
