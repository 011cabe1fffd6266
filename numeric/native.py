"""C++ kernels: compiled by the system's compiler, kept by hash, called on arrays through ctypes."""

from __future__ import annotations

import ctypes
import hashlib
import math
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dsf_sym import Layer
from dsf_sym.caching import user_folder
from dsf_sym.errors import DsfError
from dsf_sym.language.evaluate import shape_of
from dsf_sym.language.layer import Signal

from .contract import ContractViolation

FLAGS = ("-O3", "-march=native", "-fopenmp", "-fno-math-errno", "-fno-trapping-math")
PORTABLE = ("-std=c++17", "-shared", "-fPIC", "-w")
DTYPES = {"float32": ("float", 32), "float64": ("double", 64)}
SEAL = 64
SMALL = 200_000
"""Below so many multiplications one thread is faster than two."""


class NoCompiler(DsfError):
    """There is no C++ compiler; the message says what to install."""


class NotCompiled(DsfError):
    """The compiler refused a file, or its result cannot be loaded."""


class NoBackward(DsfError):
    """A gradient is asked for of a kernel that has no backward pass."""


def compiler() -> str:
    """The command of the C++ compiler: CXX, or c++, g++, clang++ of PATH; NoCompiler if none."""
    return _found(os.environ.get("CXX", "").strip(), os.environ.get("PATH", ""))


@cache
def _found(named: str, path: str) -> str:
    for name in [named] if named else ["c++", "g++", "clang++"]:
        parts = shlex.split(name)
        if parts and shutil.which(parts[0], path=path):
            return name
    where = f"CXX is {named!r}, which is not found" if named else "no c++, g++ or clang++ in PATH"
    raise NoCompiler(
        f"{where}: install a C++ compiler with OpenMP (Debian: apt install g++; macOS: brew "
        "install gcc, and CXX=g++-14)"
    )


def usable() -> bool:
    """Whether there is a compiler; where there is none a warning says what to install."""
    try:
        compiler()
    except NoCompiler as error:
        warnings.warn(
            f"{error}; the code of the arrays' library runs", RuntimeWarning, stacklevel=3
        )
        return False
    return True


