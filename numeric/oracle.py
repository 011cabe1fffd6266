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

from dsf_sym import Layer
from dsf_sym.arithmetic.scalars import Rationals
from dsf_sym.language.evaluate import evaluate, extent
from dsf_sym.language.tensor import Dims, Function

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
            if name == "elu":
                return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
            if name == "sigmoid":
                return 1 / (1 + np.exp(-x))
            if name == "softplus":
                return np.log1p(np.exp(-abs(x))) + np.maximum(x, 0)
            return getattr(np, name)(x)


class _Dense:
    """The algebra of full arrays with batch and heads in front."""

    def __init__(self, scalars: Any, lead: tuple[int, int], sizes: dict[str, int]) -> None:
        self.scalars, self.lead, self.sizes = scalars, lead, sizes
        self.dtype = float if isinstance(scalars, _Floats) else object

    def shape(self, dims: Dims) -> tuple[int, ...]:
        return (*self.lead, *(extent(d, self.sizes) for d in dims))

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
        return np.concatenate(parts, axis + 2)


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
        The state before the first token, [B, H, ...]; a tuple where the layer has several.
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


def _definition(
    layer: Layer, signals: Mapping[str, Any], state: Any, ring: Any
) -> tuple[np.ndarray, Any]:
    tokens = [s.name for s in layer.of_kind("token")]
    given = {name: np.asarray(x) for name, x in signals.items()}
    B, H, L = given[tokens[0]].shape[:3]
    sizes = {}
    for s in layer.signals:
        if s.kind != "state":
            shape = given[s.name].shape[3 if s.kind == "token" else 1 :]
            sizes.update({d: n for d, n in zip(s.dims, shape, strict=True)})
    algebra = _Dense(ring, (B, H), sizes)

    def lifted(x: Any, dims: Dims) -> np.ndarray:
        if isinstance(ring, _Floats):
            return np.broadcast_to(np.asarray(x, float), algebra.shape(dims))
        out = np.empty(np.shape(x), algebra.dtype)
        for index, value in np.ndenumerate(np.asarray(x)):
            out[index] = ring.lift(value)
        return np.broadcast_to(out, algebra.shape(dims))

    fixed = {s.name: lifted(given[s.name], s.dims) for s in layer.of_kind("constant")}
    states = layer.of_kind("state")
    if state is None:
        zero = ring.number(Fraction(0))
        begin = [
            fixed[layer.start[s.name]] if s.name in layer.start else algebra.full(zero, s.dims)
            for s in states
        ]
    else:
        parts = state if len(states) > 1 else [state]
        begin = [lifted(x, s.dims) for x, s in zip(parts, states, strict=True)]
    h = dict(zip((s.name for s in states), begin, strict=True))
    roots = [*layer.step.values(), layer.output]
    ys = []
    for i in range(L):
        token = {s.name: lifted(given[s.name][:, :, i], s.dims) for s in layer.of_kind("token")}
        *new, y = evaluate(roots, {**fixed, **h, **token}, algebra)
        h = dict(zip(layer.step, new, strict=True))
        ys.append(np.broadcast_to(y, algebra.shape(layer.output.dims)))
    ends = tuple(h.values())
    return np.stack(ys, 2), ends[0] if len(ends) == 1 else ends
