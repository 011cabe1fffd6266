"""What a layer's tiles read and where it lies, and the loops before and after them, as C++."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...language.gradient import adjoints
from ...language.graph import walk
from ...language.tensor import Dims, Input, Product, Tensor
from ..c_family import count, identifier, linear, summed
from ..decays import Folded
from ..opaque import substituted
from ..sweeps import sweeps
from ..tiles import Factor, Tiles, adjoint, reverse, seeded, summed_sizes
from .loops import Lets, LoopPrinter, parted
from .rows_lanes import TileLines
from .sweeps import SweepPrinter


def inputs_of(*values: Tensor) -> set[str]:
    """The names of all that values read."""
    return {x.name for x in walk(*values) if isinstance(x, Input)}


class TileFactors(TileLines):
    """The arrays and the factors of one layer; fold: the decays, if they are folded."""

    def __init__(self, made: Tiles, fold: Folded | None = None) -> None:
        super().__init__(made)
        self.decays = fold.decays if fold else ()
        self.of_state = fold.of_state if fold else {}
        self.inner = {n: d.dims for d in self.decays for n in (d.after, d.before)}
        self.reverse = reverse(made)
        self.got = {
            *self.reverse.factors,
            *self.reverse.from_output,
            *(d.gate for d in self.decays),
        }
        self.sweeps = [
            SweepPrinter(x, self.bounds, self.reverse.from_output)
            for x in sweeps(made, self.reverse) or ()
        ]
        self.tokens = [s for s in self.layer.of_kind("token") if s.name not in self.inner]
        self.constants = self.layer.of_kind("constant")
        read = inputs_of(*self.reverse.from_output.values())
        self.sums_again = [n for n in made.sums if n in read]
        each = {f.name: f.value for f in made.factors if not f.constant and f.direct is None}
        if not self.sweeps:
            each = self.kept_of(each)
        first = {d.gate: each.pop(d.gate) for d in self.decays if d.gate in each}
        self.gates, self.prelude = parted(first, "gate_part"), parted(each, "part")
        fixed = {f.name: f.value for f in made.factors if f.constant and f.direct is None}
        self.fixed = parted(fixed, "fixed")
        # Lanes may be shared out among threads where nothing before the step mixes them.
        lets = [*self.gates.lets, *self.prelude.lets, *self.fixed.lets]
        self.apart = not any(self.lanes in summed_sizes(x) for _, x in lets)

    def is_cheap(self, value: Tensor) -> bool:
        """Whether an array along the lanes takes less to form than to keep: one multiplication."""
        match value:
            case Product(left=Input() as x, right=Input() as y, dims=(lane,)):
                own = not summed(value) and not {x.name, y.name} & set(self.inner)
                return own and lane == self.lanes
        return False

    def kept_of(self, each: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Set which factors are formed where they are read; the others, which are kept."""
        formed = {n: x for n, x in each.items() if self.is_cheap(x)}
        kept = {n: x for n, x in each.items() if n not in formed}
        own = {x: Input(n, x.dims) for n, x in kept.items()}
        short = {}
        for name, x in kept.items():
            others = {y: read for y, read in own.items() if y != x}
            short[name] = substituted([x], others)[0]
        cheap = {n: x for n, x in short.items() if self.is_cheap(x)}
        formed |= {n: x for n, x in cheap.items() if not inputs_of(x) & set(cheap)}
        self.formed = formed
        return {n: x for n, x in kept.items() if n not in formed}

    def fields(self, backward: bool) -> list[tuple[str, str, str]]:
        """What a task keeps: type, name and number of entries."""
        m = self.made
        out: list[tuple[str, str, str]] = []
        for name, dims in self.inner.items():
            out.append(("T", name, f"STEPS * ({count(dims)})"))
        for name, x in (*self.gates.lets, *self.prelude.lets):
            held = self.factor(name) is not None
            out.append(("T", self.let(name), f"{'STEPS * ' if held else ''}({count(x.dims)})"))
        for name, x in self.fixed.lets:
            f = self.factor(name)
            out.append(("T", self.let(name), self.canonical(x.dims) if f else count(x.dims)))
        for f in self.whole_constants:
            if f.direct:
                out.append(("T", self.let(f.name), self.canonical(f.dims)))
            if not m.split:
                out.append(("V", f"fixed_{f.name}", f"{self.n} * MOST"))
        for name in m.sums:
            lane = self.lanes in m.sums[name].dims
            out.append(("V" if lane else "T", f"sum_{name}", "STEPS * MOST" if lane else "STEPS"))
        for name in m.states:
            dims = m.dims(name)
            if not backward:
                out.append(("T", f"memory_{name}", self.canonical(dims)))
                if not self.has(dims)[1]:
                    out.append(("T", f"next_{name}", self.canonical(dims)))
            if not m.split and self.has(dims)[0]:
                kind, each = ("V", " * MOST") if self.has(dims)[1] else ("T", "")
                out.append((kind, f"work_{name}", f"{self.n}{each}"))
        return [*out, *(self.backward_fields() if backward else [])]

    def backward_fields(self) -> Iterator[tuple[str, str, str]]:
        """What only the backward pass keeps."""
        yield from self.sweep_fields() if self.sweeps else self.tile_fields()
        for d in self.decays:
            n = count(d.dims)
            yield "T", f"carried_{d.gate}", n
            for name in (d.after, d.before):
                yield "T", f"back_{name}", f"STEPS * ({n})"
        for _, lets in self.finishing().items():
            for name, x in lets.lets:
                yield "T", f"out_{name}", count(x.dims)

    def sweep_fields(self) -> Iterator[tuple[str, str, str]]:
        """What a backward pass by sweeps keeps."""
        m = self.made
        for name in m.states:
            yield "T", f"lambda_{name}", self.canonical(m.dims(name))
        kept = {(s.memory, n) for s in self.sweeps for n in s.made.states}
        kept |= {("turned", f"{x}{n}") for n in m.states for x in ("", "adjoint_") if self.decays}
        for memory, name in sorted(kept):
            if memory == "turned":
                yield "T", f"turned_{name}", f"{self.d} * whole({self.n})"
            elif name in m.states:
                yield "T", f"along_{name}", self.canonical(m.dims(name))
        for s in self.sweeps:
            yield from s.fields()
        for name in m.sums:
            yield "T", f"own_adjoint_{name}", f"STEPS * {self.d}"
        for f in m.factors:
            if f.name in self.got:
                if not f.dims and f.name in self.reverse.from_output:
                    yield "V", f"parts_{f.name}", "STEPS"
                yield "T", f"to_{f.name}", f"STEPS * ({count(f.dims)})"
                if f.constant:
                    yield "T", f"all_{f.name}", count(f.dims)

    def tile_fields(self) -> Iterator[tuple[str, str, str]]:
        """What a backward pass over tiles keeps."""
        m = self.made
        for name in m.states:
            row, lane = self.has(m.dims(name))
            tall = ("MOST_ROWS" if m.split else self.n) if row else "1"
            kind, wide = ("V", "MOST") if lane else ("T", "1")
            yield kind, f"past_{name}", f"(STEPS + 1) * {tall} * {wide}"
            if lane:
                yield "T", f"lambda_{name}", self.canonical(m.dims(name))
                if row and not m.split:
                    yield "V", f"adjoint_{name}", f"{self.n} * MOST"
            else:
                yield "V", f"lambda_{name}", f"(pitch / W) * {self.n if row else '1'}"
        for name, x in m.sums.items():
            yield "V", f"back_{name}", "STEPS * MOST" if self.lanes in x.dims else "STEPS"
        for f in m.factors:
            row, lane = self.has(f.dims)
            if row and lane:
                yield "T", f"to_{f.name}", self.canonical(f.dims)
                if not m.split:
                    yield "V", f"grown_{f.name}", f"{self.n} * MOST"
            else:
                each = self.n if row else self.d if lane else "1"
                if not lane:
                    yield "V", f"parts_{f.name}", f"STEPS * {each}"
                yield "T", f"to_{f.name}", f"STEPS * {each}"
                if row and m.split:
                    yield "T", f"tiled_{f.name}", f"STEPS * {each}"
                if f.constant:
                    yield "T", f"all_{f.name}", each

    def let(self, name: str) -> str:
        """The array of a factor or of a part of one."""
        return f"at_{name}"

    def place(self, x: Input, index: Sequence[str]) -> str:
        """An entry of what the loops before and after the tiles read."""
        name = x.name
        f = self.factor(name)
        if name.startswith("adjoint_"):
            own = self.factor(name.removeprefix("adjoint_"))
            assert own is not None
            return self.to(own, x.dims, index)
        if f is not None and f.direct is None and f.constant:
            at = dict(zip(x.dims, index, strict=True))
            row, lane = at.get(self.rows or "", "0"), at.get(self.lanes, "0")
            return f"b.at_{name}[{self.at(x.dims, row, lane)}]"
        if f is not None and f.direct is None:
            return f"b.at_{name}[t * ({count(x.dims)}) + {linear(x.dims, index)}]"
        if name in self.inner:
            return f"b.{name}[t * ({count(x.dims)}) + {linear(x.dims, index)}]"
        signal = next((s for s in self.layer.signals if s.name == name), None)
        if signal is not None:
            step = f"(b.t0 + t) * ({count(x.dims)}) + " if signal.kind == "token" else ""
            return f"b.x.{identifier(name)}[{step}{linear(x.dims, index)}]"
        return f"b.at_{name}[{linear(x.dims, index)}]"

    def to(self, f: Factor, dims: Dims, index: Sequence[str]) -> str:
        """The adjoint of a factor at one token, or over all tokens."""
        at = dict(zip(dims, index, strict=True))
        row, lane = at.get(self.rows or "", "0"), at.get(self.lanes, "0")
        if len(dims) == 2:
            return f"b.to_{f.name}[{self.at(dims, row, lane)}]"
        if f.constant:
            return f"b.all_{f.name}[{linear(dims, index)}]"
        return f"b.to_{f.name}[t * ({count(dims)}) + {linear(dims, index)}]"

    def target(self, name: str, index: Sequence[str]) -> str:
        """Where a part of a factor goes."""
        lets = {**self.gates.dims, **self.prelude.dims, **self.fixed.dims}
        return self.place(Input(name, lets[name]), index)

    @property
    def bounds(self) -> dict[str, tuple[str, str]]:
        """The lanes of a task."""
        return {self.lanes: ("b.first", "b.last")}

    def loops(self, lets: Lets) -> list[str]:
        """The loops that compute factors."""
        return list(LoopPrinter(self.place, self.bounds).lines(lets, self.target))

    def finishing(self) -> dict[str, Lets]:
        """What decays and signals are given: through the factors of a token, and constant ones."""
        out = {}
        names = [s.name for s in (*self.tokens, *self.constants)]
        phases = [("token", False, names, self.got), ("end", True, names, self.got)]
        if self.decays:
            gates = {d.gate for d in self.decays}
            phases.insert(0, ("decay", False, list(self.inner), self.got - gates))
        for when, constant, wanted, got in phases:
            roots = [
                (f.value, adjoint(f.name, f.dims))
                for f in self.made.factors
                if f.constant == constant and f.name in got
            ]
            found = adjoints(seeded(roots), wanted, kinks=True) if roots else {}
            out[when] = parted({f"{when}_{n}": x for n, x in found.items()}, f"{when}_part")
        return out

    def finished(self, when: str) -> list[str]:
        """The loops that give signals their gradients."""
        lets = self.finishing()[when]
        dims = lets.dims

        def place(x: Input, index: Sequence[str]) -> str:
            if x.name in dims:
                return f"b.out_{x.name}[{linear(x.dims, index)}]"
            return self.place(x, index)

        read = inputs_of(*(value for _, value in lets.lets))
        final = {
            f"{when}_{s.name}": f"b.g.{identifier(s.name)}[(b.t0 + t) * ({count(s.dims)}) + "
            for s in (self.tokens if when == "token" else ())
            if f"{when}_{s.name}" not in read
        }

        def target(name: str, index: Sequence[str]) -> str:
            return f"{final.get(name, f'b.out_{name}[')}{linear(dims[name], index)}]"

        printer = LoopPrinter(place, self.bounds)
        out = list(printer.lines(lets, target))
        for name, shape in self.inner.items() if when == "decay" else ():
            index = [f"i{a}" for a in range(len(shape))]
            at = linear(shape, index)
            value = f"b.out_decay_{name}[{at}]" if f"decay_{name}" in dims else "0"
            body = f"b.back_{name}[t * ({count(shape)}) + {at}] = {value};"
            out += printer.nest(list(zip(index, shape, strict=True)), [body], apart=True)
        if when == "decay":
            return out
        for s in (*self.tokens, *self.constants):
            name = f"{when}_{s.name}"
            if name not in dims or name in final:
                continue
            step = f"(b.t0 + t) * ({count(s.dims)}) + " if s.kind == "token" else ""
            index = [f"i{a}" for a in range(len(s.dims))]
            sign = "=" if s.kind == "token" else "+="
            whole = linear(s.dims, index)
            body = f"b.g.{identifier(s.name)}[{step}{whole}] {sign} b.out_{name}[{whole}];"
            out += printer.nest(list(zip(index, s.dims, strict=True)), [body], apart=True)
        return out
