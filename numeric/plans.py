"""Calls of compiled kernels at fixed sizes and types: what is left of one is memory and pointers.

`numeric.run` keeps the plan of a call that it has checked, and makes calls alike by it.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, ClassVar

import numpy as np

from dsf_sym import Layer

from .contract import LOW, Called, one_or_all, parts_of, type_name
from .memory import pool

MOST = 64
"""How many calls of one layer are kept; then all are forgotten."""


@dataclass(frozen=True)
class Arguments:
    """Arrays of one call, contiguous and of one type, with the sizes that they have."""

    sizes: Mapping[str, int]
    inputs: tuple[Any, ...]
    state: tuple[Any, ...] | None


@dataclass(frozen=True)
class Gradient:
    """What a backward kernel writes for one array.

    summed: there is a slot for each part of what is added up, along the first axis of `shape`.
    added: the kernel adds to it, from zeros.
    """

    shape: tuple[int, ...]
    summed: bool
    added: bool


@dataclass(frozen=True)
class Plan(Called):
    """The kernels of a layer at fixed sizes, for arrays of one type.

    numbers: the sizes as the entry points take them. parts, threads: how lanes and sequences are
    shared out. outputs: the shapes of the outputs and of the last states. kept: how many numbers
    the forward pass keeps for the backward pass.
    """

    library: ctypes.CDLL
    sizes: Mapping[str, int]
    numbers: Any
    parts: int
    threads: int
    outputs: tuple[tuple[int, ...], ...]
    kept: int
    gradients: tuple[Gradient, ...]
    backend: ClassVar[str] = "cpp"

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The inputs in order."""
        return tuple(s.name for s in self.inputs)

    @cached_property
    def _none(self) -> tuple[None, ...]:
        return (None,) * len(self.states)

    def __call__(self, signals: Mapping[str, Any], state: Any) -> tuple[Any, Any]:
        """Outputs and the last state, of contiguous arrays of the sizes and the type."""
        inputs = tuple([signals[name] for name in self.names])
        y, ends = called(self, inputs, parts_of(state) or None)
        return y, one_or_all(ends)

    def arguments(self, inputs: tuple[Any, ...], state: tuple[Any, ...] | None) -> Arguments:
        """The arrays as they are."""
        return Arguments(self.sizes, inputs, state)

    def differentiable(self, dtype: str) -> bool:
        """Whether there is a backward kernel."""
        return hasattr(self.library, "backward")

    def forward(
        self, given: Arguments, *, keep: bool = False, into: Any = None
    ) -> tuple[Any, tuple[Any, ...], Any]:
        """`native.Kernel.forward`."""
        first, (output, *shapes) = given.inputs[0], self.outputs
        y = empty(first, output) if into is None else into
        ends = tuple([empty(first, shape) for shape in shapes])
        kept = empty(first, (self.kept,)) if keep else None
        self._call("forward", [*given.inputs, *(given.state or self._none), y, *ends, kept])
        return y, ends, kept

    def backward(
        self, given: Arguments, kept: Any, y: Any, ends: Sequence[Any], *, into: Sequence[Any] = ()
    ) -> tuple[list[Any], list[Any]]:
        """`native.Kernel.backward`."""
        first = given.inputs[0]
        made = []
        for i, g in enumerate(self.gradients):
            room = into[i] if i < len(into) and not g.summed else None
            make = zeros if g.added else empty
            made.append(make(first, g.shape) if room is None else room)
        seeds = [None if x is None else contiguous(x) for x in (y, *ends)]
        self._call("backward", [*given.inputs, *(given.state or self._none), kept, *seeds, *made])
        for i, g in enumerate(self.gradients):
            if g.summed:
                made[i] = made[i].sum(0) if g.shape[0] > 1 else made[i][0]
        return made[: len(given.inputs)], made[len(given.inputs) :]

    def _call(self, name: str, arrays: Sequence[Any]) -> None:
        """Call an entry point; MemoryError where a task got no memory."""
        pointers = (ctypes.c_void_p * len(arrays))(*map(_pointer, arrays))
        entry = getattr(self.library, name)
        if entry(self.numbers, pointers, ctypes.c_long(self.parts), ctypes.c_long(self.threads)):
            raise MemoryError(f"run({self.layer.name}, backend='cpp'): a task got no memory")


def called(
    kernel: Any, inputs: tuple[Any, ...], state: tuple[Any, ...] | None
) -> tuple[Any, tuple[Any, ...]]:
    """Outputs and last states of what has `arguments` and `forward`.

    Gradients go through it where a tensor asks for them.
    """
    if isinstance(inputs[0], np.ndarray):
        y, ends, _ = kernel.forward(kernel.arguments(inputs, state))
        return y, ends
    from .native_torch import apply

    return apply(kernel, inputs, state)


def contiguous(x: Any) -> Any:
    """The array with its entries one after the other."""
    return np.ascontiguousarray(x) if isinstance(x, np.ndarray) else x.detach().contiguous()


def empty(like: Any, shape: tuple[int, ...]) -> Any:
    """An array of the library, type and device of another, of any values."""
    if isinstance(like, np.ndarray):
        return pool().empty(shape, like.dtype)
    if not like.is_cpu or type_name(like) in LOW:
        return like.new_empty(shape)
    import torch

    return torch.from_numpy(pool().empty(shape, np.dtype(type_name(like))))


def zeros(like: Any, shape: tuple[int, ...]) -> Any:
    """An array of the library and type of another, of zeros."""
    return np.zeros(shape, like.dtype) if isinstance(like, np.ndarray) else like.new_zeros(shape)


def _pointer(x: Any) -> int | None:
    if x is None:
        return None
    if isinstance(x, np.ndarray):
        return int(x.__array_interface__["data"][0])
    return int(x.data_ptr())


def are_plain(arrays: Collection[Any]) -> bool:
    """Whether arrays lie in memory, and are not what stands for them while a function is traced."""
    kinds = {type(x) for x in arrays}
    if kinds == {np.ndarray}:
        return True
    torch = sys.modules.get("torch")
    if torch is None or not kinds or not kinds <= {torch.Tensor, torch.nn.Parameter}:
        return False
    traced = map(torch._C._functorch.is_functorch_wrapped_tensor, arrays)
    return all([x.is_cpu for x in arrays]) and not any(traced)


def key(words: Sequence[Any], signals: Mapping[str, Any], state: Any) -> tuple[Any, ...] | None:
    """What two calls have in common that are made alike; None where a call has no plan.

    words: the options of the call, and the threads that are asked for. A plan is for contiguous
    arrays of one type; which code runs depends on whether a gradient is asked for.
    """
    parts = parts_of(state)
    arrays = [*signals.values(), *parts]
    if not are_plain(arrays) or len({x.dtype for x in arrays}) > 1:
        return None
    if isinstance(arrays[0], np.ndarray):
        fit, asked = all([x.flags.c_contiguous for x in arrays]), False
    else:
        fit = all([x.is_contiguous() for x in arrays])
        asked = any([x.requires_grad for x in arrays])
    shapes = [x.shape for x in arrays]
    return (*words, *signals, len(parts), *shapes, arrays[0].dtype, asked) if fit else None


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
