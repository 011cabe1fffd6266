"""What a layer cannot be faster than here: its bytes by the bandwidth, its operations by the peak.

Both rates are measured, on as many threads as torch uses: alone, or in turn with what is timed, so
that a busy machine is as busy for them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from dsf_sym import Layer
from dsf_sym.derivation.costs import costs
from dsf_sym.language.evaluate import shape_of

FLOAT = 4
FUNCTION = 20
"""Operations of one exp: ten instructions, and two operations in the time of each.

They are the product with log2 e, rounding, the difference f with |f| <= 1/2, a polynomial of degree
6 in f (six), and scaling by a power of two. The peak is reached by instructions that multiply and
add: one that does less takes as long.
"""
ADJOINT = 3
"""Operations of forward and backward over those of forward: the step, and two for its adjoint."""


@dataclass(frozen=True)
class Machine:
    """Measured rates: bytes a second of `c = a + 3 b`, and float32 operations of a product."""

    threads: int
    bandwidth: float
    peak: float

    def __str__(self) -> str:
        return (
            f"{self.bandwidth / 1e9:.1f} GB/s and {self.peak / 1e9:.0f} GFLOP/s, measured on "
            f"{self.threads} thread{'s' * (self.threads > 1)}"
        )


@dataclass(frozen=True)
class Work:
    """The bytes that a pass must move in float32, and the operations of its step as written."""

    bytes: int
    operations: int

    def seconds(self, machine: Machine) -> float:
        """The limit: the larger of the times for the bytes and for the operations."""
        return max(self.bytes / machine.bandwidth, self.operations / machine.peak)

    def bound(self, machine: Machine) -> str:
        """What sets the limit."""
        memory = self.bytes / machine.bandwidth >= self.operations / machine.peak
        return "memory" if memory else "arithmetic"


class Probes:
    """What is timed for the rates: `c = a + 3 b` over large arrays, and a product of matrices.

    Parameters
    ----------
    size
        Numbers in each of three arrays, more than caches hold.
    side
        Of the square matrices.
    """

    def __init__(self, *, size: int = 1 << 25, side: int = 1536) -> None:
        a, b, c = (torch.ones(size) for _ in range(3))
        x, y, z = (torch.ones(side, side) for _ in range(3))
        self.bytes, self.operations = 3 * FLOAT * size, 2 * side**3
        self.calls: dict[str, Callable[[], object]] = {
            "bandwidth": lambda: torch.add(a, b, alpha=3, out=c),
            "peak": lambda: torch.mm(x, y, out=z),
        }

    def machine(self, seconds: Mapping[str, float]) -> Machine:
        """The rates, from the seconds that each call took."""
        moved, product = self.bytes / seconds["bandwidth"], self.operations / seconds["peak"]
        return Machine(torch.get_num_threads(), moved, product)


def measure(probes: Probes | None = None, *, rounds: int = 5) -> Machine:
    """The bandwidth and the peak, the best of several rounds."""
    made = probes or Probes()
    return made.machine({name: _best(call, rounds) for name, call in made.calls.items()})


def clock() -> float:
    """Seconds: of the processor where torch uses one thread, which other processes do not lengthen.

    On several threads they are those of the clock on the wall.
    """
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def _best(call: Callable[[], object], rounds: int) -> float:
    call()
    best = math.inf
    for _ in range(rounds):
        began = clock()
        call()
        best = min(best, clock() - began)
    return best


def work(layer: Layer, sizes: Mapping[str, int], *, backward: bool = False) -> Work:
    """The bytes and operations of one pass over all tokens.

    Forward reads every signal once and writes the outputs. With backward signals are read once
    more, and their adjoints written, and the outputs' adjoints read; the operations are ADJOINT
    times those of forward. An elementary function counts FUNCTION operations.

    Parameters
    ----------
    sizes
        B, H, L and the layer's own.
    """
    lead = {"token": ("B", "H", "L"), "constant": ("H",)}

    def entries(kind: str, dims: tuple[str, ...]) -> int:
        own = math.prod(shape_of(dims, dict(sizes)))
        return own * math.prod(sizes[n] for n in lead[kind])

    inputs = sum(entries(s.kind, s.dims) for s in layer.signals if s.kind != "state")
    outputs = entries("token", layer.output.dims)
    found = costs(layer)
    each = found.flops.at(sizes) + FUNCTION * sum(x.at(sizes) for x in found.functions.values())
    operations = each * sizes["B"] * sizes["H"] * sizes["L"]
    if backward:
        return Work(FLOAT * (3 * inputs + 2 * outputs), ADJOINT * operations)
    return Work(FLOAT * (inputs + outputs), operations)


__all__ = ["ADJOINT", "FUNCTION", "Machine", "Probes", "Work", "clock", "measure", "work"]
