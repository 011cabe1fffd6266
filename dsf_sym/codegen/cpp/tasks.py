"""The work of one sequence around its blocks, as C++: states, blocks of tokens, and gradients."""

from __future__ import annotations

from collections.abc import Iterator

from ...language.tensor import Dims
from ..c_family import identifier
from ..decays import folded
from ..tiles import Tiles
from .blocks import BlockPrinter
from .rows_lanes import indented

STEPS = 32
WORTH = 4
"""Decays are folded in blocks of at least so many tokens: before that it saves nothing."""
AHEAD = 8
"""How many tokens ahead of a kernel signals are fetched."""


class TaskPrinter(BlockPrinter):
    """Everything of a layer's file that its step decides."""

    differentiable = True

    def __init__(self, made: Tiles) -> None:
        super().__init__(made)
        fold = folded(made)
        self.folded = BlockPrinter(fold.tiles, fold) if fold else None
        if self.folded:
            self.apart = self.folded.apart = self.apart and self.folded.apart

    @property
    def kind(self) -> str:
        """What kind of kernel it is, in words."""
        rows = f"rows {self.rows}, " if self.rows else ""
        apart = "; rows apart, in registers" if self.made.split else ""
        apart = apart or ("; rows coupled, in memory" if self.rows else "")
        decays = "; decays folded within a block" if self.folded else ""
        swept = (self.folded or self).sweeps
        back = f"; backward in {len(swept)} sweeps" if swept else ""
        return f"{rows}lanes {self.lanes}{apart}{decays}{back}"

    def in_parts(self, dims: Dims) -> bool:
        """Whether a gradient of this shape is a sum over the parts of the lanes."""
        return self.apart and self.lanes not in dims

    def text(self) -> Iterator[str]:
        """The kernels, and the two tasks."""
        yield f"constexpr long STEPS = {STEPS}, AHEAD = {AHEAD};"
        yield "constexpr long FORWARD_LANES = 2, BACKWARD_LANES = 2;"
        if self.made.split:
            yield "constexpr long FORWARD_ROWS = 8, BACKWARD_ROWS = 4;"
        yield ""
        yield from self.helpers()
        yield ""
        yield from self.record()
        yield ""
        yield from super().text()
        if self.folded:
            yield ""
            yield "namespace folded {"
            yield "// From this to its inverse, no product within a block overflows or vanishes."
            yield f"constexpr long WORTH = {WORTH};"
            yield "constexpr T LEAST_DECAY = REAL_BITS == 64 ? T(1e-130) : T(1e-13);"
            yield ""
            yield from self.folded.text()
            yield "}"
        yield ""
        yield from self.forward_task()
        yield ""
        yield from self.backward_task()

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
        way = "backward" if backward else "forward"
        yield "    Block b = {size, x};"
        yield "    b.first = first;"
        yield "    b.last = last;"
        if backward:
            yield "    b.g = g;"
        keeps = "false" if backward else "true"
        yield f"    b.keeps = {keeps};"
        yield "    b.turned = false;"
        yield "    Memory memory;"
        yield f"    if (!begin_{way}(b, memory)) return false;"
        yield f"    const long pitch = whole({self.d}); (void)pitch;"
        if self.folds(backward):
            yield "    folded::Block f = {size, x, b.g, first, last};"
            yield f"    f.keeps = {keeps};"
            yield "    f.turned = false;"
            yield "    Memory other;"
            yield "    if (size.L >= folded::WORTH)"
            yield f"        if (!folded::begin_{way}(f, other)) return false;"

    def folds(self, backward: bool) -> bool:
        """Whether a block is first tried with its decays folded."""
        return self.folded is not None and (self.folded.backs or not backward)

    def run_block(self, backward: bool) -> Iterator[str]:
        """One block, with its decays folded where that is harmless."""
        way = "backward" if backward else "forward"
        if not self.folds(backward):
            yield f"        {way}_block(b);"
            return
        yield "        f.t0 = b.t0;"
        yield "        f.steps = b.steps;"
        yield "        f.y = b.y;"
        yield "        f.out = b.out;"
        for name in self.made.states:
            yield f"        f.memory_{name} = b.memory_{name};"
            if backward:
                yield f"        f.lambda_{name} = b.lambda_{name};"
            elif not self.has(self.made.dims(name))[1]:
                yield f"        f.next_{name} = b.next_{name};"
        yield f"        if (!folded::{way}_block(f)) {{"
        yield f"            {way}_block(b);"
        yield "            f.turned = false;"
        yield "        }"

    def forward_task(self) -> Iterator[str]:
        """One sequence from its first token to its last."""
        m = self.made
        yield "static bool forward_task(const Size& size, const Signals& x, const Given& start,"
        yield "                         T* y, const States& end, T* keep, long first, long last) {"
        yield from self.start(False)
        for name in m.states:
            dims = m.dims(name)
            constant = self.layer.start.get(name)
            other = f"x.{identifier(constant)}[{self.own(dims)}]" if constant else "T(0)"
            p = f"start.{identifier(name)}"
            where = f"b.memory_{name}[{self.at(dims, 'r', 'c')}]"
            yield from indented(
                self.each(dims, f"{where} = {p} ? {p}[{self.own(dims)}] : {other};")
            )
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
        yield from self.run_block(False)
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
        yield "static bool backward_task(const Size& size, const Signals& x, const Given& start,"
        yield "                          const T* keep, const T* y, const Given& end,"
        yield "                          const Gradients& g, const States& begin, long first,"
        yield "                          long last) {"
        yield from self.start(True)
        yield "    (void)start;"
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
        yield "    for (b.t0 = (size.L - 1) / STEPS * STEPS; b.t0 >= 0; b.t0 -= STEPS) {"
        yield "        b.steps = least(STEPS, size.L - b.t0);"
        yield f"        b.y = y + b.t0 * {self.d};"
        yield "        T* at = (T*)keep + b.t0 / STEPS * record(size);"
        for name in m.states:
            yield f"        b.memory_{name} = at;"
            yield f"        at += whole({self.canonical(m.dims(name))});"
        yield from self.run_block(True)
        yield "    }"
        yield "    finish(b);"
        if self.folds(True):
            yield "    if (size.L >= folded::WORTH) folded::finish(f);"
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
