"""The spectrum of Λ on the domains of its signals, and what a change of basis does to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..certificates.checkers.spectra import PROPERTIES
from ..errors import UnknownName
from ..language.evaluate import Sizes
from ..language.layer import Layer
from ..verdict import Verdict
from .points import points
from .settling import Candidate, at_points, layer_of, settle, sizes_of


def eigenvalues(
    layer: Layer | str,
    within: str,
    *,
    of: str | None = None,
    where: Mapping[str, str] | None = None,
    sizes: Sizes | None = None,
    seed: int = 0,
) -> Verdict:
    """Whether every eigenvalue of every transition Λ is a real number of an interval: "[0, 1]".

    of: one state, whose own Λ is meant; the other states then enter it, after the first token.
    where: narrower domains of signals. Raises UnknownName, LanguageError, SizeError.
    """
    return transitions(
        layer, "eigenvalues", of=of, where=where, sizes=sizes, seed=seed, within=within
    )


def radius(
    layer: Layer | str,
    *,
    below: str | None = None,
    at_most: str | None = None,
    where: Mapping[str, str] | None = None,
    sizes: Sizes | None = None,
    seed: int = 0,
) -> Verdict:
    """Whether every eigenvalue of every transition, complex ones too, is below r in size.

    below: r, or at_most for <= r. It is shown at sizes, for Λ in blocks of one or two states.
    """
    bound = {"below": below} if below is not None else {"at most": at_most or "1"}
    return transitions(layer, "radius", where=where, sizes=sizes, seed=seed, **bound)


def transitions(
    layer: Layer | str,
    what: str,
    *,
    of: str | None = None,
    where: Mapping[str, str] | None = None,
    sizes: Sizes | None = None,
    seed: int = 0,
    **parameters: Any,
) -> Verdict:
    """Whether all transitions have a property: a key of PROPERTIES, with its parameters.

    identity, scalar, diagonal, constant, commuting, eigenvalues (within), radius (below, at most).
    Raises UnknownName.
    """
    if what not in PROPERTIES:
        raise UnknownName(f"no property {what!r} of transitions; there are {', '.join(PROPERTIES)}")
    made = layer_of(layer, where)
    at = sizes_of(made, sizes)
    data = {"property": what, "of": of, **parameters}

    def candidates() -> Iterator[Candidate]:
        if PROPERTIES[what].everywhere is not None:
            yield "proved", data
        # Points are cheap, and a proof at a symbolic token is not.
        length = PROPERTIES[what].tokens + (of is not None)
        for point in at_points(at, points(made, at, length, seed=seed)):
            yield "refuted", data | point
        yield "proved", data | {"sizes": at}

    shown = ", ".join(f"{k} {v}" for k, v in parameters.items())
    sense = f"transitions: {what}" + (f", {shown}" if shown else "")
    remains = f"neither a proof nor a token that breaks it was found ({what})"
    return settle(made, "transitions", sense, candidates(), remains)
