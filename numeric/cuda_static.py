"""What a CUDA kernel is for a processor, without one: NVRTC compiles it, cuobjdump reads it.

They, and nvdisasm which cuobjdump runs, come as wheels, `pip install 'dsf-workbench[cuda-check]'`,
and need neither GPU nor driver.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dsf_sym.errors import DsfError

ARCHITECTURES = ("80", "90", "100")
"""Ampere, Hopper, Blackwell."""
OPTIONS = (
    "-std=c++17",
    "-default-device",
    "--ptxas-options=-v",
    "--ptxas-options=--warn-on-spills",
)
KINDS = {
    "FFMA": r"FFMA|FMUL|FADD",
    "double": r"D(FMA|ADD|MUL|SETP|MNMX)|F2F\.F(64|32\.F64)|MUFU\.(RCP|RSQ)64|[FI]2F\.F64|F2I\.F64",
    "MMA": r"[HIDQ]?MMA",
    "MUFU": r"MUFU",
    "LDG": r"LDG",
    "LDG.128": r"LDG\.E\.128",
    "STG": r"STG",
    "LDS": r"LDS",
    "STS": r"STS",
    "local": r"LDL|STL",
    "SHFL": r"SHFL",
    "BAR": r"BAR",
}
_INSTRUCTION = re.compile(r"/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)")
_SPILLS = re.compile(r"Function properties for (\w+)\s+.*?(\d+) bytes spill stores", re.S)
_USED = re.compile(r"Function (\w+):\s*REG:(\d+) STACK:(\d+) SHARED:(\d+)")


class NoCompiler(DsfError):
    """A part of the toolkit is not installed; the message says how to get them."""


class NotCompiled(DsfError):
    """NVRTC refused a kernel, or did not say what must be known of it."""


@dataclass(frozen=True)
class Compiled:
    """One kernel as machine code.

    registers: of a thread. spills: bytes of registers that ptxas had to put into memory. stack:
    bytes of a thread's own arrays. shared: bytes of a block. instructions: how many of each of
    KINDS, and "all".
    """

    registers: int
    spills: int
    stack: int
    shared: int
    instructions: Mapping[str, int]


def compiled(text: str, macros: Mapping[str, object], architecture: str) -> dict[str, Compiled]:
    """Every kernel of a text for one processor, such as "90"; NoCompiler, NotCompiled."""
    options = [f"-arch=sm_{architecture}", *OPTIONS]
    options += [f"-D{name}={value}" for name, value in macros.items()]
    binary, log = _binary(text, options)
    spills = dict(_SPILLS.findall(log))
    with tempfile.TemporaryDirectory(prefix="dsf-") as made:
        path = Path(made) / "kernel.cubin"
        path.write_bytes(binary)
        used = _read(path, "-res-usage")
        code = _read(path, "-sass")
    counts = {}
    for part in code.split("Function : ")[1:]:
        name, _, body = part.partition("\n")
        counts[name.strip()] = _histogram(_INSTRUCTION.findall(body))
    out = {}
    for name, *numbers in _USED.findall(used):
        if name not in spills:
            raise NotCompiled(f"the compiler's log does not say what {name} spills:\n{log[:2000]}")
        registers, stack, shared = map(int, numbers)
        out[name] = Compiled(registers, int(spills[name]), stack, shared, counts[name])
    return out


def _histogram(found: Sequence[str]) -> dict[str, int]:
    names = Counter(found)
    out = {
        kind: sum(n for name, n in names.items() if re.match(pattern, name))
        for kind, pattern in KINDS.items()
    }
    return {"all": len(found), **{kind: n for kind, n in out.items() if n}}


def _read(path: Path, what: str) -> str:
    environment = {**os.environ, "NVDISASM_PATH": str(_tool("nvdisasm").parent)}
    words = [str(_tool("cuobjdump")), what, str(path)]
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise NotCompiled(f"cuobjdump {what} failed: {done.stderr.strip()[:500]}")
    return done.stdout + done.stderr


def _binary(text: str, options: Sequence[str]) -> tuple[bytes, str]:
    """Machine code, and what the compiler said."""
    nvrtc = _library()
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernel.cu", 0, None, None)
    words = (ctypes.c_char_p * len(options))(*(x.encode() for x in options))
    failed = nvrtc.nvrtcCompileProgram(program, len(options), words)
    log = _taken(nvrtc, program, "ProgramLog").decode(errors="replace").rstrip("\0")
    binary = b"" if failed else _taken(nvrtc, program, "CUBIN")
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    if failed:
        raise NotCompiled(f"NVRTC refuses the kernel ({' '.join(options)}):\n{log[:2000]}")
    return binary, log


def _taken(nvrtc: Any, program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    room = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(program, room)
    return room.raw


def version() -> str:
    """The version of NVRTC; NoCompiler where a part is missing."""
    _tool("cuobjdump"), _tool("nvdisasm")
    major, minor = ctypes.c_int(), ctypes.c_int()
    _library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    return f"{major.value}.{minor.value}"


@cache
def _library() -> Any:
    return ctypes.CDLL(str(_found("lib/libnvrtc.so.*", "nvidia-cuda-nvrtc")))


def _tool(name: str) -> Path:
    return _found(f"bin/{name}", f"nvidia-cuda-{name}")


@cache
def _found(pattern: str, wheel: str) -> Path:
    try:
        import nvidia
    except ImportError:
        folders: list[str] = []
    else:
        folders = list(nvidia.__path__)
    for folder in folders:
        for path in sorted(Path(folder).glob(f"*/{pattern}"), reverse=True):
            return path
    raise NoCompiler(
        f"the wheel {wheel} is not installed (it is made for Linux and Windows): "
        "pip install 'dsf-workbench[cuda-check]'"
    )


__all__ = ["ARCHITECTURES", "Compiled", "NoCompiler", "NotCompiled", "compiled", "version"]
