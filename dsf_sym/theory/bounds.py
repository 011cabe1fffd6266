"""Where a layer's output lies: an inequality is a layer whose output is a difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..language.evaluate import Sizes
from ..language.layer import Layer
from ..verdict import Verdict
from .points import points
from .settling import Candidate, at_points, layer_of, settle, sizes_of

LONGEST = 3
BITS = 256
TRIES = 120


def within(
    layer: Layer | str,
    inside: str,
    *,
    where: Mapping[str, str] | None = None,
    sizes: Sizes | None = None,
    seed: int = 0,
) -> Verdict:
    """Whether every entry of a layer's output lies in an interval such as "(0, inf)", always.

    where: narrower domains of signals. Proved for all sizes and lengths by interval arithmetic, or,
    for an output without a state, at the sizes; refuted by a sequence. Raises UnknownName,
    LanguageError, SizeError.
    """
    made = layer_of(layer, where)
    at = sizes_of(made, sizes)
    data = {"inside": inside}

    def candidates() -> Iterator[Candidate]:
        yield "proved", data | {"method": "ranges"}
        for length in range(1, (LONGEST if made.step else 1) + 1):
            for point in at_points(at, points(made, at, length, seed=seed, tries=TRIES)):
                yield "refuted", data | point | {"method": "tokens", "bits": BITS}
        for method in ("signs", "roots", "parts"):
            yield "proved", data | {"method": method, "sizes": at}

    remains = "neither a proof nor a sequence that leaves the interval was found"
    return settle(made, "bounds", f"output in {inside}", candidates(), remains)
