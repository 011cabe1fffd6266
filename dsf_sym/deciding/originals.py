"""Whether a certificate is about the definitions that its claim names, ties included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from ..certificates.certificate import where
from ..certificates.senses import EQUALITY, OF_CONDITIONS, SENSE
from ..errors import CertificateError, DsfError, Rejected
from ..language.graph import inputs
from ..language.layer import Layer
from ..language.ties import parse_tie
from .pairing import Pair, pair, read_tie, restricted


def catalogued(data: Mapping[str, Any]) -> dict[str, Layer]:
    """The layers of the claim that the catalogue has, from a file of the same name.

    No other file is read: what a certificate names as its source is not run.
    """
    from ..language.loading import catalogue

    claim, known = _claim(data), catalogue()
    found = {}
    for name, source in zip(claim["layers"], claim["sources"], strict=False):
        layer = known.get(str(name))
        if layer is not None and _file(str(source)) == _file(layer.source):
            found[layer.name] = layer
    return found


def _file(path: str) -> tuple[str, ...]:
    return PurePath(path.replace("\\", "/")).parts[-2:]


def missing(data: Mapping[str, Any], layers: Mapping[str, Layer]) -> list[str]:
    """The names in the claim that are not among the layers; all, where both have one name."""
    names = _claim(data)["layers"]
    return names if len(set(names)) < len(names) else [n for n in names if n not in layers]


def confirm(data: Mapping[str, Any], layers: Mapping[str, Layer]) -> None:
    """Bring the layers to common signals as the claim says, and compare with the certificate.

    layers: by name, all that the claim names. Raises Rejected when the certificate is about other
    definitions, or when its claim leaves out a tie or a domain.
    """
    claim = _claim(data)
    for other in data.get("also", ()):
        if not missing(other, layers):
            confirm(other, layers)
    own = [layers[name] for name in claim["layers"]]
    hashes = list(data.get("hashes", []))
    kind = data.get("kind")
    if kind in SENSE:
        if claim["sense"] != SENSE[kind]:
            raise Rejected(
                f"the sense of a certificate of this kind ({kind}) is {SENSE[kind]}; "
                f"the claim says {claim['sense']}"
            )
        if claim["given"] or claim["bridges"] or claim["domains"]:
            raise Rejected(f"a certificate of this kind ({kind}) is about layers without ties")
    elif len(own) == 2:
        try:
            both = pair(own[0], own[1], [str(tie) for tie in claim["given"]])
            if "relations" in claim:
                both = restricted(both, **claim["relations"])
        except (DsfError, TypeError, AttributeError) as error:
            raise Rejected(f"the ties of the claim do not fit its layers: {error}") from None
        question = both.question
        if claim["sense"] in OF_CONDITIONS.get(str(kind), ()):
            question = replace(question, sense=claim["sense"])
        # Where a claim has conditions, as a history is one, the smaller layer is restricted.
        positive = claim["sense"] == "contains" and kind in EQUALITY and not claim.get("where")
        if positive and _are_maps(both, own[0], own[1], claim):
            question = replace(question, sense="contains")
        for what, said, true in (
            ("sense", claim["sense"], question.sense),
            ("ties", claim["bridges"], list(question.bridges)),
            ("domains", claim["domains"], list(question.domains)),
        ):
            if said != true:
                raise Rejected(
                    f"the claim says {what} {_words(said)}; for these layers it is {_words(true)}"
                )
        own = [both.a, both.b]
    elif claim["given"] or claim["bridges"] or claim["domains"]:
        raise Rejected(f"a certificate of this kind ({kind}) is about layers without ties")
    names = [spec.get("name") for spec in data["layers"]]
    if names != [layer.name for layer in own]:
        raise Rejected(
            f"the certificate defines {_words(names)}; its claim is about "
            f"{_words([layer.name for layer in own])}"
        )
    for name, layer, wanted in zip(claim["layers"], own, hashes, strict=True):
        if layer.hash != wanted:
            raise Rejected(
                f"the certificate is about another definition of {name}: its hash is "
                f"{str(wanted)[:12]}, and {layer.hash[:12]} for {layer.source or 'the one at hand'}"
            )


def _are_maps(both: Pair, a: Layer, b: Layer, claim: Mapping[str, Any]) -> bool:
    """Whether the ties only set signals of `a`, its constants by constants, and restrict no `b`."""
    if both.question.domains or where(both.a, both.b):
        return False
    if any(": size " not in bridge for bridge in both.question.bridges):
        return False
    known = {s.name: s for layer in (a, b) for s in layer.signals if s.kind != "state"}
    for tie in map(str, claim["given"]):
        key, value = read_tie(tie)
        owner, _, name = key.rpartition(".")
        if owner != a.name or a.name == b.name:
            return False
        tensor = parse_tie(value, {n: s.tensor for n, s in known.items()}, call=tie)
        reads = inputs(tensor)
        if a.signal(name).kind == "constant" and any(known[n].kind == "token" for n in reads):
            return False
    return True


def _words(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(map(str, value)) or "none"
    return str(value)


def _claim(data: Mapping[str, Any]) -> Mapping[str, Any]:
    claim = data.get("claim")
    lists = ("layers", "sources", "given", "bridges", "domains")
    if (
        not isinstance(claim, Mapping)
        or not all(isinstance(claim.get(key), list) for key in lists)
        or not all(isinstance(name, str) for name in claim["layers"])
        or not isinstance(claim.get("sense"), str)
        or not 1 <= len(claim["layers"]) <= 2
    ):
        raise CertificateError("the certificate has no claim, or one that cannot be read")
    if len(claim["layers"]) != len(data.get("hashes") or ()):
        raise CertificateError("the certificate has not one hash for each layer of its claim")
    return claim
