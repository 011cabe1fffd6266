"""CUDA kernels on torch tensors, without copies (DLPack), and in torch's autograd."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from .contract import one_or_all, parts_of
from .cuda import CudaKernel, Launch
from .native import Arguments
from .native_torch import apply


@dataclass(frozen=True)
class OnTensors:
    """A layer's kernels, given tensors of the device on which they run."""

    kernel: CudaKernel
    backend = "cuda"

    @property
    def layer(self) -> Any:
        """The layer."""
        return self.kernel.layer

    def __call__(self, *, state: Any = None, **signals: Any) -> tuple[Any, Any]:
        """Outputs and the last state; gradients where a tensor asks for them."""
        inputs = [signals[s.name] for s in self.kernel.inputs]
        y, ends = apply(self, inputs, parts_of(state) or None)
        return y, one_or_all(ends)

    def arguments(self, inputs: Sequence[Any], state: Sequence[Any] | None) -> Arguments:
        """Contiguous tensors of one type."""
        first = inputs[0]
        begin = None
        if state is not None:
            begin = tuple(x.detach().to(first.dtype).contiguous() for x in state)
        return Arguments({}, tuple(x.detach().contiguous() for x in inputs), begin)

    def differentiable(self, dtype: str) -> bool:
        """Whether there is a backward kernel."""
        return self.kernel.differentiable

    def forward(self, given: Arguments, *, keep: bool = False) -> tuple[Any, tuple[Any, ...], Any]:
        """Outputs, last states, and where `keep` what `backward` needs."""
        y, ends, kept = self.kernel.forward(self._launch(given), keep=keep)
        to = torch.from_dlpack
        return to(y), tuple(map(to, ends)), None if kept is None else to(kept)

    def backward(
        self, given: Arguments, kept: Any, y: Any, ends: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """The gradients of inputs and of first states, from those of outputs and last states."""
        seeds = [None if x is None else self._array(x) for x in ends]
        found = self.kernel.backward(self._launch(given), self._array(kept), self._array(y), seeds)
        gradients, begins = ([torch.from_dlpack(x) for x in part] for part in found)
        return gradients, begins

    def _launch(self, given: Arguments) -> Launch:
        state = None if given.state is None else [self._array(x) for x in given.state]
        return self.kernel.prepared([self._array(x) for x in given.inputs], state)

    def _array(self, x: torch.Tensor) -> Any:
        return self.kernel.device.arrays.from_dlpack(x.detach().contiguous())


__all__ = ["OnTensors"]
