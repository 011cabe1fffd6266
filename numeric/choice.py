"""Which code runs where none is asked for, and what runs where a kernel cannot be compiled."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from dsf_sym import KernelLayer, Layer
from dsf_sym.codegen import generate_cpp
from dsf_sym.language.evaluate import shape_of

from . import native
from .contract import computed_in
from .plans import are_plain

WORTH = 20_000_000_000
"""So many entries of states times tokens, in calls so far, are worth compiling and verifying."""


@cache
def kernel(layer: Layer) -> native.Kernel:
    """The compiled kernels of a layer; they are compiled when they are first called."""
    return native.Kernel(layer, generate_cpp(layer))


def compiles(layer: Layer, dtype: str) -> bool:
    """Whether a layer's kernels can be compiled; where not, a warning says why, once.

    Of a type that is none of theirs it is not asked: the call itself says so.
    """
    try:
        if dtype in native.DTYPES:
            kernel(layer).library(dtype)
    except (native.NoCompiler, native.NotCompiled) as error:
        say(f"{error}; the code of the arrays' library runs")
        return False
    return True


def fastest(
    layer: Layer, library: str, schedule: str, sizes: Mapping[str, int], signals: Mapping[str, Any]
) -> str:
    """The backend "cpp" where its kernels can run, are verified, and worth it; else the library.

    schedule: what the caller asks for. library: of the arrays.
    """
    if schedule not in ("auto", "recurrent") or isinstance(layer, KernelLayer):
        return library
    if not layer.of_kind("token") or not are_plain(signals.values()):
        return library
    dtype = computed_in(next(iter(signals.values())))
    cells = sum(math.prod(shape_of(s.dims, dict(sizes))) for s in layer.of_kind("state"))
    past = history(layer)
    if dtype not in past.sound:
        spent = past.spent
        spent[dtype] = spent.get(dtype, 0) + sizes["B"] * sizes["H"] * sizes["L"] * cells
        if dtype not in native.DTYPES or spent[dtype] < WORTH // 400:
            return library
        if spent[dtype] < WORTH and not _was_verified(layer, dtype):
            return library
        past.sound[dtype] = compiles(layer, dtype) and _verified(layer, dtype)
    if not past.sound[dtype]:
        return library
    asked = any(getattr(x, "requires_grad", False) for x in signals.values())
    return "cpp" if not asked or kernel(layer).differentiable(dtype) else library


@dataclass
class History:
    """What this process knows of a layer's kernels, by type.

    spent: the entries of states times tokens of all calls. sound: whether the kernels, once they
    were asked for, were compiled and verified.
    """

    spent: dict[str, int] = field(default_factory=dict)
    sound: dict[str, bool] = field(default_factory=dict)


@cache
def history(layer: Layer) -> History:
    """The one history of a layer."""
    return History()


def _note(layer: Layer, dtype: str) -> Path:
    made = kernel(layer)
    return made.builder.path(made.text, dtype).with_suffix(".verified")


def _was_verified(layer: Layer, dtype: str) -> bool:
    """Whether this library was verified before, in any process."""
    try:
        return _note(layer, dtype).is_file()
    except (native.NoCompiler, native.NotCompiled):
        return False


def _verified(layer: Layer, dtype: str) -> bool:
    if _was_verified(layer, dtype):
        return True
    # It runs layers by the module that asks here.
    from .verify import verify

    report = verify(layer, backends=("cpp",))
    if not report.passed:
        say(f"{report}\nthe code of the arrays' library runs")
        return False
    for name in native.DTYPES:
        # Where the folder cannot be written, it is verified again in the next process.
        with suppress(OSError):
            _note(layer, name).write_text(f"{report}\n", encoding="utf-8")
    return True


@cache
def say(message: str) -> None:
    """Warn of it, once in a process."""
    warnings.warn(message, RuntimeWarning, stacklevel=4)
