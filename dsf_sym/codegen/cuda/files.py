"""A layer's CUDA C file with its header, and what a caller must know to compile and launch it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...language.layer import Layer
from ..c_family import identifier
from ..c_files import comment, refuse_stateless, sizes_of
from ..factors import NoSchedule
from ..tiles import tiles
from .chunks import CudaChunks, chunked
from .loops import Array
from .plain import CudaPlain
from .runtime import RUNTIME, WARPS
from .tiles import CudaTiles


@dataclass(frozen=True)
class CudaSource:
    """A layer's kernels as text, and what their launch is decided by.

    rows, lanes: the sizes that threads are shared out over; lanes None where a sequence is one
    block's. forward, backward: the arrays that a block shares, backward None where there is no such
    kernel. slots: the signals and states whose gradient is a sum over the blocks of a sequence.
    registers: for every state whether a thread has one number of each of its rows; () without
    lanes, where whole states are kept. numbers: what a thread has of a row for all tokens, the
    states, and constants with their gradients.
    """

    layer: Layer
    text: str
    kind: str
    rows: str | None
    lanes: str | None
    forward: tuple[Array, ...]
    backward: tuple[Array, ...] | None
    slots: frozenset[str]
    registers: tuple[bool, ...]
    numbers: int

    @property
    def sizes(self) -> tuple[str, ...]:
        """The names of sizes, each given as a macro SIZE_name."""
        return sizes_of(self.layer)


def cuda_source(layer: Layer) -> CudaSource:
    """The forward and backward kernels of a layer.

    Along an axis that Λ does not mix, each thread has some rows of one lane of the state; a step
    that has no such axis is computed by the threads of one block a sequence.

    Raises
    ------
    NotAffine
        The layer is a sum over the past, which has no state of a fixed size.
    LanguageError
        The layer reads no token.
    """
    refuse_stateless(layer, "CUDA")
    kernel = _kernel(layer)
    warps = [WARPS.strip("\n")] if isinstance(kernel, CudaTiles) else []
    body = "\n\n".join(
        [
            RUNTIME.strip("\n"),
            "\n".join([*kernel.sizes(), _struct(sizes_of(layer), kernel.members())]),
            *warps,
            "\n".join(kernel.text()),
        ]
    )
    return CudaSource(
        layer=layer,
        text=comment(layer, "CUDA C", "cuda", kernel.kind, body) + body + "\n",
        kind=kernel.kind,
        rows=kernel.rows,
        lanes=kernel.lanes,
        forward=tuple(kernel.arrays(False)),
        backward=tuple(kernel.arrays(True)) if kernel.differentiable else None,
        slots=frozenset(
            s.name for s in layer.signals if s.kind != "constant" and kernel.slots(s.dims)
        ),
        registers=kernel.registered,
        numbers=kernel.numbers,
    )


def _kernel(layer: Layer) -> CudaTiles | CudaPlain:
    """By chunks where one decay is all of Λ, else token by token, with the state in threads."""
    try:
        made = tiles(layer)
    except NoSchedule as why:
        return CudaPlain(layer, str(why))
    try:
        return CudaChunks(chunked(layer))
    except NoSchedule:
        return CudaTiles(made)


def generate_cuda(layer: Layer) -> str:
    """The text of a CUDA C file with the forward and backward kernels of a layer."""
    return cuda_source(layer).text


def _struct(sizes: Sequence[str], members: str) -> str:
    fields = ", ".join(f"{identifier(n)} = SIZE_{n}" for n in sizes)
    body = (fields + members).removeprefix(", ")
    return f"struct Size {{ enum {{ {body} }}; }};" if body else "struct Size {};"


__all__ = ["CudaSource", "cuda_source", "generate_cuda"]
