"""`dsf bench code`: generated code beside other people's, and beside what the machine allows.

Nothing is timed that does not agree with the definition. All contenders of a comparison take turns
in one process, and with them what the machine's rates are measured by, so that a busy machine is
busy for all of them; figures are medians.
"""

from __future__ import annotations

import inspect
import math
import statistics
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from dsf_sym import Layer, find
from dsf_sym.errors import DsfError

from . import native, samples
from .budgets import budget
from .choice import kernel
from .limits import Machine, Probes, clock, work
from .oracle import definition
from .peers import PEERS, Peer, arguments, causal_softmax, inputs
from .run import ORDER, run, schedules

LENGTHS = (512, 2048, 8192, 32768)
BATCHES = (1, 4)
LAYERS = tuple(dict.fromkeys(peer.layer for peer in PEERS))
SIZES: dict[str, tuple[int, dict[str, int]]] = {"s6": (1, {"d": 512, "n": 16})}
"""Heads and sizes; those of OTHERS for the other layers."""
OTHERS = (4, {"n": 64, "d": 64})
PREFIX = 2048
"""So many tokens are compared with the definition; longer outputs with float64 code as well."""
PERIOD = 8192
OURS = ("cpp", "torch", "numpy")
SOFTMAX = "torch SDPA softmax"


@dataclass(frozen=True)
class Timing:
    """Median milliseconds of one contender for one pass.

    ratio: over those of our first contender. bytes, operations, limit: what a pass of the layer
    takes at least, and the milliseconds that the machine allows for it. error: the largest
    difference from what the contender should compute, over the largest output; softmax, put beside
    the layers that could stand in its place, should compute softmax.
    """

    layer: str
    batch: int
    length: int
    backward: bool
    contender: str
    milliseconds: float
    ratio: float
    bytes: int
    operations: int
    limit: float
    machine: Machine
    error: float

    @property
    def times_limit(self) -> float:
        """How many times the limit it takes."""
        return self.milliseconds / self.limit


@dataclass(frozen=True)
class Absent:
    """A contender that was not timed, and why."""

    layer: str
    contender: str
    reason: str


Call = Callable[[], Any]


@dataclass
class Race:
    """The contenders for one layer.

    limit: the seconds that a pass may take. out: who is out of which pass, forward or with
    backward. last: the seconds and tokens of the pass before.
    """

    layer: Layer
    limit: float
    calls: dict[str, Callable[..., Any]] = field(default_factory=dict)
    out: set[tuple[str, bool]] = field(default_factory=set)
    last: dict[tuple[str, bool], tuple[float, int]] = field(default_factory=dict)

    def late(self, name: str, backward: bool, tokens: int) -> str:
        """Why a pass would take too long, if it would: it grows with the tokens at least."""
        seconds, before = self.last.get((name, backward), (0.0, 1))
        expected = seconds * tokens / before
        if expected <= self.limit:
            return ""
        way = "forward and backward" if backward else "forward"
        return f"{way} of {tokens} tokens would take {expected:.1f} s or more"


def require_peers(layers: Sequence[str]) -> None:
    """Refuse a layer without a peer before anything is timed; raises DsfError."""
    for name in layers:
        if name not in LAYERS:
            raise DsfError(f"bench code: {name} has no peer; there are {', '.join(LAYERS)}")


def compare(
    layers: Sequence[str] = LAYERS,
    lengths: Sequence[int] = LENGTHS,
    batches: Sequence[int] = BATCHES,
    *,
    probes: Probes,
    rounds: int = 7,
    limit: float = 10.0,
) -> Iterator[Timing | Absent]:
    """Generated code and every peer for the same layer, forward, and forward and backward.

    Parameters
    ----------
    layers
        Names of layers that have peers.
    lengths, batches
        Numbers of tokens, and of sequences.
    probes
        What the machine's rates are measured by, in turn with the contenders.
    rounds
        How often each contender has its turn.
    limit
        Seconds: a pass that would take longer is left out, and named. The turns of one together
        take no longer, but that it has one.

    Raises
    ------
    DsfError
        A layer has no peer, or its generated code is not within its budget of the definition.
    """
    require_peers(layers)
    for name in layers:
        race = Race(find(name), limit)
        yield from _entered(race)
        for length in sorted(lengths):
            for batch in sorted(batches):
                yield from _heat(race, batch, length, probes, rounds)


