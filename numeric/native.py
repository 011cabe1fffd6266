"""C++ kernels: compiled once, called on NumPy arrays and torch tensors through ctypes."""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from dsf_sym.errors import DsfError
from dsf_sym.language.evaluate import shape_of

from .compiling import (
    DTYPES,
    FLAGS,
    Builder,
    NoCompiler,
    NotCompiled,
    compiler,
    version,
)
from .contract import Called, ContractViolation

SMALL = 200_000
"""Below so many multiplications one thread is faster than two."""


class NoBackward(DsfError):
    """A gradient is asked for of a kernel that has no backward pass."""


def processors() -> int:
    """The threads to use: OMP_NUM_THREADS, or the processors this process may run on."""
    named = os.environ.get("OMP_NUM_THREADS", "")
    if named.isdigit() and int(named):
        return int(named)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Arguments:
    """Arrays of one call, contiguous and of one type, with the sizes that they have."""

    sizes: dict[str, int]
    inputs: tuple[Any, ...]
    state: tuple[Any, ...] | None


@dataclass(frozen=True)
class Kernel(Called):
    """A layer's compiled kernels, for NumPy arrays and torch tensors on the CPU.

    text: its C++. threads: 0 for `processors()`.
    """

    text: str
    builder: Builder = field(default_factory=Builder)
    threads: int = 0
    backend: ClassVar[str] = "cpp"

    def __call__(self, *, state: Any = None, **signals: Any) -> tuple[Any, Any]:
        """Outputs and the last state; gradients where a tensor asks for them."""
        inputs = tuple(signals[s.name] for s in self.inputs)
        parts = None if state is None else state if isinstance(state, tuple) else (state,)
        if isinstance(inputs[0], np.ndarray):
            y, ends, _ = self.forward(self.arguments(inputs, parts))
        else:
            from .native_torch import apply

            y, ends = apply(self, inputs, parts)
        return y, ends[0] if len(ends) == 1 else ends

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The sizes in the order in which the entry points take them."""
        return tuple(n for n in self.layer.sizes if n.isidentifier())

    @cached_property
    def _libraries(self) -> dict[str, ctypes.CDLL]:
        return {}

    def library(self, dtype: str) -> ctypes.CDLL:
        """The library for one type, compiled at the first call."""
        if dtype not in self._libraries:
            made = self.builder.library(self.text, dtype)
            made.in_parts.restype = ctypes.c_char_p
            names = ("forward", "backward", "kept", "most_parts")
            for name in names:
                if hasattr(made, name):
                    getattr(made, name).restype = ctypes.c_long
            self._libraries[dtype] = made
        return self._libraries[dtype]

    def differentiable(self, dtype: str) -> bool:
        """Whether there is a backward kernel."""
        return hasattr(self.library(dtype), "backward")

    def arguments(self, inputs: Sequence[Any], state: Sequence[Any] | None) -> Arguments:
        """Contiguous arrays and the sizes; ContractViolation for a type that is not compiled."""
        dtype = str(inputs[0].dtype).removeprefix("torch.")
        if dtype not in DTYPES:
            raise ContractViolation(
                f"run({self.layer.name}, backend='cpp'): {self.inputs[0].name}: expected float32 "
                f"or float64, given {dtype}"
            )
        whole = [_contiguous(x) for x in inputs]
        begin = None
        if state is not None:
            begin = tuple(_contiguous(_of_type(x, inputs[0])) for x in state)
        return Arguments(self.sizes_of(inputs), tuple(whole), begin)

    def forward(
        self, given: Arguments, *, keep: bool = False, into: Any = None
    ) -> tuple[Any, tuple[Any, ...], Any]:
        """Outputs, last states, and where `keep` what `backward` needs.

        into: a contiguous array for the outputs, by default a new one.
        """
        first, sizes = given.inputs[0], given.sizes
        library = self.library(str(first.dtype).removeprefix("torch."))
        numbers = self.numbers(sizes)
        lead = (sizes["B"], sizes["H"])
        y = into
        if y is None:
            y = empty(first, (*lead, sizes["L"], *shape_of(self.layer.output.dims, sizes)))
        ends = tuple(empty(first, (*lead, *shape_of(s.dims, sizes))) for s in self.states)
        kept = None
        if keep:
            kept = empty(first, (lead[0] * lead[1] * library.kept(numbers),))
        none = (None,) * len(self.states)
        arrays = [*given.inputs, *(given.state or none), y, *ends, kept]
        self.call(library, "forward", numbers, sizes, arrays)
        return y, ends, kept

    def backward(
        self, given: Arguments, kept: Any, y: Any, ends: Sequence[Any], *, into: Sequence[Any] = ()
    ) -> tuple[list[Any], list[Any]]:
        """The gradients of inputs and of first states, from those of outputs and last states.

        into: contiguous arrays for the gradients of inputs, None for new ones. Of constants, and of
        what several threads add to, the gradients are new all the same.
        """
        first, sizes = given.inputs[0], given.sizes
        library = self.library(str(first.dtype).removeprefix("torch."))
        numbers = self.numbers(sizes)
        shares = parts, _ = self.shares(library, numbers, sizes)
        parted = set(library.in_parts().decode().split()) if parts > 1 else set()
        none = (None,) * len(self.states)
        gradients, begins = [], []
        for i, (s, x) in enumerate(zip(self.inputs, given.inputs, strict=True)):
            if s.kind == "constant":
                gradients.append(_zeros(first, (parts * sizes["B"], *x.shape)))
            elif into and into[i] is not None and s.name not in parted:
                gradients.append(into[i])
            else:
                slots = (parts, *x.shape) if s.name in parted else tuple(x.shape)
                gradients.append(empty(first, slots))
        for s in self.states:
            shape = (sizes["B"], sizes["H"], *shape_of(s.dims, sizes))
            begins.append(empty(first, (parts, *shape) if s.name in parted else shape))
        arrays = [*given.inputs, *(given.state or none), kept, _contiguous(y)]
        arrays += [None if x is None else _contiguous(x) for x in ends]
        self.call(library, "backward", numbers, sizes, [*arrays, *gradients, *begins], shares)
        for i, s in enumerate(self.inputs):
            if s.kind == "constant" or s.name in parted:
                gradients[i] = gradients[i].sum(0) if len(gradients[i]) > 1 else gradients[i][0]
        for i, s in enumerate(self.states):
            if s.name in parted:
                begins[i] = begins[i].sum(0) if len(begins[i]) > 1 else begins[i][0]
        return gradients, begins

    def numbers(self, sizes: Mapping[str, int]) -> Any:
        """The sizes as the entry points take them."""
        order = ("B", "H", "L", *self.names)
        return (ctypes.c_long * len(order))(*(sizes[n] for n in order))

    def shares(
        self, library: ctypes.CDLL, numbers: Any, sizes: Mapping[str, int]
    ) -> tuple[int, int]:
        """How many parts of the lanes a sequence is shared out in, and the threads."""
        sequences = sizes["B"] * sizes["H"]
        cells = sum(math.prod(shape_of(s.dims, dict(sizes))) for s in self.states)
        if sequences * sizes["L"] * cells < SMALL:
            return 1, 1
        threads = self.threads or processors()
        parts = 1
        if sequences % threads and sequences < 4 * threads:
            parts = min(threads // math.gcd(sequences, threads), library.most_parts(numbers))
        return parts, min(threads, sequences * parts)

    def call(
        self,
        library: ctypes.CDLL,
        name: str,
        numbers: Any,
        sizes: Mapping[str, int],
        arrays: Sequence[Any],
        shares: tuple[int, int] | None = None,
    ) -> None:
        """Call an entry point; MemoryError where a task got no memory."""
        parts, threads = shares or self.shares(library, numbers, sizes)
        pointers = (ctypes.c_void_p * len(arrays))(*map(_pointer, arrays))
        if getattr(library, name)(numbers, pointers, ctypes.c_long(parts), ctypes.c_long(threads)):
            raise MemoryError(f"run({self.layer.name}, backend='cpp'): a task got no memory")


def _contiguous(x: Any) -> Any:
    return np.ascontiguousarray(x) if isinstance(x, np.ndarray) else x.detach().contiguous()


def _of_type(x: Any, like: Any) -> Any:
    if x.dtype == like.dtype:
        return x
    return x.astype(like.dtype) if isinstance(x, np.ndarray) else x.to(like.dtype)


def empty(like: Any, shape: tuple[int, ...]) -> Any:
    """An array of the library and type of another, of any values."""
    if isinstance(like, np.ndarray):
        return np.empty(shape, like.dtype)
    import torch

    # NumPy asks for large pages and torch does not. The first touch of small ones is a third of the
    # time of a forward call on a long sequence.
    return torch.from_numpy(np.empty(shape, str(like.dtype).removeprefix("torch.")))


def _zeros(like: Any, shape: tuple[int, ...]) -> Any:
    return np.zeros(shape, like.dtype) if isinstance(like, np.ndarray) else like.new_zeros(shape)


def _pointer(x: Any) -> int | None:
    if x is None:
        return None
    if isinstance(x, np.ndarray):
        return int(x.__array_interface__["data"][0])
    return int(x.data_ptr())


__all__ = [
    "DTYPES",
    "FLAGS",
    "Arguments",
    "Builder",
    "Kernel",
    "NoBackward",
    "NoCompiler",
    "NotCompiled",
    "compiler",
    "empty",
    "processors",
    "version",
]
