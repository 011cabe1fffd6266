"""`numeric.run`: a layer on arrays, by checked-in code for the catalogue, generated for others."""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from dsf_sym import KernelLayer, Layer, find
from dsf_sym.codegen import generate, hashes
from dsf_sym.errors import UnknownName

from . import cuda
from .choice import compiles, fastest, kernel
from .contract import LOW, backend_of, check, check_lengths, computed_in, shared_heads, type_name
from .plans import keep, key, plans

ORDER = ("chunkwise", "convolution", "associative_scan", "parallel", "recurrent")


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
    products: cuda.Products = "float32",
    **signals: Any,
) -> tuple[Any, Any]:
    """The outputs of a layer and its state after the last token.

    Parameters
    ----------
    layer
        A layer, or the name of one of the catalogue.
    backend
        "numpy" or "torch", whose arrays the signals are; "cpp" takes and returns arrays of either,
        and runs compiled kernels: without a compiler, or with one too old, it warns once, and runs
        the code of that library. "cuda" takes and returns CuPy arrays, or torch tensors of a GPU.
        "auto": the compiled kernels for arrays on the CPU, once a call of the layer was long enough
        to compile them and `verify` has passed; before, and for other schedules, the library's.
    schedule
        "recurrent", "parallel", "chunkwise", "associative_scan", "convolution", or "auto":
        `recurrent` for one token, else the first of chunkwise, convolution, associative_scan,
        parallel, recurrent that the layer has.
    state
        The state before the first token, as a former call returned it: `run(u[:m])` and then
        `run(u[m:], state)` give what `run(u)` gives. For a sum over the past it is the cache.
    chunk
        The length of a chunk, which changes rounding only; for the schedules that have chunks.
    lengths
        Tokens are several sequences one after the other, of these lengths, in a batch of 1: each
        starts from its own state, and `state` and what comes back have a batch of len(lengths);
        of a sum over the past they are lists of len(lengths) caches.
    heads
        The number of heads, where some signals have fewer: each of theirs serves a group of heads,
        as grouped keys and values do.
    check_domains
        Look at every value, whether it lies where its signal lives.
    products
        What backend "cuda" rounds the factors of products of float32 matrices to: "tf32" and
        "bfloat16" keep 11 and 8 significant bits and take a third of the work, where chunks are
        computed by such products and solve no system; "float32" keeps all.
    signals
        Tokens [B, H, L, ...] and constants [H, ...]. bfloat16 and float16 are computed in float32;
        outputs have the signals' type, and the state is float32.

    Raises
    ------
    ContractViolation
        The argument, what was expected and what was given.
    UnknownName
        No such layer, backend, schedule or signal.
    NoDevice
        The backend is "cuda", and there is no GPU; the message says what is missing.
    """
    if isinstance(layer, str):
        layer = find(layer) if ".py" in layer else _named(layer)
    if products != "float32":
        cuda.check_products(f"run({layer.name}, backend={backend!r}", backend, products)
    made = None
    if lengths is heads is chunk is None and not check_domains:
        made = key((backend, schedule, os.environ.get("OMP_NUM_THREADS")), signals, state)
        ready = plans(layer).get(made) if made else None
        if ready:
            return ready(signals, state)
    asked, backend = backend, backend_of(layer, backend, signals)
    if heads is not None:
        signals = shared_heads(layer, signals, heads)
    if lengths is not None:
        options: dict[str, Any] = {
            "chunk": chunk,
            "check_domains": check_domains,
            "products": products,
        }
        return _packed(layer, asked, schedule, state, list(lengths), options, signals)
    library = backend_of(layer, "auto", signals) if backend == "cpp" else backend
    if backend == "cuda":
        library = cuda.library(layer, signals)
    sizes = check(layer, library, signals, state, domains=check_domains)
    first = next(iter(signals.values()))
    low = type_name(first) in LOW
    if low:
        signals = {name: _single(x) for name, x in signals.items()}
    if asked == "auto" and chunk is None:
        backend = fastest(layer, library, schedule, sizes, signals)
    elif backend == "cpp" and not compiles(layer, computed_in(first)):
        backend = library
    call = _schedule(layer, backend, schedule, sizes["L"], products)
    y, end = call(**signals, state=state, **chunk_of(call, chunk))
    if made and backend == "cpp" and not low:
        keep(layer, made, kernel(layer).plan(sizes, type_name(first)))
    if low:
        y = y.to(first.dtype) if library == "torch" else y.astype(first.dtype)
    return y, end


