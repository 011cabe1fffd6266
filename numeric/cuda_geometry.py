"""How CUDA kernels are launched: threads, blocks, and what lies in shared memory.

A block has TILE lanes of one sequence and all its rows; GROUPS threads share the rows of a lane.
What does not fit in shared memory lies in scratch memory, which is slower, and is said.

One thread walks the time of its rows of a lane. Where all such threads of a call, lanes times
groups times batch times heads, are few for a device, and the layer has a scan, as many share the
time of each as make up ENOUGH.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

from dsf_sym.codegen.cuda.files import CudaSource
from dsf_sym.codegen.cuda.loops import LANES, Array
from dsf_sym.language.evaluate import shape_of

Products = Literal["float32", "tf32", "bfloat16"]
"""What factors are rounded to in products of matrices; sums and states are float32 in all."""
WARP, STEPS = 32, 32
MOST_WARPS = 4
FEW_ROWS, FEW_NUMBERS = 8, 64
"""Rows of a thread and numbers that they need, where threads enough can share them."""
UNROLLED_ROWS = 16
"""Up to so many rows a thread keeps its state in registers."""
SHARED = 48 * 1024
"""Bytes of shared memory that every device gives a block without being asked."""
ENOUGH = 2**16
"""Threads that keep a device busy: 512 for each of 128 processors."""
MOST_SPLIT_WARPS = 8
LEAST_SPLIT, LEAST_TOKENS = 4, 4
"""Threads that share time, at least, since a scan does twice the work; tokens of each."""
SECTOR = 8
"""Lanes of a block, at least, where there are so many: floats that are read together."""


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

    rows: of one thread. tile, tiles: lanes of a block, blocks of a sequence. tight: what does not
    fit where it should. split: the threads that share the time of a lane.
    """

    groups: int
    warps: int
    rows: int
    tile: int
    tiles: int
    forward: Room
    backward: Room | None
    tight: tuple[str, ...]
    split: int = 1

    @property
    def threads(self) -> int:
        """Of one block."""
        return WARP * self.warps

    def macros(
        self, sizes: Mapping[str, int], real: str, products: Products = "float32"
    ) -> dict[str, object]:
        """What the kernels are compiled with."""
        out: dict[str, object] = {"REAL": real, "GROUPS": self.groups, "WARPS": self.warps}
        out["PRODUCTS"] = products.upper()
        out["SPLIT"] = self.split
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
    groups = _groups(rows, source.numbers) if source.lanes else 1
    warps = min(MOST_WARPS, -(-lanes * groups // WARP)) if source.lanes else MOST_WARPS
    own = -(-rows // groups)
    tile = WARP * warps // groups
    tiles = -(-lanes // tile) if source.lanes else 1
    every = {**sizes, LANES: tile}
    forward = _room(source.forward, every, warps, itemsize)
    backward = None if source.backward is None else _room(source.backward, every, warps, itemsize)
    tight = _tight_rows(own) if source.lanes else []
    tight += _tight_arrays("forward", source.forward, forward)
    if source.backward is not None and backward is not None:
        tight += _tight_arrays("backward", source.backward, backward)
    return Geometry(groups, warps, own, tile, tiles, forward, backward, tuple(tight))


def split_geometry(
    source: CudaSource,
    sizes: Mapping[str, int],
    itemsize: int,
    *,
    sequences: int,
    length: int,
    forced: bool = False,
) -> Geometry | None:
    """The launch of the scan of a layer that has one; None where it is not worth its work.

    sequences: batch times heads. forced: even where it is not.
    """
    scan = source.scan
    assert scan is not None
    rows = sizes[scan.rows] if scan.rows else 1
    lanes = int(scan.lanes) if scan.lanes.isdigit() else sizes[scan.lanes]
    groups = _groups(rows, scan.numbers)
    most = min(ENOUGH // (sequences * lanes * groups), length // LEAST_TOKENS)
    if most < LEAST_SPLIT and not forced:
        return None
    split = LEAST_SPLIT
    threads = WARP * MOST_SPLIT_WARPS // (groups * min(lanes, SECTOR))
    while split * 2 <= min(most, threads):
        split *= 2
    while True:
        warps = min(MOST_SPLIT_WARPS, -(-lanes * groups * split // WARP))
        tile = WARP * warps // (groups * split)
        tokens = [split * n for n in (8, 4, 2, 1) if n == 1 or split * n // 2 < length]
        every = {**sizes, LANES: tile}
        forward = _room(scan.forward, every, warps, itemsize, tokens, max(warps, tile))
        outside = _tight_arrays("forward", scan.forward, forward)
        if not outside or split == LEAST_SPLIT:
            break
        split //= 2
    own = -(-rows // groups)
    tight = [*_tight_rows(own), *outside]
    tiles = -(-lanes // tile)
    return Geometry(groups, warps, own, tile, tiles, forward, None, tuple(tight), split)


def _groups(rows: int, numbers: int) -> int:
    """The threads that share the rows of a lane, each of which needs so many numbers of a row."""
    few = max(1, min(FEW_ROWS, FEW_NUMBERS // max(1, numbers)))
    groups = 1
    while groups < WARP and -(-rows // groups) > few:
        groups *= 2
    return groups


def _tight_rows(own: int) -> list[str]:
    if own <= UNROLLED_ROWS:
        return []
    return [f"a thread has {own} rows of the state, in local memory and not in registers"]


def _tight_arrays(name: str, arrays: Sequence[Array], room: Room) -> list[str]:
    out = [a.name for k, a in enumerate(arrays) if _hot(a) and not room.held >> k & 1]
    return [f"{name}: {', '.join(out)} in scratch and not in shared memory"] if out else []


def _room(
    arrays: Sequence[Array],
    sizes: Mapping[str, int],
    warps: int,
    itemsize: int,
    at_a_time: Sequence[int] = (32, 16, 8, 4),
    slots: int = 0,
) -> Room:
    """As many tokens at a time as fit, and where not even a few do, the largest arrays outside.

    What is not read at every token comes after all others.
    """
    for tokens in at_a_time:
        counts = [_count(a, sizes, tokens, warps, slots) for a in arrays]
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


def _count(array: Array, sizes: Mapping[str, int], tokens: int, warps: int, slots: int) -> int:
    """The numbers of an array."""
    times = {
        "": 1,
        "TOKENS": tokens,
        "WARPS * TOKENS": warps * tokens,
        "TOKENS * (TOKENS + 4)": tokens * (tokens + 4),
        "STEPS + 1": STEPS + 1,
        "SLOTS": slots,
    }
    return times[array.times] * (prod(shape_of(array.dims, dict(sizes))) + array.pad)


__all__ = ["SHARED", "Geometry", "Products", "Room", "geometry", "split_geometry"]
