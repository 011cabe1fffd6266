"""Candidate terms of a step map: a state, its axes permuted, times up to two factors.

Factors are states, tokens (the last one), constants, their inverses, and the exponentials that the
two layers themselves take of a state; a scalar or a vector is repeated along the other axes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement, permutations

from ..language.functions import exp, ones
from ..language.graph import reading, walk
from ..language.layer import Layer
from ..language.tensor import LABELS, Dims, Function, Input, Product, Reindex, Tensor


def monomials(source: Layer, target: Layer, name: str, degree: int) -> list[Tensor]:
    """The terms with `degree` factors for the target's state of that name, simple ones first."""
    dims = target.signal(name).dims
    bases = [x for s in source.of_kind("state") for x in placed(s.tensor, dims)]
    if not bases or degree > 1:
        bases = [*bases, ones(*dims)]
    factors = [x for x in factors_of(source, target) if _fits(x.dims, dims)]
    spread = [x for f in factors for x in placed(f, dims)]
    out = []
    for base in bases:
        for chosen in combinations_with_replacement(spread, degree):
            term = base
            for factor in chosen:
                letters = LABELS[: len(dims)]
                term = Product(f"{letters},{letters}->{letters}", term, factor, dims)
            out.append(term)
    return out


def placed(x: Tensor, dims: Dims) -> Iterator[Tensor]:
    """Every way to lay the axes of `x` along axes of `dims` of their size, repeated elsewhere."""
    letters = LABELS[: len(dims)]
    for axes in permutations(range(len(dims)), len(x.dims)):
        if tuple(dims[i] for i in axes) == x.dims:
            own = "".join(letters[i] for i in axes)
            yield x if own == letters else Reindex(f"{own}->{letters}", x, dims)


def _fits(dims: Dims, whole: Dims) -> bool:
    return all(dims.count(size) <= whole.count(size) for size in dims)


def factors_of(source: Layer, target: Layer) -> list[Tensor]:
    """Constants, states and last tokens with their inverses, and exponentials of states."""
    states = frozenset(source.step)
    tokens = frozenset(s.name for x in (source, target) for s in x.of_kind("token"))
    graphs = [*source.step.values(), source.output, *target.step.values(), target.output]
    nodes = walk(*graphs)
    reads = reading(states | frozenset(target.step) | tokens, *graphs)
    steady = [n for n in nodes if isinstance(n, Function) and n not in reads]
    steady = [n for n in steady if n.name != "inverse"]
    raised = {
        n.name
        for node in nodes
        if isinstance(node, Function) and node.name == "exp"
        for n in walk(node)
        if isinstance(n, Input) and n.name in states
    }
    found: list[Tensor] = []
    for s in source.of_kind("state"):
        if s.name in raised:
            found += [exp(s.tensor), exp(-s.tensor)]
    plain: list[Tensor] = [s.tensor for s in source.of_kind("state")]
    plain += steady
    plain += [s.tensor for s in source.signals if s.kind == "constant" if s.name not in states]
    plain += [s.tensor for s in source.of_kind("token")]
    for x in plain:
        found += [x, Function("inverse", x, x.dims)]
    return found
