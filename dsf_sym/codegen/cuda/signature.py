"""The arguments of a layer's CUDA kernels, and the pointers of one sequence, as CUDA C."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...language.layer import Layer, Signal
from ...language.tensor import Dims
from ..c_family import count

Slots = Callable[[Dims], bool]
"""Whether the blocks of one sequence each have a slot for a gradient of this shape."""


class Signature:
    """The arguments of `forward` and `backward`, in the order in which a caller gives them."""

    def __init__(self, layer: Layer, slots: Slots) -> None:
        self.layer = layer
        self.slots = slots
        self.inputs = [s for s in layer.signals if s.kind != "state"]
        self.states = layer.of_kind("state")

    def head(self, name: str, arguments: list[str]) -> Iterator[str]:
        """The head of a kernel, up to its pointers."""
        upper = name.upper()
        whole = ["Long B", "Long H", "Long L", *arguments, "T* scratch"]
        yield f'extern "C" __global__ void __launch_bounds__(THREADS, 1) {name}('
        yield "    " + ",\n    ".join(whole) + ") {"
        yield "    constexpr Size size{}; (void)size;"
        yield f"    constexpr unsigned long long HELD = {upper}_HELD; (void)HELD;"
        yield f"    constexpr int TOKENS = {upper}_TOKENS; (void)TOKENS;"
        yield "    const int thread = threadIdx.x, tile = blockIdx.x % TILES; (void)tile;"
        yield "    const Long sequence = blockIdx.x / TILES, h = sequence % H, b = sequence / H;"
        yield "    (void)B, (void)h, (void)b;"
        yield f"    scratch += blockIdx.x * (Long)({upper}_SCRATCH);"

    def offset(self, s: Signal) -> str:
        """Where a signal's numbers of one sequence begin."""
        one = f"({count(s.dims)})"
        where = {"token": "sequence * L", "constant": "h", "state": "sequence"}[s.kind]
        return f"{where} * {one}"

    def given(self) -> Iterator[str]:
        """The pointers to what is read."""
        for s in self.inputs:
            yield f"    const T* const in_{s.name} = p_{s.name} + {self.offset(s)};"
        for s in self.states:
            p = f"p_first_{s.name}"
            yield f"    const T* const first_{s.name} = {p} ? {p} + {self.offset(s)} : 0;"
            yield f"    (void)first_{s.name};"

    def forward(self) -> Iterator[str]:
        """The head of the forward kernel."""
        out = count(self.layer.output.dims)
        yield from self.head(
            "forward",
            [
                *(f"const T* __restrict__ p_{s.name}" for s in self.inputs),
                *(f"const T* __restrict__ p_first_{s.name}" for s in self.states),
                "T* __restrict__ p_y",
                *(f"T* __restrict__ p_last_{s.name}" for s in self.states),
                "T* __restrict__ keep",
            ],
        )
        yield from self.given()
        yield f"    T* const y = p_y + sequence * L * ({out});"
        for s in self.states:
            yield f"    T* const last_{s.name} = p_last_{s.name} + {self.offset(s)};"

    def backward(self) -> Iterator[str]:
        """The head of the backward kernel."""
        out = count(self.layer.output.dims)
        yield from self.head(
            "backward",
            [
                *(f"const T* __restrict__ p_{s.name}" for s in self.inputs),
                *(f"const T* __restrict__ p_first_{s.name}" for s in self.states),
                "const T* __restrict__ keep",
                "const T* __restrict__ p_y",
                *(f"const T* __restrict__ p_last_{s.name}" for s in self.states),
                *(f"T* p_grad_{s.name}" for s in self.inputs),
                *(f"T* p_begin_{s.name}" for s in self.states),
            ],
        )
        yield from self.given()
        yield f"    const T* const y = p_y + sequence * L * ({out});"
        for s in self.states:
            p = f"p_last_{s.name}"
            yield f"    const T* const last_{s.name} = {p} ? {p} + {self.offset(s)} : 0;"
        for s in self.inputs:
            if s.kind == "constant":
                where = f"((tile * B + b) * H + h) * ({count(s.dims)})"
            else:
                slot = "tile * B * H + " if self.slots(s.dims) else ""
                where = f"({slot}sequence) * L * ({count(s.dims)})"
            yield f"    T* const grad_{s.name} = p_grad_{s.name} + {where};"
            yield f"    (void)grad_{s.name};"
        for s in self.states:
            slot = "tile * B * H + " if self.slots(s.dims) else ""
            where = f"({slot}sequence) * ({count(s.dims)})"
            yield f"    T* const begin_{s.name} = p_begin_{s.name} + {where};"


__all__ = ["Signature", "Slots"]
