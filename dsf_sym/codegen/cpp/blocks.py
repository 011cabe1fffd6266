"""The work on one block of tokens, as C++: its memory, factors, kernels and gradients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...language.tensor import Dims
from ..c_family import count, identifier, linear, size
from .rows_lanes import indented, with_pointers
from .tiles import TilePrinter


class BlockPrinter(TilePrinter):
    """The functions of one step that work on a block."""

    @property
    def backs(self) -> bool:
        """Whether there is a backward pass: with folded decays it is one by sweeps."""
        return bool(self.sweeps) or not self.decays

    def text(self) -> Iterator[str]:
        """The struct of a block, the kernels, and what a task calls."""
        yield from self.block()
        yield ""
        yield from self.forward()
        yield ""
        yield from self.begin(False)
        yield ""
        yield from self.factors()
        yield ""
        yield from self.forward_block()
        if self.backs:
            yield ""
            yield from self.backward()
            yield ""
            yield from self.begin(True)
            yield ""
            yield from self.backward_block()
            yield ""
            yield from self.finish()

    def block(self) -> Iterator[str]:
        """What the kernels of one block of tokens read and write."""
        fields: dict[str, str] = {}
        for backward in (False, True) if self.backs else (False,):
            for kind, name, _ in self.fields(backward):
                fields[name] = kind
        yield "struct Block {"
        yield "    const Size& size;"
        yield "    Signals x;"
        yield "    Gradients g;"
        yield "    long first, last, t0, steps;"
        yield "    bool keeps, turned;"
        yield "    const T* y;"
        yield "    T* out;"
        for f in self.made.factors:
            if f.direct and f"at_{f.name}" not in fields:
                yield f"    const T* at_{f.name};"
        for n in self.made.sums if self.sweeps else ():
            yield f"    const T* at_adjoint_{n};"
        for s in self.made.states:
            if f"memory_{s}" not in fields:
                yield f"    T* memory_{s};"
            if any(p.memory == "along" and p.sweep.backward for p in self.sweeps):
                yield f"    T* along_adjoint_{s};"
        for name, kind in fields.items():
            yield f"    {kind}* {name};"
        yield "};"

    def begin(self, backward: bool) -> Iterator[str]:
        """Take the memory of a task, and compute what no token enters."""
        fields = self.fields(backward)
        way = "backward" if backward else "forward"
        yield f"static bool begin_{way}(Block& b, Memory& memory) {{"
        yield from self.constants_of(way)
        rooms = [f"room({n}, sizeof({kind}))" for kind, _, n in fields]
        yield f"    if (!memory.get({' + '.join(rooms) or '64'})) return false;"
        for kind, name, n in fields:
            # What every token has a part of is written before it is read.
            make = "take" if "STEPS" in n else "zeros"
            yield f"    b.{name} = memory.{make}<{kind}>({n});"
        yield from self.fixed_factors()
        yield "    return true;"
        yield "}"

    def constants_of(self, way: str) -> Iterator[str]:
        """The names that memory and loops read."""
        yield "    const Size size = b.size; (void)size;"
        yield "    const Signals& x = b.x; (void)x;"
        yield "    const long first = b.first, last = b.last; (void)first; (void)last;"
        yield f"    constexpr long MOST = {way.upper()}_LANES; (void)MOST;"
        if self.made.split:
            yield f"    constexpr long MOST_ROWS = {way.upper()}_ROWS; (void)MOST_ROWS;"
        yield f"    const long pitch = whole({self.d}); (void)pitch;"

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

    def factors(self) -> Iterator[str]:
        """Point at the factors of a block, and compute those that are no signals.

        False where a folded decay leaves the range in which its inverse is harmless.
        """
        yield "static bool factors(Block& b) {"
        yield "    const Size size = b.size; (void)size;"
        yield "    const Signals& x = b.x; (void)x;"
        for f in self.made.factors:
            if f.direct and not (f.constant and len(f.dims) == 2):
                step = "" if f.constant else f" + b.t0 * ({count(f.dims)})"
                inner = f.direct in self.inner
                source = f"b.{f.direct}" if inner else f"x.{identifier(f.direct)}{step}"
                yield f"    b.at_{f.name} = {source};"
        if self.decays:
            yield from self.decaying()
        yield from indented(self.each_token(self.loops(self.prelude)))
        yield "    return true;"
        yield "}"

    def each_token(self, lines: Sequence[str]) -> list[str]:
        """The loops for every token of a block."""
        head = "for (long t = 0; t < b.steps; ++t) {"
        return with_pointers([head, *indented(lines), "}"]) if lines else []

    def decaying(self) -> Iterator[str]:
        """The decays from the block's first token to each of its tokens."""
        yield "    bool within = true;"
        yield "    for (long t = 0; t < b.steps; ++t) {"
        yield from indented(self.loops(self.gates), 2)
        for d in self.decays:
            f = self.factor(d.gate)
            assert f is not None
            n = count(d.dims)
            at = f"b.at_{d.gate}[{'i' if f.constant else f't * ({n}) + i'}]"
            yield "        {"
            yield f"            const T* const past = b.{d.after} + (t ? t - 1 : 0) * ({n});"
            yield f"            T* const before = b.{d.before} + t * ({n});"
            yield f"            T* const after = b.{d.after} + t * ({n});"
            yield f"            for (long i = 0; i < {n}; ++i) {{"
            yield "                before[i] = t ? past[i] : T(1);"
            yield f"                after[i] = before[i] * {at};"
            inside = "after[i] >= LEAST_DECAY && after[i] <= 1 / LEAST_DECAY"
            yield f"                within &= {inside};"
            yield "            }"
            yield "        }"
        yield "    }"
        yield "    if (!within) return false;"

    def forward_block(self) -> Iterator[str]:
        """The outputs of a block, and the states after it."""
        yield "static bool forward_block(Block& b) {"
        yield "    const Size size = b.size; (void)size;"
        if self.decays:
            yield "    if (b.steps < WORTH) return false;"
        yield "    if (!factors(b)) return false;"
        yield from self.over_lanes("forward_lanes", "FORWARD_LANES")
        yield "    return true;"
        yield "}"

    def backward_block(self) -> Iterator[str]:
        """The gradients of a block's signals, and the adjoint before it."""
        yield "static bool backward_block(Block& b) {"
        yield from self.constants_of("backward")
        if self.decays:
            yield "    if (b.steps < WORTH) return false;"
        yield "    if (!factors(b)) return false;"
        yield from indented(self.fetched_back())
        yield from indented(self.cleared())
        if self.sums_again or self.output_sinks() or not self.sweeps:
            yield from self.over_lanes("backward_lanes", "BACKWARD_LANES")
        if self.sweeps:
            yield from indented(self.swept())
        for f in self.made.factors:
            if f.name not in self.got or len(f.dims) == 2:
                continue
            n = count(f.dims)
            if self.lanes not in f.dims and f.name not in {d.gate for d in self.decays}:
                yield from self.gathered(f.name, self.rows in f.dims, n)
        yield from indented(self.decay_gradients())
        for f in self.made.factors:
            n = count(f.dims)
            if f.constant and f.name in self.got and len(f.dims) < 2:
                yield "    for (long t = 0; t < b.steps; ++t)"
                yield f"        for (long i = 0; i < {n}; ++i)"
                yield f"            b.all_{f.name}[i] += b.to_{f.name}[t * ({n}) + i];"
        lines = self.finished("token")
        given = {name for name, _ in self.finishing()["token"].lets}
        for s in self.tokens:
            if f"token_{s.name}" not in given:
                index = [f"i{a}" for a in range(len(s.dims))]
                at = f"(b.t0 + t) * ({count(s.dims)}) + {linear(s.dims, index)}"
                lines += self.nest(index, s.dims, f"b.g.{identifier(s.name)}[{at}] = 0;")
        yield from indented(self.each_token(lines))
        yield "    return true;"
        yield "}"

    def fetched_back(self) -> list[str]:
        """Fetch where this block's gradients go, and what the next block, that before, reads."""
        rows = [(identifier(s.name), f"({count(s.dims)})") for s in self.tokens if s.dims]
        new = [f"claim(b.g.{name} + (b.t0 + t) * {n}, {n});" for name, n in rows]
        old = [f"fetch(x.{name} + (b.t0 - STEPS + t) * {n}, {n});" for name, n in rows]
        old.append(f"fetch(b.y + (t - STEPS) * {self.d}, {self.d});")
        for name in self.made.states:
            each = f"(({self.canonical(self.made.dims(name))}) / STEPS + 1)"
            old.append(f"fetch(b.memory_{name} - record(size) + t * {each}, {each});")
        return [
            "for (long t = 0; t < b.steps; ++t) {",
            *indented(new),
            "    if (b.t0 == 0) continue;",
            *indented(old),
            "}",
        ]

    def cleared(self) -> list[str]:
        """Let the adjoints begin to which kernels add."""
        added = self.reverse.from_output if self.sweeps else self.got
        out = []
        for f in self.made.factors:
            row, lane = self.has(f.dims)
            if f.name not in added or (row and lane):
                continue
            kind, p = ("T", f"b.to_{f.name}") if lane else ("V", f"b.parts_{f.name}")
            out.append(f"__builtin_memset({p}, 0, STEPS * ({count(f.dims)}) * sizeof({kind}));")
        return out

    def swept(self) -> Iterator[str]:
        """Run the sweeps, and between them hand the adjoint over the block's decay."""
        m = self.made
        for n in m.sums:
            yield f"b.at_adjoint_{n} = {'b.y' if self.is_given(n) else f'b.own_adjoint_{n}'};"
        forward = [s for s in self.sweeps if not s.sweep.backward]
        backward = [s for s in self.sweeps if s.sweep.backward]
        for s in forward:
            for n in m.states:
                if s.sweep.turned:
                    yield f"turn(b.memory_{n}, b.turned_{n}, {self.n}, pitch, first, last);"
                else:
                    each = f"{self.canonical(m.dims(n))} * sizeof(T)"
                    yield f"__builtin_memcpy(b.along_{n}, b.memory_{n}, {each});"
            yield f"{s.name}(b);"
        turned = any(s.sweep.turned for s in backward)
        if self.decays or turned:
            yield "if (!b.turned) {"
            for n in m.states:
                yield f"    turn(b.lambda_{n}, b.turned_adjoint_{n}, {self.n}, pitch, first, last);"
            yield "}"
        if turned:
            # From here on the adjoint is handed on in both orders.
            yield "b.turned = true;"
        yield from self.decay_of_the_state()
        for n in m.states:
            yield f"b.along_adjoint_{n} = b.lambda_{n};"
        for s in backward:
            yield f"{s.name}(b);"

    def decay_of_the_state(self) -> Iterator[str]:
        """S = A S~ after the block: what that gives A, and the adjoint of S~."""
        for d in self.decays:
            n = count(d.dims)
            yield f"for (long i = 0; i < {n}; ++i) b.carried_{d.gate}[i] = 0;"
        for name, d in self.of_state.items():
            n = self.n if d.dims else "1"
            last = f"b.{d.after} + (b.steps - 1) * {n}"
            yield "{"
            yield f"    const T* const decay = {last};"
            yield f"    const long across = whole({self.n});"
            yield "    for (long c = first; c < last; ++c) {"
            yield f"        T* const adjoint = b.turned_adjoint_{name} + c * across;"
            yield f"        const T* const state = b.turned_{name} + c * across;"
            if d.dims:
                yield f"        for (long r = 0; r < {n}; ++r) {{"
                yield f"            b.carried_{d.gate}[r] += adjoint[r] * state[r];"
                yield "            adjoint[r] *= decay[r];"
                yield "        }"
            else:
                yield "        T sum = 0;"
                yield "        #pragma omp simd reduction(+ : sum)"
                yield f"        for (long r = 0; r < {self.n}; ++r) sum += adjoint[r] * state[r];"
                yield f"        for (long r = 0; r < {self.n}; ++r) adjoint[r] *= decay[0];"
                yield f"        b.carried_{d.gate}[0] += sum;"
            yield "    }"
            yield f"    for (long r = 0; r < {self.n}; ++r)"
            yield "        for (long c = first; c < last; ++c)"
            yield f"            b.lambda_{name}[r * pitch + c] *= decay[{'r' if d.dims else '0'}];"
            yield "}"

    def decay_gradients(self) -> Iterator[str]:
        """From the adjoints of the decays A_i = a_i A_{i-1} to those of the gates a_i."""
        if not self.decays:
            return
        yield from self.each_token(self.finished("decay"))
        yield "for (long t = b.steps - 1; t >= 0; --t) {"
        for d in self.decays:
            f = self.factor(d.gate)
            assert f is not None
            n = count(d.dims)
            at = f"b.at_{d.gate}[{'i' if f.constant else f't * ({n}) + i'}]"
            cell = f"t * ({n}) + i"
            yield f"    for (long i = 0; i < {n}; ++i) {{"
            yield f"        const T a = b.carried_{d.gate}[i] + b.back_{d.after}[{cell}];"
            yield f"        b.to_{d.gate}[{cell}] = a * b.{d.before}[{cell}];"
            yield f"        b.carried_{d.gate}[i] = a * {at} + b.back_{d.before}[{cell}];"
            yield "    }"
        yield "}"

    def finish(self) -> Iterator[str]:
        """What the constants are given after all blocks."""
        yield "static void finish(const Block& b) {"
        yield from self.constants_of("backward")
        yield from indented(self.finished("end"))
        yield "}"

    def gathered(self, name: str, row: bool, n: str) -> Iterator[str]:
        """The sums over lanes of one factor's adjoint; those of a tile lie together at first."""
        if self.sweeps:
            if name in self.reverse.from_output:
                yield f"    totals(b.parts_{name}, b.to_{name}, b.steps);"
            return
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
