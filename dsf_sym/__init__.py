"""Define a sequence layer once; derive its state-space form and decide what it equals."""

from .declare import Const, Gate, Mat, Negative, Positive, Real, Scalar, State, Unit, Vec
from .layer import Layer, layer
from .tensor import (
    concat,
    diag,
    einsum,
    exp,
    eye,
    log,
    ones,
    outer,
    scale,
    sigmoid,
    softplus,
    sqrt,
    sum,
    tanh,
)

__all__ = [
    "Const",
    "Gate",
    "Layer",
    "Mat",
    "Negative",
    "Positive",
    "Real",
    "Scalar",
    "State",
    "Unit",
    "Vec",
    "concat",
    "diag",
    "einsum",
    "exp",
    "eye",
    "layer",
    "log",
    "ones",
    "outer",
    "scale",
    "sigmoid",
    "softplus",
    "sqrt",
    "sum",
    "tanh",
]
