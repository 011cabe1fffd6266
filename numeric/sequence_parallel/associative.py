"""The associative variant: all ranks run at once, and correct what began from another start.

The end of a rank's part is `Φ start + e`: e is the end from a start of zero, and Φ the product of
the transitions. So starts go from rank to rank at the cost of one product each.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..run import run
from .pieces import Part
from .transitions import Product, product
from .turns import Adjoints, Gradients, total


class Associative(Part):
    """A part of a sequence, begun before its start is known."""

    transitions: Product | None = None

    def forward(self) -> tuple[Tensor, list[Tensor]]:
        """Outputs, and the states after the tokens of this process."""
        job, ranks = self.job, self.job.ranks
        zeros = job.zeros(self.inputs[0])
        self._run(zeros if ranks.rank else self.start)
        if 0 < ranks.rank < ranks.size - 1:
            self.transitions = self._product()
        start: Sequence[Tensor] = self.start
        if ranks.rank:
            start = ranks.receive(ranks.rank - 1, zeros, 0)().result()
        end = self.ends
        if self.transitions is not None:
            end = total(self.transitions(*start), end)
        sent = [ranks.send(ranks.rank + 1, end, 0)] if ranks.rank + 1 < ranks.size else []
        if ranks.rank:
            self._run(start)
        for future in sent:
            future.result()
        return self.y, self.ends

    def _run(self, start: Sequence[Tensor]) -> None:
        for piece, track in zip(self.pieces, self.tracks, strict=True):
            self.put(piece, self.ends, track.run(self.states(piece, start)))

    def backward(self, y: Tensor | None, ends: Adjoints) -> tuple[Gradients, Gradients]:
        """The adjoints of inputs and start; what the later ranks' adjoint adds comes second."""
        job, ranks = self.job, self.job.ranks
        gradients = self.gradients()
        last = ranks.rank + 1 == ranks.size
        begin = self._adjoint(gradients, y, ends, again=not last)
        zeros = job.zeros(self.inputs[0])
        late = zeros if last else ranks.receive(ranks.rank + 1, zeros, 0)().result()
        sent = []
        if ranks.rank:
            through = self.transitions.transposed(*late) if self.transitions is not None else zeros
            sent = [ranks.send(ranks.rank - 1, total(begin, through), 0)]
        if not last:
            begin = total(begin, self._adjoint(gradients, None, late))
        for future in sent:
            future.result()
        return list(gradients), begin[: len(self.start)]

    def _adjoint(
        self, gradients: Sequence[Tensor], y: Tensor | None, ends: Adjoints, *, again: bool = False
    ) -> Gradients:
        begins = self.job.zeros(self.inputs[0])
        for piece, track in zip(self.pieces, self.tracks, strict=True):
            into, outputs = self.cut(piece, gradients), self.outputs(piece, y)
            found = track.adjoint(into, outputs, self.states(piece, ends), again=again)
            self.put(piece, begins, found)
        return list(begins)

    def _product(self) -> Product:
        job = self.job
        signals = {s.name: x.detach() for s, x in zip(job.signals, self.inputs, strict=True)}
        with torch.no_grad():
            return product(
                job.layer,
                lambda layer, state, **given: run(layer, job.backend, "auto", state, **given),
                signals,
                job.sizes,
                job.span,
            )


__all__ = ["Associative"]
