"""Check that two layers keep the same number of numbers where one size has a given value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...arithmetic.poly import Frac, frac
from ...arithmetic.sparse import Sparse, SparseAlgebra
from ...arithmetic.universe import Universe
from ...errors import Rejected
from ...language.evaluate import evaluate
from ...language.kernel import KernelLayer
from ...language.layer import Layer
from ...language.spec import deserialise
from ...language.tensor import text
from .size_formulas import entries

LENGTH = "L"


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """The entries of the states, those of a sum over the past once for each of L tokens, agree."""
    a, b = layers
    size, universe = str(data["size"]), Universe()
    if LENGTH in (*a.sizes, *b.sizes):
        raise Rejected(f"a size {LENGTH} could be taken for the number of tokens")
    if size not in a.sizes or size in b.sizes:
        raise Rejected(f"{size} is to be a size of {a.name} and none of {b.name}")
    names = dict.fromkeys([*a.sizes, *b.sizes, LENGTH])
    known = {n: universe.entry(n, constant=True, positive=True) for n in names}
    graph = deserialise(data["value"])["value"]
    others = {n: Sparse((), {(): x}) for n, x in known.items() if n != size}
    (value,) = evaluate([graph], others, SparseAlgebra(universe, {}))
    known[size] = value.entries.get((), frac(0))
    if not universe.certainly_positive(known[size]):
        raise Rejected(f"{size} = {text(graph)} is not shown to be positive")
    gap = _numbers(a, known) - _numbers(b, known)
    if not universe.is_zero(gap):
        raise Rejected(f"the states of {a.name} and {b.name} differ by {universe.show(gap)}")
    return f"{a.name} and {b.name} keep as many numbers where {size} = {text(graph)}"


def _numbers(layer: Layer, known: Mapping[str, Frac]) -> Frac:
    total = frac(0)
    for s in layer.of_kind("state"):
        total = total + entries(s.dims, known)
    return total * known[LENGTH] if isinstance(layer, KernelLayer) else total
