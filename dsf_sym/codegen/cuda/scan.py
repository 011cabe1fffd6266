"""A layer's forward CUDA kernel as a scan over time: where every entry of the state is alone.

Each thread composes the maps of a segment of the tokens at hand; those of earlier segments come by
shuffles within a warp and through shared memory between warps; then it runs through its segment
once more, from the state at its start, for the outputs. Nothing is divided by a Λ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from ...language.graph import inputs
from ...language.tensor import Dims, Input
from ..c_family import size
from ..cpp.loops import Lets, parted
from ..opaque import merged
from ..passes import Sink
from .barriers import with_barriers
from .loops import Array, BlockLoops, at, indented
from .maps import Scanned
from .rows import CudaRows
from .signature import Signature
from .tokens import Token

SCAN = r"""
// SPLIT threads share the tokens of a lane: NEAR of them in a warp, and FAR warps, each of which
// leaves the map of its tokens in one of the SLOTS.
constexpr int NEAR = SPLIT * GROUPS < 32 ? SPLIT : 32 / GROUPS, FAR = SPLIT / NEAR;
constexpr int SLOTS = THREADS / (NEAR * GROUPS);

// A number of the segment so many before this one; the own where there is none in the warp.
__device__ __forceinline__ T earlier(T x, int away) {
    return __shfl_up_sync(EVERY_LANE, x, away * GROUPS, NEAR * GROUPS);
}
__device__ __forceinline__ T chosen(bool there, T x, T other) { return there ? x : other; }
"""


class CudaScan(CudaRows):
    """The forward kernel of one layer."""

    def __init__(self, made: Scanned) -> None:
        super().__init__(made.tiles)
        self.maps, self.steps = made.maps, made.steps
        self.after = None if made.after is None else parted({"y": made.after}, "after")
        self.signature = Signature(self.layer, self.slots)
        sums = {f"sum_{n}": dims for n, dims in self.maps.states.items()}
        self.runs = {**self.maps.registers, **sums}

    @property
    def numbers(self) -> int:
        """What a thread has of a row: states, those at its segment's start, maps, constants."""
        return 2 * len(self.made.states) + len(self.runs) + len(self.matrices)

    def arrays(self, backward: bool) -> list[Array]:
        """What the threads of a block share: the most read first."""
        held = super().arrays(False)
        if self.after is not None:
            made = {**self.read_after(), **self.after.dims}
            del made["y"]
            held = [x for x in held if x.name != "at_y"]
            held += [Array(f"at_{n}", dims, "TOKENS") for n, dims in made.items()]
        slots = [Array(f"slots_{n}", self.of_rows(d), "SLOTS", True) for n, d in self.runs.items()]
        return [*held, *slots]

    def read_after(self) -> dict[str, Dims]:
        """The states, old and new, that the output reads when those of all tokens are there."""
        assert self.after is not None
        names = {x: dims for n, dims in self.maps.states.items() for x in (n, f"new_{n}")}
        read = inputs(*(x for _, x in self.after.lets))
        return {n: dims for n, dims in names.items() if n in read}

    def of_rows(self, dims: Dims) -> Dims:
        """The axes of what one lane has."""
        return tuple(x for x in dims if x == self.rows)

    def text(self) -> Iterator[str]:
        """The kernel."""
        yield from SCAN.strip("\n").split("\n")
        yield ""
        yield from with_barriers([*self.forward()])

    def forward(self) -> Iterator[str]:
        """The forward kernel."""
        states = self.maps.states
        yield from self.signature.forward()
        yield from self.start(False)
        yield "    constexpr int EACH = TOKENS / SPLIT;"
        yield "    const int segment = thread / GROUPS % SPLIT, near = segment % NEAR;"
        yield "    const int far = segment / NEAR, slot = thread / (GROUPS * SPLIT) * FAR;"
        for name in states:
            constant = self.layer.start.get(name)
            where = self.entry_of(name)
            other = f"in_{constant}{where}" if constant else "T(0)"
            yield f"    T carry_{name}[{self.registers_of(name)}];"
            line = f"carry_{name}[i] = first_{name} ? first_{name}{where} : {other};"
            yield from indented(self.each_entry(self.made.dims(name), [line]))
        yield "    for (; t0 < L; t0 += TOKENS) {"
        yield "        steps = (int)least(TOKENS, L - t0);"
        yield from indented(self.prelude_of(), 2)
        yield from indented(self.map_of_segment(), 2)
        yield from indented(self.map_of_warp(), 2)
        yield from indented(self.state_at_start(), 2)
        yield "        const int from = segment * EACH;"
        yield "        if (keep && from < steps && (t0 + from) % STEPS == 0) {"
        cells = {name: f"state_{name}[i]" for name in states}
        yield from indented(self.keeping("(t0 + from) / STEPS", cells), 3)
        yield "        }"
        yield from indented(self.through_segment(), 2)
        yield from indented(self.outputs(), 2)
        yield "    }"
        for name in states:
            there = f"segment == 0 && {self.once(name)}"
            line = f"if ({there}) last_{name}{self.entry_of(name)} = carry_{name}[i];"
            yield from indented(self.each_entry(self.made.dims(name), [line]))
        yield "}"

    def printed(self, reads: Mapping[str, str], sinks: Sequence[Sink]) -> list[str]:
        """The statements for one entry, given the text of what they read."""
        roots = merged([s.value for s in sinks], {})
        own = [replace(s, value=x) for s, x in zip(sinks, roots, strict=True)]
        return Token(self.rows, self.lanes, {**self.reads("now"), **reads}).lines(own)

    def index(self, dims: Dims) -> str:
        """The number of an entry among a thread's own."""
        return "i" if self.rows in dims else "0"

    def cells(self, cell: Callable[[str, Dims], str], prefix: str = "") -> dict[str, str]:
        """The text of every register of a map."""
        return {prefix + n: cell(n, dims) for n, dims in self.runs.items()}

    def run(self, name: str, dims: Dims) -> str:
        """A thread's register of a map."""
        return f"run_{name}[{self.index(dims)}]"

    def segment(self, sinks: list[Sink]) -> list[str]:
        """The statements for each token of a thread; past the end the last token stands."""
        return [
            "ONE_BY_ONE",
            "for (int e = segment * EACH; e < (segment + 1) * EACH; ++e) {",
            "    const bool there = e < steps;",
            "    const int t = there ? e : steps - 1;",
            *indented(self.printed(self.cells(self.run), sinks)),
            "}",
        ]

    def map_of_segment(self) -> list[str]:
        """The map of a thread's tokens."""
        out = []
        for name, dims in self.runs.items():
            out.append(f"T run_{name}[{'ROWS' if self.rows in dims else '1'}];")
            out += self.each_entry(dims, [f"run_{name}[i] = {self.maps.at_first(name)};"])
        sinks = [
            Sink(x, f"if (there) {self.run(n, self.runs[n])} = {{}};", late=True)
            for n, x in self.steps.items()
        ]
        return [*out, *self.segment(sinks)]

    def map_of_warp(self) -> list[str]:
        """The map of all tokens of a lane up to a thread's last; that of a warp in its slot."""
        later, terms = self.maps.own()
        found = self.maps.composed(later, terms, "before_")
        sinks = [
            Sink(x, f"if (near >= away) {self.run(n, self.runs[n])} = {{}};", late=True)
            for n, x in found.items()
        ]
        reads = self.cells(self.run)
        reads |= self.cells(lambda n, dims: f"earlier({self.run(n, dims)}, away)", "before_")
        out = ["ONE_BY_ONE", "for (int away = 1; away < NEAR; away *= 2) {"]
        out += [*indented(self.printed(reads, sinks)), "}"]
        for name, dims in self.runs.items():
            to = self.in_slot(name, dims, "slot + far")
            line = f"if (near == NEAR - 1 && row) {to} = run_{name}[i];"
            out += self.each_entry(dims, [line])
        return out

    def in_slot(self, name: str, dims: Dims, slot: str) -> str:
        """A register of the map of a warp."""
        return self.held(
            f"slots_{name}", self.of_rows(dims), ["r"][: len(self.of_rows(dims))], slot
        )

    def state_at_start(self) -> list[str]:
        """The state at the start of a thread's segment, and that after all tokens at hand."""
        states = self.maps.states
        out = [f"T state_{name}[{self.registers_of(name)}];" for name in states]
        old = {n: Input(n, dims) for n, dims in states.items()}
        found = self.maps.applied(*self.maps.own(), old)
        sinks = []
        for n, dims in states.items():
            i = self.index(dims)
            sinks.append(Sink(old[n], f"if (w == far) state_{n}[{i}] = {{}};"))
            sinks.append(Sink(found[n], f"carry_{n}[{i}] = {{}};", late=True))
        reads = {n: f"carry_{n}[{self.index(dims)}]" for n, dims in states.items()}
        reads |= self.cells(lambda n, dims: self.in_slot(n, dims, "slot + w"))
        out += ["ONE_BY_ONE", "for (int w = 0; w < FAR; ++w) {"]
        out += [*indented(self.printed(reads, sinks)), "}"]

        def before(name: str, dims: Dims) -> str:
            own = f"earlier({self.run(name, dims)}, 1)"
            return f"chosen(near > 0, {own}, T({self.maps.at_first(name)}))"

        sinks = [
            Sink(found[n], f"state_{n}[{self.index(dims)}] = {{}};", late=True)
            for n, dims in states.items()
        ]
        return [*out, "{", *indented(self.printed(self.cells(before), sinks)), "}"]

    def through_segment(self) -> list[str]:
        """The states and outputs of a thread's tokens."""
        m = self.made
        sinks = [
            Sink(x, f"state_{n}[{self.index(x.dims)}] = {{}};", late=True)
            for n, x in m.step.items()
        ]
        if self.after is None:
            line = f"if (there && live && group == 0) {self.y_at('lane')} = {{}};"
            return self.segment([*sinks, Sink(m.output, line)])
        for name, dims in self.read_after().items():
            own = name.removeprefix("new_")
            value = Input(own, dims) if name in m.step else m.step[own]
            to = self.held(f"at_{name}", dims, ["r"], "t")
            sinks.append(Sink(value, f"if (there && row && live) {to} = {{}};"))
        return self.segment(sinks)

    def outputs(self) -> list[str]:
        """The outputs of the tokens at hand."""
        if self.after is None:
            return self.each_output(f"y[(t0 + t) * {size(self.lanes)} + e0] = {self.y_at('e0')};")
        lets: Lets = self.after
        given = {s.name for s in self.signature.inputs}

        def place(x: Input, index: Sequence[str]) -> str:
            if x.name in given:
                return self.place(x, index)
            return at(f"at_{x.name}", x.dims, index, "t")

        def target(name: str, index: Sequence[str]) -> str:
            if name == "y":
                return at(name, lets.dims[name], index, "t0 + t")
            return at(f"at_{name}", lets.dims[name], index, "t")

        loops = BlockLoops(place)
        return list(loops.lines(lets, target, tokens=True))


__all__ = ["CudaScan"]
