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
from .contract import LEAD, Called, ContractViolation, one_or_all, parts_of, type_name
from .plans import Arguments, Gradient, Plan, called, contiguous

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
        y, ends = called(self, inputs, parts_of(state) or None)
        return y, one_or_all(ends)

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
        dtype = type_name(inputs[0])
        if dtype not in DTYPES:
            raise ContractViolation(
                f"run({self.layer.name}, backend='cpp'): {self.inputs[0].name}: expected float32 "
                f"or float64, given {dtype}"
            )
        whole = [contiguous(x) for x in inputs]
        begin = None
        if state is not None:
            begin = tuple(contiguous(_of_type(x, inputs[0])) for x in state)
        return Arguments(self.sizes_of(inputs), tuple(whole), begin)

    def forward(
        self, given: Arguments, *, keep: bool = False, into: Any = None
    ) -> tuple[Any, tuple[Any, ...], Any]:
        """Outputs, last states, and where `keep` what `backward` needs.

        into: a contiguous array for the outputs, by default a new one.
        """
        return self._plan(given).forward(given, keep=keep, into=into)

    def backward(
        self, given: Arguments, kept: Any, y: Any, ends: Sequence[Any], *, into: Sequence[Any] = ()
    ) -> tuple[list[Any], list[Any]]:
        """The gradients of inputs and of first states, from those of outputs and last states.

        into: contiguous arrays for the gradients of inputs, None for new ones. Of constants, and of
        what several threads add to, the gradients are new all the same.
        """
        return self._plan(given).backward(given, kept, y, ends, into=into)

    def plan(self, sizes: Mapping[str, int], dtype: str) -> Plan:
        """What calls of one type and these sizes have in common."""
        library = self.library(dtype)
        order = ("B", "H", "L", *self.names)
        numbers = (ctypes.c_long * len(order))(*(sizes[n] for n in order))
        parts, threads = self.shares(library, numbers, sizes)
        parted = set(library.in_parts().decode().split()) if parts > 1 else set()
        shapes = [shape_of((*LEAD[s.kind], *s.dims), sizes) for s in (*self.inputs, *self.states)]
        gradients = []
        for s, shape in zip((*self.inputs, *self.states), shapes, strict=True):
            constant = s.kind == "constant"
            summed = constant or s.name in parted
            slots = parts * sizes["B"] if constant else parts
            gradients.append(Gradient((slots, *shape) if summed else shape, summed, constant))
        output = shape_of((*LEAD["token"], *self.layer.output.dims), sizes)
        return Plan(
            self.layer,
            library,
            sizes,
            numbers,
            parts,
            threads,
            (output, *shapes[len(self.inputs) :]),
            sizes["B"] * sizes["H"] * library.kept(numbers),
            tuple(gradients),
        )

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

    def _plan(self, given: Arguments) -> Plan:
        return self.plan(given.sizes, type_name(given.inputs[0]))


def _of_type(x: Any, like: Any) -> Any:
    if x.dtype == like.dtype:
        return x
    return x.astype(like.dtype) if isinstance(x, np.ndarray) else x.to(like.dtype)


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
    "processors",
    "version",
]
