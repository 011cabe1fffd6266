"""A layer's kernels over tiles of rows by lanes, as C++, forward and backward.

A block of tokens is taken at a time: factors are computed for it, then every tile of the state
passes through it, in registers where rows do not read each other. Backward, the states of a block
are formed again from that kept at its start, and the adjoint runs through it in reverse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..language.tensor import Tensor
from .c_family import identifier
from .cpp_factors import TileFactors
from .cpp_tokens import Sink


class TilePrinter(TileFactors):
    """The kernels of one layer."""

    def head(self, name: str) -> str:
        """The head of a function over one tile."""
        rows = "int R, " if self.made.split else ""
        return (
            f"template <{rows}int C, bool TAIL>\n"
            f"static void {name}(const Block& b, long r0, long l0, long lanes) {{"
        )

    def declared(self) -> list[str]:
        """The rows of a tile, and its part of the constants of rows by lanes."""
        m = self.made
        out = ["const Size& size = b.size;", f"const long pitch = whole({self.d}); (void)pitch;"]
        out.append("constexpr long rows = R;" if m.split else f"const long rows = {self.n};")
        out.append("(void)rows; (void)r0; (void)lanes; (void)size;")
        for f in self.whole_constants:
            name = f"fixed_{f.name}"
            out.append(f"V {name}[R * C];" if m.split else f"V* const {name} = b.{name};")
            out += self.each_row_lane(
                f"{name}[r * C + c] = load(b.at_{f.name} + (r0 + r) * pitch + l0 + c * W);"
            )
        return out

    def each_row_lane(self, body: str) -> list[str]:
        """The statement for every row and vector of lanes."""
        unroll = ["#pragma GCC unroll 8"] if self.made.split else []
        return [
            *unroll,
            "for (long r = 0; r < rows; ++r)",
            "    #pragma GCC unroll 8",
            f"    for (int c = 0; c < C; ++c) {body}",
        ]

    def each_row(self, body: str) -> list[str]:
        """The statement for every row."""
        unroll = ["#pragma GCC unroll 8"] if self.made.split else []
        return [*unroll, f"for (long r = 0; r < rows; ++r) {body}"]

    def each_lane(self, body: str) -> list[str]:
        """The statement for every vector of lanes."""
        return ["#pragma GCC unroll 8", f"for (int c = 0; c < C; ++c) {body}"]

    def states_in(self, kind: str) -> list[str]:
        """Declare and load the states ("memory"), or their adjoints ("lambda"), of one tile."""
        m = self.made
        out: list[str] = []
        back = kind == "lambda"
        for name in m.states:
            row, lane = self.has(m.dims(name))
            vector = lane or back
            cells = " * ".join((["R"] if row else []) + (["C"] if lane else [])) or "1"
            work = f"b.{'adjoint' if back and lane else 'work'}_{name}"
            if m.split or not row:
                out.append(f"{'V' if vector else 'T'} {name}_[{cells}];")
            elif back and not lane:
                out.append(f"V* const {name}_ = b.lambda_{name} + (l0 / W) * rows;")
                continue
            else:
                out.append(f"{'V' if vector else 'T'}* const {name}_ = {work};")
            p = f"b.{kind}_{name}"
            if back and not lane:
                at = f"(l0 / W) * {self.n if row else '1'}"
                body = f"{name}_[r] = {p}[{at} + r0 + r];" if row else f"{name}_[0] = {p}[{at}];"
                out += self.each_row(body) if row else [body]
            elif row and lane:
                body = f"{name}_[r * C + c] = load({p} + (r0 + r) * pitch + l0 + c * W);"
                out += self.each_row_lane(body)
            elif row:
                out += self.each_row(f"{name}_[r] = {p}[r0 + r];")
            elif lane:
                out += self.each_lane(f"{name}_[c] = load({p} + l0 + c * W);")
            else:
                out.append(f"{name}_[0] = {p}[0];")
        return out

    def states_out(self, kind: str) -> list[str]:
        """Store the states, or their adjoints, of one tile."""
        m = self.made
        out: list[str] = []
        back = kind == "lambda"
        for name in m.states:
            row, lane = self.has(m.dims(name))
            p = f"b.{kind}_{name}" if lane or back else f"b.next_{name}"
            if back and not lane:
                if row and not m.split:
                    continue
                at = f"(l0 / W) * {self.n if row else '1'}"
                body = f"{p}[{at} + r0 + r] = {name}_[r];" if row else f"{p}[{at}] = {name}_[0];"
                out += self.each_row(body) if row else [body]
            elif row and lane:
                body = f"store({p} + (r0 + r) * pitch + l0 + c * W, {name}_[r * C + c]);"
                out += self.each_row_lane(body)
            elif row:
                out += self.each_row(f"{p}[r0 + r] = {name}_[r];")
            elif lane:
                out += self.each_lane(f"store({p} + l0 + c * W, {name}_[c]);")
            else:
                out.append(f"{p}[0] = {name}_[0];")
        return out

    def cell(self, name: str) -> str:
        """The entry of a state in its tile."""
        row, lane = self.has(self.made.dims(name))
        return " + ".join((["r * C"] if lane else ["r"]) * row + ["c"] * lane) or "0"

    def moved(self) -> list[Sink]:
        """The new states in place of the old."""
        return [
            Sink(x, f"{n}_[{self.cell(n)}] = {{}};", late=True) for n, x in self.made.step.items()
        ]

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
        yield "    const Size& size = b.size; (void)size; (void)lanes;"
        yield "    sum_rows<C, TAIL>(b, l0, lanes);"
        yield "    for (long t = 0; t < b.steps; ++t) {"
        yield from indented(self.token("now").lines([self.written()]), 2)
        yield "    }"
        yield "}"

    def summing(self) -> list[Sink]:
        """The sums over the rows of a tile added to those of the others."""
        out = []
        for name, x in self.made.sums.items():
            lane = self.lanes in x.dims
            at = "t * C + c" if lane else "t"
            out.append(Sink(x, f"b.sum_{name}[{at}] += {{}};"))
        return out

    def summed_tiles(self) -> Iterator[str]:
        """All tiles of some lanes, their sums over rows formed."""
        yield "template <int C, bool TAIL>"
        yield "static void sum_rows(const Block& b, long l0, long lanes) {"
        for name, x in self.made.sums.items():
            lane = self.lanes in x.dims
            kind, each = ("V", " * C") if lane else ("T", "")
            yield f"    for (long i = 0; i < b.steps{each}; ++i) b.sum_{name}[i] = {kind}{{}};"
        yield from self.over_rows("forward_tile", "FORWARD_ROWS")
        yield "}"
        yield ""

    def over_rows(self, function: str, most: str) -> Iterator[str]:
        """Call a tile's function for all rows."""
        yield "    long r = 0;"
        yield f"    for (; r + {most} <= b.size.{identifier(self.rows or '')}; r += {most})"
        yield f"        {function}<{most}, C, TAIL>(b, r, l0, lanes);"
        yield f"    for (; r < b.size.{identifier(self.rows or '')}; ++r)"
        yield f"        {function}<1, C, TAIL>(b, r, l0, lanes);"

    def backward(self) -> Iterator[str]:
        """The backward kernel of one tile, and of all rows of some lanes."""
        m = self.made
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
        yield "template <int C, bool TAIL>"
        yield "static void backward_lanes(const Block& b, long, long l0, long lanes) {"
        yield "    const Size& size = b.size; (void)size; (void)lanes;"
        if self.sums_again:
            yield "    sum_rows<C, TAIL>(b, l0, lanes);"
        yield "    for (long t = 0; t < b.steps; ++t) {"
        sinks = []
        for name, x in self.reverse.from_output.items():
            if name in m.sums:
                at = "t * C + c" if self.lanes in x.dims else "t"
                sinks.append(Sink(x, f"b.back_{name}[{at}] = {{}};"))
            else:
                sinks.append(self.given(name, x))
        yield from indented(self.token("past").lines(sinks), 2)
        yield "    }"
        yield from self.over_rows("backward_tile", "BACKWARD_ROWS")
        yield "}"

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


def indented(lines: Sequence[str], depth: int = 1) -> list[str]:
    """The lines moved to the right, but for those of the preprocessor."""
    return [("    " * depth + x) if not x.startswith("#") else x for x in lines]
