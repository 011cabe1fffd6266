"""Signals drawn where they live: floats, or small fractions for the exact tier."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from dsf_sym import KernelLayer, Layer
from dsf_sym.language.evaluate import Sizes, shape_of
from dsf_sym.language.layer import Signal

from .contract import one_or_all

CACHED = 3
"""Entries of a cache that is drawn."""


def signals(
    layer: Layer, sizes: Sizes, lead: tuple[int, int, int], *, seed: int = 0, exact: bool = False
) -> dict[str, np.ndarray]:
    """Tokens [B, H, L, ...] and constants [H, ...] of a layer, for B, H, L = `lead`.

    exact: small fractions in place of float64. Vectors of free entries have a norm near 1, so that
    a delta rule neither dies nor blows up.
    """
    rng = np.random.default_rng(seed)
    B, H, L = lead
    out = {}
    for s in layer.signals:
        if s.kind != "state":
            shape = (B, H, L) if s.kind == "token" else (H,)
            out[s.name] = _draw(s, (*shape, *shape_of(s.dims, sizes)), rng, exact)
    return out


def state(
    layer: Layer, sizes: Sizes, lead: tuple[int, int], *, seed: int = 0, exact: bool = False
) -> Any:
    """An initial state [B, H, ...] of a layer, for B, H = `lead`; a tuple where it has several.

    A sum over the past has a cache of CACHED entries, [B, H, CACHED, ...].
    """
    rng = np.random.default_rng(seed)
    axes = (*lead, CACHED) if isinstance(layer, KernelLayer) else lead
    parts = tuple(
        _draw(s, (*axes, *shape_of(s.dims, sizes)), rng, exact) for s in layer.of_kind("state")
    )
    return one_or_all(parts)


def _draw(s: Signal, shape: tuple[int, ...], rng: np.random.Generator, exact: bool) -> np.ndarray:
    low, high = s.domain.interval.low, s.domain.interval.high
    if s.domain.values is not None and not s.domain.unit:
        x = rng.choice([float(v) for v in s.domain.values], shape)
        return _fractions(x) if exact else x
    if s.domain.unit:
        x = rng.standard_normal(shape)
        return _fractions(_nearest_axis(x)) if exact else x / _norm(x)
    if low is not None and high is not None:
        t = rng.integers(1, 8, shape) / 8 if exact else rng.uniform(0.02, 0.98, shape)
        x = float(low) + t * float(high - low)
    elif low is not None or high is not None:
        away = rng.integers(1, 9, shape) / 8 if exact else rng.uniform(0.1, 1.5, shape)
        x = float(high) - away if low is None else float(low) + away
    elif exact:
        x = rng.integers(-4, 5, shape) / 4
    else:
        width = shape[-1] if s.dims else 1
        x = rng.standard_normal(shape) / np.sqrt(width)
    return _fractions(x) if exact else np.asarray(x)


def _norm(x: np.ndarray) -> np.ndarray:
    return np.sqrt((x * x).sum(-1, keepdims=True))


def _nearest_axis(x: np.ndarray) -> np.ndarray:
    """For each vector the unit vector along its largest entry: of norm 1 in exact arithmetic."""
    out = np.zeros(x.shape)
    np.put_along_axis(out, np.abs(x).argmax(-1)[..., None], 1.0, -1)
    return out


def _fractions(x: np.ndarray) -> np.ndarray:
    out = np.empty(np.shape(x), object)
    for index, value in np.ndenumerate(x):
        out[index] = Fraction(float(value))
    return out
