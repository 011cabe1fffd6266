"""Arrays of exact scalars: a table from index to non-zero entry, over any ring of `Scalars`."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..language.evaluate import Sizes, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..language.tensor import Dims, Function

Scalar = Any
Index = tuple[int, ...]
Pick = Callable[[Index], Index]
_ZERO, _ONE = Fraction(0), Fraction(1)


class Scalars(Protocol):
    """A ring of scalars: Python's operators, and what they do not cover."""

    def number(self, value: Fraction) -> Scalar:
        """The scalar of a rational number."""

    def is_zero(self, x: Scalar) -> bool:
        """Whether an entry may be left out of the table: certainly zero."""

    def function(self, name: str, x: Scalar) -> Scalar:
        """A scalar function by name, "inverse" included."""


class Sparse(NamedTuple):
    """A tensor of the given shape; indices that are absent are zero."""

    shape: tuple[int, ...]
    entries: dict[Index, Scalar]

    def indices(self) -> Iterator[Index]:
        """Every index of the shape, in row-major order."""
        return itertools.product(*map(range, self.shape))

    def flat(self, zero: Scalar) -> list[Scalar]:
        """All entries in row-major order."""
        return [self.entries.get(index, zero) for index in self.indices()]

    def map(self, f: Callable[[Scalar], Scalar]) -> Sparse:
        """The non-zero entries under `f`."""
        return Sparse(self.shape, {index: f(x) for index, x in self.entries.items()})


def from_flat(shape: tuple[int, ...], values: Sequence[Scalar]) -> Sparse:
    """A tensor from its entries in row-major order."""
    indices = itertools.product(*map(range, shape))
    return Sparse(shape, {i: x for i, x in zip(indices, values, strict=True)})


@dataclass(frozen=True)
class SparseAlgebra:
    """The interpretation of a layer over sparse tables, at concrete sizes."""

    scalars: Scalars
    sizes: Sizes

    def number(self, value: Fraction) -> Sparse:
        """A scalar."""
        return self._clean((), {(): self.scalars.number(value)})

    def eye(self, dims: Dims) -> Sparse:
        """The identity matrix."""
        shape = shape_of(dims, self.sizes)
        one = self.scalars.number(_ONE)
        return Sparse(shape, {(i, i): one for i in range(shape[0])})

    def add(self, terms: Sequence[Sparse], dims: Dims) -> Sparse:
        """Entry by entry."""
        total = dict(terms[0].entries)
        for term in terms[1:]:
            for index, x in term.entries.items():
                total[index] = total[index] + x if index in total else x
        return self._clean(terms[0].shape, total)

    def product(self, spec: str, left: Sparse, right: Sparse, dims: Dims) -> Sparse:
        """Join the two tables on their shared letters."""
        la, lb, key_a, key_b, pick = _joint(spec)
        table: dict[Any, list[tuple[Index, Scalar]]] = {}
        for j, y in _diagonal(right, lb):
            table.setdefault(key_b(j), []).append((j, y))
        out: dict[Index, Scalar] = {}
        for i, x in _diagonal(left, la):
            for j, y in table.get(key_a(i), ()):
                index = pick(i + j)
                xy = x * y
                out[index] = out[index] + xy if index in out else xy
        return self._clean(shape_of(dims, self.sizes), out)

    def reindex(self, spec: str, arg: Sparse, dims: Dims) -> Sparse:
        """Permute, sum, take a diagonal or repeat."""
        source, _, target = spec.partition("->")
        shape = shape_of(dims, self.sizes)
        spans = [range(1) if c in source else range(n) for c, n in zip(target, shape, strict=True)]
        out: dict[Index, Scalar] = {}
        for i, x in _diagonal(arg, source):
            for free in itertools.product(*spans):
                index = tuple(
                    i[source.index(c)] if c in source else f
                    for c, f in zip(target, free, strict=True)
                )
                out[index] = out[index] + x if index in out else x
        return self._clean(shape, out)

    def function(self, node: Function, arg: Sparse) -> Sparse:
        """The function of every entry, zeros included."""
        zero = self.scalars.number(_ZERO)
        values = {
            i: self.scalars.function(node.name, arg.entries.get(i, zero)) for i in arg.indices()
        }
        return self._clean(arg.shape, values)

    def concat(self, parts: Sequence[Sparse], axis: int, dims: Dims) -> Sparse:
        """Shift each part along the axis by the sizes before it."""
        out, offset = {}, 0
        for part in parts:
            for i, x in part.entries.items():
                out[(*i[:axis], i[axis] + offset, *i[axis + 1 :])] = x
            offset += part.shape[axis]
        return Sparse(shape_of(dims, self.sizes), out)

    def _clean(self, shape: tuple[int, ...], entries: dict[Index, Scalar]) -> Sparse:
        zero = self.scalars.is_zero
        return Sparse(shape, {i: x for i, x in entries.items() if not zero(x)})


@lru_cache(maxsize=1024)
def _joint(spec: str) -> tuple[str, str, Pick, Pick, Pick]:
    """The letters of both tables, what they are joined on, and the result's of both indices."""
    inputs, _, output = spec.partition("->")
    left, _, right = inputs.partition(",")
    shared = [c for c in dict.fromkeys(left) if c in right]
    return (
        left,
        right,
        _picker([left.index(c) for c in shared]),
        _picker([right.index(c) for c in shared]),
        _picker([(left + right).index(c) for c in output]),
    )


def _picker(places: list[int]) -> Pick:
    """What takes the entries at these places out of an index."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda index: tuple(index[at] for at in places)


def _diagonal(x: Sparse, letters: str) -> list[tuple[Index, Scalar]]:
    items = list(x.entries.items())
    if len(set(letters)) == len(letters):
        return items
    first = [letters.index(c) for c in letters]
    return [(i, v) for i, v in items if all(i[p] == i[q] for p, q in enumerate(first))]
