"""`numeric.verify`: whether generated code computes a layer's definition, schedule by schedule."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import mpmath
import numpy as np

from dsf_sym import Layer, find
from dsf_sym.arithmetic.scalars import Irrational
from dsf_sym.codegen import free_gates, generate, program

from . import native, samples
from .budgets import budget
from .contract import one_or_all, parts_of
from .oracle import DIGITS, condition, definition
from .run import chunk_of, compiled, schedules

LEAD = (1, 2, 37)
EXACT_LEAD = (1, 1, 9)
GRADIENT_LEAD = (1, 2, 7)
CHUNK = 4
INFINITE = float("inf")
ROUNDED = ("convolution",)
"""Schedules without exact arithmetic: a Fourier transform needs roots of unity."""


@dataclass(frozen=True)
class Row:
    """One check: `error` against `allowed` (0 in the exact tier), both relative."""

    tier: str
    backend: str
    schedule: str
    error: float
    allowed: float
    detail: str = ""

    @property
    def passed(self) -> bool:
        """Whether the error is within what is allowed; NaN is not."""
        return self.error <= self.allowed

    def __str__(self) -> str:
        word = "ok" if self.passed else "FAILED"
        shown = "equal" if self.error == 0 else f"{self.error:.1e}"
        return f"{word:6} {self.tier:9} {self.backend:6} {self.schedule:17} {shown} {self.detail}"


@dataclass(frozen=True)
class Report:
    """Every check of one layer, the schedules it has no code for, and what was skipped."""

    layer: str
    rows: tuple[Row, ...]
    without: tuple[tuple[str, str], ...]
    skipped: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed, and there was one."""
        return bool(self.rows) and all(row.passed for row in self.rows)

    def __str__(self) -> str:
        lines = [f"{self.layer}: {'verified' if self.passed else 'NOT VERIFIED'}"]
        lines += [f"  {row}" for row in self.rows]
        reasons: dict[str, list[str]] = {}
        for schedule, why in self.without:
            reasons.setdefault(why, []).append(schedule)
        lines += [f"  no {', '.join(names)}: {why}" for why, names in reasons.items()]
        return "\n".join([*lines, *(f"  skipped {what}" for what in self.skipped)])


def verify(
    layer: Layer | str,
    *,
    seed: int = 0,
    texts: Mapping[str, str] | None = None,
    backends: Sequence[str] = ("numpy", "torch"),
) -> Report:
    """Hold every schedule of a layer's generated code against its definition.

    Tiers: `exact` (generated NumPy on Fractions equals the definition, functions that are not
    rational taken as free signals; not `convolution`, which transforms), `float64` and `float32`
    (within the budgets of 50 digits), `hand-over` (two calls that pass the state on equal one) and
    `start` (from no state given), for NumPy and torch, and `gradient` (torch's derivatives against
    differences).

    Parameters
    ----------
    layer
        A layer, or the name of one of the catalogue.
    seed
        Of the signals that are drawn.
    texts
        Generated text by backend ("numpy", "torch", and "exact" for the layer's `free_gates`), to
        be verified in place of what is checked in or generated.
    backends
        What to verify; "cpp" compiles the layer's kernels, which takes seconds.
    """
    layer = find(layer) if isinstance(layer, str) else layer
    have_torch = importlib.util.find_spec("torch") is not None
    texts = texts or {}
    free = free_gates(layer)
    exact = texts.get("exact") or (texts.get("numpy") if free is layer else None)
    rows: list[Row] = []
    skipped = []
    try:
        rows += _exact(layer, free, exact or generate(free, "numpy"), seed)
    except Irrational as error:
        skipped.append(f"exact: {error}")
    for backend in backends:
        if backend == "torch" and not have_torch:
            skipped.append("torch: not installed")
            continue
        if backend == "cpp":
            try:
                native.compiler()
            except native.NoCompiler as error:
                skipped.append(f"cpp: {error}")
                continue
        made = schedules(layer, backend)
        if backend in texts:
            made = compiled(texts[backend], f"{layer.name}_{backend}").SCHEDULES
        rows += _absent(layer, backend, made, "float64")
        rows += _floats(layer, backend, made, seed)
        if backend == "torch" or (backend == "cpp" and have_torch):
            rows += _gradients(layer, backend, made, seed)
    return Report(layer.name, tuple(rows), program(layer).skipped, tuple(skipped))


def sizes_of(layer: Layer) -> dict[str, int]:
    """Small sizes, no two alike, so that exchanged axes are seen."""
    return {name: 2 + i for i, name in enumerate(layer.sizes)}


def difference(got: Any, want: Any) -> float:
    """The largest difference over the largest value; NaN where either is."""
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape:
        return float("inf")
    if got.dtype != object and not np.isfinite(got).all():
        return float("nan")
    if object not in (got.dtype, want.dtype):
        # Floats near each other have a difference that is a float.
        return float(np.abs(got.astype(float) - want).max() / (np.abs(want).max() or 1))
    with mpmath.workdps(DIGITS):
        scale = max(abs(x) for x in want.flat) or 1
        if got.dtype != object:
            got = np.vectorize(lambda x: mpmath.mpf(float(x)), otypes=[object])(got)
        return float(max(abs(a - b) for a, b in zip(got.flat, want.flat, strict=True)) / scale)


def errors(got: tuple[Any, Any], want: tuple[Any, Any]) -> float:
    """The larger error of outputs and states."""
    ends = [parts_of(x) for x in (got[1], want[1])]
    found = [difference(got[0], want[0])]
    found += [difference(a, b) for a, b in zip(*ends, strict=True)]
    return max(found) if not any(np.isnan(found)) else float("nan")


