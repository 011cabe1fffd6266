"""`dsf bench code`: generated torch code beside other people's, and how it grows with length.

Nothing is timed that does not agree with the definition. All contenders of a comparison take turns
in one process, so that a busy machine is busy for all of them; figures are medians.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from dsf_sym import Layer, find
from dsf_sym.errors import DsfError

from . import samples
from .budgets import budget
from .oracle import definition
from .peers import PEERS, Peer, arguments, inputs
from .run import ORDER, schedules

LENGTHS = (512, 2048, 8192)
LAYERS = tuple(dict.fromkeys(peer.layer for peer in PEERS))
SIZES: dict[str, tuple[int, dict[str, int]]] = {"s6": (1, {"d": 512, "n": 16})}
"""Heads and sizes; four heads of 64 by 64 for the others."""
GROWTH = (512, 1024, 2048, 4096, 8192)
LONGEST = 3.0
OURS = "generated"


@dataclass(frozen=True)
class Timing:
    """Median milliseconds of one contender for one pass, and its ratio to the generated code.

    error: the largest difference from the definition, over the largest output.
    """

    layer: str
    length: int
    backward: bool
    contender: str
    milliseconds: float
    ratio: float
    error: float


@dataclass(frozen=True)
class Absent:
    """A contender that was not timed, and why."""

    layer: str
    contender: str
    reason: str


@dataclass(frozen=True)
class Growth:
    """Milliseconds and peak MiB by length, and the powers of the length that they grow with.

    The powers are the slopes of straight lines fitted to the logarithms: 1 is linear.
    """

    layer: str
    backward: bool
    lengths: tuple[int, ...]
    milliseconds: tuple[float, ...]
    mebibytes: tuple[float, ...]

    @property
    def power_of_time(self) -> float:
        """The power of the length that the time grows with."""
        return _slope(self.lengths, self.milliseconds)

    @property
    def power_of_memory(self) -> float:
        """The power of the length that the peak memory grows with."""
        return _slope(self.lengths, self.mebibytes)


Call = Callable[[], Any]


def compare(
    layers: Sequence[str] = LAYERS, lengths: Sequence[int] = LENGTHS, *, rounds: int = 7
) -> Iterator[Timing | Absent]:
    """Generated torch code and every peer for the same layer, forward and forward + backward.

    Parameters
    ----------
    layers
        Names of layers that have peers.
    lengths
        Numbers of tokens.
    rounds
        How often each contender has its turn.

    Raises
    ------
    DsfError
        A layer has no peer, or its generated code is not within its budget of the definition.
    """
    for name in layers:
        if name not in LAYERS:
            raise DsfError(f"bench code: {name} has no peer; there are {', '.join(LAYERS)}")
        layer, slow = find(name), set()
        peers: dict[str, Callable[..., Any]] = {}
        for peer in (p for p in PEERS if p.layer == name):
            try:
                peers[peer.name] = peer.load()
            except DsfError as error:
                yield Absent(name, peer.name, str(error).removeprefix(f"{peer.name}: "))
        for length in lengths:
            given = signals(layer, length)
            calls = {OURS: generated(layer)} | {n: p for n, p in peers.items() if n not in slow}
            agreed: dict[str, tuple[Callable[..., Any], list[Any], float]] = {}
            want = _definition(layer, given)
            for contender, call in calls.items():
                leaves = inputs(given, arguments(call))
                error = _error(call, leaves, want)
                allowed = budget(schedule_of(layer), "float32")
                if error <= allowed:
                    agreed[contender] = call, leaves, error
                elif contender == OURS:
                    raise DsfError(
                        f"bench code: {name} at L = {length} is not timed: its generated code is "
                        f"{error:.1e} from the definition, and {allowed:.0e} is allowed"
                    )
                else:
                    reason = f"{error:.1e} from the definition at L = {length}"
                    yield Absent(name, contender, reason)
            for backward in (False, True):
                passes = {
                    contender: _pass(call, leaves, backward)
                    for contender, (call, leaves, _) in agreed.items()
                    if contender not in slow
                }
                taken = interleaved(passes, rounds)
                for contender, seconds in taken.items():
                    ratio = seconds / taken[OURS]
                    error = agreed[contender][2]
                    yield Timing(name, length, backward, contender, seconds * 1e3, ratio, error)
                    if seconds > LONGEST and contender != OURS:
                        slow.add(contender)
                        reason = f"left out after L = {length}, which took {seconds:.1f} s a pass"
                        yield Absent(name, contender, reason)


def growth(
    layers: Sequence[str] = LAYERS, lengths: Sequence[int] = GROWTH, *, rounds: int = 3
) -> Iterator[Growth]:
    """Time and peak memory of the generated torch code against the length, two lengths or more."""
    for name in layers:
        layer = find(name)
        call = generated(layer)
        for backward in (False, True):
            passes = {
                length: _pass(call, inputs(signals(layer, length), arguments(call)), backward)
                for length in lengths
            }
            taken = interleaved(passes, rounds)
            memory = [peak(f) / 2**20 for f in passes.values()]
            milliseconds = tuple(x * 1e3 for x in taken.values())
            yield Growth(name, backward, tuple(lengths), milliseconds, tuple(memory))


def schedule_of(layer: Layer) -> str:
    """The schedule that `numeric.run` takes for many tokens."""
    have = schedules(layer, "torch")
    return next(name for name in ORDER if name in have)


def generated(layer: Layer) -> Callable[..., Any]:
    """The generated torch code of a layer, from its signals to its output."""
    function = schedules(layer, "torch")[schedule_of(layer)]
    names = [s.name for s in layer.signals if s.kind != "state"]

    def call(*xs: Any) -> Any:
        return function(*xs)[0]

    call.__signature__ = _signature(names)  # type: ignore[attr-defined]
    return call


def _signature(names: Sequence[str]) -> Any:
    import inspect

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([inspect.Parameter(n, kind) for n in names])


def signals(layer: Layer, length: int) -> dict[str, Any]:
    """float32 signals of a layer: decays near 1, keys of norm 1."""
    heads, sizes = SIZES.get(layer.name, (4, {"n": 64, "d": 64}))
    drawn = samples.signals(layer, sizes, (1, heads, length), seed=length)
    if "alpha" in drawn:
        drawn["alpha"] = 0.9 + 0.1 * drawn["alpha"]
    if "Delta" in drawn:
        drawn["Delta"] = 0.1 * drawn["Delta"]
    drawn["k"] = drawn["k"] / np.sqrt((drawn["k"] ** 2).sum(-1, keepdims=True))
    return {name: torch.from_numpy(x).float() for name, x in drawn.items()}


def _definition(layer: Layer, given: Mapping[str, Any]) -> Any:
    want, _ = definition(layer, {n: x.double().numpy() for n, x in given.items()})
    return torch.from_numpy(want)


def _error(call: Callable[..., Any], leaves: Sequence[Any], want: Any) -> float:
    with torch.no_grad():
        got = call(*leaves)
    if got.shape != want.shape:
        return math.inf
    error = float((got.double() - want).abs().max() / want.abs().max())
    return math.inf if math.isnan(error) else error


def _pass(call: Callable[..., Any], leaves: Sequence[Any], backward: bool) -> Call:
    if not backward:

        def forward() -> Any:
            with torch.no_grad():
                return call(*leaves)

        return forward
    own = [x.detach().clone().requires_grad_() for x in leaves]

    def both() -> Any:
        y = call(*own)
        return torch.autograd.grad(y, own, torch.ones_like(y))

    return both


def interleaved(calls: Mapping[Any, Call], rounds: int) -> dict[Any, float]:
    """Median seconds of each call, all taking turns; a first round is not counted.

    What takes longer than LONGEST has no further turn.
    """
    taken: dict[Any, list[float]] = {name: [] for name in calls}
    first: dict[Any, float] = {}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            if first.get(name, 0.0) > LONGEST:
                continue
            began = time.perf_counter()
            call()
            seconds = time.perf_counter() - began
            if turn:
                taken[name].append(seconds)
            else:
                first[name] = seconds
    return {name: statistics.median(times or [first[name]]) for name, times in taken.items()}


def peak(call: Call) -> int:
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


def _slope(lengths: Sequence[int], values: Sequence[float]) -> float:
    return float(np.polyfit(np.log(lengths), np.log(values), 1)[0])


__all__ = ["LAYERS", "LENGTHS", "Absent", "Growth", "Peer", "Timing", "compare", "growth", "peak"]
