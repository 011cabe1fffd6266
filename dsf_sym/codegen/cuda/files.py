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
from .maps import scanned
from .plain import CudaPlain
from .runtime import RUNTIME, WARPS
from .scan import CudaScan
from .tiles import CudaTiles
from .wy import CudaSolved


@dataclass(frozen=True)
class ScanSource:
    """What the launch of a scan is decided by: what CudaSource says of the other kernels.

    A scan is the forward kernel of the text where the macro SPLIT is the threads, more than one,
    that share the tokens of a lane.
    """

    rows: str | None
    lanes: str
    forward: tuple[Array, ...]
    numbers: int


@dataclass(frozen=True)
class CudaSource:
    """A layer's kernels as text, and what their launch is decided by.

    rows, lanes: the sizes that threads are shared out over; lanes None where a sequence is one
    block's. forward, backward: the arrays that a block shares, backward None where there is no such
    kernel. slots: the signals and states whose gradient is a sum over the blocks of a sequence.
    registers: for every state whether a thread has one number of each of its rows; () without
    lanes, where whole states are kept. numbers: what a thread has of a row for all tokens, the
    states, and constants with their gradients. scan: the forward kernel that splits time, if any.
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
    scan: ScanSource | None

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
    scan = None if isinstance(kernel, CudaChunks) else _scan(layer)
    parts = [RUNTIME.strip("\n")]
    if scan is None:
        parts += _parts(kernel)
    else:
        parts += ["#if SPLIT == 1", *_parts(kernel), "#else", *_parts(scan), "#endif"]
    body = "\n\n".join(parts)
    kind = kernel.kind + ("; forward a scan where SPLIT threads share time" if scan else "")
    return CudaSource(
        layer=layer,
        text=comment(layer, "CUDA C", "cuda", kind, body) + body + "\n",
        kind=kind,
        rows=kernel.rows,
        lanes=kernel.lanes,
        forward=tuple(kernel.arrays(False)),
        backward=tuple(kernel.arrays(True)) if kernel.differentiable else None,
        slots=frozenset(
            s.name for s in layer.signals if s.kind != "constant" and kernel.slots(s.dims)
        ),
        registers=kernel.registered,
        numbers=kernel.numbers,
        scan=None
        if scan is None
        else ScanSource(scan.rows, scan.lanes, tuple(scan.arrays(False)), scan.numbers),
    )


def _parts(kernel: CudaTiles | CudaScan | CudaPlain) -> list[str]:
    """The parts of a file that belong to the kernels of one launch geometry."""
    sizes = [*kernel.sizes(), _struct(sizes_of(kernel.layer), kernel.members())]
    warps = [] if isinstance(kernel, CudaPlain) else [WARPS.strip("\n")]
    return ["\n".join(sizes), *warps, "\n".join(kernel.text())]


def _kernel(layer: Layer) -> CudaTiles | CudaPlain:
    """By chunks where Λ is one decay, with an outer product or without; else token by token."""
    try:
        made = tiles(layer)
    except NoSchedule as why:
        return CudaPlain(layer, str(why))
    try:
        found = chunked(layer)
        return CudaSolved(found) if found.memory.correction else CudaChunks(found)
    except NoSchedule:
        return CudaTiles(made)


def _scan(layer: Layer) -> CudaScan | None:
    """A scan over time, where every entry of the state is alone."""
    try:
        return CudaScan(scanned(layer))
    except NoSchedule:
        return None


def generate_cuda(layer: Layer) -> str:
    """The text of a CUDA C file with the forward and backward kernels of a layer."""
    return cuda_source(layer).text


def _struct(sizes: Sequence[str], members: str) -> str:
    fields = ", ".join(f"{identifier(n)} = SIZE_{n}" for n in sizes)
    body = (fields + members).removeprefix(", ")
    return f"struct Size {{ enum {{ {body} }}; }};" if body else "struct Size {};"


__all__ = ["CudaSource", "cuda_source", "generate_cuda"]
