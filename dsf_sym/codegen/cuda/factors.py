"""What a layer's CUDA tiles read: arrays, factors, and the gradients of signals from theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...errors import LanguageError
from ...language.gradient import adjoints
from ...language.graph import inputs
from ...language.tensor import Dims, Input, Tensor
from ..c_family import Place
from ..cpp.loops import Lets, parted
from ..opaque import merged
from ..tiles import Factor, Reverse, Tiles, adjoint, reverse, seeded, summed_sizes
from .loops import Array, BlockLoops, at


def whole(made: Tiles) -> Tiles:
    """The step with the output over the states, as a block has all rows of its lanes."""
    *new, output = merged([*made.step.values(), made.output], made.sums)
    step = dict(zip(made.step, new, strict=True))
    return replace(made, step=step, sums={}, output=output, split=False)


class CudaFactors:
    """The arrays and the factors of one layer, of which a block has some lanes and all rows."""

    def __init__(self, made: Tiles) -> None:
        self.made = made = whole(made)
        self.layer = made.layer
        self.lanes, self.rows = made.lanes, made.rows
        self.reverse: Reverse | None
        try:
            self.reverse = reverse(made)
        except LanguageError:
            self.reverse = None
        self.prelude = parted({f.name: f.value for f in made.factors if not f.constant}, "part")
        fixed = parted({f.name: f.value for f in made.factors if f.constant}, "fixed")
        read = inputs(*(x for _, x in fixed.lets))
        self.registers: dict[str, Tensor] = {}
        for n, x in fixed.lets:
            f = self.factor(n)
            if f and len(x.dims) == 2 and not summed_sizes(x) and (f.direct or n not in read):
                self.registers[n] = x
        self.fixed = Lets(tuple((n, x) for n, x in fixed.lets if n not in self.registers))
        self.matrices = [f for f in made.factors if f.constant and len(f.dims) == 2]
        lets = [*self.prelude.lets, *fixed.lets]
        self.apart = not any(self.lanes in summed_sizes(x) for _, x in lets)
        self.loops = self.over(self.place)
        self.got = [
            f for f in made.factors if self.reverse is not None and f.name in self.reverse.factors
        ]
        self.token_grads, self.end_grads = self._finishing(False), self._finishing(True)

    def factor(self, name: str) -> Factor | None:
        """The factor of that name."""
        return next((f for f in self.made.factors if f.name == name), None)

    def has(self, dims: Dims) -> tuple[bool, bool]:
        """Whether there are rows, lanes."""
        return self.rows in dims, self.lanes in dims

    def slots(self, dims: Dims) -> bool:
        """Whether a gradient of this shape is a sum over the blocks of a sequence."""
        return not (self.apart and self.lanes in dims)

    def _finishing(self, constant: bool) -> Lets:
        """What signals are given through the factors of a token, or through constant ones."""
        names = [s.name for s in self.layer.signals if s.kind != "state"]
        roots = [(f.value, adjoint(f.name, f.dims)) for f in self.got if f.constant == constant]
        try:
            found = adjoints(seeded(roots), names, kinks=True) if roots else {}
        except LanguageError:
            self.reverse, self.got, found = None, [], {}
        return parted({f"grad_{n}": x for n, x in found.items()}, "back")

    def arrays(self, backward: bool) -> list[Array]:
        """What the threads of a block share: the most read first."""
        part = self.loops.part
        held = [
            Array(f"at_{n}", part(x.dims), "TOKENS", pad=self.pad(f"at_{n}"))
            for n, x in self.prelude.lets
        ]
        held.append(Array("at_y", part(self.made.output.dims), "TOKENS"))
        held += [Array(f"at_{n}", part(x.dims)) for n, x in self.fixed.lets]
        if not backward:
            return held
        for f in self.got:
            if len(f.dims) == 2:
                held.append(Array(f"to_{f.name}", part(f.dims)))
                continue
            held += self.parts(f)
            held.append(Array(f"to_{f.name}", part(f.dims), "TOKENS"))
            if f.constant:
                held.append(Array(f"all_{f.name}", part(f.dims)))
        for lets, times in ((self.token_grads, "TOKENS"), (self.end_grads, "")):
            for name, x in lets.lets:
                if not self.final(name):
                    held.append(Array(self.let(lets, name), part(x.dims), times))
        return held

    def parts(self, f: Factor) -> list[Array]:
        """Where the warps of a block leave their sums over lanes of a factor's adjoint."""
        if self.has(f.dims)[1]:
            return []
        return [Array(f"parts_{f.name}", f.dims, "WARPS * TOKENS")]

    def final(self, name: str) -> bool:
        """Whether an assignment is the gradient of a token's signal, which no other adds to."""
        return name.removeprefix("grad_") in {s.name for s in self.layer.of_kind("token")}

    def let(self, lets: Lets, name: str) -> str:
        """The array of a gradient, or of a part of one."""
        return f"{'at' if lets is self.token_grads else 'end'}_{name}"

    def own(self, dims: Dims, index: Sequence[str]) -> list[str]:
        """The position in what a block has of an entry of the whole."""
        moved = zip(dims, index, strict=True)
        return [f"({i} - base)" if d == self.lanes else i for d, i in moved]

    def held(self, name: str, dims: Dims, index: Sequence[str], step: str = "") -> str:
        """An entry of an array of the block."""
        return at(name, self.loops.part(dims), self.own(dims, index), step, self.pad(name))

    def pad(self, name: str) -> int:
        """The numbers that stand between the tokens of an array."""
        return 0

    def place(self, x: Input, index: Sequence[str]) -> str:
        """An entry of what the loops before and after the tokens read."""
        signal = next((s for s in self.layer.signals if s.name == x.name), None)
        if signal is not None:
            step = "t0 + t" if signal.kind == "token" else ""
            return at(f"in_{x.name}", x.dims, index, step)
        if x.name.startswith("adjoint_"):
            f = self.factor(x.name.removeprefix("adjoint_"))
            assert f is not None
            if f.constant:
                return self.held(f"{'to' if len(f.dims) == 2 else 'all'}_{f.name}", x.dims, index)
            return self.held(f"to_{f.name}", x.dims, index, "t")
        step = "t" if x.name in self.prelude.dims else ""
        return self.held(f"at_{x.name}", x.dims, index, step)

    def target(self, name: str, index: Sequence[str]) -> str:
        """Where a factor or a part of one goes."""
        tokens = name in self.prelude.dims
        dims = (self.prelude if tokens else self.fixed).dims[name]
        return self.held(f"at_{name}", dims, index, "t" if tokens else "")

    def given(self, lets: Lets) -> list[str]:
        """The loops that give signals their gradients."""
        tokens = lets is self.token_grads
        dims = lets.dims

        def target(name: str, index: Sequence[str]) -> str:
            if self.final(name):
                return at(name, dims[name], index, "t0 + t")
            return self.held(self.let(lets, name), dims[name], index, "t" if tokens else "")

        def place(x: Input, index: Sequence[str]) -> str:
            return target(x.name, index) if x.name in dims else self.place(x, index)

        loops = self.over(place)
        out = list(loops.lines(lets, target, tokens=tokens))
        constants = {f"grad_{s.name}" for s in self.layer.of_kind("constant")}
        sums = [(n, x) for n, x in lets.lets if n in constants]
        head = "for (int t = 0; t < steps; ++t) " if tokens else ""
        for name, x in sums:

            def added(index: list[str], name: str = name, own: Dims = x.dims) -> list[str]:
                return [f"{head}{at(name, own, index)} += {target(name, index)};"]

            out += loops.each(x.dims, added)
        return out

    def over(self, place: Place) -> BlockLoops:
        """Loops over the lanes that a block has: all, where what comes before mixes them."""
        return BlockLoops(place, self.lanes if self.apart else None)


__all__ = ["CudaFactors", "whole"]
