"""Calls of compiled kernels that have been checked, ready to be made again on other values."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from dsf_sym import Layer
from dsf_sym.language.evaluate import shape_of

from . import native
from .native import Kernel

MOST = 64
"""How many calls of one layer are kept; then all are forgotten."""


@dataclass(frozen=True)
class Plan:
    """A call at fixed shapes, strides and types: what is left is memory for what comes back.

    names: the inputs in order. shapes: of the outputs, and of each state.
    """

    kernel: Kernel
    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    sizes: Mapping[str, int]
    numbers: Any
    library: ctypes.CDLL
    shares: tuple[int, int]

    def __call__(self, signals: Mapping[str, Any], state: Any) -> tuple[Any, Any]:
        """Outputs and the last state."""
        inputs = [signals[name] for name in self.names]
        count = len(self.shapes) - 1
        parts = [None] * count if state is None else [state] if count == 1 else list(state)
        first = inputs[0]
        made = [native.empty(first, shape) for shape in self.shapes]
        arrays = [*inputs, *parts, *made, None]
        self.kernel.call(self.library, "forward", self.numbers, self.sizes, arrays, self.shares)
        y, *ends = made
        return y, ends[0] if count == 1 else tuple(ends)


def plan(kernel: Kernel, sizes: Mapping[str, int], dtype: str) -> Plan:
    """The plan of a call that has been made."""
    lead = (sizes["B"], sizes["H"])
    output = (*lead, sizes["L"], *shape_of(kernel.layer.output.dims, sizes))
    ends = [(*lead, *shape_of(s.dims, sizes)) for s in kernel.states]
    library = kernel.library(dtype)
    names = tuple(s.name for s in kernel.inputs)
    numbers = kernel.numbers(sizes)
    shares = kernel.shares(library, numbers, sizes)
    return Plan(kernel, names, (output, *ends), sizes, numbers, library, shares)


def key(words: Sequence[Any], signals: Mapping[str, Any], state: Any) -> tuple[Any, ...] | None:
    """What two calls have in common that are made alike; None where a call has no plan.

    words: the options of the call, and the threads that are asked for. A plan is for contiguous
    arrays of one type, and for tensors that no gradient is asked of.
    """
    parts = state if isinstance(state, tuple) else () if state is None else (state,)
    torch = sys.modules.get("torch")
    dtype = None
    out: list[Any] = [*words, len(parts)]
    for name, x in (*signals.items(), *(("", x) for x in parts)):
        kind = type(x)
        if kind is np.ndarray:
            fits = x.flags.c_contiguous
        elif torch is not None and kind is torch.Tensor:
            fits = not x.requires_grad and x.is_contiguous() and x.is_cpu
        else:
            return None
        dtype = dtype or x.dtype
        if not fits or x.dtype != dtype:
            return None
        out += (name, x.shape)
    return (*out, dtype)


@cache
def plans(layer: Layer) -> dict[tuple[Any, ...], Plan]:
    """The plans of a layer, by key."""
    return {}


def keep(layer: Layer, made: tuple[Any, ...], new: Plan) -> None:
    """Keep a plan under its key."""
    kept = plans(layer)
    if len(kept) >= MOST:
        kept.clear()
    kept[made] = new
