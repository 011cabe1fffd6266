"""Independent checkers, one a kind of certificate.

Each shares with the search only the evaluation of a layer. `recheck` raises Rejected with the
identity that fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...errors import CertificateError, DsfError, Rejected
from ...language.kernel import KernelLayer
from ...language.layer import Layer
from ...language.tensor import shape_text
from ..certificate import layer_from_spec, layers_of, require_common_signals, where
from ..plain import require_plain, require_sizes
from ..senses import require_sense
from . import (
    agreement,
    analysis,
    bounds,
    difference,
    duals,
    endless,
    families,
    feature_count,
    feature_formula,
    gauge,
    gaussian_mean,
    given_tokens,
    growth,
    intertwiner,
    jacobian,
    kernel,
    kernel_rank,
    lengths,
    minimality,
    necessary,
    obstruction,
    operators,
    order,
    pairwise,
    positive_definite,
    powers,
    product,
    realisations,
    series,
    state_formula,
    state_match,
    stationary,
    step_map,
    subspace,
    table,
    transitions,
    weights,
)

CHECKERS: dict[str, Callable[[list[Layer], Mapping[str, Any]], str]] = {
    "intertwiner": intertwiner.check,
    "closed subspace": subspace.check,
    "conditions on tokens": given_tokens.check,
    "agreement at a point": agreement.check,
    "growth": growth.check,
    "closed subspace of the product": product.check,
    "step map": step_map.check,
    "bounds": bounds.check,
    "table": table.check,
    "endless tables": endless.check,
    "difference": difference.check,
    "kernel": kernel.check,
    "kernel rank": kernel_rank.check,
    "minimality": minimality.check,
    "smallest continuous state": jacobian.check,
    "necessary": necessary.check,
    "obstruction": obstruction.check,
    "pairwise": pairwise.check,
    "transitions": transitions.check,
    "order": order.check,
    "stationary": stationary.check,
    "weights": weights.check,
    "operator rank": operators.check_rank,
    "operator at every length": lengths.check,
    "realisation": realisations.check_realisation,
    "heads": realisations.check_heads,
    "masked attention": duals.check,
    "positive definite": positive_definite.check,
    "feature count": feature_count.check,
    "feature formula": feature_formula.check,
    "state formula": state_formula.check,
    "gaussian mean": gaussian_mean.check,
    "series": series.check,
    "state match": state_match.check,
    "gauge": gauge.check,
    "sign of an exponential polynomial": analysis.check_sign,
    "sign at every degree": families.check,
    "zeros of powers": powers.check,
    "root": analysis.check_root,
}
OF_SUMS = (
    "state match",
    "bounds",
    "difference",
    "kernel",
    "kernel rank",
    "feature count",
    "feature formula",
    "positive definite",
    "order",
    "weights",
    "table",
    "endless tables",
    "operator rank",
    "operator at every length",
    "realisation",
)


def recheck(data: Mapping[str, Any]) -> str:
    """Verify a certificate anew and say what it proves; Rejected or CertificateError otherwise.

    Certificates under "also", on which the same verdict rests, are verified too.
    """
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if not isinstance(kind, str) or kind not in CHECKERS:
        raise CertificateError(
            f"unknown kind of certificate {kind!r}; known: {', '.join(CHECKERS)}"
        )
    try:
        require_plain(data)
        for other in data.get("also", ()):
            recheck(other)
    except RecursionError:
        raise CertificateError("the certificate is nested too deep to be read") from None
    layers = layers_of(data)
    if kind not in OF_SUMS and any(isinstance(layer, KernelLayer) for layer in layers):
        raise Rejected(f"a certificate of this kind ({kind}) is about layers with a finite state")
    # Containment is about two layers with tokens of their own; all else is about common tokens.
    if kind not in ("obstruction", "state match"):
        require_common_signals(layers)
        if len({layer.output.dims for layer in layers}) > 1:
            shapes = " and ".join(shape_text(layer.output.dims) for layer in layers)
            raise Rejected(f"the outputs have different shapes: {shapes}")
    try:
        stated = data["claim"]["where"]
        between = [layer_from_spec(data["third"])] if "third" in data else []
        for key in ("sizes", "sizes of tokens"):
            require_sizes([*layers, *between], data.get(key, {}))
        holds = where(*layers)
        if kind in ("step map", "gauge"):
            holds = tuple(dict.fromkeys((*holds, *step_map.conditions(layers, data))))
        if list(stated) != list(holds):
            raise Rejected(f"the claim holds where {holds}, the certificate says {stated}")
        said = CHECKERS[kind](layers, data)
        require_sense(data)
        return said
    except (Rejected, CertificateError):
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, DsfError) as error:
        raise CertificateError(
            f"the certificate ({kind}) is incomplete or malformed: {type(error).__name__}: {error}"
        ) from None
