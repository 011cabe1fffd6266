"""One call on one process: what runs there, in which spans of tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dsf_sym import Layer
from dsf_sym.language.evaluate import shape_of
from dsf_sym.language.layer import Signal

from ..choice import kernel
from ..contract import LOW, computed_in, one_or_all, parts_of, type_name
from ..plans import empty
from ..run import run
from .ranks import Ranks
from .turns import Compiled, Traced, Turn

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
    chunk: int | None
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
        kind = getattr(torch, computed_in(like))
        lead = (self.sizes["B"], self.sizes["H"])
        shapes = [(*lead, *shape_of(s.dims, self.sizes)) for s in self.states]
        return [like.new_zeros(shape, dtype=kind) for shape in shapes]

    def outputs(self, like: Tensor) -> Tensor:
        """Room for the outputs of all tokens."""
        lead = (self.sizes[n] for n in ("B", "H", "L"))
        return empty(like, (*lead, *shape_of(self.layer.output.dims, self.sizes)))

    def turn(self, inputs: Sequence[Tensor], start: Sequence[Tensor], y: Tensor) -> Turn:
        """Run some of the work, its outputs to y, ready for gradients if they are asked for."""
        if self._writes(y):
            made = kernel(self.layer)
            given = made.arguments(inputs, start or None)
            _, ends, kept = made.forward(given, keep=self.graph, into=y)
            return Compiled(y, ends, made, given, kept)
        leaves = [x.detach().requires_grad_(self.graph) for x in (*inputs, *start)]
        state = tuple(leaves[len(inputs) :])
        signals = {s.name: x for s, x in zip(self.signals, leaves, strict=False)}
        with torch.set_grad_enabled(self.graph):
            out, end = run(
                self.layer,
                self.backend,
                self.schedule,
                one_or_all(state) if state else None,
                chunk=self.chunk,
                **signals,
            )
        y.copy_(out.detach())
        return Traced(out, parts_of(end), leaves, len(inputs))

    def _writes(self, y: Tensor) -> bool:
        """Whether a kernel may write to y itself: fresh memory costs as much as its work."""
        plain = self.schedule in ("auto", "recurrent") and y.is_contiguous()
        if not plain or self.backend != "cpp" or type_name(y) in LOW:
            return False
        return not self.graph or kernel(self.layer).differentiable(type_name(y))


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


__all__ = ["Job", "flushed", "spans"]
