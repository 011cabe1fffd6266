"""Compile CUDA C for the CPU and launch its kernels on NumPy arrays, each launch in a process."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dsf_sym.errors import DsfError

from ..native import compiler

HERE = Path(__file__).parent
Sanitizer = Literal["", "bounds", "races"]
Order = Literal["forward", "reverse", "random"]
ORDERS: tuple[Order, ...] = ("forward", "reverse", "random")
FLAGS = ("-std=c++17", "-O0", "-g1", "-w", "-ffp-contract=off")
SANITIZERS: Mapping[str, tuple[str, ...]] = {
    "": (),
    "bounds": (
        "-O1",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all",
        "-fsanitize-sections=shared_memory",
        "-fno-omit-frame-pointer",
    ),
    "races": ("-O1", "-fsanitize=thread", "-fno-omit-frame-pointer"),
}
"""Address and UndefinedBehavior; Thread: one at a time, as they cannot be joined."""
_KERNEL = re.compile(r"__global__\s+void\s+(?:__launch_bounds__\s*\([^)]*\)\s*)?(\w+)\s*\(")
DIVERGED, SECONDS = 3, 600


class EmulationFailed(DsfError):
    """A kernel is not C++, or its process ended without a result."""


class Divergence(EmulationFailed):
    """Threads did not meet as CUDA demands."""


class SanitizerReport(EmulationFailed):
    """A sanitizer found a race, an access out of bounds, or undefined behaviour."""


def available() -> str:
    """The compiler that kernels are emulated with; a DsfError says why none can be."""
    system = f"{platform.system()} on {platform.machine()}"
    if system not in ("Linux on x86_64", "Linux on AMD64"):
        raise EmulationFailed(f"CUDA is emulated on Linux on x86-64 only; this is {system}")
    return compiler()


def emulate(
    text: str,
    macros: Mapping[str, object] | None = None,
    *,
    folder: Path,
    sanitizer: Sanitizer = "",
) -> Emulated:
    """CUDA C compiled for the CPU; macros: what -D defines.

    folder: where the program is written; one made earlier of the same parts is taken.

    Raises
    ------
    EmulationFailed
        The compiler refuses the text, or this is no machine to emulate on.
    NoCompiler
        There is no C++ compiler.
    """
    defined = [f"-D{name}={value}" for name, value in (macros or {}).items()]
    names = _KERNEL.findall(_chosen(text, defined))
    listed = ", ".join(f'emulated::named("{n}", {n})' for n in names)
    whole = (
        f'#include "cuda.hpp"\n#line 1 "kernel.cu"\n{text}\n#line 1 "launch.cpp"\n'
        f"static const emulated::Kernel kernels[] = {{{listed}}};\n"
        "int main(int count, char** words) {\n"
        f"    return emulated::main(kernels, {len(names)}, count, words);\n"
        "}\n"
    )
    scheduler = _scheduler(folder, sanitizer)
    words = [*shlex.split(available()), *FLAGS, *SANITIZERS[sanitizer], f"-I{HERE}", *defined]
    made_of = [whole, (HERE / "cuda.hpp").read_text(), scheduler.name, *words]
    program = folder / hashlib.sha256("\0".join(made_of).encode()).hexdigest()[:24]
    if not program.exists():
        with tempfile.TemporaryDirectory(dir=folder) as made:
            source, out = Path(made) / "kernel.cpp", Path(made) / "kernel"
            source.write_text(whole, encoding="utf-8")
            _compile([*words, str(source), str(scheduler), "-o", str(out)])
            out.replace(program)
    return Emulated(program, tuple(names), sanitizer)


def _chosen(text: str, defined: Sequence[str]) -> str:
    """The text without what its macros leave out."""
    words = [*shlex.split(compiler()), "-E", "-P", "-w", *defined, "-x", "c++", "-"]
    done = subprocess.run(words, input=text, capture_output=True, text=True)
    if done.returncode:
        raise EmulationFailed(f"the kernel cannot be preprocessed: {done.stderr.strip()[:500]}")
    return done.stdout


def _scheduler(folder: Path, sanitizer: Sanitizer) -> Path:
    """The fibers, compiled once for each sanitizer, and without it."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [(HERE / name).read_bytes() for name in ("scheduler.cpp", "cuda.hpp")]
    key = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
    path = folder / f"scheduler-{sanitizer}-{key}.o"
    if not path.exists():
        define = [f"-D{sanitizer.upper()}"] if sanitizer else []
        with tempfile.TemporaryDirectory(dir=folder) as made:
            out = Path(made) / "scheduler.o"
            source = str(HERE / "scheduler.cpp")
            words = ["-std=c++17", "-O2", "-w", *define, "-c", source, "-o", str(out)]
            _compile([*shlex.split(compiler()), *words])
            out.replace(path)
    return path