def _exact(layer: Layer, free: Layer, text: str, seed: int) -> Iterator[Row]:
    sizes = sizes_of(free)
    given = samples.signals(free, sizes, EXACT_LEAD, seed=seed, exact=True)
    state = samples.state(free, sizes, EXACT_LEAD[:2], seed=seed + 1, exact=True)
    want = definition(free, given, state, scalars="fraction")
    made = compiled(text, f"{layer.name}_exact").SCHEDULES
    yield from _absent(free, "numpy", made, "exact")
    for schedule, call in made.items():
        if schedule in ROUNDED:
            continue
        options = chunk_of(call, CHUNK)
        row = Row("exact", "numpy", schedule, INFINITE, 0, "" if free is layer else "gates free")
        try:
            yield replace(row, error=_unequal(call(**given, state=state, **options), want))
        except Exception as error:
            yield replace(row, detail=_told(error))


def _absent(layer: Layer, backend: str, made: Collection[str], tier: str) -> Iterator[Row]:
    """A failed check for each schedule that the structure allows and the code lacks."""
    expected = {function.schedule for function in program(layer).functions}
    for schedule in sorted(expected - set(made)) if backend in ("numpy", "torch") else ():
        yield Row(tier, backend, schedule, INFINITE, 0, "the code has no such schedule")


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _unequal(got: tuple[Any, Any], want: tuple[Any, Any]) -> float:
    """0 where all numbers are equal exactly, else the error."""
    ends = [parts_of(x) for x in (got[1], want[1])]
    pairs = [(got[0], want[0]), *zip(*ends, strict=True)]
    same = all(a.shape == b.shape and bool((a == b).all()) for a, b in pairs)
    return 0.0 if same else max(errors(got, want), 1e-300)


def _floats(
    layer: Layer, backend: str, made: Mapping[str, Callable[..., Any]], seed: int
) -> Iterator[Row]:
    sizes = sizes_of(layer)
    given = samples.signals(layer, sizes, LEAD, seed=seed)
    state = samples.state(layer, sizes, LEAD[:2], seed=seed + 1)
    tokens = {s.name for s in layer.of_kind("token")}
    for dtype in ("float64", "float32"):
        rounded = {n: x.astype(dtype) for n, x in given.items()}
        begin = _map(state, lambda x, dtype=dtype: x.astype(dtype))
        want = definition(layer, rounded, begin, scalars="digits")
        worse = condition(layer, rounded, begin)
        begun = definition(layer, _cut(rounded, tokens, slice(2)), scalars="digits")
        inputs = {n: _array(x, backend) for n, x in rounded.items()}
        first = _map(begin, lambda x: _array(x, backend))
        for schedule, call in made.items():
            options = chunk_of(call, 16)
            row = Row(dtype, backend, schedule, INFINITE, budget(schedule, dtype, worse))
            try:
                got = _plain(call(**inputs, state=first, **options))
                yield replace(row, error=errors(got, want))
                if dtype == "float64":
                    cut = _handed_over(layer, call, first, inputs, 11)
                    yield replace(row, tier="hand-over", error=errors(cut, got))
                    alone = _plain(call(**_cut(inputs, tokens, slice(2))))
                    yield replace(row, tier="start", error=errors(alone, begun))
            except Exception as error:
                yield replace(row, detail=_told(error))


def _handed_over(
    layer: Layer, call: Callable[..., Any], state: Any, inputs: dict[str, Any], at: int
) -> tuple[Any, Any]:
    tokens = {s.name for s in layer.of_kind("token")}
    y, middle = call(**_cut(inputs, tokens, slice(at)), state=state)
    z, end = call(**_cut(inputs, tokens, slice(at, None)), state=middle)
    return np.concatenate([_plain(y), _plain(z)], 2), _plain(end)


def _cut(signals: Mapping[str, Any], tokens: Collection[str], part: slice) -> dict[str, Any]:
    """The signals on a part of the tokens."""
    return {n: x[:, :, part] if n in tokens else x for n, x in signals.items()}


def _gradients(
    layer: Layer, backend: str, made: Mapping[str, Callable[..., Any]], seed: int
) -> Iterator[Row]:
    import torch

    given = samples.signals(layer, sizes_of(layer), GRADIENT_LEAD, seed=seed)
    start = samples.state(layer, sizes_of(layer), GRADIENT_LEAD[:2], seed=seed + 1)
    leaves = tuple(
        torch.from_numpy(x).requires_grad_() for x in (*given.values(), *parts_of(start))
    )
    for schedule, call in made.items():
        options = chunk_of(call, 3)

        def whole(
            *xs: Any, call: Callable[..., Any] = call, options: Mapping[str, int] = options
        ) -> tuple[Any, ...]:
            states = xs[len(given) :]
            state = one_or_all(states)
            y, end = call(**dict(zip(given, xs, strict=False)), state=state, **options)
            return y, *parts_of(end)

        row = Row("gradient", backend, schedule, 0.0, 0)
        try:
            # Random directions: the whole Jacobian takes thirty times as long.
            torch.manual_seed(seed)
            torch.autograd.gradcheck(whole, leaves, fast_mode=True, atol=1e-6, rtol=1e-5)
        except Exception as error:
            row = replace(row, error=INFINITE, detail=_told(error).splitlines()[0])
        yield row


def _array(x: np.ndarray, backend: str) -> Any:
    if backend != "torch":
        return x
    import torch

    return torch.from_numpy(np.ascontiguousarray(x))


def _plain(x: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(_plain(part) for part in x)
    return x.detach().numpy() if hasattr(x, "detach") else x


def _map(x: Any, f: Any) -> Any:
    return tuple(f(part) for part in x) if isinstance(x, tuple) else f(x)
