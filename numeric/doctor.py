"""What is installed, and what will be skipped without it."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from dsf_sym.errors import DsfError, UnknownName

from . import cuda, cuda_static, native
from .emulation import available
from .peers import PEERS

NEEDED_FOR = {
    "numpy": "generated NumPy code, the oracle, every numerical test",
    "mpmath": "the oracle in 50 digits",
    "torch": "generated torch code, gradients, numeric.module",
    "flint": "faster exact arithmetic; without it the same results come from Python",
    **{peer.package: "what `dsf bench code` runs beside generated code" for peer in PEERS},
}
_DISTRIBUTION = {"flint": "python-flint"} | {peer.package: peer.distribution for peer in PEERS}


def _compiler() -> str | None:
    """The first line that the C++ compiler says of itself."""
    try:
        return native.version(native.compiler())
    except DsfError:
        return None


def _toolkit() -> str | None:
    """The version of NVRTC."""
    try:
        return cuda_static.version()
    except DsfError:
        return None


def _emulation() -> str | None:
    """The compiler of the emulation."""
    try:
        return native.version(available())
    except DsfError:
        return None


def _gpu() -> str | None:
    """The name of the GPU that CuPy uses."""
    try:
        return cuda.CupyDevice().name
    except DsfError:
        return None


CUDA = (
    ("nvrtc", _toolkit, "CUDA kernels as machine code: registers, spills, instructions; no GPU"),
    ("emulation", _emulation, "CUDA kernels run on the CPU thread by thread, under sanitizers"),
    ("gpu", _gpu, "CUDA kernels where they belong: backend='cuda', pytest --require gpu"),
)
"""The three checks of CUDA kernels that can be done here: what finds each, and what it shows."""


@dataclass(frozen=True)
class Part:
    """One library: its version, or None where it is missing; and what needs it."""

    name: str
    version: str | None
    needed_for: str

    def __str__(self) -> str:
        if self.version is None:
            return f"{self.name}: not installed; skipped: {self.needed_for}"
        return f"{self.name} {self.version}: {self.needed_for}"


def doctor(require: Sequence[str] = ()) -> tuple[Part, ...]:
    """Every library that the numerical part can use.

    require: names of parts. Raises DsfError where one of them is missing, UnknownName for another.
    """
    parts = []
    for name, purpose in NEEDED_FOR.items():
        found = None
        if importlib.util.find_spec(name) is not None:
            try:
                found = version(_DISTRIBUTION.get(name, name))
            except PackageNotFoundError:
                found = "of unknown version"
        parts.append(Part(name, found, purpose))
    parts.append(Part("c++", _compiler(), "compiled kernels, backend='cpp' and 'auto'"))
    parts += [Part(name, find(), purpose) for name, find, purpose in CUDA]
    for name in require:
        if name not in {p.name for p in parts}:
            raise UnknownName(f"doctor: {name!r} is none of {', '.join(p.name for p in parts)}")
        missing = [p for p in parts if p.name == name and p.version is None]
        if missing:
            raise DsfError(f"{missing[0]}; it was required")
    return tuple(parts)
