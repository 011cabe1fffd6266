"""A layer's kernels over tiles of rows by lanes, as C++, forward and backward.

A block of tokens is taken at a time: factors are computed for it, then every tile of the state
passes through it, in registers where rows do not read each other. Backward, the states of a block
are formed again from that kept at its start, and the adjoint runs through it in reverse.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...language.tensor import Input, Tensor
from ..c_family import identifier
from ..passes import Sink
from .factors import TileFactors, inputs_of
from .rows_lanes import indented


class TilePrinter(TileFactors):
    """The kernels of one layer."""

    def kept(self, name: str, kind: str, cell: str) -> str:
        """A rescaled state is multiplied by its decay over the block."""
        decay = self.of_state.get(name)
        if decay is None or kind != "memory":
            return cell
        last = f"(b.steps - 1) * {self.n} + r0 + r" if decay.dims else "b.steps - 1"
        return f"{cell} * b.{decay.after}[{last}]"

    def written(self) -> Sink:
        """The output."""
        at = f"b.out + t * {self.d} + l0 + c * W"
        return Sink(self.made.output, f"write<TAIL>({at}, {{}}, lanes);")

    def forward(self) -> Iterator[str]:
        """The forward kernel of one tile, and of all rows of some lanes."""
        m = self.made
        token = "forward_tile" if m.split else "forward_lanes"
        yield self.head(token)
        yield from indented(self.declared())
        yield from indented(self.states_in("memory"))
        yield "    for (long t = 0; t < b.steps; ++t) {"
        yield from indented(self.fetched(), 2)
        if m.split:
            yield from indented(self.token("now").lines([*self.moved(), *self.summing()]), 2)
        else:
            yield from indented(self.token("now").lines([*self.moved(), self.written()]), 2)
        yield "    }"
        yield "    if (b.keeps) {"
        yield from indented(self.states_out("memory"), 2)
        yield "    }"
        yield "}"
        if not m.split:
            return
        yield ""
        yield from self.summed_tiles()
        yield "template <int C, bool TAIL>"
        yield "static void forward_lanes(const Block& b, long, long l0, long lanes) {"
        yield "    const Size size = b.size; (void)size; (void)lanes;"
        yield "    sum_rows<C, TAIL>(b, l0, lanes);"
        yield "    for (long t = 0; t < b.steps; ++t) {"
        yield from indented(self.token("now").lines([self.written()]), 2)
        yield "    }"
        yield "}"

    def fetched(self) -> list[str]:
        """Fetch what later tokens read along the lanes, a token's width further on in memory."""
        direct = [f.value for f in self.made.factors if f.direct]
        names = inputs_of(*direct, *self.formed.values())
        read = [
            f"__builtin_prefetch(b.x.{identifier(s.name)} + (b.t0 + t + AHEAD) * {self.d} "
            "+ l0 + c * W);"
            for s in self.tokens
            if s.dims == (self.lanes,) and s.name in names
        ]
        read.append(f"__builtin_prefetch(b.out + (t + AHEAD) * {self.d} + l0 + c * W, 1);")
        return ["if (r0 == 0)", "    for (int c = 0; c < C; ++c) {", *indented(read, 2), "    }"]

    def summed_tiles(self) -> Iterator[str]:
        """All tiles of some lanes, their sums over rows formed."""
        yield "template <int C, bool TAIL>"
        yield "static void sum_rows(const Block& b, long l0, long lanes) {"
        yield "    const Size size = b.size; (void)size;"
        yield from indented(self.zeros())
        yield from self.over_rows("forward_tile", "FORWARD_ROWS")
        yield "}"
        yield ""

    def backward(self) -> Iterator[str]:
        """The backward kernel of one tile, and of all rows of some lanes; or the sweeps."""
        m = self.made
        if self.sweeps:
            for sweep in self.sweeps:
                yield from sweep.text()
                yield ""
            yield from self.from_output()
            yield "}"
            return
        yield self.head("backward_tile" if m.split else "backward_lanes")
        yield from indented(self.declared())
        yield "    {"
        yield from indented(self.states_in("memory"), 2)
        yield "        for (long t = 0; t <= b.steps; ++t) {"
        for name in m.states:
            row, lane = self.has(m.dims(name))
            each = " * ".join(["rows"] * row + ["C"] * lane) or "1"
            if m.split or not row:
                yield "#pragma GCC unroll 16"
            yield f"            for (long i = 0; i < {each}; ++i)"
            yield f"                b.past_{name}[t * ({each}) + i] = {name}_[i];"
        yield "            if (t == b.steps) break;"
        yield from indented(self.token("now").lines(self.moved()), 3)
        yield "        }"
        yield "    }"
        yield from indented(self.states_in("lambda"))
        for f in self.whole_constants:
            if f.name in self.reverse.factors:
                own = f"grown_{f.name}"
                yield f"    V {own}[R * C];" if m.split else f"    V* const {own} = b.{own};"
                at = f"b.to_{f.name} + (r0 + r) * pitch + l0 + c * W"
                yield from indented(self.each_row_lane(f"{own}[r * C + c] = load({at});"))
        yield "    for (long t = b.steps - 1; t >= 0; --t) {"
        yield from indented(self.token("past").lines(self.back()), 2)
        for name in m.states:
            if name not in self.reverse.states:
                row, lane = self.has(m.dims(name))
                each = " * ".join(["rows"] * row + ["C"] * lane) or "1"
                yield f"        for (long i = 0; i < {each}; ++i) {name}_[i] = V{{}};"
        yield "    }"
        yield from indented(self.states_out("lambda"))
        for f in self.whole_constants:
            if f.name in self.reverse.factors:
                at = f"b.to_{f.name} + (r0 + r) * pitch + l0 + c * W"
                yield from indented(self.each_row_lane(f"store({at}, grown_{f.name}[r * C + c]);"))
        yield "}"
        if not m.split:
            return
        yield ""
        yield from self.from_output()
        yield from self.over_rows("backward_tile", "BACKWARD_ROWS")
        yield "}"

    def from_output(self) -> Iterator[str]:
        """The head of a function over some lanes: what the output alone gives sums and factors."""
        yield "template <int C, bool TAIL>"
        yield "static void backward_lanes(const Block& b, long, long l0, long lanes) {"
        yield "    const Size size = b.size; (void)size; (void)lanes;"
        if self.sums_again:
            yield "    sum_rows<C, TAIL>(b, l0, lanes);"
        yield "    for (long t = 0; t < b.steps; ++t) {"
        yield from indented(self.token("past").lines(self.output_sinks()), 2)
        yield "    }"

    def is_given(self, name: str) -> bool:
        """Whether the adjoint of a sum is that of the output, and needs no array of its own."""
        x = self.reverse.from_output[name]
        return bool(self.sweeps) and isinstance(x, Input)

    def output_sinks(self) -> list[Sink]:
        """What the output alone gives sums and factors."""
        out = []
        for name, x in self.reverse.from_output.items():
            if name not in self.made.sums:
                out.append(self.given(name, x))
            elif self.is_given(name):
                continue
            elif self.sweeps:
                at = f"b.own_adjoint_{name} + t * {self.d} + l0 + c * W"
                out.append(Sink(x, f"write<TAIL>({at}, {{}}, lanes);"))
            else:
                at = "t * C + c" if self.lanes in x.dims else "t"
                out.append(Sink(x, f"b.back_{name}[{at}] = {{}};"))
        return out

    def back(self) -> list[Sink]:
        """The adjoints of the states before the token, and of the factors."""
        out = [
            Sink(x, f"{n}_[{self.cell(n)}] = {{}};", late=True)
            for n, x in self.reverse.states.items()
        ]
        return [*out, *(self.given(n, x) for n, x in self.reverse.factors.items())]

    def given(self, name: str, x: Tensor) -> Sink:
        """A factor's adjoint added to what it has."""
        f = self.factor(name)
        assert f is not None
        row, lane = self.has(f.dims)
        if row and lane:
            return Sink(x, f"grown_{name}[r * C + c] += {{}};")
        if lane:
            at = f"b.to_{name} + t * {self.d} + l0 + c * W"
            return Sink(x, f"grow<TAIL>({at}, {{}}, lanes);")
        # The rows of a tile lie together for all tokens: a stride of pages would lose the cache.
        at = "r0 * STEPS + t * rows + r" if row else "t"
        return Sink(x, f"b.parts_{name}[{at}] += {{}};")
