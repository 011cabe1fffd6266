"""What a certificate may hold: texts, whole numbers and fractions written out, lists and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

from ..errors import CertificateError, Rejected
from ..language.evaluate import Sizes, names_in, shape_of
from ..language.layer import Layer
from ..language.spec import serialise

MOST_ENTRIES = 1 << 16
_EXPONENT = re.compile(r"[-+]?[\d_.]+[eE][-+]?[\d_]+")


def once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A table of JSON; ValueError where a name comes twice, as readers keep either value."""
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = next(name for name, _ in pairs if [n for n, _ in pairs].count(name) > 1)
        raise ValueError(f"{twice!r} comes twice")
    return made


def require_plain(data: Any) -> None:
    """Refuse what is no exact number or takes no time to write and ages to compute, as "1e999999".

    The claim is read as words, and not looked at. Raises CertificateError.
    """
    if isinstance(data, Mapping):
        for name, value in data.items():
            if name != "claim":
                require_plain(value)
    elif isinstance(data, str):
        if any(_EXPONENT.fullmatch(part) for part in re.split(r"[\[\](),\s]+", data)):
            raise CertificateError(f"the number {data[:40]!r} is to be written out, as a fraction")
    elif isinstance(data, float):
        raise CertificateError(f"the number {data} is not exact: write a fraction, as text")
    elif isinstance(data, Iterable):
        for value in data:
            require_plain(value)


def require_sizes(layers: Sequence[Layer], sizes: Mapping[str, Any]) -> None:
    """Refuse sizes below 1, at which every identity would hold, unknown and huge ones; Rejected."""
    at: Sizes = {name: int(value) for name, value in sizes.items()}
    names = {name for layer in layers for dims in _shapes(layer) for name in names_in(dims)}
    for name, value in at.items():
        if value < 1:
            raise Rejected(f"size {name}={value}: a size is a whole number of at least 1")
        if name not in names:
            # At 3=1 or n+m=1 a vector of 3 or n + m entries would have one.
            raise Rejected(f"size {name}={value}: the layers have no size of that name")
    for layer in layers:
        for part in {p for dims in _shapes(layer) for d in dims for p in d.split("+")}:
            if not part.isidentifier() and int(part) < 1:
                raise Rejected(f"{layer.name} has a size of {part}")
        for s in layer.signals:
            known = all(n in at for n in names_in(s.dims))
            if known and prod(shape_of(s.dims, at)) > MOST_ENTRIES:
                raise Rejected(f"{layer.name}: {s.name} has more than {MOST_ENTRIES} entries")


def _shapes(layer: Layer) -> list[tuple[str, ...]]:
    """The sizes of the signals and of every node."""
    graph = serialise({**layer.step, "output": layer.output})
    return [*(s.dims for s in layer.signals), *(tuple(node[1]) for node in graph["nodes"])]