def _entered(race: Race) -> Iterator[Absent]:
    """Put in our code and the peers that are installed."""
    layer = race.layer
    for backend in OURS:
        try:
            race.calls[backend] = generated(layer, backend)
        except (native.NoCompiler, native.NotCompiled) as error:
            yield Absent(layer.name, backend, str(error).splitlines()[0])
    for peer in (p for p in PEERS if p.layer == layer.name):
        try:
            race.calls[peer.name] = peer.load()
        except DsfError as error:
            yield Absent(layer.name, peer.name, str(error).removeprefix(f"{peer.name}: "))
    if layer.name not in SIZES:
        race.calls[SOFTMAX] = causal_softmax


def _heat(
    race: Race, batch: int, length: int, probes: Probes, rounds: int
) -> Iterator[Timing | Absent]:
    """All contenders on the same signals."""
    layer, tokens = race.layer, batch * length
    given = signals(layer, length, batch)
    want = _definition(layer, given)
    errors: dict[str, float] = {}
    for name, call in race.calls.items():
        reason = race.late(name, False, tokens)
        if (name, False) in race.out:
            continue
        if not reason:
            y, reason = _attempt(name, _pass(call, inputs(given, arguments(call))))
        if not reason:
            errors[name] = _error(y, _softmax(given) if name == SOFTMAX else want)
            allowed = budget(schedule_of(layer), "float32")
            if not errors[name] <= allowed:
                reason = f"{errors.pop(name):.1e} from the definition at L = {length}"
                if name in OURS:
                    raise DsfError(
                        f"bench code: {layer.name} is not timed: its {name} code is {reason}, and "
                        f"{allowed:.0e} is allowed"
                    )
        if reason:
            race.out |= {(name, False), (name, True)}
            yield Absent(layer.name, name, reason)
    heads, own = SIZES.get(layer.name, OTHERS)
    sizes = {**own, "B": batch, "H": heads, "L": length}
    for backward in (False, True):
        passes: dict[str, Call] = {}
        for name in errors:
            reason = race.late(name, backward, tokens)
            if (backward and name == "numpy") or (name, backward) in race.out:
                continue
            if reason:
                race.out.add((name, backward))
                yield Absent(layer.name, name, reason)
                continue
            call = race.calls[name]
            seed = torch.ones(want.shape) if backward else None
            made = _pass(call, inputs(given, arguments(call)), seed)
            new = backward and (name, True) not in race.last
            if new and (reason := _attempt(name, made)[1]):
                race.out.add((name, backward))
                yield Absent(layer.name, name, f"with backward: {reason}")
                continue
            passes[name] = made
        taken = interleaved({**passes, **probes.calls}, rounds, race.limit)
        machine = probes.machine({name: taken.pop(name) for name in probes.calls})
        least = work(layer, sizes, backward=backward)
        for name, seconds in taken.items():
            race.last[name, backward] = seconds, tokens
            yield Timing(
                layer=layer.name,
                batch=batch,
                length=length,
                backward=backward,
                contender=name,
                milliseconds=seconds * 1e3,
                ratio=seconds / next(iter(taken.values())),
                bytes=least.bytes,
                operations=least.operations,
                limit=least.seconds(machine) * 1e3,
                machine=machine,
                error=errors[name],
            )


def _attempt(name: str, call: Call) -> tuple[Any, str]:
    """What a call gives, or why a peer's fails; what fails of ours is not caught."""
    try:
        return call(), ""
    except Exception as error:
        if name in OURS:
            raise
        return None, textwrap.shorten(f"{type(error).__name__}: {error}", 90, placeholder=" ...")


def schedule_of(layer: Layer) -> str:
    """The schedule that `numeric.run` takes for many tokens."""
    have = schedules(layer, "torch")
    return next(name for name in ORDER if name in have)


def generated(layer: Layer, backend: str = "torch") -> Callable[..., Any]:
    """The generated code of a layer, from tensors of its signals to its output.

    Raises NoCompiler or NotCompiled where the backend is "cpp" and there are no kernels.
    """
    if backend == "cpp":
        kernel(layer).library("float32")
    names = [s.name for s in layer.signals if s.kind != "state"]

    def call(*xs: Any) -> Any:
        arrays = [x.numpy() for x in xs] if backend == "numpy" else xs
        y, _ = run(layer, backend, **dict(zip(names, arrays, strict=True)))
        return torch.from_numpy(y) if backend == "numpy" else y

    call.__signature__ = _signature(names)  # type: ignore[attr-defined]
    return call


def _signature(names: Sequence[str]) -> Any:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([inspect.Parameter(n, kind) for n in names])


def signals(layer: Layer, length: int, batch: int = 1) -> dict[str, Any]:
    """float32 signals of a layer at the sizes that are timed."""
    heads, sizes = SIZES.get(layer.name, OTHERS)
    return drawn(layer, sizes, (batch, heads, length))


