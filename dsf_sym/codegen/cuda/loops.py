"""Assignments over arrays by all threads of a block, as CUDA C."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...language.tensor import Dims, Input, Product, Reindex, Tensor
from ..c_family import Place, count, entry, letters_of, linear, size, summed
from ..cpp.loops import Lets

LANES = "LANES"
"""The size of the part of an axis that one block has."""


@dataclass(frozen=True)
class Array:
    """What the threads of a block share: `times` copies of numbers over `dims`.

    times: "", or the tokens at a time ("TOKENS"), these for every warp ("WARPS * TOKENS"), pairs of
    them ("TOKENS * (TOKENS + 4)"), or states from one that is kept to the next ("STEPS + 1").
    hot: whether it is read at every token. pad: numbers that stand between the copies.
    """

    name: str
    dims: Dims
    times: str = ""
    hot: bool = False
    pad: int = 0

    def declared(self, number: int) -> str:
        """The array with room of its own, in shared memory or where there is more."""
        times = f"({self.times}) * " if self.times else ""
        return f"ARRAY({number}, {self.name}, {times}({padded(self.dims, self.pad)}))"


@dataclass(frozen=True)
class BlockLoops:
    """Loops that assign arrays, entry by entry, each entry by one thread.

    place: the text of an entry. lanes: the axis of which a block has a part, or None. tokens: a
    head of the loops that runs over tokens too.
    """

    place: Place
    lanes: str | None = None

    def part(self, dims: Dims) -> Dims:
        """The axes of what a block has."""
        return tuple(LANES if x == self.lanes else x for x in dims)

    def lines(
        self, lets: Lets, target: Callable[[str, Sequence[str]], str], *, tokens: bool = False
    ) -> Iterator[str]:
        """The loops."""
        for name, node in lets.lets:

            def body(at: list[str], name: str = name, node: Tensor = node) -> list[str]:
                return self._one(name, node, at, target)

            copies = isinstance(node, Input)
            yield from self.each(node.dims, body, tokens=tokens, unrolled=copies)

    def each(
        self,
        dims: Dims,
        body: Callable[[list[str]], list[str]],
        *,
        tokens: bool = False,
        unrolled: bool = False,
    ) -> list[str]:
        """The statements for every entry, of every token at hand too where `tokens`.

        unrolled: whether several entries at once are worth the longer code, as for plain copies.
        """
        index = [f"i{a}" for a in range(len(dims))]
        part = self.part(dims)
        whole = count(part)
        declared, guard = [], []
        if tokens:
            declared.append(f"const int t = e / ({whole});")
        for a, (at, dim) in enumerate(zip(index, part, strict=True)):
            rest = count(part[a + 1 :])
            first = "base + " if dim == LANES else ""
            declared.append(f"const int {at} = {first}e / ({rest}) % ({size(dim)});")
            if dim == LANES:
                guard.append(f"{at} < {size(self.lanes or '')}")
        inside = body(index)
        if guard:
            inside = [f"if ({' && '.join(guard)}) {{", *(f"    {x}" for x in inside), "}"]
        return [
            *([] if unrolled else ["ONE_BY_ONE"]),
            f"for (int e = thread; e < {'steps * ' if tokens else ''}({whole}); e += THREADS) {{",
            *(f"    {x}" for x in (*declared, *inside)),
            "}",
        ]

    def _one(
        self, name: str, node: Tensor, at: list[str], target: Callable[[str, Sequence[str]], str]
    ) -> list[str]:
        if not (isinstance(node, Product | Reindex) and summed(node)):
            return [f"{target(name, at)} = {entry(node, at, self.place)};"]
        inputs, _, output = node.spec.partition("->")
        sizes = letters_of(node)
        index = dict(zip(output, at, strict=True))
        index |= {c: f"j{i}" for i, c in enumerate(summed(node))}
        parts = [
            entry(x, [index[c] for c in group], self.place)
            for group, x in zip(inputs.split(","), node.children, strict=True)
        ]
        loops = []
        for c in summed(node):
            first, last = "0", size(sizes[c])
            if sizes[c] == self.lanes:
                first, last = "base", f"least(base + {size(LANES)}, {last})"
            loops.append(
                f"FOUR_BY_FOUR for (int {index[c]} = {first}; {index[c]} < {last}; ++{index[c]})"
            )
        inner = f"{' '.join(loops)} s += {' * '.join(parts)};"
        return ["T s = 0;", inner, f"{target(name, at)} = s;"]


def at(name: str, dims: Dims, index: Sequence[str], step: str = "", pad: int = 0) -> str:
    """An entry of an array or a signal, at token `step` where it has tokens."""
    first = f"({step}) * ({padded(dims, pad)}) + " if step else ""
    return f"{name}[{first}{linear(dims, index)}]"


def padded(dims: Dims, pad: int) -> str:
    """The numbers from one copy to the next."""
    return f"{count(dims)} + {pad}" if pad else count(dims)


def indented(lines: Iterable[str], depth: int = 1) -> list[str]:
    """The lines moved to the right."""
    return ["    " * depth + x for x in lines]


__all__ = ["LANES", "Array", "BlockLoops", "at", "indented"]