def version(command: str) -> str:
    """The first line that a compiler says of itself; NotCompiled where it does not run."""
    try:
        done = subprocess.run(
            [*shlex.split(command), "--version"], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise NotCompiled(f"{command} --version does not run: {error}") from None
    return done.stdout.partition("\n")[0]


@cache
def _identity(command: str) -> str:
    """The compiler's version and the processor that native code is made for."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8", errors="replace") if info.is_file() else ""
    flags = next((x for x in text.splitlines() if x.startswith(("flags", "Features"))), "")
    return "\n".join([version(command), platform.machine(), platform.processor(), flags])


@dataclass(frozen=True)
class Builder:
    """Compiles files and keeps the libraries in a folder.

    A library is written whole or not at all, under the hash of all that it is made of, and ends
    with the hash of its own bytes: two processes may compile one file at once, and what is not
    whole is compiled again.
    """

    folder: Path = field(default_factory=lambda: user_folder() / "native")
    flags: tuple[str, ...] = FLAGS

    def library(self, text: str, dtype: str) -> ctypes.CDLL:
        """The library of a file for one type; NoCompiler, NotCompiled."""
        command = compiler()
        made_of = [text, dtype, command, _identity(command), *self.flags, *PORTABLE]
        key = hashlib.sha256("\0".join(made_of).encode()).hexdigest()
        path = self.folder / f"{key}.so"
        if not _is_whole(path):
            path = self._put(path, self._compiled(command, text, dtype))
        try:
            return ctypes.CDLL(str(path))
        except OSError as error:
            raise NotCompiled(f"{path} cannot be loaded: {error}; remove it") from None

    def _compiled(self, command: str, text: str, dtype: str) -> bytes:
        real, bits = DTYPES[dtype]
        with tempfile.TemporaryDirectory(prefix="dsf-") as made:
            source, out = Path(made) / "kernel.cpp", Path(made) / "kernel.so"
            source.write_text(text, encoding="utf-8")
            words = [*shlex.split(command), *self.flags, *PORTABLE]
            words += [f"-DREAL={real}", f"-DREAL_BITS={bits}", str(source), "-o", str(out)]
            try:
                done = subprocess.run(words, capture_output=True, text=True)
            except OSError as error:
                raise NotCompiled(f"{command} does not run: {error}") from None
            if done.returncode or not out.is_file():
                told = "\n".join(done.stderr.strip().splitlines()[:8])
                raise NotCompiled(
                    f"{shlex.join(words[:-3])} failed with code {done.returncode}; GCC 9 or Clang "
                    f"14 with OpenMP, or newer, is needed. It said:\n{told}"
                )
            return out.read_bytes()

    def _put(self, path: Path, content: bytes) -> Path:
        content += hashlib.sha256(content).hexdigest().encode()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return _written(path, content)
        except OSError as error:
            warnings.warn(
                f"{path.parent} cannot be written ({error.strerror}): kernels are compiled anew in "
                "every process. Make it writable, or set XDG_CACHE_HOME",
                RuntimeWarning,
                stacklevel=2,
            )
        return _written(Path(tempfile.mkdtemp(prefix="dsf-native-")) / path.name, content)


def _written(path: Path, content: bytes) -> Path:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def _is_whole(path: Path) -> bool:
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return hashlib.sha256(content[:-SEAL]).hexdigest().encode() == content[-SEAL:]


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
class Kernel:
    """A layer's compiled kernels, for NumPy arrays and torch tensors on the CPU.

    text: its C++. threads: 0 for `processors()`.
    """

    layer: Layer
    text: str
    builder: Builder = field(default_factory=Builder)
    threads: int = 0

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
    def inputs(self) -> tuple[Signal, ...]:
        """Tokens and constants, in order."""
        return tuple(s for s in self.layer.signals if s.kind != "state")

    @cached_property
    def states(self) -> tuple[Signal, ...]:
        """The states, in order."""
        return tuple(self.layer.of_kind("state"))

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
        sizes: dict[str, int] = {}
        for s, x in zip(self.inputs, inputs, strict=True):
            lead = {"token": ("B", "H", "L"), "constant": ("H",)}[s.kind]
            sizes |= dict(zip(lead, x.shape, strict=False))
            found = zip(s.dims, x.shape[len(lead) :], strict=True)
            sizes |= {d: n for d, n in found if d.isidentifier()}
        whole = [_contiguous(x) for x in inputs]
        begin = None
        if state is not None:
            begin = tuple(_contiguous(_of_type(x, inputs[0])) for x in state)
        return Arguments(sizes, tuple(whole), begin)

    def forward(self, given: Arguments, *, keep: bool = False) -> tuple[Any, tuple[Any, ...], Any]:
        """Outputs, last states, and where `keep` what `backward` needs."""
        first, sizes = given.inputs[0], given.sizes
        library = self.library(str(first.dtype).removeprefix("torch."))
        numbers = self._numbers(sizes)
        lead = (sizes["B"], sizes["H"])
        y = _empty(first, (*lead, sizes["L"], *shape_of(self.layer.output.dims, sizes)))
        ends = tuple(_empty(first, (*lead, *shape_of(s.dims, sizes))) for s in self.states)
        kept = None
        if keep:
            kept = _empty(first, (lead[0] * lead[1] * library.kept(numbers),))
        none = (None,) * len(self.states)
        arrays = [*given.inputs, *(given.state or none), y, *ends, kept]
        self._call(library, "forward", numbers, sizes, arrays)
        return y, ends, kept

    def backward(
        self, given: Arguments, kept: Any, y: Any, ends: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """The gradients of inputs and of first states, from those of outputs and last states."""
        first, sizes = given.inputs[0], given.sizes
        library = self.library(str(first.dtype).removeprefix("torch."))
        numbers = self._numbers(sizes)
        shares = parts, _ = self._shares(library, numbers, sizes)
        parted = set(library.in_parts().decode().split())
        none = (None,) * len(self.states)
        gradients, begins = [], []
        for s, x in zip(self.inputs, given.inputs, strict=True):
            if s.kind == "constant":
                gradients.append(_zeros(first, (parts * sizes["B"], *x.shape)))
            else:
                slots = (parts, *x.shape) if s.name in parted else tuple(x.shape)
                gradients.append(_empty(first, slots))
        for s in self.states:
            shape = (sizes["B"], sizes["H"], *shape_of(s.dims, sizes))
            begins.append(_empty(first, (parts, *shape) if s.name in parted else shape))
        arrays = [*given.inputs, *(given.state or none), kept, _contiguous(y)]
        arrays += [None if x is None else _contiguous(x) for x in ends]
        self._call(library, "backward", numbers, sizes, [*arrays, *gradients, *begins], shares)
        for i, s in enumerate(self.inputs):
            if s.kind == "constant" or s.name in parted:
                gradients[i] = gradients[i].sum(0) if len(gradients[i]) > 1 else gradients[i][0]
        for i, s in enumerate(self.states):
            if s.name in parted:
                begins[i] = begins[i].sum(0) if len(begins[i]) > 1 else begins[i][0]
        return gradients, begins

    def _numbers(self, sizes: Mapping[str, int]) -> Any:
        order = ("B", "H", "L", *self.names)
        return (ctypes.c_long * len(order))(*(sizes[n] for n in order))

    def _shares(
        self, library: ctypes.CDLL, numbers: Any, sizes: Mapping[str, int]
    ) -> tuple[int, int]:
        """How many parts of the lanes a sequence is shared out in, and the threads."""
        threads = self.threads or processors()
        sequences = sizes["B"] * sizes["H"]
        cells = sum(math.prod(shape_of(s.dims, dict(sizes))) for s in self.states)
        if sequences * sizes["L"] * cells < SMALL:
            return 1, 1
        parts = 1
        if sequences % threads and sequences < 4 * threads:
            parts = min(threads // math.gcd(sequences, threads), library.most_parts(numbers))
        return parts, min(threads, sequences * parts)

    def _call(
        self,
        library: ctypes.CDLL,
        name: str,
        numbers: Any,
        sizes: Mapping[str, int],
        arrays: Sequence[Any],
        shares: tuple[int, int] | None = None,
    ) -> None:
        parts, threads = shares or self._shares(library, numbers, sizes)
        pointers = (ctypes.c_void_p * len(arrays))(*map(_pointer, arrays))
        if getattr(library, name)(numbers, pointers, ctypes.c_long(parts), ctypes.c_long(threads)):
            raise MemoryError(f"run({self.layer.name}, backend='cpp'): a task got no memory")


def _contiguous(x: Any) -> Any:
    return np.ascontiguousarray(x) if isinstance(x, np.ndarray) else x.detach().contiguous()


def _of_type(x: Any, like: Any) -> Any:
    if x.dtype == like.dtype:
        return x
    return x.astype(like.dtype) if isinstance(x, np.ndarray) else x.to(like.dtype)


def _empty(like: Any, shape: tuple[int, ...]) -> Any:
    return np.empty(shape, like.dtype) if isinstance(like, np.ndarray) else like.new_empty(shape)


def _zeros(like: Any, shape: tuple[int, ...]) -> Any:
    return np.zeros(shape, like.dtype) if isinstance(like, np.ndarray) else like.new_zeros(shape)


def _pointer(x: Any) -> int | None:
    if x is None:
        return None
    return int(x.ctypes.data) if isinstance(x, np.ndarray) else int(x.data_ptr())
