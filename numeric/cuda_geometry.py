"""How CUDA kernels are launched: threads, blocks, and what lies in shared memory.

A block has TILE lanes of one sequence and all its rows; GROUPS threads share the rows of a lane.
What does not fit in shared memory lies in scratch memory, which is slower, and is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from dsf_sym.codegen.cuda.files import CudaSource
from dsf_sym.codegen.cuda.loops import LANES, Array
from dsf_sym.language.evaluate import shape_of

WARP, STEPS = 32, 32
MOST_WARPS = 4
FEW_ROWS, FEW_NUMBERS = 8, 64
"""Rows of a thread and numbers that they need, where threads enough can share them."""
UNROLLED_ROWS = 16
"""Up to so many rows a thread keeps its state in registers."""
SHARED = 48 * 1024
"""Bytes of shared memory that every device gives a block without being asked."""


@dataclass(frozen=True)
class Room:
    """The tokens at a time, and where arrays lie: bit k of held is set where k is in shared memory.

    scratch: the numbers of a block that are not; shared: the bytes that are.
    """

    tokens: int
    held: int
    scratch: int
    shared: int


@dataclass(frozen=True)
class Geometry:
    """One launch of a layer's kernels at some sizes.

    rows: of one thread. tile, tiles: lanes of a block, blocks of a sequence. registers: the numbers
    that a block keeps of one state for the backward pass. tight: what does not fit where it should.
    """

    groups: int
    warps: int
    rows: int
    tile: int
    tiles: int
    registers: int
    forward: Room
    backward: Room | None
    tight: tuple[str, ...]

    @property
    def threads(self) -> int:
        """Of one block."""
        return WARP * self.warps

    def macros(self, sizes: Mapping[str, int], real: str) -> dict[str, object]:
        """What the kernels are compiled with."""
        out: dict[str, object] = {"REAL": real, "GROUPS": self.groups, "WARPS": self.warps}
        out |= {f"SIZE_{name}": n for name, n in sizes.items()}
        if self.rows <= UNROLLED_ROWS:
            out["UNROLLED"] = 1
        for name, room in (("FORWARD", self.forward), ("BACKWARD", self.backward or self.forward)):
            out[f"{name}_TOKENS"] = room.tokens
            out[f"{name}_HELD"] = f"0x{room.held:x}ULL"
            out[f"{name}_SCRATCH"] = room.scratch
        return out


def geometry(source: CudaSource, sizes: Mapping[str, int], itemsize: int) -> Geometry:
    """The launch of a layer's kernels at sizes, for numbers of so many bytes."""
    rows = sizes[source.rows] if source.rows else 1
    lanes = sizes[source.lanes] if source.lanes else 1
    groups = 1
    few = max(1, min(FEW_ROWS, FEW_NUMBERS // max(1, source.numbers)))
    while source.lanes and groups < WARP and -(-rows // groups) > few:
        groups *= 2
    warps = min(MOST_WARPS, -(-lanes * groups // WARP)) if source.lanes else MOST_WARPS
    own = -(-rows // groups)
    tile = WARP * warps // groups
    tiles = -(-lanes // tile) if source.lanes else 1
    if source.lanes:
        registers = WARP * warps * sum(own if each else 1 for each in source.registers)
    else:
        states = source.layer.of_kind("state")
        registers = sum(prod(shape_of(s.dims, dict(sizes))) for s in states)
    every = {**sizes, LANES: tile}
    forward = _room(source.forward, every, warps, itemsize)
    backward = None if source.backward is None else _room(source.backward, every, warps, itemsize)
    tight = []
    if source.lanes and own > UNROLLED_ROWS:
        tight.append(f"a thread has {own} rows of the state, in local memory and not in registers")
    for name, arrays, room in (
        ("forward", source.forward, forward),
        ("backward", source.backward or (), backward),
    ):
        out = [a.name for k, a in enumerate(arrays) if room and _hot(a) and not room.held >> k & 1]
        if out:
            tight.append(f"{name}: {', '.join(out)} in scratch and not in shared memory")
    return Geometry(groups, warps, own, tile, tiles, registers, forward, backward, tuple(tight))


def _room(arrays: Sequence[Array], sizes: Mapping[str, int], warps: int, itemsize: int) -> Room:
    """As many tokens at a time as fit, and where not even a few do, the largest arrays outside.

    What is not read at every token comes after all others.
    """
    for tokens in (32, 16, 8, 4):
        counts = [_count(a, sizes, tokens, warps) for a in arrays]
        if sum(n for a, n in zip(arrays, counts, strict=True) if _hot(a)) * itemsize <= SHARED:
            break
    held, left = 0, SHARED // itemsize
    for k in sorted(range(len(arrays)), key=lambda k: (not _hot(arrays[k]), counts[k])):
        if counts[k] <= left:
            held, left = held | 1 << k, left - counts[k]
    inside = sum(n for k, n in enumerate(counts) if held >> k & 1)
    return Room(tokens, held, sum(counts) - inside, inside * itemsize)


def _hot(array: Array) -> bool:
    """Whether an array holds what is made anew for every token."""
    return array.hot or "TOKENS" in array.times


def _count(array: Array, sizes: Mapping[str, int], tokens: int, warps: int) -> int:
    """The numbers of an array."""
    times = {
        "": 1,
        "TOKENS": tokens,
        "WARPS * TOKENS": warps * tokens,
        "TOKENS * TOKENS": tokens * tokens,
        "STEPS + 1": STEPS + 1,
    }
    return times[array.times] * prod(shape_of(array.dims, dict(sizes)))


__all__ = ["SHARED", "Geometry", "Room", "geometry"]
