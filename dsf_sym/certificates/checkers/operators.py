"""Check state sizes of a layer's operator, from its inputs to its outputs at fixed other signals.

In any form `h_i = Λ_i h_{i-1} + B_i u_i`, `y_i = C_i h_i + D_i u_i` inputs up to a time reach later
outputs through N numbers, so the block of the operator from those inputs to those outputs has rank
at most N. With D = 0 the output of the last of these tokens counts as a later one. Where C_i and
Λ_i depend on tokens up to i alone, N bounds the rank over several futures at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from ...arithmetic.scalars import Balls, Irrational, Rationals
from ...automata.run import Values, count, run
from ...derivation.affine import as_ratio, split
from ...errors import NotAffine, Rejected
from ...index.forms import signal_forms
from ...index.terms import FormAlgebra
from ...language.evaluate import Sizes, evaluate
from ...language.graph import walk
from ...language.kernel import KernelLayer
from ...language.layer import Layer
from ...language.tensor import Input
from .minimality import full_rank
from .tokens import at_sizes, read_inside, read_sizes, read_values, require_inside

Matrix = list[list[Any]]


def check_rank(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """A block of the operator from past inputs to future outputs has at least the claimed rank."""
    (layer,) = layers
    block, scalars = read_block(layer, data)
    claimed = int(data["states"])
    found = full_rank(block, scalars)
    if claimed < 1 or found is None or len(found[0]) < claimed:
        raise Rejected(f"the block is not shown to have rank {claimed}")
    sizes = read_sizes(data["sizes"])
    length = len(data["past"]) + max(len(f) for f in data["futures"])
    skip = "D = 0" if not data["skip"] else "any D"
    causal = ", with coefficients of the tokens so far" if len(data["futures"]) > 1 else ""
    return (
        f"the operator of {layer.name} at length {length} needs {claimed} states at least, "
        f"{skip}{causal}{',' * bool(sizes)}{at_sizes(sizes)}"
    )


def read_block(layer: Layer, data: Mapping[str, Any]) -> tuple[Matrix, Any]:
    """Rows by future output, columns by past input; in rationals or, where needed, in balls."""
    sizes = read_sizes(data["sizes"])
    carried = str(data["carried"])
    require_linear(layer, carried)
    constants = read_inside([layer], "constant", data["constants"], sizes, "the constants")
    past = [read_values(t) for t in data["past"]]
    futures = [[read_values(t) for t in future] for future in data["futures"]]
    for t in [*past, *(t for future in futures for t in future)]:
        for s in layer.of_kind("token"):
            if s.name != carried:
                require_inside(s, t, sizes, "a token")
    if not past or not futures or any(not f for f in futures):
        raise Rejected("a block has a past and futures of at least one token")
    first = len(past) - (not data["skip"])
    ends = [(len(past) if i else first, future) for i, future in enumerate(futures)]

    def rows(scalars: Any) -> Matrix:
        width = len(past) * count(layer.signal(carried), sizes)
        columns = []
        for place in range(width):
            column = []
            for start, future in ends:
                found = response(layer, [*past, *future], place, carried, constants, sizes, scalars)
                column += [x for y in found[start:] for x in y]
            columns.append(column)
        return [list(row) for row in zip(*columns, strict=True)]

    try:
        return rows(Rationals()), Rationals()
    except Irrational:
        balls = Balls(int(data.get("bits", 256)))
        with balls.precision():
            return rows(balls), balls


def response(
    layer: Layer,
    tokens: Sequence[Values],
    place: int,
    carried: str,
    constants: Values,
    sizes: Sizes,
    scalars: Any,
) -> Matrix:
    """The outputs for an input of 1 at one place, the tokens' entries in order, and 0 elsewhere."""
    size = count(layer.signal(carried), sizes)
    fed = [
        {**t, carried: [Fraction(i * size + e == place) for e in range(size)]}
        for i, t in enumerate(tokens)
    ]
    return run(layer, fed, constants, sizes, scalars)


def require_linear(layer: Layer, carried: str) -> set[str]:
    """The states that the carried signal enters; Rejected unless the outputs are linear in it."""
    if layer.signal(carried).kind != "token":
        raise Rejected(f"{carried} is no token of {layer.name}")
    moved = {carried}
    reads = {
        name: {n.name for n in walk(x) if isinstance(n, Input)} for name, x in layer.step.items()
    }
    while True:
        more = {name for name, own in reads.items() if own & moved} - moved
        if not more:
            break
        moved |= more
    if any(layer.start.get(name) for name in moved):
        raise Rejected(f"a state of {layer.name} that {carried} enters does not start at 0")
    roots = [layer.step[name] for name in moved if name in layer.step]
    try:
        if isinstance(layer, KernelLayer):
            below = {n.name for n in walk(layer.weight) if isinstance(n, Input)}
            if below & moved:
                raise Rejected(f"the weights of {layer.name} read {carried}")
            roots.append(layer.output)
        else:
            top, bottom = as_ratio(layer.output, frozenset(layer.step), layer.name)
            below = (
                set() if bottom is None else {n.name for n in walk(bottom) if isinstance(n, Input)}
            )
            if below & moved:
                raise Rejected(f"the denominator of {layer.name} reads {carried}")
            roots.append(top)
        for root in roots:
            offset = split(root, frozenset(moved), layer.name).offset
            if offset is not None and evaluate([offset], signal_forms(layer), FormAlgebra())[0]:
                raise Rejected(f"{layer.name} has a part that is free of {carried}")
    except NotAffine as error:
        raise Rejected(f"{layer.name} is not linear in {carried}: {error}") from None
    return moved - {carried}
