"""Evaluate the expression graph in an algebra of arrays: the one place that walks a layer.

An algebra says what an array is (index-term forms, sparse tables of exact scalars, NumPy words);
the walk is the same for all of them, so every interpretation computes the same definition.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Protocol, TypeVar

from ..errors import SizeError
from .graph import walk
from .tensor import Add, Concat, Dims, Eye, Function, Input, Number, Product, Reindex, Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction

Array = TypeVar("Array")
Sizes = dict[str, int]


class Algebra(Protocol[Array]):
    """The operations an interpretation gives meaning to; `dims` is the shape of the result."""

    def number(self, value: Fraction) -> Array:
        """An exact rational constant."""

    def eye(self, dims: Dims) -> Array:
        """The identity matrix."""

    def add(self, terms: Sequence[Array], dims: Dims) -> Array:
        """A sum of arrays of one shape."""

    def product(self, spec: str, left: Array, right: Array, dims: Dims) -> Array:
        """Einstein summation of two arrays."""

    def reindex(self, spec: str, arg: Array, dims: Dims) -> Array:
        """Einstein summation of one array; new letters of the output repeat it."""

    def function(self, node: Function, arg: Array) -> Array:
        """The scalar function `node.name` of every entry."""

    def concat(self, parts: Sequence[Array], axis: int, dims: Dims) -> Array:
        """Arrays joined along one axis."""


def evaluate(
    roots: Sequence[Tensor],
    inputs: Mapping[str, Array],
    algebra: Algebra[Array],
    known: Mapping[Tensor, Array] | None = None,
) -> list[Array]:
    """The values of `roots`, with `inputs` by name; nodes in `known` are taken as they stand."""
    values: dict[Tensor, Array] = dict(known or {})
    for node in walk(*roots, known=values) if values else _order(*roots):
        below = [values[child] for child in node.children]
        match node:
            case Input(name=name):
                values[node] = inputs[name]
            case Number(value=value):
                values[node] = algebra.number(value)
            case Eye(dims=dims):
                values[node] = algebra.eye(dims)
            case Add(dims=dims):
                values[node] = algebra.add(below, dims)
            case Product(spec=spec, dims=dims):
                values[node] = algebra.product(spec, below[0], below[1], dims)
            case Reindex(spec=spec, dims=dims):
                values[node] = algebra.reindex(spec, below[0], dims)
            case Function():
                values[node] = algebra.function(node, below[0])
            case Concat(axis=axis, dims=dims):
                values[node] = algebra.concat(below, axis, dims)
    return [values[root] for root in roots]


@lru_cache(maxsize=256)
def _order(*roots: Tensor) -> tuple[Tensor, ...]:
    """The nodes below the roots: a step is evaluated at one token after the other."""
    return tuple(walk(*roots))


def names_in(dims: Dims) -> list[str]:
    """The size names in a shape, sums taken apart, whole numbers left out."""
    parts = [part for dim in dims for part in dim.split("+")]
    return [part for part in dict.fromkeys(parts) if not part.isdigit()]


def extent(dim: str, sizes: Sizes) -> int:
    """The value of one size: a name, a whole number, or a sum of them."""
    total = 0
    for part in dim.split("+"):
        if not part.isdigit() and part not in sizes:
            raise SizeError(f"size {part} has no value: give it as {part}=2")
        total += int(part) if part.isdigit() else sizes[part]
    return total


def shape_of(dims: Dims, sizes: Sizes) -> tuple[int, ...]:
    """The shape at concrete sizes."""
    return tuple([sizes[dim] if dim in sizes else extent(dim, sizes) for dim in dims])
