"""Where the numbers of a CUDA thread lie: its rows of one lane of the state, in registers.

What every kernel over such rows has: the launch geometry as sizes, the start of a kernel, loops
over a thread's rows, and the text of what a token reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...language.tensor import Dims
from ..c_family import count, entry, size
from .factors import CudaFactors
from .loops import at, indented
from .tokens import ROW_LOOP, Token


class CudaRows(CudaFactors):
    """The parts of the kernels of one layer that know which rows a thread has."""

    def sizes(self) -> Iterator[str]:
        """What the sizes and the launch geometry decide."""
        d = self.lanes if self.lanes.isdigit() else f"SIZE_{self.lanes}"
        yield "// A block has TILE lanes of a sequence, and a sequence TILES blocks."
        yield f"constexpr int N = {f'SIZE_{self.rows}' if self.rows else '1'};"
        yield "constexpr int TILE = THREADS / (GROUPS * SPLIT);"
        yield f"constexpr int TILES = ({d} + TILE - 1) / TILE;"

    def members(self) -> str:
        """What `size` has beside the layer's sizes."""
        return ", LANES = TILE"

    def start(self, backward: bool) -> Iterator[str]:
        """The lane of a thread, the arrays, and what no token enters."""
        d = size(self.lanes)
        yield "    const int warp = thread / 32, group = thread % GROUPS; (void)warp;"
        yield "    const int first = tile * TILE, wanted = first + thread / (GROUPS * SPLIT);"
        yield "    // A lane that is not there repeats the last, and counts for nothing."
        yield f"    const bool live = wanted < {d};"
        yield f"    const int lane = live ? wanted : {d} - 1;"
        yield f"    const int base = {'first' if self.apart else '0'}, here = lane - base;"
        yield "    (void)live, (void)here, (void)group;"
        for number, array in enumerate(self.arrays(backward)):
            yield f"    {array.declared(number)}"
        yield "    Long t0 = 0; (void)t0;"
        yield "    int steps = 0; (void)steps;"
        yield from indented(self.loops.lines(self.fixed, self.target))
        if self.matrices:
            for f in self.matrices:
                yield f"    T fixed_{f.name}[ROWS];"
            lines = []
            for f in self.matrices:
                index = ["r" if x == self.rows else "lane" for x in f.dims]
                value = self.registers.get(f.name)
                read = (
                    self.held(f"at_{f.name}", f.dims, index)
                    if value is None
                    else entry(value, index, self.place)
                )
                lines.append(f"fixed_{f.name}[i] = {read};")
            yield from indented(self.each_row(lines))

    def each_row(self, lines: list[str]) -> list[str]:
        """The statements for every row of a thread."""
        return [*ROW_LOOP, *indented(lines), "}"]

    def each_entry(self, dims: Dims, lines: list[str]) -> list[str]:
        """The statements for every entry of a state that a thread has: `i` is its number."""
        if self.rows in dims:
            return self.each_row(lines)
        return ["{", *indented(["const int i = 0; const bool row = group == 0;", *lines]), "}"]

    def registers_of(self, name: str) -> str:
        """The numbers of a state that a thread has."""
        return "ROWS" if self.rows in self.made.dims(name) else "1"

    def entry_of(self, name: str) -> str:
        """Where an entry of a state lies in the arrays of the caller."""
        dims = self.made.dims(name)
        index = ["r" if x == self.rows else "lane" for x in dims]
        return at("", dims, index)

    def once(self, name: str) -> str:
        """The condition that a thread's entry of a state is there and no other thread's."""
        dims = self.made.dims(name)
        there = "row && live" if self.rows in dims else "group == 0 && live"
        return there if self.lanes in dims else f"{there} && lane == 0"

    def kept(self, chunk: str) -> str:
        """Where the states of one chunk are kept."""
        each = " + ".join(count(self.made.dims(name)) for name in self.made.states)
        return f"(sequence * ((L + STEPS - 1) / STEPS) + {chunk}) * ({each})"

    def keeping(self, chunk: str, cells: Mapping[str, str]) -> list[str]:
        """The statements that keep states at the start of a chunk. cells: an entry of each."""
        out = [f"T* to = keep + {self.kept(chunk)};"]
        for name, cell in cells.items():
            dims = self.made.dims(name)
            line = f"if ({self.once(name)}) to{self.entry_of(name)} = {cell};"
            out += [*self.each_entry(dims, [line]), f"to += {count(dims)};"]
        return out

    def reads(self, states: str) -> dict[str, str]:
        """The text of every input of a token's statements; states: "now" or "past"."""
        out: dict[str, str] = {}
        for f in self.made.factors:
            if f.constant and len(f.dims) == 2:
                out[f.name] = f"fixed_{f.name}[i]"
            else:
                index = ["r" if x == self.rows else "lane" for x in f.dims]
                out[f.name] = self.held(f"at_{f.name}", f.dims, index, "" if f.constant else "t")
        for name in self.made.states:
            many, i = self.registers_of(name), "i" if self.rows in self.made.dims(name) else "0"
            if states == "now":
                out[name] = f"state_{name}[{i}]"
            else:
                out[name] = f"past_{name}[(done + t) * {many} + {i}]"
                out[f"new_{name}"] = f"past_{name}[(done + t + 1) * {many} + {i}]"
                out[f"adjoint_{name}"] = f"back_{name}[{i}]"
        out["adjoint_y"] = self.y_at("lane")
        return out

    def token(self, states: str) -> Token:
        """The printer of one token's statements."""
        return Token(self.rows, self.lanes, self.reads(states))

    def prelude_of(self) -> list[str]:
        """The factors of the tokens at hand."""
        return list(self.loops.lines(self.prelude, self.target, tokens=True))

    def y_at(self, lane: str) -> str:
        """An output, or its adjoint, of token t."""
        return self.held("at_y", self.made.output.dims, [lane], "t")

    def each_output(self, line: str) -> list[str]:
        """The statement for every token at hand and lane of the block."""
        return [
            "for (int e = thread; e < steps * TILE; e += THREADS) {",
            "    const int t = e / TILE, e0 = first + e % TILE;",
            f"    if (e0 < {size(self.lanes)}) {line}",
            "}",
        ]

    def cleared(self, name: str, dims: Dims, times: str) -> list[str]:
        """Set an array to zero."""
        many = count(self.loops.part(dims))
        many = f"{times} * ({many})" if times else many
        return [f"for (int e = thread; e < {many}; e += THREADS) {name}[e] = 0;"]


__all__ = ["CudaRows"]
