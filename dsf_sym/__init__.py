"""Define a sequence layer once; derive its state-space form and decide what it equals.

The verbs (`check`, `compare`, `derive`, `explain`, `minimal`, `recheck`, ...) load when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .language.declare import (
    Const,
    Flag,
    Gate,
    Mat,
    Negative,
    Positive,
    Real,
    Scalar,
    State,
    Unit,
    Vec,
)
from .language.functions import (
    concat,
    cos,
    diag,
    einsum,
    elu,
    exp,
    eye,
    log,
    maximum,
    minimum,
    ones,
    outer,
    relu,
    scale,
    sigmoid,
    sin,
    softplus,
    sqrt,
    sum,
    tanh,
    where,
)
from .language.heads import heads
from .language.kernel import KernelLayer
from .language.layer import Layer, layer
from .language.pairs import Complex, polar

if TYPE_CHECKING:
    from .certificates.checkers import recheck
    from .checking import check
    from .claims import claim
    from .deciding.contain import contains
    from .deciding.decide import compare
    from .deciding.explain import explain
    from .deciding.minimal import minimal
    from .deciding.separability import separability
    from .derivation.attention import attention, features
    from .derivation.costs import costs
    from .derivation.derive import derive
    from .derivation.realize import realize
    from .derivation.structure import structure
    from .discretisation.continuous import continuous
    from .language.loading import catalogue, find
    from .objectives import GradientDescent, Implicit, LeastSquares, Momentum, online
    from .theory.conditions import conditions

_VERBS = {
    "GradientDescent": "objectives",
    "Implicit": "objectives",
    "LeastSquares": "objectives",
    "Momentum": "objectives",
    "attention": "derivation.attention",
    "catalogue": "language.loading",
    "check": "checking",
    "claim": "claims",
    "conditions": "theory.conditions",
    "compare": "deciding.decide",
    "contains": "deciding.contain",
    "continuous": "discretisation.continuous",
    "costs": "derivation.costs",
    "derive": "derivation.derive",
    "explain": "deciding.explain",
    "features": "derivation.attention",
    "find": "language.loading",
    "minimal": "deciding.minimal",
    "online": "objectives",
    "realize": "derivation.realize",
    "recheck": "certificates.checkers",
    "separability": "deciding.separability",
    "structure": "derivation.structure",
}


def __getattr__(name: str) -> Any:
    if name not in _VERBS:
        raise AttributeError(f"module 'dsf_sym' has no attribute {name!r}")
    return getattr(import_module(f"dsf_sym.{_VERBS[name]}"), name)


__all__ = [
    "Complex",
    "Const",
    "Flag",
    "Gate",
    "GradientDescent",
    "Implicit",
    "KernelLayer",
    "Layer",
    "LeastSquares",
    "Mat",
    "Momentum",
    "Negative",
    "Positive",
    "Real",
    "Scalar",
    "State",
    "Unit",
    "Vec",
    "attention",
    "catalogue",
    "check",
    "claim",
    "compare",
    "concat",
    "conditions",
    "contains",
    "continuous",
    "cos",
    "costs",
    "derive",
    "diag",
    "einsum",
    "elu",
    "exp",
    "explain",
    "eye",
    "features",
    "find",
    "heads",
    "layer",
    "log",
    "maximum",
    "minimal",
    "minimum",
    "ones",
    "online",
    "outer",
    "polar",
    "realize",
    "recheck",
    "relu",
    "scale",
    "separability",
    "sigmoid",
    "sin",
    "softplus",
    "sqrt",
    "structure",
    "sum",
    "tanh",
    "where",
]
