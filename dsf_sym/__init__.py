"""Define a sequence layer once; derive its state-space form and decide what it equals.

The verbs (`check`, `compare`, `derive`, `explain`, `minimal`, `recheck`, ...) load when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .language.declare import Const, Gate, Mat, Negative, Positive, Real, Scalar, State, Unit, Vec
from .language.layer import Layer, layer
from .language.tensor import (
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
    from .certificates.checkers import recheck
    from .checking import check
    from .deciding.contain import contains
    from .deciding.decide import compare
    from .deciding.explain import explain
    from .deciding.minimal import minimal
    from .derivation.costs import costs
    from .derivation.derive import derive
    from .derivation.realize import realize
    from .derivation.structure import structure
    from .language.loading import catalogue, find

_VERBS = {
    "catalogue": "language.loading",
    "check": "checking",
    "compare": "deciding.decide",
    "contains": "deciding.contain",
    "costs": "derivation.costs",
    "derive": "derivation.derive",
    "explain": "deciding.explain",
    "find": "language.loading",
    "minimal": "deciding.minimal",
    "realize": "derivation.realize",
    "recheck": "certificates.checkers",
    "structure": "derivation.structure",
}


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
    "realize",
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
