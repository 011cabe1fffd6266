"""Certificates as plain JSON data: the definitions, the claim and what proves it.

Only data is read back: numbers, names and lists. Nothing in a certificate is evaluated.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from unicodedata import normalize

from ..errors import CertificateError, DsfError, Rejected
from ..language.domains import Domain, Interval, finite
from ..language.graph import walk
from ..language.kernel import KernelLayer
from ..language.layer import Layer, Signal, validate
from ..language.spec import deserialise
from ..language.tensor import Input, text
from ..verdict import Question
from .plain import once

FORMAT = 1


def header(kind: str, question: Question, a: Layer, b: Layer | None) -> dict[str, Any]:
    """What every certificate starts with."""
    layers = [a] if b is None else [a, b]
    return {
        "format": FORMAT,
        "kind": kind,
        "library": library_version(),
        "claim": {
            "sense": question.sense,
            "layers": [question.a, question.b] if b is not None else [question.a],
            "sources": [layer.source for layer in layers],
            "given": list(question.given),
            "bridges": list(question.bridges),
            "domains": list(question.domains),
            "lengths": "all",
            "where": list(where(*layers)),
        },
        "hashes": [layer.hash for layer in layers],
        "layers": [layer.spec for layer in layers],
    }


def where(*layers: Layer) -> tuple[str, ...]:
    """The conditions under which the layers have values: denominators not shown to exclude zero."""
    return tuple(
        dict.fromkeys(f"{text(x)} != 0" for layer in layers for x in layer.open_denominators)
    )


def library_version() -> str:
    """The version of this library."""
    try:
        return version("dsf-workbench")
    except PackageNotFoundError:
        return "uninstalled"


def layers_of(data: Mapping[str, Any]) -> list[Layer]:
    """The definitions a certificate carries, their hashes checked; Rejected, CertificateError."""
    try:
        layers = [layer_from_spec(spec) for spec in data["layers"]]
        hashes = list(data["hashes"])
    except (KeyError, TypeError) as error:
        raise CertificateError(f"the certificate lacks {error}") from None
    if len(hashes) != len(layers):
        raise CertificateError(f"{len(layers)} definitions and {len(hashes)} hashes do not fit")
    for layer, wanted in zip(layers, hashes, strict=True):
        if layer.hash != wanted:
            raise Rejected(
                f"the definition of {layer.name} has hash {layer.hash[:12]}, the certificate was "
                f"made for {str(wanted)[:12]}: the definition or the hash was changed"
            )
    return layers


def require_common_signals(layers: list[Layer]) -> None:
    """Refuse definitions that mean different things by one signal: a claim would hide it."""
    known: dict[str, Signal] = {}
    for layer in layers:
        for s in layer.signals:
            if s.kind != "state" and known.setdefault(s.name, s) != s:
                raise Rejected(
                    f"the definitions disagree about a signal: {known[s.name].kind} "
                    f"{known[s.name]}; {s.kind} {s}"
                )


def layer_from_spec(spec: Mapping[str, Any]) -> Layer:
    """A layer from plain data; CertificateError names what is wrong."""
    try:
        signals = tuple(_signal(row) for row in spec["signals"])
        if len({s.name for s in signals}) < len(signals):
            raise ValueError("two signals have one name")
        roots = deserialise(spec)
        made = Layer(
            name=str(spec["name"]),
            signals=signals,
            step={s.name: roots[f"step:{s.name}"] for s in signals if s.kind == "state"},
            output=roots["output"],
            start={str(k): str(v) for k, v in spec["start"].items()},
        )
        if "kernel" in spec:
            value, normalised = (spec["kernel"][key] for key in ("value", "normalised"))
            if value not in made.step or not isinstance(normalised, bool):
                raise ValueError("the rule of a sum over the past is incomplete")
            made = KernelLayer(**vars(made), value=str(value), normalised=normalised)
        declared = {s.name: s.dims for s in signals}
        for node in walk(*made.step.values(), made.output):
            if isinstance(node, Input) and declared[node.name] != node.dims:
                raise ValueError(f"{node.name} is read with other sizes than it is declared with")
        validate(made)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, DsfError) as error:
        raise CertificateError(f"a definition in the certificate cannot be read: {error}") from None
    return made


def _signal(row: Mapping[str, Any]) -> Signal:
    low, high = (None if row[k] is None else Fraction(row[k]) for k in ("low", "high"))
    interval = Interval(low, high, bool(row["low_open"]), bool(row["high_open"]))
    if row["kind"] not in ("token", "constant", "state"):
        raise ValueError(f"unknown kind {row['kind']!r}")
    if not str(row["name"]).isidentifier() or normalize("NFKC", row["name"]) != row["name"]:
        # An entry of k is called k[0], and the sign of x + y is asked for under that name.
        raise ValueError(f"{row['name']!r} is not the name of a signal")
    if not all(isinstance(row[key], bool) for key in ("low_open", "high_open", "unit")):
        raise ValueError(f"the domain of {row['name']!r} is not one")
    domain = Domain(interval, bool(row["unit"]))
    if "values" in row:
        listed = finite(*map(Fraction, row["values"]), unit=domain.unit)
        if listed.interval != interval:
            raise ValueError(f"the values of {row['name']!r} do not fill its interval")
        domain = listed
    return Signal(str(row["name"]), tuple(map(str, row["dims"])), domain, row["kind"])


def read(path: str | Path) -> dict[str, Any]:
    """The certificate in a file; CertificateError when it is not one."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=once)
    except FileNotFoundError:
        raise CertificateError(f"{path}: there is no such file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise CertificateError(f"{path} is not a certificate: {error}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise CertificateError(f"{path} is not a certificate of format {FORMAT}")
    return data


def write(data: Mapping[str, Any], path: str | Path, *, force: bool = False) -> None:
    """Write a certificate whole or not at all; refuses a path that exists unless `force`."""
    target = Path(path)
    if target.exists() and not force:
        raise CertificateError(f"{target} exists already; choose another name or remove it")
    partial = target.with_name(f".{target.name}.partial")
    try:
        partial.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        raise CertificateError(f"{target} cannot be written: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)


def digest(data: Mapping[str, Any]) -> str:
    """A short name for a certificate, from its content."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:12]
