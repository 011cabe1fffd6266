"""A step map from what two layers write: one state is the other times a ratio, entry by entry."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from ..deciding.pairing import Pair
from ..derivation.derive import derive
from ..derivation.realize import realize
from ..language.evaluate import Sizes, shape_of
from ..language.tensor import Dims
from .equations import Expression, System


def ratio_maps(tied: Pair, sizes: Sizes) -> Iterator[str]:
    """`S' = (B' / B) * S` as text, one each direction, where all entries have one form."""
    states = [x.of_kind("state") for x in (tied.a, tied.b)]
    if any(len(own) != 1 for own in states) or len({own[0].dims for own in states}) > 1:
        return
    dims = states[0][0].dims
    system = System(tied.a, tied.b, sizes, ())
    writes = [realize(derive(x), sizes).matrices(0)[1] for x in (tied.a, tied.b)]
    for source, target in ((0, 1), (1, 0)):
        found = set()
        for row, index in enumerate(product(*map(range, shape_of(dims, sizes)))):
            names = _names(system, dims, index)
            for column in range(writes[0].cols):
                below, above = (writes[i][row, column] for i in (source, target))
                if below != 0 or above != 0:
                    found.add(None if below == 0 else (above / below).xreplace(names))
        if len(found) == 1 and None not in found:
            (ratio,) = found
            yield f"{states[target][0].name} = ({ratio}) * {states[source][0].name}"


def _names(system: System, dims: Dims, index: tuple[int, ...]) -> dict[Expression, Expression]:
    """Names of signals for their entries at an index, axes matched by size."""
    import sympy

    at = dict(zip(dims, index, strict=True))
    return {
        x: sympy.Symbol(e.signal.name)
        for x, e in system.entries([0]).items()
        if all(at.get(d) == i for d, i in zip(e.signal.dims, e.index, strict=True))
    }