def _compile(words: Sequence[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        told = "\n".join(done.stderr.strip().splitlines()[:12])
        raise EmulationFailed(f"{shlex.join(words[:1])} cannot compile the kernel:\n{told}")


@dataclass(frozen=True)
class Emulated:
    """A program that runs one launch of one of its kernels."""

    program: Path
    kernels: tuple[str, ...]
    sanitizer: Sanitizer = ""

    def launch(
        self,
        name: str,
        blocks: Sequence[int],
        threads: Sequence[int],
        arguments: Sequence[Any],
        *,
        order: Order = "forward",
        seed: int = 1,
    ) -> None:
        """Run a kernel on arrays, which it changes, whole numbers, and None for a null pointer.

        order: in which order blocks and threads have their turns.

        Raises
        ------
        Divergence
            Threads part at a barrier or in a warp operation.
        SanitizerReport
            What a sanitizer found.
        EmulationFailed
            The process ended otherwise.
        """
        grid = [*blocks, 1, 1][:3] + [*threads, 1, 1][:3]
        head = [*grid, ORDERS.index(order), seed, len(arguments)]
        arrays = [x for x in arguments if isinstance(x, np.ndarray)]
        with tempfile.TemporaryDirectory(prefix="dsf-") as made:
            given, after = Path(made) / "launch", Path(made) / "arrays"
            with given.open("wb") as file:
                file.write(np.array(head, np.int64).tobytes())
                for x in arguments:
                    if isinstance(x, np.ndarray):
                        file.write(np.array([0, x.nbytes], np.int64).tobytes())
                        file.write(np.ascontiguousarray(x).tobytes())
                    else:
                        pair = [0, -1] if x is None else [1, x]
                        file.write(np.array(pair, np.int64).tobytes())
            self._run(name, given, after)
            with after.open("rb") as file:
                for x in arrays:
                    x[...] = np.frombuffer(file.read(x.nbytes), x.dtype).reshape(x.shape)

    def _run(self, name: str, given: Path, after: Path) -> None:
        words = [str(self.program), name, str(given), str(after)]
        # The shadow memory of ThreadSanitizer has no place for every address layout.
        if self.sanitizer == "races" and (fixed := shutil.which("setarch")):
            words = [fixed, "-R", *words]
        settings = {
            "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0",
            "TSAN_OPTIONS": "report_signal_unsafe=0:halt_on_error=1:exitcode=66",
        }
        try:
            done = subprocess.run(
                words,
                capture_output=True,
                text=True,
                env={**os.environ, **settings},
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise EmulationFailed(f"{name}: no end after {SECONDS} s") from None
        told = done.stderr.strip()
        if done.returncode == DIVERGED:
            raise Divergence(f"{name}: {told}")
        if "Sanitizer:" in told or "runtime error:" in told:
            raise SanitizerReport(f"{name}: {told[:2000]}")
        if done.returncode:
            raise EmulationFailed(f"{name}: ended with code {done.returncode}: {told[:500]}")


__all__ = [
    "ORDERS",
    "Divergence",
    "Emulated",
    "EmulationFailed",
    "SanitizerReport",
    "available",
    "emulate",
]
