"""`numeric.run`: a layer on arrays, by checked-in code for the catalogue, generated for others."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from dsf_sym import Layer, find
from dsf_sym.codegen import generate, hashes
from dsf_sym.errors import UnknownName

from .contract import LOW, backend_of, check, check_lengths, shared_heads

CHUNKED = ("chunkwise", "associative_scan")
ORDER = ("chunkwise", "associative_scan", "recurrent")


def run(
    layer: Layer | str,
    backend: str = "auto",
    schedule: str = "auto",
    state: Any = None,
    *,
    chunk: int | None = None,
    lengths: Sequence[int] | None = None,
    heads: int | None = None,
    check_domains: bool = False,
    **signals: Any,
) -> tuple[Any, Any]:
    """The outputs of a layer and its state after the last token.

    Parameters
    ----------
    layer
        A layer, or the name of one of the catalogue.
    backend
        "numpy", "torch", or "auto": the library whose arrays the signals are.
    schedule
        "recurrent", "parallel", "chunkwise", "associative_scan", or "auto": `recurrent` for one
        token, else the first of chunkwise, associative_scan, recurrent that the layer has.
    state
        The state before the first token, as a former call returned it: `run(u[:m])` and then
        `run(u[m:], state)` give what `run(u)` gives.
    chunk
        The length of a chunk, which changes rounding only; for `chunkwise` and
        `associative_scan`.
    lengths
        Tokens are several sequences one after the other, of these lengths, in a batch of 1: each
        starts from its own state, and `state` and what comes back have a batch of len(lengths).
    heads
        The number of heads, where some signals have fewer: each of theirs serves a group of heads,
        as grouped keys and values do.
    check_domains
        Look at every value, whether it lies where its signal lives.
    signals
        Tokens [B, H, L, ...] and constants [H, ...]. bfloat16 and float16 are computed in float32;
        outputs have the signals' type, and the state is float32.

    Raises
    ------
    ContractViolation
        The argument, what was expected and what was given.
    UnknownName
        No such layer, backend, schedule or signal.
    """
    layer = find(layer) if isinstance(layer, str) else layer
    backend = backend_of(layer, backend, signals)
    if heads is not None:
        signals = shared_heads(layer, signals, heads)
    if lengths is not None:
        options: dict[str, Any] = {"chunk": chunk, "check_domains": check_domains}
        return _packed(layer, backend, schedule, state, list(lengths), options, signals)
    sizes = check(layer, backend, signals, state, domains=check_domains)
    dtype = next(iter(signals.values())).dtype
    low = str(dtype) in LOW
    if low:
        signals = {name: _single(x) for name, x in signals.items()}
    call = _schedule(layer, backend, schedule, sizes["L"])
    cut = {"chunk": chunk} if chunk is not None and call.__name__ in CHUNKED else {}
    y, end = call(**signals, state=state, **cut)
    if low:
        y = y.astype(dtype) if backend == "numpy" else y.to(dtype)
    return y, end


def _packed(
    layer: Layer,
    backend: str,
    schedule: str,
    state: Any,
    lengths: list[int],
    options: dict[str, Any],
    signals: dict[str, Any],
) -> tuple[Any, Any]:
    """Sequences of one length run together as a batch."""
    tokens = {s.name for s in layer.of_kind("token")}
    check_lengths(layer, lengths, {n: x for n, x in signals.items() if n in tokens})
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    stack = _joiner(backend)
    ys: dict[int, Any] = {}
    ends: dict[int, Any] = {}
    for length in dict.fromkeys(lengths):
        members = [i for i, n in enumerate(lengths) if n == length]
        batch = {
            n: stack([x[:, :, starts[i] : starts[i] + length] for i in members], 0)
            if n in tokens
            else x
            for n, x in signals.items()
        }
        first = _each(state, lambda x, members=members: x[members])
        y, end = run(layer, backend, schedule, first, **options, **batch)
        for place, i in enumerate(members):
            ys[i] = y[place : place + 1]
            ends[i] = _each(end, lambda x, place=place: x[place : place + 1])
    order = range(len(lengths))
    whole = [ends[i] for i in order]
    if isinstance(whole[0], tuple):
        last: Any = tuple(stack([x[j] for x in whole], 0) for j in range(len(whole[0])))
    else:
        last = stack(whole, 0)
    return stack([ys[i] for i in order], 2), last


def _each(x: Any, f: Callable[[Any], Any]) -> Any:
    if x is None:
        return None
    return tuple(f(part) for part in x) if isinstance(x, tuple) else f(x)


def _joiner(backend: str) -> Callable[[list[Any], int], Any]:
    if backend == "numpy":
        return np.concatenate
    import torch

    return torch.cat


def schedules(layer: Layer, backend: str = "numpy") -> dict[str, Callable[..., Any]]:
    """The functions of a layer by schedule."""
    functions: dict[str, Callable[..., Any]] = _module(layer, backend).SCHEDULES
    return functions


def _schedule(layer: Layer, backend: str, schedule: str, length: int) -> Callable[..., Any]:
    have = schedules(layer, backend)
    if schedule == "auto":
        schedule = "recurrent" if length == 1 else next(name for name in ORDER if name in have)
    if schedule not in have:
        raise UnknownName(
            f"run({layer.name}, schedule={schedule!r}): the layer has {', '.join(have)}; "
            "the header of its generated file says why no other"
        )
    return have[schedule]


def _single(x: Any) -> Any:
    return x.astype("float32") if hasattr(x, "astype") else x.float()


def _module(layer: Layer, backend: str) -> ModuleType:
    found = _checked_in(layer.name, backend)
    if found is not None and hashes(found.__doc__ or "").get("spec") == layer.hash:
        return found
    key = (layer.hash, backend, tuple(s.name for s in layer.signals))
    if key not in _MADE:
        _MADE[key] = compiled(generate(layer, backend), f"{layer.name}_{backend}")
    return _MADE[key]


_MADE: dict[tuple[Any, ...], ModuleType] = {}


@cache
def _checked_in(name: str, backend: str) -> ModuleType | None:
    path = f"numeric.generated.{name}_{backend}"
    if not name.isidentifier():
        return None
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name not in (path, "numeric.generated"):
            raise
        return None


def compiled(text: str, name: str) -> ModuleType:
    """Generated text as a module."""
    module = ModuleType(name)
    exec(compile(text, f"<generated {name}>", "exec"), module.__dict__)
    return module