def chunk_of(call: Callable[..., Any], chunk: int | None) -> dict[str, int]:
    """The argument that sets the length of a chunk, of a schedule that has chunks."""
    if chunk is None or "chunk" not in inspect.signature(call).parameters:
        return {}
    return {"chunk": chunk}


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
    check_lengths(layer, lengths, {n: x for n, x in signals.items() if n in tokens}, state)
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    stack = _joiner(backend_of(layer, "auto", signals))
    ys: dict[int, Any] = {}
    ends: dict[int, Any] = {}
    cached = isinstance(layer, KernelLayer)
    firsts = [_member(state, i, cached) for i in range(len(lengths))]
    alike = [
        (n, first[0].shape[2] if cached and first is not None else 0)
        for n, first in zip(lengths, firsts, strict=True)
    ]
    for kind in dict.fromkeys(alike):
        length = kind[0]
        members = [i for i, other in enumerate(alike) if other == kind]
        batch = {
            n: stack([x[:, :, starts[i] : starts[i] + length] for i in members], 0)
            if n in tokens
            else x
            for n, x in signals.items()
        }
        first = _joined([firsts[i] for i in members], stack)
        y, end = run(layer, backend, schedule, first, **options, **batch)
        for place, i in enumerate(members):
            ys[i] = y[place : place + 1]
            ends[i] = _each(end, lambda x, place=place: x[place : place + 1])
    order = range(len(lengths))
    last = [ends[i] for i in order]
    return stack([ys[i] for i in order], 2), last if cached else _joined(last, stack)


def _member(state: Any, i: int, cached: bool) -> Any:
    """The state of one packed sequence."""
    if state is None or cached:
        return state and state[i]
    return _each(state, lambda x: x[i : i + 1])


def _joined(states: list[Any], stack: Callable[[list[Any], int], Any]) -> Any:
    """The states of a batch."""
    if states[0] is None or not isinstance(states[0], tuple):
        return None if states[0] is None else stack(states, 0)
    return tuple(stack(list(parts), 0) for parts in zip(*states, strict=True))


def _each(x: Any, f: Callable[[Any], Any]) -> Any:
    if x is None:
        return None
    return tuple(f(part) for part in x) if isinstance(x, tuple) else f(x)


def _joiner(backend: str) -> Callable[[list[Any], int], Any]:
    if backend == "numpy":
        return np.concatenate
    import torch

    return torch.cat


def schedules(
    layer: Layer, backend: str = "numpy", *, products: cuda.Products = "float32"
) -> dict[str, Callable[..., Any]]:
    """The functions of a layer by schedule; products: as in `run`, for backend "cuda"."""
    if products != "float32":
        cuda.check_products(f"schedules({layer.name}, backend={backend!r}", backend, products)
    if backend == "cpp":
        return {"recurrent": kernel(layer)}
    if backend == "cuda":
        return {"recurrent": cuda_kernel(layer, products)}
    functions: dict[str, Callable[..., Any]] = _module(layer, backend).SCHEDULES
    return functions


@cache
def cuda_kernel(layer: Layer, products: cuda.Products) -> cuda.CudaKernel:
    """The CUDA kernels of a layer; they are compiled when they are first called."""
    return cuda.CudaKernel(layer, products=products)


def _schedule(
    layer: Layer, backend: str, schedule: str, length: int, products: cuda.Products
) -> Callable[..., Any]:
    have = schedules(layer, backend, products=products)
    if schedule == "auto":
        schedule = "recurrent" if length == 1 else next(name for name in ORDER if name in have)
    if schedule not in have:
        raise UnknownName(
            f"run({layer.name}, schedule={schedule!r}): the layer has {', '.join(have)}; "
            "the header of its generated file says why no other"
        )
    return have[schedule]


@cache
def _named(name: str) -> Layer:
    """A layer of the catalogue, which is looked through once."""
    return find(name)


def _single(x: Any) -> Any:
    return x.astype("float32") if hasattr(x, "astype") else x.float()


@cache
def _module(layer: Layer, backend: str) -> ModuleType:
    """The code of a layer, as it is checked in or generated."""
    found = _checked_in(layer.name, backend)
    if found is not None and hashes(found.__doc__ or "").get("spec") == layer.hash:
        return found
    return compiled(generate(layer, backend), f"{layer.name}_{backend}")


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
