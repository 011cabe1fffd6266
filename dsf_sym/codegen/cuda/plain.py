"""A layer's CUDA kernels where its step has no rows and lanes: a block for each sequence.

The threads of a block share every array, and compute its entries side by side, one token after the
other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...language.layer import Layer
from ...language.tensor import Dims, Input
from ..c_family import count, linear
from ..cpp.loops import Lets
from ..cpp.plain import PlainPrinter
from .barriers import with_barriers
from .loops import Array, BlockLoops, at, indented
from .signature import Signature


class CudaPlain:
    """The kernels of one layer, which has no tiles, and `why`."""

    rows: None = None
    lanes: None = None
    registered: tuple[bool, ...] = ()
    numbers = 0

    def __init__(self, layer: Layer, why: str) -> None:
        self.kind = f"a block for each sequence, token by token: {why}"
        made = PlainPrinter(layer, why)
        self.layer = layer = made.layer
        self.states, self.inputs, self.kinds = made.states, made.inputs, made.kinds
        self.differentiable = made.differentiable
        self.fixed, self.forward_lets = made.fixed, made.forward_lets
        self.step_lets, self.back_lets = made.step_lets, made.back_lets
        self.signature = Signature(layer, self.slots)
        self.loops = BlockLoops(lambda x, index: at(x.name, x.dims, index))

    def slots(self, dims: Dims) -> bool:
        """Never: a sequence has one block."""
        return False

    def sizes(self) -> Iterator[str]:
        """What the launch geometry decides."""
        yield "constexpr int TILES = 1;"

    def members(self) -> str:
        """What `size` has beside the layer's sizes."""
        return ""

    def arrays(self, backward: bool) -> list[Array]:
        """What the threads of a block share: the most read first."""
        out = [Array(f"at_{n}", x.dims) for n, x in self.fixed.lets]
        if not backward:
            out += [Array(f"at_{s.name}", s.dims) for s in self.states]
            return out + [Array(f"at_{n}", x.dims) for n, x in self.forward_lets.lets]
        out += [Array(f"at_adjoint_{s.name}", s.dims) for s in self.states]
        out += [Array(f"at_{n}", x.dims) for n, x in self.back_lets.lets]
        out += [Array(f"now_{n}", x.dims) for n, x in self.step_lets.lets if n[:4] != "new_"]
        return out + [Array(f"past_{s.name}", s.dims, "STEPS + 1") for s in self.states]

    def text(self) -> Iterator[str]:
        """The kernels."""
        yield from with_barriers([*self.forward()])
        if self.differentiable:
            yield ""
            yield from with_barriers([*self.backward()])

    def lines(self, lets: Lets, when: str) -> list[str]:
        """The loops of assignments; when: "forward", "again" for past states, or "back"."""
        dims = lets.dims

        def place(x: Input, index: Sequence[str]) -> str:
            kind = self.kinds.get(x.name)
            if kind in ("token", "constant"):
                return at(f"in_{x.name}", x.dims, index, "t" if kind == "token" else "")
            if when == "forward":
                return at(f"at_{x.name}", x.dims, index)
            if kind == "state":
                return at(f"past_{x.name}", x.dims, index, "t - from")
            if x.name == "adjoint_y":
                return at("y", x.dims, index, "t")
            own = when == "again" and x.name in dims
            return target(x.name, index) if own else at(f"at_{x.name}", x.dims, index)

        def target(name: str, index: Sequence[str]) -> str:
            if when == "again" and name.startswith("new_"):
                return at(f"past_{name.removeprefix('new_')}", dims[name], index, "t + 1 - from")
            return at(f"{'now' if when == 'again' else 'at'}_{name}", dims[name], index)

        return list(BlockLoops(place).lines(lets, target))

    def each(self, dims: Dims, line: str) -> list[str]:
        """The statement for every entry, whose number it has as {}."""

        def body(index: list[str]) -> list[str]:
            return [line.replace("{}", linear(dims, index))]

        return self.loops.each(dims, body, unrolled=True)

    def kept(self, chunk: str) -> str:
        """Where the states of one chunk are kept."""
        each = " + ".join(count(s.dims) for s in self.states)
        return f"(sequence * ((L + STEPS - 1) / STEPS) + {chunk}) * ({each})"

    def start(self, backward: bool) -> Iterator[str]:
        """The arrays, and what no token enters."""
        for number, array in enumerate(self.arrays(backward)):
            yield f"    {array.declared(number)}"
        yield "    Long t = 0; (void)t;"
        yield from indented(self.lines(self.fixed, "forward"))

    def forward(self) -> Iterator[str]:
        """The forward kernel."""
        out = count(self.layer.output.dims)
        yield from self.signature.forward()
        yield from self.start(False)
        for s in self.states:
            constant = self.layer.start.get(s.name)
            other = f"in_{constant}[{{}}]" if constant else "T(0)"
            first = f"first_{s.name}"
            line = f"at_{s.name}[{{}}] = {first} ? {first}[{{}}] : {other};"
            yield from indented(self.each(s.dims, line))
        yield "    ONE_BY_ONE"
        yield "    for (; t < L; ++t) {"
        yield "        if (keep && t % STEPS == 0) {"
        yield f"            T* to = keep + {self.kept('t / STEPS')};"
        for s in self.states:
            yield from indented(self.each(s.dims, f"to[{{}}] = at_{s.name}[{{}}];"), 3)
            yield f"            to += {count(s.dims)};"
        yield "        }"
        yield from indented(self.lines(self.forward_lets, "forward"), 2)
        yield from indented(
            self.each(self.layer.output.dims, f"y[t * ({out}) + {{}}] = at_y[{{}}];"), 2
        )
        for s in self.states:
            yield from indented(self.each(s.dims, f"at_{s.name}[{{}}] = at_new_{s.name}[{{}}];"), 2)
        yield "    }"
        for s in self.states:
            yield from indented(self.each(s.dims, f"last_{s.name}[{{}}] = at_{s.name}[{{}}];"))
        yield "}"

    def backward(self) -> Iterator[str]:
        """The backward kernel."""
        given = self.back_lets.dims
        yield from self.signature.backward()
        yield from self.start(True)
        for s in self.states:
            last = f"last_{s.name}"
            line = f"at_adjoint_{s.name}[{{}}] = {last} ? {last}[{{}}] : T(0);"
            yield from indented(self.each(s.dims, line))
        yield "    for (Long from = (L - 1) / STEPS * STEPS; from >= 0; from -= STEPS) {"
        yield "        const Long upto = least(from + STEPS, L);"
        yield f"        const T* kept = keep + {self.kept('from / STEPS')};"
        for s in self.states:
            line = f"past_{s.name}[(0) * ({count(s.dims)}) + {{}}] = kept[{{}}];"
            yield from indented(self.each(s.dims, line), 2)
            yield f"        kept += {count(s.dims)};"
        yield "        ONE_BY_ONE"
        yield "        for (t = from; t + 1 < upto; ++t) {"
        yield from indented(self.lines(self.step_lets, "again"), 3)
        yield "        }"
        yield "        ONE_BY_ONE"
        yield "        for (t = upto - 1; t >= from; --t) {"
        yield from indented(self.lines(self.back_lets, "back"), 3)
        for s in self.states:
            value = f"at_to_{s.name}[{{}}]" if f"to_{s.name}" in given else "T(0)"
            yield from indented(self.each(s.dims, f"at_adjoint_{s.name}[{{}}] = {value};"), 3)
        for s in self.inputs:
            if f"to_{s.name}" in given:
                token = f"t * ({count(s.dims)}) + " if s.kind == "token" else ""
                sign = "=" if s.kind == "token" else "+="
                line = f"grad_{s.name}[{token}{{}}] {sign} at_to_{s.name}[{{}}];"
                yield from indented(self.each(s.dims, line), 3)
        yield "        }"
        yield "    }"
        for s in self.states:
            constant = self.layer.start.get(s.name)
            line = f"begin_{s.name}[{{}}] = at_adjoint_{s.name}[{{}}];"
            yield from indented(self.each(s.dims, line))
            if constant:
                line = f"grad_{constant}[{{}}] += at_adjoint_{s.name}[{{}}];"
                yield f"    if (!first_{s.name})"
                yield from indented(self.each(s.dims, line), 2)
        yield "}"


__all__ = ["CudaPlain"]
