"""CUDA kernels of a layer: compiled for the sizes of a call, and launched on arrays of one device.

The device is a GPU through CuPy, or the CPU through `numeric.emulation`; what is launched is the
same text, with the same geometry.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any, Literal, Protocol, get_args

from dsf_sym import Layer
from dsf_sym.codegen.cuda.files import CudaSource, cuda_source
from dsf_sym.errors import DsfError
from dsf_sym.language.evaluate import shape_of

from .contract import Called, ContractViolation, one_or_all, parts_of
from .cuda_geometry import STEPS, Geometry, Products, geometry, split_geometry

REALS = {"float32": ("float", 4), "float64": ("double", 8)}
Time = Literal["auto", "whole", "split"]


class NoDevice(DsfError):
    """CUDA kernels cannot run here; the message says what is missing."""


class NoSplit(DsfError):
    """The kernels of a layer have no scan over time."""


class Program(Protocol):
    """Kernels compiled for some sizes."""

    def launch(
        self, name: str, blocks: Sequence[int], threads: Sequence[int], arguments: Sequence[Any]
    ) -> None:
        """Run a kernel on arrays, whole numbers, and None for a null pointer."""


class Device(Protocol):
    """Where kernels run: `arrays` is NumPy or CuPy."""

    arrays: Any

    def program(self, text: str, macros: Mapping[str, object]) -> Program:
        """The kernels of a text, compiled; what -D defines are macros."""


@dataclass(frozen=True)
class CupyDevice:
    """The current GPU of CuPy; NoDevice where there is none."""

    @cached_property
    def arrays(self) -> Any:
        """CuPy."""
        try:
            import cupy
        except ImportError as error:
            raise NoDevice(
                f"backend='cuda' needs CuPy, which cannot be imported ({error}): pip install "
                "'dsf-workbench[gpu]', on a machine with an NVIDIA GPU. Without one, backend='cpp'"
            ) from None
        try:
            count = cupy.cuda.runtime.getDeviceCount()
        except cupy.cuda.runtime.CUDARuntimeError as error:
            raise NoDevice(
                f"backend='cuda' finds no GPU that it can use: {error}. Look at nvidia-smi; "
                "cupy-cuda13x needs a driver for CUDA 13 (for an older one install cupy-cuda12x). "
                "Without a GPU, backend='cpp' runs"
            ) from None
        if not count:
            raise NoDevice("backend='cuda' finds no GPU. Without one, backend='cpp' runs")
        return cupy

    @property
    def name(self) -> str:
        """What the GPU is called, and its driver's version."""
        runtime = self.arrays.cuda.runtime
        properties = runtime.getDeviceProperties(runtime.getDevice())
        return f"{properties['name'].decode()}, driver {runtime.driverGetVersion()}"

    def program(self, text: str, macros: Mapping[str, object]) -> Program:
        """The kernels of a text, compiled by NVRTC at the first launch."""
        options = ("-std=c++17", *(f"-D{name}={value}" for name, value in macros.items()))
        return _CupyProgram(self.arrays.RawModule(code=text, options=options))


@dataclass(frozen=True)
class _CupyProgram:
    module: Any

    def launch(
        self, name: str, blocks: Sequence[int], threads: Sequence[int], arguments: Sequence[Any]
    ) -> None:
        import numpy as np

        given = [
            np.int64(x) if isinstance(x, int) else np.uint64(0) if x is None else x
            for x in arguments
        ]
        self.module.get_function(name)(tuple(blocks), tuple(threads), tuple(given))


def library(layer: Layer, signals: Mapping[str, Any]) -> str:
    """Whose arrays on a GPU the signals are, "torch" or "cupy"; NoDevice, ContractViolation."""
    found = CupyDevice().arrays
    for name, x in signals.items():
        if not hasattr(x, "__cuda_array_interface__"):
            raise ContractViolation(
                f"run({layer.name}, backend='cuda'): {name}: expected an array on a GPU, given "
                f"{type(x).__module__}.{type(x).__name__} in main memory; cupy.asarray(x), or "
                "x.cuda() of a tensor, puts it there"
            )
    return "cupy" if all(isinstance(x, found.ndarray) for x in signals.values()) else "torch"


