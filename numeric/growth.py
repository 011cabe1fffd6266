"""How compiled kernels grow with the length, and what a token costs one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dsf_sym import Layer, find

from .bench import OTHERS, SIZES, drawn, interleaved
from .choice import kernel
from .memory import pool
from .native import NoCompiler, NotCompiled
from .run import run

LENGTHS = (1_000, 10_000, 100_000, 1_000_000)
STATUS = Path("/proc/self/status")
RESET = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Growth:
    """Seconds by length, and MiB that a pass holds beyond its inputs and what it returns.

    mebibytes: None where the system does not tell.
    """

    layer: str
    backward: bool
    lengths: tuple[int, ...]
    seconds: tuple[float, ...]
    mebibytes: tuple[float | None, ...]

    @property
    def fit(self) -> tuple[float, float]:
        """Coefficient and exponent of `seconds = a L^b`, by least squares of the logarithms."""
        b, log_a = np.polyfit(np.log(self.lengths), np.log(self.seconds), 1)
        return float(np.exp(log_a)), float(b)


@dataclass(frozen=True)
class Decoding:
    """Microseconds of one token: of the kernel, called by a prepared plan, and of `numeric.run`."""

    layer: str
    kernel: float
    run: float


def compiled(layers: Sequence[str]) -> list[str]:
    """Those of the layers whose kernels can be compiled here."""
    found = []
    for name in layers:
        with suppress(NoCompiler, NotCompiled):
            kernel(find(name)).library("float32")
            found.append(name)
    return found


def growth(
    layers: Sequence[str], lengths: Sequence[int] = LENGTHS, *, rounds: int = 3
) -> Iterator[Growth]:
    """Time and memory of compiled kernels against the length, for one head; two lengths or more."""
    for name in layers:
        layer = find(name)
        # The signals of a million tokens of a wide layer would not fit.
        sizes = {n: min(x, 64) for n, x in SIZES.get(name, OTHERS)[1].items()}
        for backward in (False, True):
            seconds, memory = [], []
            for length in lengths:
                call = _pass(layer, drawn(layer, sizes, (1, 1, length)), backward)
                seconds.append(interleaved({length: call}, rounds)[length])
                memory.append(beyond(call))
            yield Growth(name, backward, tuple(lengths), tuple(seconds), tuple(memory))


def _pass(layer: Layer, given: dict[str, Any], backward: bool) -> Callable[[], Sequence[Any]]:
    def forward() -> Sequence[Any]:
        with torch.no_grad():
            return run(layer, "cpp", **given)[:1]

    def both() -> Sequence[Any]:
        leaves = [x.requires_grad_() for x in given.values()]
        y, _ = run(layer, "cpp", **given)
        return y, *torch.autograd.grad(y, leaves, y.detach())

    return both if backward else forward


def beyond(call: Callable[[], Sequence[Any]]) -> float | None:
    """MiB that a call holds at one time beyond the tensors that it returns; Linux alone tells."""
    pool().clear()
    try:
        RESET.write_text("5")
        before = _resident("VmRSS")
        made = call()
        most = _resident("VmHWM")
    except OSError:
        return None
    return max(0.0, (most - before) / 1024 - sum(x.nbytes for x in made) / 2**20)


def _resident(name: str) -> int:
    """Kibibytes of this process's memory."""
    line = next(x for x in STATUS.read_text().splitlines() if x.startswith(f"{name}:"))
    return int(line.split()[1])


def peak(call: Callable[[], Any]) -> int:
    """The largest number of bytes that tensors made by a call hold at one time."""
    from torch.multiprocessing.reductions import StorageWeakRef
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    class Watch(TorchDispatchMode):
        live: dict[int, tuple[Any, int]] = {}  # noqa: RUF012
        most = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None):
            out = func(*args, **(kwargs or {}))
            for x in tree_leaves(out):
                if isinstance(x, torch.Tensor):
                    storage = x.untyped_storage()
                    key = storage._cdata
                    if key not in self.live or self.live[key][0].expired():
                        self.live[key] = StorageWeakRef(storage), storage.nbytes()
            if sum(n for _, n in self.live.values()) > self.most:
                self.live = {k: v for k, v in self.live.items() if not v[0].expired()}
                self.most = max(self.most, sum(n for _, n in self.live.values()))
            return out

    with Watch() as watch:
        call()
    return watch.most


def decoding(layers: Sequence[str], *, rounds: int = 300) -> Iterator[Decoding]:
    """One token of one head of each layer, by compiled kernels from a state."""
    for name in layers:
        layer, (_, sizes) = find(name), SIZES.get(name, OTHERS)
        given = drawn(layer, sizes, (1, 1, 1))
        with torch.no_grad():
            _, state = run(layer, "cpp", **given)
            ready = kernel(layer).plan({**sizes, "B": 1, "H": 1, "L": 1}, "float32")

            def prepared(ready: Any = ready, given: Any = given, state: Any = state) -> Any:
                return ready(given, state)

            def whole(layer: Layer = layer, given: Any = given, state: Any = state) -> Any:
                return run(layer, "cpp", "auto", state, **given)

            taken = interleaved({"kernel": prepared, "run": whole}, rounds)
        yield Decoding(name, taken["kernel"] * 1e6, taken["run"] * 1e6)


__all__ = ["Decoding", "Growth", "beyond", "compiled", "decoding", "growth", "peak"]
