"""The work of one process in pieces that do not read each other, each run in spans of tokens."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property

import torch
from torch import Tensor

from dsf_sym import Layer
from dsf_sym.codegen.factors import NoSchedule
from dsf_sym.codegen.tiles import tiles
from dsf_sym.language.layer import Signal

from ..plans import empty
from .job import Job, flushed, spans
from .turns import Adjoints, Gradients, Seeds, Turn

LANES = 32
"""Groups of lanes are a multiple of what kernels take at a time, so that all go the same way."""


@dataclass(frozen=True)
class Piece:
    """A part of the batch, the heads and the lanes (the size `lane`, "" for none)."""

    batch: slice
    heads: slice
    lanes: slice
    lane: str

    def cut(self, x: Tensor, s: Signal) -> Tensor:
        """The part of a signal that belongs to this piece."""
        lead = (self.heads,) if s.kind == "constant" else (self.batch, self.heads)
        time = (slice(None),) if s.kind == "token" else ()
        own = (self.lanes if d == self.lane else slice(None) for d in s.dims)
        return x[(*lead, *time, *own)]


def pieces_of(job: Job) -> list[Piece]:
    """The pieces of a call: `job.pieces` at least, where there are so many."""
    B, H = job.sizes["B"], job.sizes["H"]
    compiled = job.backend == "cpp"
    # A kernel takes one sequence's tokens where they lie. Others are better at many sequences.
    wanted = (B * H if compiled else 4 * job.ranks.size) if job.pieces is None else job.pieces
    batch = min(B, wanted)
    heads = min(H, -(-wanted // batch))
    # Kernels alone compute a lane in the same way whatever lies beside it.
    lane = _lane(job.layer) if compiled else ""
    width = job.sizes[lane] if lane else 1
    least = job.ranks.size if job.pieces is None else job.pieces
    lanes = min(max(width // LANES, 1), -(-least // (batch * heads)))
    cuts = _even(B, batch), _even(H, heads), _even(width, lanes, LANES if lanes > 1 else 1)
    return [Piece(b, h, c, lane) for b, h, c in itertools.product(*cuts)]


@cache
def _lane(layer: Layer) -> str:
    """The size along which a layer's kernel computes every lane by itself, if it has one."""
    try:
        return tiles(layer).lanes
    except NoSchedule:
        return ""


