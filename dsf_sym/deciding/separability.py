"""How many features a kernel needs: `κ(q, k) = Σ_m φ_m(q) ψ_m(k)`, if any number will do."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

from ..automata.automaton import Automaton
from ..automata.run import Values
from ..certificates.certificate import header
from ..certificates.checkers import recheck
from ..certificates.checkers.kernel_rank import has_full_rank
from ..derivation.attention import Feature, features
from ..errors import Rejected
from ..language.evaluate import Sizes, shape_of
from ..language.kernel import KernelLayer, kernel_layer
from ..verdict import Question
from .decide import complete_sizes
from .witness import random_values

POINTS = 6
TRIES = 20
BITS = 256


@dataclass(frozen=True)
class Separability:
    """What is known of the least number M of features of a kernel.

    terms: the features found, None where an atom of the kernel reads query and key. upper: their
    number at the sizes, None where none are found. lower: what the certificate proves. infinite:
    whether it proves that no finite number is enough, at any size.
    """

    kernel: str
    sizes: Sizes
    terms: tuple[Feature, ...] | None
    upper: int | None
    lower: int
    infinite: bool
    certificate: dict[str, Any] | None

    def __str__(self) -> str:
        if self.infinite:
            return "no finite sum of products of features of q and of k (proved for every size)"
        at = ", ".join(f"{k}={v}" for k, v in self.sizes.items())
        if self.upper is None:
            return f"at least {self.lower} features at {at}; no finite number was found"
        if self.upper == self.lower:
            return f"{self.upper} features at {at}, and no fewer"
        return f"{self.lower} to {self.upper} features at {at}"


def separability(
    kernel: KernelLayer | Callable[..., Any],
    sizes: Sizes | None = None,
    *,
    points: int = POINTS,
    seed: int = 0,
) -> Separability:
    """The number of features that a kernel needs, between bounds that are proved.

    kernel: a function κ(q, k), or a layer made of one. sizes: values of the size names, 2 where not
    given. points: the largest table of queries and keys that is tried where no features are found.
    Raises LanguageError for what is not a kernel, SizeError.
    """
    layer = kernel if isinstance(kernel, KernelLayer) else kernel_layer(kernel)
    at = complete_sizes([layer], sizes)
    terms = features(layer)
    upper = None if terms is None else sum(prod(shape_of(f.axes, at)) for f in terms)
    data = header("kernel rank", Question(layer.name, "", sense="kernel rank"), layer, None)
    rays = None if terms is not None else _rays(layer, data)
    if rays is not None:
        return Separability(layer.name, at, terms, upper, POINTS, True, rays)
    for size in range(min(points, upper or points), 0, -1):
        table = _table(layer, at, size, seed)
        if table is not None:
            found = data | {"sizes": at, "bits": BITS, **table}
            recheck(found)
            return Separability(layer.name, at, terms, upper, size, False, found)
    return Separability(layer.name, at, terms, upper, 0, False, None)


def _rays(layer: KernelLayer, data: dict[str, Any]) -> dict[str, Any] | None:
    """A certificate along two rays, for one query and one key of the kernel."""
    tokens = [s for s in layer.of_kind("token") if s.name != layer.input_name]
    others = {
        s.name: str(next((x for x in (1, 0, -1) if Fraction(x) in s.domain), 0)) for s in tokens
    }
    for query in tokens:
        for key in tokens:
            rays = {"query": query.name, "key": key.name, "others": others}
            try:
                recheck(data | {"rays": rays})
            except Rejected:
                continue
            return data | {"rays": rays}
    return None


def _table(layer: KernelLayer, sizes: Sizes, size: int, seed: int) -> dict[str, Any] | None:
    """Queries and keys with a determinant that is certainly not 0."""
    automaton, rng = Automaton((layer,), sizes), random.Random(seed)
    for _ in range(TRIES):
        constants = random_values(automaton, "constant", rng, 3)
        queries, keys = (
            [random_values(automaton, "token", rng, 3 + i % 2) for _ in range(size)]
            for i in range(2)
        )
        try:
            full = has_full_rank(layer, queries, keys, constants, sizes, BITS)
        except ZeroDivisionError:
            continue
        if full:
            return {
                "queries": [_texts(x) for x in queries],
                "keys": [_texts(x) for x in keys],
                "constants": _texts(constants),
            }
    return None


def _texts(values: Values) -> dict[str, list[str]]:
    return {name: [str(x) for x in xs] for name, xs in values.items()}
