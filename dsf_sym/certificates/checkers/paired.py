"""A kernel at two points of one space: what pairs query and key, and signs of quadratic forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import Any

from ...automata.run import Values
from ...errors import Rejected
from ...language.evaluate import Sizes, shape_of
from ...language.graph import inputs
from ...language.kernel import KernelLayer
from ...language.layer import Layer, Signal
from ...language.tensor import Tensor
from .kernel_rank import kernel_table
from .tokens import require_inside


def kernel_of(layers: Sequence[Layer]) -> KernelLayer:
    """The one kernel of a certificate, or Rejected."""
    (layer,) = layers
    if not isinstance(layer, KernelLayer):
        raise Rejected(f"{layer.name} is no sum over the past")
    return layer


def arguments(layer: KernelLayer) -> tuple[list[Signal], list[Signal]]:
    """The signals of the query's token and those of the key's that the kernel reads."""

    def tokens(*roots: Tensor) -> list[Signal]:
        names = inputs(*roots)
        return [s for s in layer.of_kind("token") if s.name in names]

    entries = inputs(layer.weight) & set(layer.step)
    return tokens(layer.weight), tokens(*(layer.step[name] for name in entries))


def require_pairs(layer: KernelLayer, raw: Mapping[str, str]) -> dict[str, str]:
    """Names of the query's signals by those of the key's; Rejected unless they match one to one."""
    now, past = arguments(layer)
    pairs = {str(q): str(k) for q, k in raw.items()}
    if sorted(pairs) != sorted(s.name for s in now) or sorted(pairs.values()) != sorted(
        s.name for s in past
    ):
        raise Rejected(f"{layer.name}: {pairs} does not pair the signals of query and key")
    for q, k in pairs.items():
        if layer.signal(q).dims != layer.signal(k).dims:
            raise Rejected(f"{layer.name}: {q} and {k} differ in shape")
    return {k: q for q, k in pairs.items()}


def values_at(
    layer: KernelLayer,
    raw: Mapping[str, str],
    points: Sequence[Values],
    constants: Values,
    sizes: Sizes,
    scalars: Any,
) -> list[list[Any]]:
    """The numbers κ(x_i, x_j) at points inside the domains of query and key."""
    names = require_pairs(layer, raw)
    for s in layer.of_kind("constant"):
        require_inside(s, constants, sizes, "the constants")
    tokens: list[tuple[Values, Values]] = []
    for i, point in enumerate(points):
        for k, q in names.items():
            require_inside(layer.signal(q), point, sizes, f"point {i}")
            require_inside(layer.signal(k), {k: point[q]}, sizes, f"point {i}")
        nothing = {
            s.name: [Fraction(0)] * prod(shape_of(s.dims, sizes)) for s in layer.of_kind("token")
        }
        tokens.append((nothing | point, nothing | {k: point[q] for k, q in names.items()}))
    queries, keys = zip(*tokens, strict=True)
    return kernel_table(layer, queries, keys, constants, sizes, scalars)


def negative_direction(matrix: Sequence[Sequence[Fraction]]) -> list[Fraction] | None:
    """A vector c with `cᵀ G c < 0` for a symmetric G, or None where G is positive semidefinite.

    By elimination, `G = L D Lᵀ`, exactly.
    """
    n = len(matrix)
    work = [list(row) for row in matrix]
    basis = [[Fraction(i == j) for j in range(n)] for i in range(n)]
    left = list(range(n))
    while left:
        below = next((i for i in left if work[i][i] < 0), None)
        if below is not None:
            return basis[below]
        pivot = next((i for i in left if work[i][i] > 0), None)
        if pivot is None:
            pairs = ((i, j) for i in left for j in left if i < j and work[i][j])
            i, j = next(pairs, (0, 0))
            if i == j:
                return None
            sign = 1 if work[i][j] > 0 else -1
            return [x - sign * y for x, y in zip(basis[i], basis[j], strict=True)]
        left.remove(pivot)
        for i in left:
            factor = work[i][pivot] / work[pivot][pivot]
            if factor:
                for j in left:
                    work[i][j] -= factor * work[pivot][j]
                basis[i] = [x - factor * y for x, y in zip(basis[i], basis[pivot], strict=True)]
    return None