def check_products(call: str, backend: str, products: str) -> None:
    """Refuse a rounding of factors that is none, or of a backend that has none.

    call: how the call begins, such as "run(gla, backend='cuda'". Raises ContractViolation.
    """
    call = f"{call}, products={products!r})"
    if products not in get_args(Products):
        expected = ", ".join(get_args(Products))
        raise ContractViolation(f"{call}: expected one of {expected}")
    if products != "float32" and backend != "cuda":
        raise ContractViolation(
            f"{call}: factors of products are rounded on a GPU alone: leave products out, or "
            "backend='cuda'"
        )


@dataclass(frozen=True)
class Launch:
    """One call: the sizes, the geometry, that of a scan if it is one, and the arrays given."""

    sizes: Mapping[str, int]
    shape: Geometry
    split: Geometry | None
    inputs: tuple[Any, ...]
    state: tuple[Any, ...] | None

    def blocks(self, shape: Geometry) -> tuple[int]:
        """The grid."""
        return (self.sizes["B"] * self.sizes["H"] * shape.tiles,)


@dataclass(frozen=True)
class CudaKernel(Called):
    """A layer's kernels on a device, for arrays of the device's library.

    time: whether forward one thread walks it ("whole"), several share it ("split"), or that is
    decided for each call ("auto"). products: what the factors of products of float32 matrices are
    rounded to, in kernels by chunks that solve no system: "tf32" and "bfloat16" take a third of the
    products, and keep 11 and 8 significant bits of each factor (`numeric.budgets.rounded` is the
    error that they may make); "float32" keeps all. ContractViolation where it is none of them.
    """

    device: Device = field(default_factory=CupyDevice)
    time: Time = "auto"
    products: Products = "float32"

    def __post_init__(self) -> None:
        check_products(f"CudaKernel({self.layer.name}", "cuda", self.products)

    @cached_property
    def source(self) -> CudaSource:
        """The text, and what its launch is decided by."""
        return cuda_source(self.layer)

    @cached_property
    def _programs(self) -> dict[tuple[tuple[str, object], ...], Program]:
        return {}

    def __call__(self, *, state: Any = None, **signals: Any) -> tuple[Any, Any]:
        """Outputs and the last state; gradients where a tensor asks for them."""
        if hasattr(signals[self.inputs[0].name], "requires_grad"):
            from .cuda_torch import OnTensors

            return OnTensors(self)(state=state, **signals)
        inputs = [signals[s.name] for s in self.inputs]
        y, ends, _ = self.forward(self.prepared(inputs, parts_of(state) or None))
        return y, one_or_all(ends)

    def prepared(self, inputs: Sequence[Any], state: Sequence[Any] | None) -> Launch:
        """Contiguous arrays of one type, and the launch for their sizes."""
        xp = self.device.arrays
        dtype = inputs[0].dtype
        sizes = self.sizes_of(inputs)
        own = {name: sizes[name] for name in self.source.sizes}
        if str(dtype) not in REALS:
            raise ContractViolation(
                f"run({self.layer.name}, backend='cuda'): {self.inputs[0].name}: expected float32 "
                f"or float64, given {dtype}"
            )
        if self.products != "float32" and str(dtype) != "float32":
            raise ContractViolation(
                f"run({self.layer.name}, backend='cuda', products={self.products!r}): factors of "
                f"float32 arrays are rounded, given {dtype}: leave products out, or give float32"
            )
        _, itemsize = REALS[str(dtype)]
        shape = geometry(self.source, own, itemsize)
        whole = tuple(xp.ascontiguousarray(x) for x in inputs)
        first = None
        if state is not None:
            first = tuple(xp.ascontiguousarray(x, dtype=dtype) for x in state)
        split = self._split(sizes, own, itemsize)
        return Launch(sizes, shape, split, whole, first)

    def _split(
        self, sizes: Mapping[str, int], own: Mapping[str, int], itemsize: int
    ) -> Geometry | None:
        """The launch in which threads share time, or None."""
        if self.source.scan is None and self.time == "split":
            raise NoSplit(
                f"CudaKernel({self.layer.name}, time='split'): its kernels have no scan over time: "
                f"{self.source.kind}"
            )
        if self.source.scan is None or self.time == "whole":
            return None
        return split_geometry(
            self.source,
            own,
            itemsize,
            sequences=sizes["B"] * sizes["H"],
            length=sizes["L"],
            forced=self.time == "split",
        )

    def _program(self, given: Launch, shape: Geometry) -> Program:
        """The kernels for a geometry."""
        own = {name: given.sizes[name] for name in self.source.sizes}
        real, _ = REALS[str(given.inputs[0].dtype)]
        macros = shape.macros(own, real, self.products)
        key = tuple(macros.items())
        if key not in self._programs:
            for tight in shape.tight:
                warnings.warn(f"{self.layer.name} on CUDA: {tight}", RuntimeWarning, stacklevel=4)
            self._programs[key] = self.device.program(self.source.text, macros)
        return self._programs[key]

    def forward(self, given: Launch, *, keep: bool = False) -> tuple[Any, tuple[Any, ...], Any]:
        """Outputs, last states, and where `keep` what `backward` needs."""
        sizes = given.sizes
        shape = given.split or given.shape
        B, H, L = sizes["B"], sizes["H"], sizes["L"]
        y = self._empty(given, (B, H, L, *self._shape(self.layer.output.dims, sizes)))
        ends = tuple(self._empty(given, (B, H, *self._shape(s.dims, sizes))) for s in self.states)
        kept = None
        if keep:
            chunks = -(-L // STEPS)
            each = sum(prod(self._shape(s.dims, sizes)) for s in self.states)
            kept = self._empty(given, (B * H * chunks * each,))
        none = (None,) * len(self.states)
        blocks = given.blocks(shape)
        scratch = self._empty(given, (max(1, blocks[0] * shape.forward.scratch),))
        arrays = [*given.inputs, *(given.state or none), y, *ends, kept, scratch]
        program = self._program(given, shape)
        program.launch("forward", blocks, (shape.threads,), [B, H, L, *arrays])
        return y, ends, kept

    def backward(
        self, given: Launch, kept: Any, y: Any, ends: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """The gradients of inputs and of first states, from those of outputs and last states."""
        xp = self.device.arrays
        sizes, shape = given.sizes, given.shape
        B, H, L = sizes["B"], sizes["H"], sizes["L"]
        assert shape.backward is not None
        gradients, begins = [], []
        for s, x in zip(self.inputs, given.inputs, strict=True):
            slots = shape.tiles if s.name in self.source.slots else 1
            slots = shape.tiles * B if s.kind == "constant" else slots
            gradients.append(xp.zeros((slots, *x.shape), x.dtype))
        for s in self.states:
            slots = shape.tiles if s.name in self.source.slots else 1
            begins.append(xp.zeros((slots, B, H, *self._shape(s.dims, sizes)), y.dtype))
        none = (None,) * len(self.states)
        blocks = given.blocks(shape)
        scratch = self._empty(given, (max(1, blocks[0] * shape.backward.scratch),))
        seeds = [None if x is None else xp.ascontiguousarray(x) for x in (y, *ends)]
        arrays = [*given.inputs, *(given.state or none), kept, *seeds, *gradients, *begins, scratch]
        program = self._program(given, shape)
        program.launch("backward", blocks, (shape.threads,), [B, H, L, *arrays])
        return [x.sum(0) for x in gradients], [x.sum(0) for x in begins]

    @property
    def differentiable(self) -> bool:
        """Whether there is a backward kernel."""
        return self.source.backward is not None

    def _empty(self, given: Launch, shape: tuple[int, ...]) -> Any:
        return self.device.arrays.empty(shape, given.inputs[0].dtype)

    def _shape(self, dims: tuple[str, ...], sizes: Mapping[str, int]) -> tuple[int, ...]:
        return shape_of(dims, dict(sizes))


__all__ = [
    "CudaKernel",
    "CupyDevice",
    "Device",
    "Launch",
    "NoDevice",
    "NoSplit",
    "Program",
    "check_products",
]
