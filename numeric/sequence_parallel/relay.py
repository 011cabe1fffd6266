"""The relay: states go from rank to rank, piece by piece, so that all ranks work at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from torch import Tensor

from .pieces import Part
from .turns import Adjoints, Gradients, total


class Relay(Part):
    """Every piece begins where the former rank ended it.

    A rank that waits runs pieces from a start of zero, the last ones first: from the true start
    such a piece is run again only until its states are the same.
    """

    def forward(self) -> tuple[Tensor, list[Tensor]]:
        """Outputs, and the states after the tokens of this process."""
        ranks = self.job.ranks
        before = self._expected(ranks.rank - 1)
        sent = []
        for i, (piece, track) in enumerate(zip(self.pieces, self.tracks, strict=True)):
            start: Sequence[Tensor] = self.states(piece, self.start)
            if before:
                coming = before[i]()
                while not coming.done() and self._ahead(i):
                    pass
                start = coming.result()
            end = track.run(start)
            if ranks.rank + 1 < ranks.size:
                sent.append(ranks.send(ranks.rank + 1, end, i))
            self.put(piece, self.ends, end)
        for future in sent:
            future.result()
        return self.y, self.ends

    def _ahead(self, first: int) -> bool:
        """Run some of the last piece that is not run; whether there was one."""
        zeros = self.job.zeros(self.inputs[0])
        left = list(zip(self.pieces, self.tracks, strict=True))[first:]
        return any(track.ahead(self.states(piece, zeros)) for piece, track in reversed(left))

    def backward(self, y: Tensor | None, ends: Adjoints) -> tuple[Gradients, Gradients]:
        """The adjoints of inputs and start; those of states come from the next rank."""
        job, ranks = self.job, self.job.ranks
        gradients = self.gradients()
        begins = job.zeros(self.inputs[0])
        after = self._expected(ranks.rank + 1)
        sent = []
        for i, (piece, track) in enumerate(zip(self.pieces, self.tracks, strict=True)):
            late = after[i]().result() if after else [None] * len(ends)
            adjoint = total(self.states(piece, ends), late)
            into = self.cut(piece, gradients)
            self.put(piece, begins, track.adjoint(into, self.outputs(piece, y), adjoint))
            if ranks.rank:
                sent.append(ranks.send(ranks.rank - 1, self.states(piece, begins), i))
        for future in sent:
            future.result()
        return list(gradients), list(begins[: len(self.start)])

    def _expected(self, rank: int) -> list[Callable[[], Future[list[Tensor]]]]:
        """Let a rank send the states of all pieces; empty where there is no such rank."""
        ranks = self.job.ranks
        if not 0 <= rank < ranks.size:
            return []
        like = (self.states(piece, self.ends) for piece in self.pieces)
        return [ranks.receive(rank, x, i) for i, x in enumerate(like)]


__all__ = ["Relay"]
