"""The oracle: a layer's definition, one token after the other, through the library's evaluation.

Nothing here knows of code generation. The scalars are Fraction (exact), 50 decimal digits, or
float64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

from dsf_sym import KernelLayer, Layer
from dsf_sym.arithmetic.scalars import Rationals
from dsf_sym.derivation.affine import affine_layer, as_ratio
from dsf_sym.errors import NotAffine
from dsf_sym.language.evaluate import evaluate, extent
from dsf_sym.language.graph import reading, walk
from dsf_sym.language.tensor import Dims, Function

from .contract import one_or_all, parts_of

DIGITS = 50
SCALARS = ("fraction", "digits", "float64")


class _Digits:
    """mpmath numbers at the working precision."""

    def number(self, value: Fraction) -> Any:
        return mpmath.mpf(value.numerator) / value.denominator

    def lift(self, x: Any) -> Any:
        return self.number(x) if isinstance(x, Fraction) else mpmath.mpf(float(x))

    def function(self, name: str, x: Any) -> Any:
        if name == "inverse":
            return 1 / x
        if name == "relu":
            return max(x, mpmath.mpf(0))
        if name == "step":
            return mpmath.mpf(x > 0)
        if name == "elu":
            return x if x > 0 else mpmath.expm1(x)
        if name == "sigmoid":
            return 1 / (1 + mpmath.exp(-x))
        if name == "softplus":
            return mpmath.log1p(mpmath.exp(-abs(x))) + max(x, 0)
        return getattr(mpmath, name)(x)


class _Exact(Rationals):
    """Rational numbers; a float stands for the rational it is."""

    def lift(self, x: Any) -> Fraction:
        return x if isinstance(x, Fraction) else Fraction(float(x))


class _Floats:
    """float64 arrays."""

    def number(self, value: Fraction) -> float:
        return float(value)

    def lift(self, x: Any) -> float:
        return float(x)

    def function(self, name: str, x: np.ndarray) -> Any:
        with np.errstate(over="ignore"):
            if name == "inverse":
                return 1 / x
            if name == "relu":
                return np.maximum(x, 0)
            if name == "step":
                return np.where(x > 0, 1.0, 0.0)
            if name == "elu":
                return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
            if name == "sigmoid":
                return 1 / (1 + np.exp(-x))
            if name == "softplus":
                return np.log1p(np.exp(-abs(x))) + np.maximum(x, 0)
            return getattr(np, name)(x)


class _Dense:
    """The algebra of full arrays with batch and heads in front."""

    def __init__(self, scalars: Any, lead: tuple[int, ...], sizes: dict[str, int]) -> None:
        self.scalars, self.lead, self.sizes = scalars, lead, sizes
        self.dtype = float if isinstance(scalars, _Floats) else object

    def shape(self, dims: Dims) -> tuple[int, ...]:
        return (*self.lead, *(extent(d, self.sizes) for d in dims))

    def lifted(self, x: Any, dims: Dims) -> np.ndarray:
        """An array as scalars, repeated to its lead."""
        if isinstance(self.scalars, _Floats):
            return np.broadcast_to(np.asarray(x, float), self.shape(dims))
        out = np.empty(np.shape(x), self.dtype)
        for index, value in np.ndenumerate(np.asarray(x)):
            out[index] = self.scalars.lift(value)
        return np.broadcast_to(out, self.shape(dims))

    def full(self, value: Any, dims: Dims) -> np.ndarray:
        out = np.empty(self.shape(dims), self.dtype)
        out[...] = value
        return out

    def number(self, value: Fraction) -> np.ndarray:
        return self.full(self.scalars.number(value), ())

    def eye(self, dims: Dims) -> np.ndarray:
        out = self.full(self.scalars.number(Fraction(0)), dims)
        for i in range(out.shape[-1]):
            out[..., i, i] = self.scalars.number(Fraction(1))
        return out

    def add(self, terms: Sequence[np.ndarray], dims: Dims) -> np.ndarray:
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    def product(self, spec: str, left: np.ndarray, right: np.ndarray, dims: Dims) -> np.ndarray:
        inputs, _, out = spec.partition("->")
        a, _, b = inputs.partition(",")
        return np.einsum(f"...{a},...{b}->...{out}", left, right)

    def reindex(self, spec: str, arg: np.ndarray, dims: Dims) -> np.ndarray:
        source, _, out = spec.partition("->")
        kept = "".join(c for c in out if c in source)
        got = np.einsum(f"...{source}->...{kept}", arg)
        index = tuple(slice(None) if c in source else None for c in out)
        return np.broadcast_to(got[(..., *index)], self.shape(dims))

    def function(self, node: Function, arg: np.ndarray) -> np.ndarray:
        if isinstance(self.scalars, _Floats):
            return np.asarray(self.scalars.function(node.name, arg))
        out = np.empty(arg.shape, self.dtype)
        for index, x in np.ndenumerate(arg):
            out[index] = self.scalars.function(node.name, x)
        return out

    def concat(self, parts: Sequence[np.ndarray], axis: int, dims: Dims) -> np.ndarray:
        return np.concatenate(parts, axis - len(dims))


def definition(
    layer: Layer,
    signals: Mapping[str, Any],
    state: Any = None,
    *,
    scalars: str = "float64",
) -> tuple[np.ndarray, Any]:
    """The outputs and the last state of a layer, straight from its step.

    Parameters
    ----------
    layer
        Any layer.
    signals
        Tokens [B, H, L, ...] and constants [H, ...], arrays of floats or Fractions.
    state
        The state before the first token, [B, H, ...]; a tuple where the layer has several. The
        cache of a sum over the past is a tuple of [B, H, P, ...].
    scalars
        "fraction", "digits" (50 decimal digits, mpmath) or "float64". A float is the binary
        fraction it is.

    Returns
    -------
    outputs [B, H, L, ...] and the state after the last token, as arrays of those scalars.
    """
    ring = {"fraction": _Exact, "digits": _Digits, "float64": _Floats}[scalars]()
    with mpmath.workdps(DIGITS):
        return _definition(layer, signals, state, ring)


def condition(layer: Layer, signals: Mapping[str, Any], state: Any = None) -> float:
    """How many times larger a ratio of sums N/D makes the rounding of its sums; 1 for no ratio.

    The largest `(|N|* + |y| |D|*) / (2 |D|)` over the largest |y|, and at least 1, where |N|* is N
    with all products of states and of what they are multiplied by taken as absolute values.
    """
    try:
        ratio = affine_layer(layer).denominator is not None
    except NotAffine:
        return 1.0
    if not ratio:
        return 1.0
    states = frozenset(layer.step)
    top, bottom = as_ratio(layer.output, states, layer.name)
    assert bottom is not None
    roots = [*layer.step.values(), top, bottom]
    moving = reading(states, *roots)
    free = [x for x in walk(*roots) if x not in moving]
    algebra, fixed, tokens, h = _prepared(layer, signals, state, _Floats())
    sums = _Magnitudes(algebra.scalars, algebra.lead, algebra.sizes)
    sizes = {name: np.abs(x) for name, x in h.items()}
    outputs, bounds = [], []
    for token in tokens:
        given = {**fixed, **token}
        known = dict(zip(free, evaluate(free, given, algebra), strict=True))
        *new, n, d = evaluate(roots, h, algebra, known)
        known = {node: np.abs(x) for node, x in known.items()}
        *larger, n_sum, d_sum = evaluate(roots, sizes, sums, known)
        h, sizes = (dict(zip(layer.step, x, strict=True)) for x in (new, larger))
        outputs.append(np.abs(n / d))
        bounds.append((n_sum + outputs[-1] * d_sum) / (2 * np.abs(d)))
    return max(1.0, float(np.max(bounds) / np.max(outputs)))


class _Magnitudes(_Dense):
    """Sums of absolute values."""

    def number(self, value: Fraction) -> np.ndarray:
        return super().number(abs(value))


Prepared = tuple[_Dense, dict[str, np.ndarray], list[dict[str, np.ndarray]], dict[str, np.ndarray]]


def _prepared(layer: Layer, signals: Mapping[str, Any], state: Any, ring: Any) -> Prepared:
    """The algebra, the constants, every token and the state before the first, empty for a cache."""
    given = {name: np.asarray(x) for name, x in signals.items()}
    B, H, L = given[layer.of_kind("token")[0].name].shape[:3]
    sizes = {}
    for s in layer.signals:
        if s.kind != "state":
            shape = given[s.name].shape[3 if s.kind == "token" else 1 :]
            sizes.update({d: n for d, n in zip(s.dims, shape, strict=True)})
    algebra = _Dense(ring, (B, H), sizes)
    fixed = {s.name: algebra.lifted(given[s.name], s.dims) for s in layer.of_kind("constant")}
    each = [
        {s.name: algebra.lifted(given[s.name][:, :, i], s.dims) for s in layer.of_kind("token")}
        for i in range(L)
    ]
    if isinstance(layer, KernelLayer):
        return algebra, fixed, each, {}
    states = layer.of_kind("state")
    if state is None:
        zero = ring.number(Fraction(0))
        begin = [
            fixed[layer.start[s.name]] if s.name in layer.start else algebra.full(zero, s.dims)
            for s in states
        ]
    else:
        parts = zip(parts_of(state), states, strict=True)
        begin = [algebra.lifted(x, s.dims) for x, s in parts]
    return algebra, fixed, each, dict(zip((s.name for s in states), begin, strict=True))


def _definition(
    layer: Layer, signals: Mapping[str, Any], state: Any, ring: Any
) -> tuple[np.ndarray, Any]:
    algebra, fixed, tokens, h = _prepared(layer, signals, state, ring)
    if isinstance(layer, KernelLayer):
        return _attended(layer, fixed, tokens, state, algebra)
    roots = [*layer.step.values(), layer.output]
    ys = []
    for token in tokens:
        *new, y = evaluate(roots, {**fixed, **h, **token}, algebra)
        h = dict(zip(layer.step, new, strict=True))
        ys.append(np.broadcast_to(y, algebra.shape(layer.output.dims)))
    return np.stack(ys, 2), one_or_all([*h.values()])


def _attended(
    layer: KernelLayer,
    fixed: Mapping[str, np.ndarray],
    tokens: Sequence[Mapping[str, np.ndarray]],
    state: Any,
    algebra: _Dense,
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Every token against the whole cache, its own entry the last."""
    states = layer.of_kind("state")
    cache: dict[str, list[np.ndarray]] = {s.name: [] for s in states}
    for s, x in () if state is None else zip(states, state, strict=True):
        cache[s.name] += [algebra.lifted(x[:, :, j], s.dims) for j in range(x.shape[2])]
    ys = []
    for token in tokens:
        entry = evaluate(list(layer.step.values()), {**fixed, **token}, algebra)
        for name, x in zip(layer.step, entry, strict=True):
            cache[name].append(np.broadcast_to(x, algebra.shape(layer.signal(name).dims)))
        past = {name: np.stack(entries, 2) for name, entries in cache.items()}
        every = _Dense(algebra.scalars, (*algebra.lead, len(cache[layer.value])), algebra.sizes)
        now = {
            name: np.broadcast_to(x[:, :, None], every.shape(layer.signal(name).dims))
            for name, x in (*fixed.items(), *token.items())
        }
        y, weight = evaluate([layer.output, layer.weight], {**now, **past}, every)
        ys.append(y.sum(2) / weight.sum(2) if layer.normalised else y.sum(2))
    return np.stack(ys, 2), tuple(np.stack(entries, 2) for entries in cache.values())
