"""Independent checkers, one a kind of certificate.

Each shares with the search only the evaluation of a layer. `recheck` raises Rejected with the
identity that fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...errors import CertificateError, Rejected
from ...language.layer import Layer
from ...language.tensor import shape_text
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
        if len({layer.output.dims for layer in layers}) > 1:
            shapes = " and ".join(shape_text(layer.output.dims) for layer in layers)
            raise Rejected(f"the outputs have different shapes: {shapes}")
    try:
        stated = data["claim"]["where"]
        _require_sizes(layers, data.get("sizes", {}))
        if list(stated) != list(where(*layers)):
            raise Rejected(f"the claim holds where {where(*layers)}, the certificate says {stated}")
        return CHECKERS[kind](layers, data)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise CertificateError(
            f"the certificate ({kind}) is incomplete or malformed: {type(error).__name__}: {error}"
        ) from None


def _require_sizes(layers: list[Layer], sizes: Mapping[str, Any]) -> None:
    """Refuse sizes below 1, at which every identity would hold."""
    for name, value in sizes.items():
        if int(value) < 1:
            raise Rejected(f"size {name}={value}: a size is a whole number of at least 1")
    for layer in layers:
        for part in {p for s in layer.signals for d in s.dims for p in d.split("+")}:
            if part.isdigit() and int(part) < 1:
                raise Rejected(f"{layer.name} has a size of {part}")
