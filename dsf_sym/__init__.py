"""Define a sequence layer once; derive its state-space form and decide what it equals.

The verbs (`check`, `compare`, `derive`, `explain`, `minimal`, `recheck`, ...) load when first used.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .declare import Const, Gate, Mat, Negative, Positive, Real, Scalar, State, Unit, Vec
from .layer import Layer, layer
from .tensor import (
    concat,
    diag,
    einsum,
    elu,
    exp,
    eye,
    log,
    maximum,
    ones,
    outer,
    relu,
    scale,
    sigmoid,
    softplus,
    sqrt,
    sum,
    tanh,
)

if TYPE_CHECKING:
    from .catalogue import catalogue, find
    from .check import check
    from .checkers import recheck
    from .contain import contains
    from .costs import costs
    from .decide import compare
    from .derive import derive
    from .explain import explain
    from .minimal import minimal
    from .structure import structure

_VERBS = {
    "catalogue": "catalogue",
    "check": "check",
    "compare": "decide",
    "contains": "contain",
    "costs": "costs",
    "derive": "derive",
    "explain": "explain",
    "find": "catalogue",
    "minimal": "minimal",
    "recheck": "checkers",
    "structure": "structure",
}


class _Package(ModuleType):
    """The package; a submodule called like a verb does not take the verb's place."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _VERBS or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _VERBS:
        raise AttributeError(f"module 'dsf_sym' has no attribute {name!r}")
    return getattr(import_module(f"dsf_sym.{_VERBS[name]}"), name)


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
    "catalogue",
    "check",
    "compare",
    "concat",
    "contains",
    "costs",
    "derive",
    "diag",
    "einsum",
    "elu",
    "exp",
    "explain",
    "eye",
    "find",
    "layer",
    "log",
    "maximum",
    "minimal",
    "ones",
    "outer",
    "recheck",
    "relu",
    "scale",
    "sigmoid",
    "softplus",
    "sqrt",
    "structure",
    "sum",
    "tanh",
]
