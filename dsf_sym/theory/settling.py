"""From candidate certificates to a verdict: what the checker does not accept is not returned."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from ..certificates.certificate import FORMAT, header, library_version
from ..certificates.checkers import recheck
from ..certificates.checkers.enclosure import interval
from ..deciding.decide import complete_sizes
from ..errors import CertificateError, DsfError, LanguageError, Rejected
from ..language.domains import Domain
from ..language.evaluate import Sizes
from ..language.layer import Layer, validate
from ..language.loading import find
from ..verdict import Question, Verdict, Witness
from .points import text

Data = dict[str, Any]
Candidate = tuple[str, Data]


def layer_of(of: Layer | str, where: Mapping[str, str] | None = None) -> Layer:
    """A layer by name or as it is, with domains narrowed: `{"Delta": "[1/10, 10]"}`.

    Raises UnknownName, LanguageError for what is no interval, DomainError for no value.
    """
    layer = find(of) if isinstance(of, str) else of
    for name, shown in (where or {}).items():
        signal = layer.signal(name)
        try:
            domain = signal.domain.meet(Domain(interval(shown)))
        except Rejected as error:
            raise LanguageError(f"{layer.name} where {name} in {shown}: {error}") from None
        layer = layer.with_signal(replace(signal, domain=domain))
    if where:
        validate(layer)
    return layer


def sizes_of(layer: Layer, sizes: Sizes | None) -> Sizes:
    """A value for every size of the layer, 2 where none is given."""
    return complete_sizes([layer], sizes)


def settle(
    layer: Layer, kind: str, sense: str, candidates: Iterable[Candidate], remains: str
) -> Verdict:
    """The first candidate ("proved" or "refuted", its data) that its checker accepts.

    Without one the verdict is undecided, and `remains` says what is missing.
    """
    began = time.perf_counter()
    question = Question(layer.name, "", sense=sense)
    for status, data in candidates:
        whole = header(kind, question, layer, None) | data
        try:
            said = recheck(whole)
        except (Rejected, CertificateError, DsfError, ZeroDivisionError):
            continue
        seconds = time.perf_counter() - began
        return Verdict(
            question,
            status,
            said,
            data.get("sizes"),
            certificate=whole,
            witness=_witness(data),
            seconds=seconds,
        )
    seconds = time.perf_counter() - began
    return Verdict(question, "undecided", "", None, remains=remains, seconds=seconds)


def _witness(data: Data) -> Witness | None:
    if "tokens" not in data:
        return None

    def values(raw: Mapping[str, list[str]]) -> dict[str, list[Fraction]]:
        return {name: [Fraction(x) for x in xs] for name, xs in raw.items()}

    tokens = tuple(values(t) for t in data["tokens"])
    return Witness(tokens, values(data.get("constants", {})), ((), ()))


def at_points(
    sizes: Sizes, found: Iterable[tuple[dict[str, Any], list[dict[str, Any]]]]
) -> Iterable[Data]:
    """Points as the data of a refutation."""
    for constants, tokens in found:
        yield {"sizes": sizes, "constants": text(constants), "tokens": [text(t) for t in tokens]}


def without_layers(kind: str, sense: str) -> Data:
    """What a certificate about no layer starts with."""
    claim = {
        "sense": sense,
        "layers": [],
        "sources": [],
        "given": [],
        "bridges": [],
        "domains": [],
        "lengths": "all",
        "where": [],
    }
    return {
        "format": FORMAT,
        "kind": kind,
        "library": library_version(),
        "claim": claim,
        "hashes": [],
        "layers": [],
    }
