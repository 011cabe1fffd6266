"""The work of one sequence around the tiles, as C++: memory, factors, blocks and gradients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..language.tensor import Dims
from .c_family import count, identifier, linear, size
from .cpp_tiles import TilePrinter, indented

STEPS = 32


class TaskPrinter(TilePrinter):
    """Everything of a layer's file that its step decides."""

    differentiable = True

    @property
    def kind(self) -> str:
        """What kind of kernel it is, in words."""
        rows = f"rows {self.rows}, " if self.rows else ""
        apart = "; rows apart, in registers" if self.made.split else ""
        return f"{rows}lanes {self.lanes}{apart}"

    def in_parts(self, dims: Dims) -> bool:
        """Whether a gradient of this shape is a sum over the parts of the lanes."""
        return self.apart and self.lanes not in dims

    def text(self) -> Iterator[str]:
        """The kernels, and the two tasks."""
        yield f"constexpr long STEPS = {STEPS}, FORWARD_LANES = 2, BACKWARD_LANES = 2;"
        if self.made.split:
            yield "constexpr long FORWARD_ROWS = 8, BACKWARD_ROWS = 4;"
        yield ""
        yield from self.block()
        yield ""
        yield from self.helpers()
        yield ""
        yield from self.forward()
        yield ""
        yield from self.backward()
        yield ""
        yield from self.record()
        yield ""
        yield from self.forward_task()
        yield ""
        yield from self.backward_task()

    def block(self) -> Iterator[str]:
        """What the kernels of one block of tokens read and write."""
        fields: dict[str, str] = {}
        for backward in (False, True):
            for kind, name, _ in self.fields(backward):
                fields[name] = kind
        yield "struct Block {"
        yield "    const Size& size;"
        yield "    Signals x;"
        yield "    Gradients g;"
        yield "    long first, last, t0, steps;"
        yield "    bool keeps;"
        yield "    const T* y;"
        yield "    T* out;"
        for f in self.made.factors:
            if f.direct and f"at_{f.name}" not in fields:
                yield f"    const T* at_{f.name};"
        for s in self.made.states:
            if f"memory_{s}" not in fields:
                yield f"    T* memory_{s};"
        for name, kind in fields.items():
            yield f"    {kind}* {name};"
        yield "};"

    def helpers(self) -> Iterator[str]:
        """Vectors of lanes, of which the last may be short."""
        yield """template <bool TAIL>
INLINE V read(const T* p, long lanes) { return TAIL && lanes < W ? load(p, lanes) : load(p); }
template <bool TAIL>
INLINE void write(T* p, V x, long lanes) {
    if (TAIL && lanes < W) store(p, x, lanes);
    else store(p, x);
}
template <bool TAIL>
INLINE void grow(T* p, V x, long lanes) { write<TAIL>(p, read<TAIL>(p, lanes) + x, lanes); }
// What lies in lanes that do not exist may be anything, and is left out of sums.
template <bool TAIL>
INLINE V inside(V x, long lanes) {
    if (!TAIL) return x;
    V y{};
    for (long i = 0; i < W; ++i) y[i] = i < lanes ? x[i] : T(0);
    return y;
}"""

    def record(self) -> Iterator[str]:
        """The states that are kept at the start of a block."""
        yield "// The numbers of the states that are kept at the start of every block."
        yield "INLINE long record(const Size& size) {"
        yield f"    const long pitch = whole({self.d}); (void)pitch;"
        each = [f"whole({self.canonical(self.made.dims(n))})" for n in self.made.states]
        yield f"    return {' + '.join(each)};"
        yield "}"

    def start(self, backward: bool) -> Iterator[str]:
        """Take the memory of a task."""
        fields = self.fields(backward)
        most = "BACKWARD" if backward else "FORWARD"
        yield f"    constexpr long MOST = {most}_LANES;"
        if self.made.split:
            yield f"    constexpr long MOST_ROWS = {most}_ROWS; (void)MOST_ROWS;"
        yield f"    (void)MOST; const long pitch = whole({self.d}); (void)pitch;"
        rooms = [f"room({n}, sizeof({kind}))" for kind, _, n in fields]
        yield f"    Memory memory({' + '.join(rooms) or '64'});"
        yield "    if (!memory.block) return false;"
        yield "    Block b = {size, x};"
        yield "    b.first = first;"
        yield "    b.last = last;"
        for kind, name, n in fields:
            yield f"    b.{name} = memory.take<{kind}>({n});"

    def each(self, dims: Dims, body: str) -> list[str]:
        """The statement for every entry of a state; lanes only those of the task."""
        row, lane = self.has(dims)
        out = [f"for (long r = 0; r < {self.n}; ++r)"] if row else []
        out += ["for (long c = first; c < last; ++c)"] if lane else []
        return [" ".join([*out, body])]

    def own(self, dims: Dims) -> str:
        """The position of entry r, c in the arrays of the caller."""
        return linear(dims, self.order(dims, "r", "c"))

    def fixed_factors(self) -> Iterator[str]:
        """Compute the factors that no token enters."""
        lines = self.loops(self.fixed)
        for f in self.whole_constants:
            if f.direct:
                where = f"b.at_{f.name}[{self.at(f.dims, 'r', 'c')}]"
                source = f"x.{identifier(f.direct)}[{self.own(f.dims)}]"
                lines += self.each(f.dims, f"{where} = {source};")
        yield from indented(lines)

    def token_factors(self) -> Iterator[str]:
        """Point at the factors of a block, and compute those that are no signals."""
        for f in self.made.factors:
            if f.direct and not (f.constant and len(f.dims) == 2):
                step = "" if f.constant else f" + b.t0 * ({count(f.dims)})"
                yield f"        b.at_{f.name} = x.{identifier(f.direct)}{step};"
        lines = self.loops(self.prelude)
        if lines:
            yield "        for (long t = 0; t < b.steps; ++t) {"
            yield from indented(lines, 3)
            yield "        }"

    def over_lanes(self, function: str, most: str) -> Iterator[str]:
        """Call a kernel for all lanes of the task."""
        yield "        for (long l = first; l < last;) {"
        yield "            const long left = last - l;"
        yield f"            if (left >= {most} * W) {{"
        yield f"                {function}<{most}, false>(b, 0, l, {most} * W);"
        yield f"                l += {most} * W;"
        yield "            } else {"
        yield f"                {function}<1, true>(b, 0, l, least(left, W));"
        yield "                l += W;"
        yield "            }"
        yield "        }"

    def forward_task(self) -> Iterator[str]:
        """One sequence from its first token to its last."""
        m = self.made
        yield "static bool forward_task(const Size& size, const Signals& x, const Given& start,"
        yield "                         T* y, const States& end, T* keep, long first, long last) {"
        yield from self.start(False)
        yield "    b.keeps = true;"
        for name in m.states:
            dims = m.dims(name)
            constant = self.layer.start.get(name)
            other = f"x.{identifier(constant)}[{self.own(dims)}]" if constant else "T(0)"
            p = f"start.{identifier(name)}"
            where = f"b.memory_{name}[{self.at(dims, 'r', 'c')}]"
            yield from indented(
                self.each(dims, f"{where} = {p} ? {p}[{self.own(dims)}] : {other};")
            )
        yield from self.fixed_factors()
        yield "    for (b.t0 = 0; b.t0 < size.L; b.t0 += STEPS) {"
        yield "        b.steps = least(STEPS, size.L - b.t0);"
        yield f"        b.out = y + b.t0 * {self.d};"
        yield "        if (keep) {"
        yield "            T* at = keep + b.t0 / STEPS * record(size);"
        for name in m.states:
            dims = m.dims(name)
            at = self.at(dims, "r", "c")
            yield from indented(self.each(dims, f"at[{at}] = b.memory_{name}[{at}];"), 3)
            yield f"            at += whole({self.canonical(dims)});"
        yield "            (void)at;"
        yield "        }"
        yield from self.token_factors()
        yield from self.over_lanes("forward_lanes", "FORWARD_LANES")
        for name in m.states:
            if not self.has(m.dims(name))[1]:
                yield f"        T* const other_{name} = b.memory_{name};"
                yield f"        b.memory_{name} = b.next_{name};"
                yield f"        b.next_{name} = other_{name};"
        yield "    }"
        for name in m.states:
            dims = m.dims(name)
            where = f"end.{identifier(name)}[{self.own(dims)}]"
            lines = self.each(dims, f"{where} = b.memory_{name}[{self.at(dims, 'r', 'c')}];")
            if not self.has(dims)[1]:
                lines = [f"if (first == 0) {x}" for x in lines]
            yield from indented(lines)
        yield "    return true;"
        yield "}"

    def backward_task(self) -> Iterator[str]:
        """One sequence from its last token to its first."""
        m = self.made
        got = {*self.reverse.factors, *self.reverse.from_output}
        yield "static bool backward_task(const Size& size, const Signals& x, const Given& start,"
        yield "                          const T* keep, const T* y, const Given& end,"
        yield "                          const Gradients& g, const States& begin, long first,"
        yield "                          long last) {"
        yield from self.start(True)
        yield "    (void)start;"
        yield "    b.g = g;"
        yield "    b.keeps = false;"
        for name in m.states:
            dims = m.dims(name)
            p = f"end.{identifier(name)}"
            if self.has(dims)[1]:
                where = f"b.lambda_{name}[{self.at(dims, 'r', 'c')}]"
                line = f"{where} = {p}[{self.own(dims)}];"
                yield from indented([f"if ({p})", *indented(self.each(dims, line))])
            else:
                where = f"b.lambda_{name}[{'r' if self.has(dims)[0] else '0'}][0]"
                line = f"{where} = {p}[{self.own(dims)}];"
                yield from indented([f"if ({p} && first == 0)", *indented(self.each(dims, line))])
        yield from self.fixed_factors()
        yield "    for (b.t0 = (size.L - 1) / STEPS * STEPS; b.t0 >= 0; b.t0 -= STEPS) {"
        yield "        b.steps = least(STEPS, size.L - b.t0);"
        yield f"        b.y = y + b.t0 * {self.d};"
        yield "        T* at = (T*)keep + b.t0 / STEPS * record(size);"
        for name in m.states:
            yield f"        b.memory_{name} = at;"
            yield f"        at += whole({self.canonical(m.dims(name))});"
        yield from self.token_factors()
        for f in m.factors:
            row, lane = self.has(f.dims)
            if f.name not in got or (row and lane):
                continue
            kind, p = ("T", f"b.to_{f.name}") if lane else ("V", f"b.parts_{f.name}")
            n = f"STEPS * ({count(f.dims)})"
            yield f"        __builtin_memset({p}, 0, {n} * sizeof({kind}));"
        yield from self.over_lanes("backward_lanes", "BACKWARD_LANES")
        for f in m.factors:
            row, lane = self.has(f.dims)
            if f.name not in got or (row and lane):
                continue
            n = count(f.dims)
            if not lane:
                yield from self.gathered(f.name, row, n)
            if f.constant:
                yield "        for (long t = 0; t < b.steps; ++t)"
                yield f"            for (long i = 0; i < {n}; ++i)"
                yield f"                b.all_{f.name}[i] += b.to_{f.name}[t * ({n}) + i];"
        lines = self.finished("token")
        given = {name for name, _ in self.finishing()["token"].lets}
        for s in self.tokens:
            if f"token_{s.name}" not in given:
                index = [f"i{a}" for a in range(len(s.dims))]
                at = f"(b.t0 + t) * ({count(s.dims)}) + {linear(s.dims, index)}"
                body = f"g.{identifier(s.name)}[{at}] = 0;"
                lines += self.nest(index, s.dims, body)
        if lines:
            yield "        for (long t = 0; t < b.steps; ++t) {"
            yield from indented(lines, 3)
            yield "        }"
        yield "    }"
        yield from indented(self.finished("end"))
        for name in m.states:
            dims = m.dims(name)
            where = f"begin.{identifier(name)}[{self.own(dims)}]"
            row, lane = self.has(dims)
            if lane:
                yield from indented(
                    self.each(dims, f"{where} = b.lambda_{name}[{self.at(dims, 'r', 'c')}];")
                )
            else:
                n, at = (self.n, "r") if row else ("1", "0")
                line = (
                    f"{{ T s = 0; for (long v = first / W; v < whole(last) / W; ++v) "
                    f"s += total(b.lambda_{name}[v * {n} + {at}]); {where} = s; }}"
                )
                yield from indented(self.each(dims, line))
            constant = self.layer.start.get(name)
            if constant:
                to = f"g.{identifier(constant)}[{self.own(dims)}]"
                lines = self.each(dims, f"{to} += {where};")
                p = f"start.{identifier(name)}"
                yield from indented([f"if (!{p})", *indented(lines)])
        yield "    return true;"
        yield "}"

    def gathered(self, name: str, row: bool, n: str) -> Iterator[str]:
        """The sums over lanes of one factor's adjoint; those of a tile lie together at first."""
        if not (row and self.made.split):
            yield f"        totals(b.parts_{name}, b.to_{name}, b.steps * ({n}));"
            return
        yield f"        totals(b.parts_{name}, b.tiled_{name}, STEPS * ({n}));"
        yield f"        for (long r0 = 0, rows; r0 < {n}; r0 += rows) {{"
        yield f"            rows = r0 + BACKWARD_ROWS <= {n} ? BACKWARD_ROWS : 1;"
        yield "            for (long t = 0; t < b.steps; ++t)"
        yield "                for (long r = 0; r < rows; ++r)"
        yield f"                    b.to_{name}[t * ({n}) + r0 + r] ="
        yield f"                        b.tiled_{name}[r0 * STEPS + t * rows + r];"
        yield "        }"

    def nest(self, index: Sequence[str], dims: Dims, body: str) -> list[str]:
        """The statement for every entry; lanes only those of the task."""
        out = []
        for at, dim in zip(index, dims, strict=True):
            first, last = self.bounds.get(dim, ("0", size(dim)))
            out.append(f"for (long {at} = {first}; {at} < {last}; ++{at})")
        return [" ".join([*out, body])]
