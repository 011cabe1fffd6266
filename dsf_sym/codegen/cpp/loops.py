"""Assignments over arrays as plain C loops: one nest for each, sums first given names.

It computes every expression of the language, with one array for each intermediate value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...language.graph import walk
from ...language.tensor import Dims, Eye, Input, Number, Product, Reindex, Tensor
from ..c_family import Place, count, entry, letters_of, linear, size, summed
from ..opaque import merged, substituted


@dataclass(frozen=True)
class Lets:
    """Assignments in order, and the dims of what they assign."""

    lets: tuple[tuple[str, Tensor], ...]

    @property
    def dims(self) -> dict[str, Dims]:
        """The shape of each variable."""
        return {name: x.dims for name, x in self.lets}


def parted(roots: Mapping[str, Tensor], prefix: str) -> Lets:
    """The assignments with sums, shared parts and parts with fewer axes given names before them."""
    nodes = dict(zip(roots, merged(roots.values(), {}), strict=True))
    uses: dict[Tensor, int] = {}
    small: set[Tensor] = set()
    order = walk(*nodes.values())
    for node in order:
        for child in node.children:
            uses[child] = uses.get(child, 0) + 1
            if len(child.dims) < len(node.dims) + len(summed(node)):
                small.add(child)
    made: dict[Tensor, Tensor] = {}
    out: list[tuple[str, Tensor]] = []
    own: dict[Tensor, str] = {}
    for name, node in nodes.items():
        own.setdefault(node, name)
    for node in order:
        shared = uses.get(node, 0) > 1 or node in small
        if node not in own and not summed(node) and not (shared and not _is_plain(node)):
            continue
        (value,) = substituted([node], made)
        name = own.get(node, f"{prefix}{len(out) + 1}")
        out.append((name, value))
        if not isinstance(node, Input):
            made[node] = Input(name, node.dims)
    for name, node in nodes.items():
        if own[node] != name:
            out.append((name, Input(own[node], node.dims)))
    return Lets(tuple(out))


def _is_plain(node: Tensor) -> bool:
    if isinstance(node, Reindex) and not summed(node):
        return _is_plain(node.arg)
    return isinstance(node, Input | Number | Eye)


@dataclass(frozen=True)
class LoopPrinter:
    """Loops that assign arrays. place: an entry of an input or of an assigned variable.

    bounds: the first and last index along an axis of a size, where not the whole axis is meant.
    """

    place: Place
    bounds: Mapping[str, tuple[str, str]]

    def lines(self, lets: Lets, target: Callable[[str, Sequence[str]], str]) -> Iterator[str]:
        """The loops. target: the entry that is assigned."""
        for name, node in lets.lets:
            if isinstance(node, Product | Reindex) and summed(node):
                yield from self._sum(name, node, target)
            else:
                index = [f"i{a}" for a in range(len(node.dims))]
                body = f"{target(name, index)} = {entry(node, index, self.place)};"
                yield from self.nest(list(zip(index, node.dims, strict=True)), [body], apart=True)

    def _sum(
        self, name: str, node: Product | Reindex, target: Callable[[str, Sequence[str]], str]
    ) -> Iterator[str]:
        inputs, _, output = node.spec.partition("->")
        sizes = letters_of(node)
        at = {c: f"i{i}" for i, c in enumerate(sizes)}
        parts = [
            entry(x, [at[c] for c in group], self.place)
            for group, x in zip(inputs.split(","), node.children, strict=True)
        ]
        term = " * ".join(parts)
        index = [at[c] for c in output]
        inner = [(at[c], sizes[c]) for c in summed(node)]
        outer = [(at[c], sizes[c]) for c in output]
        largest = max(inputs.split(","), key=len)
        if largest[-1:] in summed(node) or not output:
            single = len(inner) == 1
            body = [
                "T s = 0;",
                *(["#pragma omp simd reduction(+ : s)"] if single else []),
                *self.nest(inner, [f"s += {term};"]),
                f"{target(name, index)} = s;",
            ]
            yield from self.nest(outer, body)
            return
        yield from self.nest(outer, [f"{target(name, index)} = 0;"], apart=True)
        yield from self.nest([*inner, *outer], [f"{target(name, index)} += {term};"], apart=True)

    def nest(
        self, axes: Sequence[tuple[str, str]], body: Sequence[str], *, apart: bool = False
    ) -> list[str]:
        """The statements for all indices of the axes: pairs (index, size).

        apart: along the last axis nothing is read that another index assigns.
        """
        if not axes:
            return list(body) if len(body) < 2 else ["{", *(f"    {x}" for x in body), "}"]
        (at, dim), *rest = axes
        first, last = self.bounds.get(dim, ("0", size(dim)))
        inside = (f"    {x}" for x in self.nest(rest, body, apart=apart))
        simd = ["#pragma omp simd"] if apart and not rest else []
        return [*simd, f"for (long {at} = {first}; {at} < {last}; ++{at}) {{", *inside, "}"]


def array(pointer: str, dims: Dims, index: Sequence[str]) -> str:
    """An entry of a row-major array."""
    return f"{pointer}[{linear(dims, index)}]"


__all__ = ["Lets", "LoopPrinter", "array", "count", "parted"]
