"""Memory of arrays that are gone, for new ones.

The system clears every page that a process touches first, which can take longer than a kernel that
writes it.
"""

from __future__ import annotations

import math
import sys
from functools import cache
from threading import Lock

import numpy as np

LEAST = 1 << 16
"""Smaller arrays are left to NumPy: what holds them stays with the process."""
MOST = 1 << 28
"""So many bytes are kept; then all are forgotten, and are the system's when their arrays go."""
ALIKE = 16
"""So many blocks of one size are kept; then they are forgotten."""
LINE = 64
"""Bytes of a vector and of a cache line, in which arrays begin."""


class Pool:
    """Blocks of memory by their size, kept while arrays lie in them and after.

    Every array that lies in a block, and every tensor and view of one, refers to it.
    """

    def __init__(self) -> None:
        self._blocks: dict[int, list[np.ndarray]] = {}
        self._lock = Lock()
        # What the interpreter counts for a list's item that nothing else refers to.
        (self._alone,) = _references([np.empty(0)])
        self.held = 0

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An array of any values."""
        size = math.prod(shape) * dtype.itemsize
        if size < LEAST or size > MOST:
            return np.empty(shape, dtype)
        with self._lock:
            blocks = self._blocks.get(size, [])
            counts = _references(blocks)
            own = blocks[counts.index(self._alone)] if self._alone in counts else self._new(size)
            return np.ndarray(shape, dtype, own)

    def _new(self, size: int) -> np.ndarray:
        whole = np.empty(size + LINE, np.uint8)
        first = -whole.__array_interface__["data"][0] % LINE
        # A view of other memory than an array's own is what arrays in it refer to.
        block = np.frombuffer(memoryview(whole)[first : first + size], np.uint8)
        if self.held + size > MOST:
            self._blocks.clear()
            self.held = 0
        blocks = self._blocks.setdefault(size, [])
        if len(blocks) >= ALIKE:
            self.held -= size * len(blocks)
            blocks.clear()
        blocks.append(block)
        self.held += size
        return block

    def clear(self) -> None:
        """Forget all blocks."""
        with self._lock:
            self._blocks.clear()
            self.held = 0


def _references(blocks: list[np.ndarray]) -> list[int]:
    return [sys.getrefcount(block) for block in blocks]


@cache
def pool() -> Pool:
    """The one of this process."""
    return Pool()
