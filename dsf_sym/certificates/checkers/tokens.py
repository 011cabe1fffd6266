"""Tokens of a certificate: read as exact rationals and required to lie in their domains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from ...automata.run import Values, count
from ...errors import Rejected
from ...language.evaluate import Sizes
from ...language.layer import Layer, Signal


def read_sizes(raw: Mapping[str, Any]) -> Sizes:
    """Sizes by name."""
    return {str(name): int(size) for name, size in raw.items()}


def read_values(raw: Mapping[str, Sequence[str]]) -> Values:
    """Signals by name, row-major."""
    return {str(name): [Fraction(x) for x in xs] for name, xs in raw.items()}


def read_inside(
    layers: Sequence[Layer], kind: str, raw: Mapping[str, Sequence[str]], sizes: Sizes, where: str
) -> Values:
    """All signals of a kind and no others, in their domains; Rejected otherwise.

    A weight that had the name of a token could stand for it, outside its domain.
    """
    values, known = read_values(raw), {s.name: s for x in layers for s in x.of_kind(kind)}
    if others := sorted(values.keys() - known.keys()):
        raise Rejected(f"{where}: {others[0]} is no {kind} of {layers[0].name}")
    for s in known.values():
        require_inside(s, values, sizes, where)
    return values


def read_sequence(
    layers: Sequence[Layer], data: Mapping[str, Any], sizes: Sizes
) -> tuple[list[Values], Values]:
    """The tokens of a certificate and its constants, in their domains; Rejected otherwise."""
    constants = read_inside(layers, "constant", data["constants"], sizes, "the constants")
    tokens = [
        read_inside(layers, "token", t, sizes, f"token {i}") for i, t in enumerate(data["tokens"])
    ]
    return tokens, constants


def require_inside(s: Signal, values: Values, sizes: Sizes, where: str) -> None:
    """Raise Rejected unless the values of a signal fill its shape and lie in its domain."""
    if s.name not in values or len(values[s.name]) != count(s, sizes):
        raise Rejected(f"{where}: {s.name} needs {count(s, sizes)} entries")
    outside = [x for x in values[s.name] if x not in s.domain]
    if outside:
        raise Rejected(f"{where}: {s.name} = {outside[0]} is outside {s.domain}")
    if s.domain.unit and sum(x * x for x in values[s.name]) != 1:
        raise Rejected(f"{where}: {s.name} does not have norm 1")


def at_sizes(sizes: Sizes) -> str:
    """The sizes at which a statement is shown, as " at n=2, d=3"."""
    return " at " * bool(sizes) + ", ".join(f"{name}={size}" for name, size in sizes.items())
