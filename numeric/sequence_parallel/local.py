"""A sequence on one process beside several of this machine, timed in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from dsf_sym import Layer, find
from dsf_sym.errors import SizeError

from ..contract import parts_of
from ..run import run as run_whole
from .processes import launch
from .run import run

PART = 64
"""Parts begin where the chunks of generated code begin, so that they compute the same bits."""


@dataclass(frozen=True)
class Comparison:
    """A sequence on one process and on several, in turns; medians of seconds.

    one, several: until the last process is done. one_work, several_work: processor time, that of
    the busiest process. equal: outputs and the last state are, bit for bit, those of one process.
    error: the largest difference of outputs, over the largest output.
    """

    layer: str
    variant: str
    backend: str
    processes: int
    length: int
    backward: bool
    one: float
    several: float
    one_work: float
    several_work: float
    equal: bool
    error: float

    @property
    def ratio(self) -> float:
        """How many times as fast several processes are."""
        return self.one / self.several


Draw = Callable[[Layer, int], dict[str, Tensor]]


def compare(
    layer: str,
    length: int,
    *,
    signals: Draw,
    processes: int = 2,
    variant: str = "relay",
    backend: str = "auto",
    backward: bool = False,
    rounds: int = 3,
    collective: str = "gloo",
) -> Comparison:
    """One sequence on one process beside several, each with one thread.

    Parameters
    ----------
    layer
        The name of a layer of the catalogue.
    signals
        Draws the signals of a layer; a function of a module.
    backward
        Outputs and the gradients of all inputs.
    rounds
        How often each has its turn, after a first that is not counted.
    collective
        Of `launch`; with "nccl" each process runs its part on its own GPU.

    Raises
    ------
    DsfError
        As `launch`.
    SizeError
        The sequence is too short to give every process a part.
    """
    find(layer)
    if length < processes * PART:
        raise SizeError(
            f"compare({layer}, {length}): parts begin at multiples of {PART} tokens; give at least "
            f"{processes * PART} tokens for {processes} processes"
        )
    options = (layer, length, signals, variant, backend, backward, rounds)
    found = launch(_compared, processes, *options, collective=collective)
    one, several = (
        [
            statistics.median(
                max(turn) for turn in zip(*(f[what][kind] for f in found), strict=True)
            )
            for what in ("seconds", "work")
        ]
        for kind in (0, 1)
    )
    return Comparison(
        layer=layer,
        variant=variant,
        backend=backend,
        processes=processes,
        length=length,
        backward=backward,
        one=one[0],
        several=several[0],
        one_work=one[1],
        several_work=several[1],
        equal=all(f["equal"] for f in found),
        error=max(f["error"] for f in found),
    )


def _compared(
    name: str,
    length: int,
    signals: Draw,
    variant: str,
    backend: str,
    backward: bool,
    rounds: int,
) -> dict[str, Any]:
    """On every rank: the whole sequence on rank 0 alone, then a part of it on each, in turns."""
    layer, rank, size = find(name), dist.get_rank(), dist.get_world_size()
    device = torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
    given = {n: x.to(device) for n, x in signals(layer, length).items()}
    ends = [length * r // size // PART * PART for r in range(size)] + [length]
    own = slice(ends[rank], ends[rank + 1])
    tokens = {s.name for s in layer.of_kind("token")}
    part = {n: x[:, :, own].contiguous() if n in tokens else x for n, x in given.items()}

    def whole() -> Result:
        return _passed(given, backward, lambda **s: run_whole(layer, backend, **s))

    def shared() -> Result:
        return _passed(part, backward, lambda **s: run(layer, backend, variant=variant, **s))

    (y, end), (z, state) = whole(), shared()
    same = torch.equal(z, y[:, :, own])
    if rank == size - 1:
        same = same and all(map(torch.equal, parts_of(state), parts_of(end)))
    error = float((z - y[:, :, own]).abs().max() / y.abs().max())
    turns = []
    for _ in range(rounds):
        turns.append((_timed(whole if rank == 0 else None), _timed(shared)))
    kinds = [list(zip(*kind, strict=True)) for kind in zip(*turns, strict=True)]
    seconds, work = ([kind[i] for kind in kinds] for i in (0, 1))
    return {"seconds": seconds, "work": work, "equal": same, "error": error}


Result = tuple[Tensor, Any]


def _timed(call: Callable[[], Result] | None) -> tuple[float, float]:
    """Seconds until all ranks are done, and this one's processor time."""
    dist.barrier()
    began, worked = time.perf_counter(), time.process_time()
    if call is not None:
        call()
        if dist.get_backend() == "nccl":
            torch.cuda.synchronize()
    work = time.process_time() - worked
    dist.barrier()
    return time.perf_counter() - began, work


def _passed(given: dict[str, Tensor], backward: bool, call: Callable[..., Result]) -> Result:
    if not backward:
        with torch.no_grad():
            return call(**given)
    leaves = {n: x.detach().requires_grad_() for n, x in given.items()}
    y, end = call(**leaves)
    torch.autograd.grad(y, list(leaves.values()), torch.ones_like(y), allow_unused=True)
    return y.detach(), tuple(x.detach() for x in parts_of(end))


__all__ = ["Comparison", "compare"]
