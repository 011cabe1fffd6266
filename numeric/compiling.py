"""The system's C++ compiler, and libraries that it made, kept by hash."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import warnings
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from dsf_sym.caching import user_folder
from dsf_sym.errors import DsfError

FLAGS = ("-O3", "-march=native", "-fopenmp", "-fno-math-errno", "-fno-trapping-math")
PORTABLE = ("-std=c++17", "-shared", "-fPIC", "-w")
DTYPES = {"float32": ("float", 32), "float64": ("double", 64)}
SEAL = 64


class NoCompiler(DsfError):
    """There is no C++ compiler; the message says what to install."""


class NotCompiled(DsfError):
    """The compiler refused a file, or its result cannot be loaded."""


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
        path = self.path(text, dtype)
        if not _is_whole(path):
            path = self._put(path, self._compiled(compiler(), text, dtype))
        try:
            return ctypes.CDLL(str(path))
        except OSError as error:
            raise NotCompiled(f"{path} cannot be loaded: {error}; remove it") from None

    def path(self, text: str, dtype: str) -> Path:
        """Where the library of a file for one type is kept; NoCompiler, NotCompiled."""
        command = compiler()
        made_of = [text, dtype, command, _identity(command), *self.flags, *PORTABLE]
        return self.folder / f"{hashlib.sha256(chr(0).join(made_of).encode()).hexdigest()}.so"

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