def _even(count: int, parts: int, unit: int = 1) -> list[slice]:
    """Slices of nearly equal length, each a multiple of `unit` but the last."""
    units = -(-count // unit)
    ends = [min((i + 1) * units // parts * unit, count) for i in range(parts)]
    return [slice(a, b) for a, b in zip([0, *ends], ends, strict=False)]


@dataclass
class Track:
    """One piece, run in spans of tokens one after the other.

    inputs: tokens and constants. y: where the outputs go. ends: the states after every span; turns:
    the spans' runs, where gradients will be asked for. sums: for each input whether its gradient is
    a sum over tracks. filled: whether the others are there yet.
    """

    job: Job
    inputs: Sequence[Tensor]
    y: Tensor
    sums: Sequence[bool]
    ends: list[list[Tensor]] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    filled: bool = False

    @cached_property
    def spans(self) -> list[tuple[Sequence[Tensor], Tensor]]:
        """The inputs of every span, and where its outputs go."""
        return list(zip(self._cut(self.inputs), self._split(self.y), strict=True))

    def run(self, start: Sequence[Tensor]) -> list[Tensor]:
        """Run from a start; the states after the last token come back.

        What was run from another start is run again until the states are the same, bit for bit.
        """
        i = 0
        while i < len(self.spans):
            before = self.ends[i] if i < len(self.ends) else None
            start = self._span(i, start)
            i += 1
            if before is not None and all(map(torch.equal, start, before)):
                i, start = len(self.ends), self.ends[-1]
        return self.ends[-1]

    def ahead(self, zeros: Sequence[Tensor]) -> bool:
        """Run the next span from a start of zero; whether there was one left."""
        i = len(self.ends)
        if i < len(self.spans):
            self._span(i, self.ends[-1] if self.ends else zeros)
        return i < len(self.spans)

    def adjoint(
        self, gradients: Sequence[Tensor], y: Tensor | None, ends: Adjoints, *, again: bool = False
    ) -> Gradients:
        """Add to the gradients, from the last span to the first; the adjoint of the start.

        What is zero, or below the smallest normal number, gives nothing, and is not run.
        """
        parts = list(self._cut(gradients))
        outputs = [None] * len(parts) if y is None else self._split(y)
        adjoint: Gradients = [None if x is None else flushed(x) for x in ends]
        for i in reversed(range(len(parts))):
            adjoint = [x if x is not None and x.any() else None for x in adjoint]
            added = [self.filled or of_all for of_all in self.sums]
            into = [
                None if add or not whole.is_contiguous() else whole
                for add, whole in zip(added, parts[i], strict=True)
            ]
            found, adjoint = self.turns[i].adjoints(Seeds(outputs[i], adjoint, into, again))
            adjoint = [None if x is None else flushed(x) for x in adjoint]
            for add, whole, part in zip(added, parts[i], found, strict=True):
                if add:
                    whole += 0 if part is None else part
                elif part is not whole:
                    whole.copy_(whole.new_zeros(()) if part is None else part)
        self.filled = True
        return adjoint

    def _span(self, i: int, start: Sequence[Tensor]) -> list[Tensor]:
        turn = self.job.turn(self.spans[i][0], start, self.spans[i][1])
        end = [x.detach() for x in turn.ends]
        self.ends[i : i + 1] = [end]
        self.turns[i : i + 1] = [turn] * self.job.graph
        return end

    def _split(self, x: Tensor) -> tuple[Tensor, ...]:
        return x.split(spans(x.shape[2], self.job.span), 2)

    def _cut(self, arrays: Sequence[Tensor]) -> Iterable[tuple[Tensor, ...]]:
        """The arrays of every span; constants belong to each."""
        cut = [
            itertools.repeat(x) if s.kind == "constant" else self._split(x)
            for s, x in zip(self.job.signals, arrays, strict=True)
        ]
        # The repeated ones have no end.
        return zip(*cut, strict=False)


class Part:
    """The tokens of one process: its inputs, its pieces, and room for outputs and last states."""

    def __init__(self, job: Job, inputs: Sequence[Tensor], start: Sequence[Tensor]) -> None:
        self.job, self.inputs, self.start = job, inputs, start
        self.pieces = pieces_of(job)
        self.output = Signal("y", job.layer.output.dims, job.signals[0].domain, "token")
        self.y, self.ends = job.outputs(inputs[0]), job.zeros(inputs[0])
        first = self.pieces[0]
        lane = first.lane if any(p.lanes != first.lanes for p in self.pieces) else ""
        self.sums = [s.kind == "constant" or lane not in ("", *s.dims) for s in job.signals]
        self.tracks = [
            Track(job, self.cut(p, inputs), p.cut(self.y, self.output), self.sums)
            for p in self.pieces
        ]

    def gradients(self) -> list[Tensor]:
        """Room for the gradients of the inputs: zeros where they are sums."""
        return [
            torch.zeros_like(x) if of_all else empty(x, x.shape)
            for of_all, x in zip(self.sums, self.inputs, strict=True)
        ]

    def cut(self, piece: Piece, arrays: Sequence[Tensor]) -> list[Tensor]:
        """A piece's part of the inputs, or of their gradients."""
        return [piece.cut(x, s) for s, x in zip(self.job.signals, arrays, strict=True)]

    def states(self, piece: Piece, states: Adjoints) -> list[Tensor | None]:
        """A piece's part of states, or of their adjoints; of none where there are none."""
        pairs = zip(self.job.states, states, strict=False)
        return [None if x is None else piece.cut(x, s) for s, x in pairs]

    def put(self, piece: Piece, whole: Sequence[Tensor], part: Adjoints) -> None:
        """Write a piece's part of states; what is None is left as it is."""
        for to, x in zip(self.states(piece, whole), part, strict=False):
            if x is not None:
                to.copy_(x)

    def outputs(self, piece: Piece, y: Tensor | None) -> Tensor | None:
        """A piece's part of the outputs' adjoints."""
        return None if y is None else piece.cut(y, self.output)


__all__ = ["Part", "Piece", "Track", "pieces_of"]
