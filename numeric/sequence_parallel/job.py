"""One call on one process, and runs of generated code whose gradients are asked for later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from dsf_sym import Layer
from dsf_sym.language.evaluate import shape_of
from dsf_sym.language.layer import Signal

from ..choice import kernel
from ..contract import LOW
from ..native import Arguments, Kernel
from ..run import run
from .ranks import Ranks

Adjoints = Sequence[Tensor | None]
"""None stands for zero."""
Gradients = list[Tensor | None]
SPANS = 16
"""The longest span of tokens over the first."""


@dataclass(frozen=True)
class Job:
    """One call on one process: what runs, on what sizes, beside which ranks.

    pieces, span: of `run`. graph: gradients will be asked for.
    """

    layer: Layer
    backend: str
    schedule: str
    options: Mapping[str, Any]
    sizes: Mapping[str, int]
    ranks: Ranks
    pieces: int | None
    span: int
    graph: bool

    @property
    def signals(self) -> list[Signal]:
        """Tokens and constants."""
        return [s for s in self.layer.signals if s.kind != "state"]

    @property
    def states(self) -> list[Signal]:
        """The states."""
        return self.layer.of_kind("state")

    def zeros(self, like: Tensor) -> list[Tensor]:
        """States of zero."""
        kind = torch.float32 if str(like.dtype) in LOW else like.dtype
        lead = (self.sizes["B"], self.sizes["H"])
        shapes = [(*lead, *shape_of(s.dims, self.sizes)) for s in self.states]
        return [like.new_zeros(shape, dtype=kind) for shape in shapes]

    def outputs(self, like: Tensor) -> Tensor:
        """Room for the outputs of all tokens."""
        lead = (self.sizes[n] for n in ("B", "H", "L"))
        return like.new_empty((*lead, *shape_of(self.layer.output.dims, self.sizes)))

    def turn(self, inputs: Sequence[Tensor], start: Sequence[Tensor], y: Tensor) -> Turn:
        """Run some of the work, its outputs to y, ready for gradients if they are asked for."""
        if self._writes(y):
            made = kernel(self.layer)
            given = made.arguments(inputs, start or None)
            _, ends, kept = made.forward(given, keep=self.graph, into=y)
            return Called(made, given, kept, y, ends)
        leaves = [x.detach().requires_grad_(self.graph) for x in (*inputs, *start)]
        state = tuple(leaves[len(inputs) :])
        signals = {s.name: x for s, x in zip(self.signals, leaves, strict=False)}
        with torch.set_grad_enabled(self.graph):
            out, end = run(
                self.layer,
                self.backend,
                self.schedule,
                None if not state else state if len(state) > 1 else state[0],
                **self.options,
                **signals,
            )
        y.copy_(out.detach())
        return Traced(leaves, len(inputs), out, end if isinstance(end, tuple) else (end,))

    def _writes(self, y: Tensor) -> bool:
        """Whether a kernel may write to y itself: fresh memory costs as much as its work."""
        plain = self.schedule in ("auto", "recurrent") and y.is_contiguous()
        if not plain or self.backend != "cpp" or str(y.dtype) in LOW:
            return False
        dtype = str(y.dtype).removeprefix("torch.")
        return not self.graph or kernel(self.layer).differentiable(dtype)


class Turn(Protocol):
    """One run: its ends, and the adjoints of what it was given."""

    ends: tuple[Tensor, ...]

    def adjoints(
        self,
        y: Tensor | None,
        ends: Adjoints,
        into: Adjoints = (),
        *,
        again: bool = False,
    ) -> tuple[Gradients, Gradients]:
        """The adjoints of the inputs and of the start, from those of outputs and ends.

        into: where those of inputs may be written, None for nowhere. again: they will be asked for
        once more.
        """


@dataclass
class Called:
    """A call of a kernel, and what its backward pass needs."""

    kernel: Kernel
    given: Arguments
    kept: Any
    y: Tensor
    ends: tuple[Tensor, ...]

    def adjoints(
        self,
        y: Tensor | None,
        ends: Adjoints,
        into: Adjoints = (),
        *,
        again: bool = False,
    ) -> tuple[Gradients, Gradients]:
        """By the adjoint kernel."""
        if y is None and all(x is None for x in ends):
            return [None] * len(self.given.inputs), [None] * len(self.given.state or ())
        seed = torch.zeros_like(self.y) if y is None else y
        found, begins = self.kernel.backward(self.given, self.kept, seed, ends, into=into)
        return list(found), list(begins) if self.given.state else []


@dataclass
class Traced:
    """A run in torch's autograd: its leaves (`count` inputs, then the start if it was given)."""

    leaves: Sequence[Tensor]
    count: int
    y: Tensor
    ends: tuple[Tensor, ...]

    def adjoints(
        self,
        y: Tensor | None,
        ends: Adjoints,
        into: Adjoints = (),
        *,
        again: bool = False,
    ) -> tuple[Gradients, Gradients]:
        """By the graph."""
        pairs = zip((self.y, *self.ends), (y, *ends), strict=True)
        seeded = [(x, seed) for x, seed in pairs if seed is not None and x.requires_grad]
        found: Gradients = [None] * len(self.leaves)
        if seeded:
            roots, seeds = zip(*seeded, strict=True)
            found = list(
                torch.autograd.grad(
                    roots, self.leaves, seeds, retain_graph=again, allow_unused=True
                )
            )
        return found[: self.count], found[self.count :]


def total(a: Adjoints, b: Adjoints) -> Gradients:
    """Sums of adjoints."""
    pairs = zip(a, b, strict=True)
    return [x if y is None else y if x is None else x + y for x, y in pairs]


def spans(length: int, first: int) -> list[int]:
    """Lengths of spans of tokens: each as long as all before it, up to SPANS times the first.

    Few calls for a long sequence, and little to run again where two runs soon agree.
    """
    found: list[int] = []
    left = length
    while left:
        found.append(min(max(first, min(length - left, SPANS * first)), left))
        left -= found[-1]
    return found


def flushed(x: Tensor) -> Tensor:
    """The tensor with zeros for what is below the smallest normal number."""
    return x.where(x.abs() >= torch.finfo(x.dtype).tiny, 0)


__all__ = ["Adjoints", "Gradients", "Job", "Turn", "flushed", "spans", "total"]
