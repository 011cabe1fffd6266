"""The CPU as a device for CUDA kernels, for checking them: NumPy arrays, and no speed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .emulation import Emulated, Order, Sanitizer, emulate


@dataclass(frozen=True)
class EmulatedDevice:
    """Runs kernels by `numeric.emulation`; what they write holds NaN before.

    folder: where programs are compiled to.
    """

    folder: Path
    sanitizer: Sanitizer = ""
    order: Order = "forward"

    @property
    def arrays(self) -> Any:
        """NumPy, whose empty arrays hold NaN."""
        return _Poisoned()

    def program(self, text: str, macros: Mapping[str, object]) -> _Program:
        """The kernels of a text, compiled for the CPU."""
        made = emulate(text, macros, folder=self.folder, sanitizer=self.sanitizer)
        return _Program(made, self.order)


@dataclass(frozen=True)
class _Program:
    made: Emulated
    order: Order

    def launch(
        self, name: str, blocks: Sequence[int], threads: Sequence[int], arguments: Sequence[Any]
    ) -> None:
        self.made.launch(name, blocks, threads, arguments, order=self.order)


class _Poisoned:
    """NumPy, with arrays that are empty made full of NaN."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        return np.full(shape, np.nan, dtype)


__all__ = ["EmulatedDevice"]
