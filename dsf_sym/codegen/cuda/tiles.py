"""A layer's CUDA kernels over tiles of rows by lanes, forward and backward.

A block has all rows of some lanes, its state in registers: a thread has every GROUPS-th row of one
lane. The factors of TOKENS tokens at a time are computed into shared memory by all threads; then
each passes through the tokens. Backward, the states of STEPS tokens are formed again from that kept
at their start, and the adjoint runs through them in reverse.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ...language.tensor import Dims, Tensor
from ..c_family import count, size
from ..passes import Sink
from ..tiles import Factor, Tiles
from .barriers import with_barriers
from .loops import at, indented
from .rows import CudaRows
from .signature import Signature


class CudaTiles(CudaRows):
    """The kernels of one layer."""

    def __init__(self, made: Tiles) -> None:
        super().__init__(made)
        self.signature = Signature(self.layer, self.slots)

    @property
    def kind(self) -> str:
        """What kind of kernel it is, in words."""
        rows = f"rows {self.rows}, " if self.rows else ""
        return f"{rows}lanes {self.lanes}; token by token, the state in registers"

    @property
    def differentiable(self) -> bool:
        """Whether there is a backward kernel."""
        return self.reverse is not None

    @property
    def registered(self) -> tuple[bool, ...]:
        """For every state whether a thread has one number of each of its rows."""
        return tuple(self.rows in self.made.dims(name) for name in self.made.states)

    @property
    def numbers(self) -> int:
        """What a thread has of a row for all tokens: states, and constants with their gradients."""
        return len(self.made.states) + 2 * len(self.matrices)

    def text(self) -> Iterator[str]:
        """The kernels."""
        yield from with_barriers([*self.forward()])
        if self.reverse is not None:
            yield ""
            yield from with_barriers([*self.backward()])

    def forward(self) -> Iterator[str]:
        """The forward kernel."""
        m = self.made
        d = size(self.lanes)
        yield from self.signature.forward()
        yield from self.start(False)
        for name in m.states:
            constant = self.layer.start.get(name)
            where = self.entry_of(name)
            other = f"in_{constant}{where}" if constant else "T(0)"
            yield f"    T state_{name}[{self.registers_of(name)}];"
            line = f"state_{name}[i] = first_{name} ? first_{name}{where} : {other};"
            yield from indented(self.each_entry(m.dims(name), [line]))
        yield "    for (; t0 < L; t0 += TOKENS) {"
        yield "        steps = (int)least(TOKENS, L - t0);"
        yield "        if (keep && t0 % STEPS == 0) {"
        cells = {name: f"state_{name}[i]" for name in m.states}
        yield from indented(self.keeping("t0 / STEPS", cells), 3)
        yield "        }"
        yield from indented(self.prelude_of(), 2)
        yield "        ONE_BY_ONE"
        yield "        for (int t = 0; t < steps; ++t) {"
        sinks = [
            Sink(x, f"state_{n}[{'i' if self.rows in x.dims else '0'}] = {{}};", late=True)
            for n, x in m.step.items()
        ]
        sinks.append(Sink(m.output, f"if (live && group == 0) {self.y_at('lane')} = {{}};"))
        yield from indented(self.token("now").lines(sinks), 3)
        yield "        }"
        yield from indented(self.each_output(f"y[(t0 + t) * {d} + e0] = {self.y_at('e0')};"), 2)
        yield "    }"
        for name in m.states:
            line = f"if ({self.once(name)}) last_{name}{self.entry_of(name)} = state_{name}[i];"
            yield from indented(self.each_entry(m.dims(name), [line]))
        yield "}"

    def backward(self) -> Iterator[str]:
        """The backward kernel."""
        m = self.made
        assert self.reverse is not None
        yield from self.signature.backward()
        yield from self.start(True)
        for name in m.states:
            dims, many = m.dims(name), self.registers_of(name)
            there = f"last_{name} && live"
            if self.lanes not in dims:
                there += " && lane == 0"
            yield f"    T past_{name}[(STEPS + 1) * {many}], back_{name}[{many}];"
            line = f"back_{name}[i] = {there} ? last_{name}{self.entry_of(name)} : T(0);"
            yield from indented(self.each_entry(dims, [line]))
        grown = [f for f in self.got if len(f.dims) == 2]
        for f in grown:
            yield f"    T grown_{f.name}[ROWS];"
        if grown:
            yield from indented(self.each_row([f"grown_{f.name}[i] = 0;" for f in grown]))
        sums = [f for f in self.got if f.constant and len(f.dims) < 2]
        for f in sums:
            yield from indented(self.cleared(f"all_{f.name}", f.dims, ""))
        yield "    for (Long from = (L - 1) / STEPS * STEPS; from >= 0; from -= STEPS) {"
        yield "        const int upto = (int)least(STEPS, L - from);"
        yield f"        const T* kept = keep + {self.kept('from / STEPS')};"
        for name in m.states:
            line = f"past_{name}[i] = kept{self.entry_of(name)};"
            yield from indented(self.each_entry(m.dims(name), [line]), 2)
            yield f"        kept += {count(m.dims(name))};"
        yield from indented(self.recomputed(), 2)
        yield from indented(self.adjoint_pass(), 2)
        yield "    }"
        yield from indented(self.ended())
        yield "}"

    def recomputed(self) -> Iterator[str]:
        """The states of the tokens from one that is kept to the next."""
        m = self.made
        yield "ONE_BY_ONE"
        yield "for (int done = 0; done < upto; done += TOKENS) {"
        yield "    t0 = from + done;"
        yield "    steps = (int)least(TOKENS, upto - done);"
        yield from indented(self.prelude_of())
        yield "    ONE_BY_ONE"
        yield "    for (int t = 0; t < steps; ++t) {"
        for name in m.states:
            many = self.registers_of(name)
            yield f"        T* const next_{name} = past_{name} + (done + t + 1) * {many};"
        sinks = [
            Sink(x, f"next_{n}[{'i' if self.rows in x.dims else '0'}] = {{}};", late=True)
            for n, x in m.step.items()
        ]
        yield from indented(self.token("past").lines(sinks), 2)
        yield "    }"
        yield "}"

    def adjoint_pass(self) -> Iterator[str]:
        """The adjoints of states and factors through these tokens, and what signals are given."""
        assert self.reverse is not None
        m, d = self.made, size(self.lanes)
        yield "ONE_BY_ONE"
        yield "for (int done = (upto - 1) / TOKENS * TOKENS; done >= 0; done -= TOKENS) {"
        yield "    t0 = from + done;"
        yield "    steps = (int)least(TOKENS, upto - done);"
        yield from indented(self.prelude_of())
        yield from indented(self.each_output(f"{self.y_at('e0')} = y[(t0 + t) * {d} + e0];"))
        if not self.apart:
            for f in self.got:
                if f.dims == (self.lanes,):
                    yield from indented(self.cleared(f"to_{f.name}", f.dims, "TOKENS"))
        yield "    ONE_BY_ONE"
        yield "    for (int t = steps - 1; t >= 0; --t) {"
        yield from indented(self.token("past").lines(self.back()), 2)
        for name in m.states:
            if name not in self.reverse.states:
                yield f"        for (int i = 0; i < {self.registers_of(name)}; ++i)"
                yield f"            back_{name}[i] = 0;"
        yield "    }"
        yield from indented(self.gathered())
        yield from indented(self.given(self.token_grads))
        yield "}"

    def back(self) -> list[Sink]:
        """The adjoints of the states before the token, and of the factors."""
        assert self.reverse is not None
        out = [
            Sink(x, f"back_{n}[{'i' if self.rows in x.dims else '0'}] = {{}};", late=True)
            for n, x in self.reverse.states.items()
        ]
        return [*out, *(self.sink(f, self.reverse.factors[f.name]) for f in self.got)]

    def sink(self, f: Factor, x: Tensor) -> Sink:
        """A factor's adjoint: a thread's own, a lane's, or the sum over the lanes of a warp."""
        row, lane = self.has(f.dims)
        if row and lane:
            return Sink(x, f"grown_{f.name}[i] += {{}};")
        if lane:
            to = self.held(f"to_{f.name}", f.dims, ["lane"], "t")
            return Sink(x, f"if (live && group == 0) {to} = {{}};")
        cell = f"parts_{f.name}[(warp * TOKENS + t) * ({count(f.dims)}) + {'r' if row else '0'}]"
        there = "row && thread % 32 < GROUPS" if row else "thread % 32 == 0"
        lines = f"{{ const T part = over_lanes({{}}); if ({there}) {cell} = part; }}"
        return Sink(x, lines)

    def gathered(self) -> list[str]:
        """The sums over warps of factors' adjoints, and those over tokens of constant ones."""
        out: list[str] = []
        for f in self.got:
            if len(f.dims) < 2 and not self.has(f.dims)[1]:
                out += self.loops.each(f.dims, partial(self.sum_of_warps, f), tokens=True)
        for f in self.got:
            if f.constant and len(f.dims) < 2:
                n = count(self.loops.part(f.dims))
                there = self.inside(f.dims)
                out += [
                    f"for (int e = thread; e < {n}; e += THREADS)",
                    f"    for (int t = 0; t < steps; ++t) "
                    f"{there}all_{f.name}[e] += to_{f.name}[t * ({n}) + e];",
                ]
        return out

    def sum_of_warps(self, f: Factor, index: list[str]) -> list[str]:
        """An entry of a factor's adjoint, from what the warps have."""
        part = at(f"parts_{f.name}", f.dims, index, "w * TOKENS + t")
        return [
            "T s = 0;",
            f"for (int w = 0; w < WARPS; ++w) s += {part};",
            f"{self.held(f'to_{f.name}', f.dims, index, 't')} = s;",
        ]

    def inside(self, dims: Dims) -> str:
        """The condition that a lane of the block is one of the layer."""
        lane = self.has(dims)[1] and self.apart
        return f"if (base + e < {size(self.lanes)}) " if lane else ""

    def ended(self) -> list[str]:
        """The gradients of constants and of first states."""
        out: list[str] = []
        grown = [f for f in self.got if len(f.dims) == 2]
        if grown:
            lines = []
            for f in grown:
                index = ["r" if x == self.rows else "lane" for x in f.dims]
                if not self.apart:
                    out += self.cleared(f"to_{f.name}", f.dims, "")
                to = self.held(f"to_{f.name}", f.dims, index)
                lines.append(f"if (row && live) {to} = grown_{f.name}[i];")
            out += self.each_row(lines)
        out += self.given(self.end_grads)
        for name in self.made.states:
            out += self.begun(name)
        return out

    def begun(self, name: str) -> list[str]:
        """The gradient of a first state, or of the constant that it starts from."""
        dims = self.made.dims(name)
        where = self.entry_of(name)
        row, lane = self.has(dims)
        constant = self.layer.start.get(name)
        if lane:
            there = "row && live" if row else "group == 0 && live"
            lines = [f"if ({there}) begin_{name}{where} = back_{name}[i];"]
            if constant:
                lines.append(
                    f"if ({there} && !first_{name}) grad_{constant}{where} += back_{name}[i];"
                )
            return self.each_entry(dims, lines)
        n, r = ("N", "r") if row else ("1", "0")
        store = "row && thread % 32 < GROUPS" if row else "thread % 32 == 0"
        lines = [
            f"const T part = over_lanes(counted(live, back_{name}[i]));",
            f"if ({store}) warps_{name}[warp * {n} + {r}] = part;",
        ]
        give = f"; if (!first_{name}) grad_{constant}[e] += s" if constant else ""
        return [
            f"__shared__ T warps_{name}[WARPS * {n}];",
            *self.each_entry(dims, lines),
            f"for (int e = thread; e < {n}; e += THREADS) {{",
            "    T s = 0;",
            f"    for (int w = 0; w < WARPS; ++w) s += warps_{name}[w * {n} + e];",
            f"    begin_{name}[e] = s{give};",
            "}",
        ]


__all__ = ["CudaTiles"]
