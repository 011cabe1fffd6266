"""The CPU as a device for CUDA kernels, for checking them: NumPy arrays, and no speed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
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
        """The kernels of a text, for the CPU."""
        return _Program(self, text, macros)


@dataclass(frozen=True)
class _Program:
    device: EmulatedDevice
    text: str
    macros: Mapping[str, object]

    @cached_property
    def made(self) -> Emulated:
        """The program, compiled at the first launch."""
        own = self.device
        return emulate(self.text, self.macros, folder=own.folder, sanitizer=own.sanitizer)

    def launch(
        self, name: str, blocks: Sequence[int], threads: Sequence[int], arguments: Sequence[Any]
    ) -> None:
        self.made.launch(name, blocks, threads, arguments, order=self.device.order)


class _Poisoned:
    """NumPy, with arrays that are empty made full of NaN."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        return np.full(shape, np.nan, dtype)


__all__ = ["EmulatedDevice"]
