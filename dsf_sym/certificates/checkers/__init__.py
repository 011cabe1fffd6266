"""Independent checkers, one a kind of certificate.

Each shares with the search only the evaluation of a layer. `recheck` raises Rejected with the
identity that fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...errors import CertificateError, Rejected
from ...language.layer import Layer
from ..certificate import layers_of, require_common_signals, where
from . import difference, intertwiner, minimality, obstruction, product, subspace

CHECKERS: dict[str, Callable[[list[Layer], Mapping[str, Any]], str]] = {
    "intertwiner": intertwiner.check,
    "closed subspace": subspace.check,
    "closed subspace of the product": product.check,
    "difference": difference.check,
    "minimality": minimality.check,
    "obstruction": obstruction.check,
}


def recheck(data: Mapping[str, Any]) -> str:
    """Verify a certificate anew and say what it proves; Rejected or CertificateError otherwise."""
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if not isinstance(kind, str) or kind not in CHECKERS:
        raise CertificateError(
            f"unknown kind of certificate {kind!r}; known: {', '.join(CHECKERS)}"
        )
    layers = layers_of(data)
    # Containment is about two layers with tokens of their own; all else is about common tokens.
    if kind != "obstruction":
        require_common_signals(layers)
    try:
        stated = data["claim"]["where"]
        if list(stated) != list(where(*layers)):
            raise Rejected(f"the claim holds where {where(*layers)}, the certificate says {stated}")
        return CHECKERS[kind](layers, data)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise CertificateError(
            f"the certificate ({kind}) is incomplete or malformed: {type(error).__name__}: {error}"
        ) from None