def long_signals(layer: Layer, length: int) -> dict[str, Any]:
    """Signals of one long sequence, drawn for PERIOD tokens and repeated; sizes of 32 at most."""
    heads, sizes = SIZES.get(layer.name, OTHERS)
    made = drawn(layer, {n: min(x, 32) for n, x in sizes.items()}, (1, heads, PERIOD))
    tokens = {s.name for s in layer.of_kind("token")}
    at = torch.arange(length) % PERIOD
    return {n: x[:, :, at] if n in tokens else x for n, x in made.items()}


def drawn(layer: Layer, sizes: Mapping[str, int], lead: tuple[int, int, int]) -> dict[str, Any]:
    """float32 signals for batch, heads and length `lead`: decays near 1, keys of norm 1."""
    made = samples.signals(layer, sizes, lead, seed=lead[2])
    if "alpha" in made:
        made["alpha"] = 0.9 + 0.1 * made["alpha"]
    if "Delta" in made:
        made["Delta"] = 0.1 * made["Delta"]
    if "k" in made:
        made["k"] = made["k"] / np.sqrt((made["k"] ** 2).sum(-1, keepdims=True))
    return {name: torch.from_numpy(x).float() for name, x in made.items()}


def _definition(layer: Layer, given: Mapping[str, Any]) -> Any:
    """What the output is: by the definition for a prefix, and by float64 code that agrees there.

    The first outputs of a causal layer do not depend on later tokens.
    """
    exact = {n: x.double() for n, x in given.items()}
    tokens = {s.name for s in layer.of_kind("token")}
    first = {n: x[:, :, :PREFIX] if n in tokens else x for n, x in exact.items()}
    prefix, _ = definition(layer, {n: x.numpy() for n, x in first.items()})
    want = torch.from_numpy(prefix)
    if next(exact[n] for n in tokens).shape[2] <= PREFIX:
        return want
    whole = _in_spans(layer, exact)
    error = float((whole[:, :, :PREFIX] - want).abs().max() / want.abs().max())
    if not error <= budget(schedule_of(layer), "float64"):
        raise DsfError(
            f"bench code: {layer.name} is not timed: its torch code in float64 is {error:.1e} from "
            f"the definition on {PREFIX} tokens"
        )
    return whole


def _in_spans(layer: Layer, given: Mapping[str, Any]) -> Any:
    """The outputs of generated code, PREFIX tokens at a time: the states of more fill memory."""
    tokens = [s.name for s in layer.of_kind("token")]
    parts, state = [], None
    for at in range(0, given[tokens[0]].shape[2], PREFIX):
        some = {n: x[:, :, at : at + PREFIX] if n in tokens else x for n, x in given.items()}
        y, state = run(layer, "torch", "auto", state, **some)
        parts.append(y)
    return torch.cat(parts, 2)


def _softmax(given: Mapping[str, Any]) -> Any:
    """Causal softmax attention by its definition, on a prefix."""
    few = {n: given[n][:, :, : PREFIX // 8].double().numpy() for n in ("q", "k", "v")}
    return torch.from_numpy(definition(find("softmax_attention"), few)[0])


def _error(y: Any, want: Any) -> float:
    got = y[:, :, : want.shape[2]]
    if got.shape != want.shape:
        return math.inf
    error = float((got.double() - want).abs().max() / want.abs().max())
    return math.inf if math.isnan(error) else error


def _pass(call: Callable[..., Any], leaves: Sequence[Any], seed: Any = None) -> Call:
    if seed is None:

        def forward() -> Any:
            with torch.no_grad():
                return call(*leaves)

        return forward
    own = [x.detach().clone().requires_grad_() for x in leaves]

    def both() -> Any:
        return torch.autograd.grad(call(*own), own, seed)

    return both


def interleaved(
    calls: Mapping[Any, Call], rounds: int, longest: float = math.inf
) -> dict[Any, float]:
    """Median seconds of each call, all taking turns; a first round is not counted.

    What would with one more have taken longer than `longest` seconds in all has no further turn.
    """
    taken: dict[Any, list[float]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            times = taken[name]
            if not times or sum(times) + times[-1] <= longest:
                began = clock()
                call()
                times.append(clock() - began)
    return {name: statistics.median(times[1:] or times) for name, times in taken.items()}


__all__ = [
    "LAYERS",
    "LENGTHS",
    "Absent",
    "Peer",
    "Timing",
    "compare",
    "drawn",
    "long_signals",
    "signals",
]
