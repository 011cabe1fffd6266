"""A layer's CUDA kernels over tiles of rows by lanes, forward and backward.

A block has all rows of some lanes, its state in registers: a thread has every GROUPS-th row of one
lane. The factors of TOKENS tokens at a time are computed into shared memory by all threads; then
each passes through the tokens. Backward, the states of STEPS tokens are formed again from that kept
at their start, and the adjoint runs through them in reverse.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..language.tensor import Dims, Tensor
from .c_family import count, entry, size
from .cuda_factors import CudaFactors
from .cuda_loops import at, indented
from .cuda_signature import Signature
from .cuda_tokens import ROW_LOOP, Sink, Token
from .tiles import Factor, Tiles


class CudaTiles(CudaFactors):
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

    def sizes(self) -> Iterator[str]:
        """What the sizes and the launch geometry decide."""
        d = f"SIZE_{self.lanes}"
        yield "// A block has TILE lanes of a sequence, and a sequence TILES blocks."
        yield f"constexpr int N = {f'SIZE_{self.rows}' if self.rows else '1'};"
        yield f"constexpr int TILE = THREADS / GROUPS, TILES = ({d} + TILE - 1) / TILE;"

    def members(self) -> str:
        """What `size` has beside the layer's sizes."""
        return ", LANES = TILE"

    def text(self) -> Iterator[str]:
        """The kernels."""
        yield from self.forward()
        if self.reverse is not None:
            yield ""
            yield from self.backward()

    def start(self, backward: bool) -> Iterator[str]:
        """The lane of a thread, the arrays, and what no token enters."""
        d = size(self.lanes)
        yield "    const int warp = thread / 32, group = thread % GROUPS; (void)warp;"
        yield "    const int first = tile * TILE, wanted = first + thread / GROUPS;"
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
        if self.loops.written:
            yield from indented(self.loops.barrier())
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

    def kept(self, chunk: str) -> str:
        """Where a block keeps its registers of one chunk."""
        each = " + ".join(map(self.registers_of, self.made.states))
        chunks = "((L + STEPS - 1) / STEPS)"
        return f"(((sequence * {chunks} + {chunk}) * TILES + tile) * ({each})) * THREADS + thread"

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
        yield f"            T* to = keep + {self.kept('t0 / STEPS')};"
        for name in m.states:
            yield f"            for (int i = 0; i < {self.registers_of(name)}; ++i, to += THREADS)"
            yield f"                *to = state_{name}[i];"
        yield "        }"
        yield from indented(self.prelude_of(), 2)
        yield from indented(self.loops.barrier(), 2)
        yield "        ONE_BY_ONE"
        yield "        for (int t = 0; t < steps; ++t) {"
        sinks = [
            Sink(x, f"state_{n}[{'i' if self.rows in x.dims else '0'}] = {{}};", late=True)
            for n, x in m.step.items()
        ]
        sinks.append(Sink(m.output, f"if (live && group == 0) {self.y_at('lane')} = {{}};"))
        yield from indented(self.token("now").lines(sinks), 3)
        yield "        }"
        yield from indented(self.loops.barrier(), 2)
        yield from indented(self.each_output(f"y[(t0 + t) * {d} + e0] = {self.y_at('e0')};"), 2)
        yield "    }"
        for name in m.states:
            dims = m.dims(name)
            there = "row && live" if self.rows in dims else "group == 0 && live"
            if self.lanes not in dims:
                there += " && lane == 0"
            line = f"if ({there}) last_{name}{self.entry_of(name)} = state_{name}[i];"
            yield from indented(self.each_entry(dims, [line]))
        yield "}"

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

    def backward(self) -> Iterator[str]:
        """The backward kernel."""
        m = self.made
        assert self.reverse is not None
        d = size(self.lanes)
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
            yield f"        for (int i = 0; i < {self.registers_of(name)}; ++i, kept += THREADS)"
            yield f"            past_{name}[i] = *kept;"
        yield "        ONE_BY_ONE"
        yield "        for (int done = 0; done < upto; done += TOKENS) {"
        yield "            t0 = from + done;"
        yield "            steps = (int)least(TOKENS, upto - done);"
        yield "            __syncthreads();"
        yield from indented(self.prelude_of(), 3)
        yield from indented(self.loops.barrier(), 3)
        yield "            ONE_BY_ONE"
        yield "            for (int t = 0; t < steps; ++t) {"
        for name in m.states:
            many = self.registers_of(name)
            yield f"                T* const next_{name} = past_{name} + (done + t + 1) * {many};"
        sinks = [
            Sink(x, f"next_{n}[{'i' if self.rows in x.dims else '0'}] = {{}};", late=True)
            for n, x in m.step.items()
        ]
        yield from indented(self.token("past").lines(sinks), 4)
        yield "            }"
        yield "        }"
        yield "        ONE_BY_ONE"
        yield "        for (int done = (upto - 1) / TOKENS * TOKENS; done >= 0; done -= TOKENS) {"
        yield "            t0 = from + done;"
        yield "            steps = (int)least(TOKENS, upto - done);"
        yield "            __syncthreads();"
        yield from indented(self.prelude_of(), 3)
        yield from indented(self.each_output(f"{self.y_at('e0')} = y[(t0 + t) * {d} + e0];"), 3)
        if not self.apart:
            for f in self.got:
                if f.dims == (self.lanes,):
                    yield from indented(self.cleared(f"to_{f.name}", f.dims, "TOKENS"), 3)
        yield from indented(self.loops.barrier(), 3)
        yield "            ONE_BY_ONE"
        yield "            for (int t = steps - 1; t >= 0; --t) {"
        yield from indented(self.token("past").lines(self.back()), 4)
        for name in m.states:
            if name not in self.reverse.states:
                yield f"                for (int i = 0; i < {self.registers_of(name)}; ++i)"
                yield f"                    back_{name}[i] = 0;"
        yield "            }"
        yield from indented(self.loops.barrier(), 3)
        yield from indented(self.gathered(), 3)
        yield from indented(self.given(self.token_grads), 3)
        yield "        }"
        yield "    }"
        yield from indented(self.ended())
        yield "}"

    def cleared(self, name: str, dims: Dims, times: str) -> list[str]:
        """Set an array to zero."""
        many = count(self.loops.part(dims))
        many = f"{times} * ({many})" if times else many
        return [f"for (int e = thread; e < {many}; e += THREADS) {name}[e] = 0;"]

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
                n = count(f.dims)
                out += [
                    "ONE_BY_ONE",
                    f"for (int e = thread; e < steps * ({n}); e += THREADS) {{",
                    "    T s = 0;",
                    f"    for (int w = 0; w < WARPS; ++w) "
                    f"s += parts_{f.name}[w * TOKENS * ({n}) + e];",
                    f"    to_{f.name}[e] = s;",
                    "}",
                ]
        if out:
            out.append("__syncthreads();")
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
            out += [*(["__syncthreads();"] if out else []), *self.each_row(lines)]
        last = self.given(self.end_grads)
        out += ["__syncthreads();", *last] if last else []
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
            body = self.each_entry(dims, lines)
            return ["__syncthreads();", *body] if constant else body
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
            "__syncthreads();",
            f"for (int e = thread; e < {n}; e += THREADS) {{",
            "    T s = 0;",
            f"    for (int w = 0; w < WARPS; ++w) s += warps_{name}[w * {n} + e];",
            f"    begin_{name}[e] = s{give};",
            "}",
        ]


__all__ = ["CudaTiles"]
