"""How large a state must be as a formula in the length, for a sum over the past."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from ..certificates.checkers.lengths import formula, shown
from ..errors import LanguageError
from ..language.layer import Layer
from ..verdict import Verdict
from .settling import Candidate, Data, layer_of, settle


def state_at_every_length(
    layer: Layer | str,
    parts: int,
    add: int = 0,
    *,
    skip: bool = True,
    causal: bool = False,
    given: Mapping[str, object] | None = None,
    carried: str | None = None,
) -> Verdict:
    """Whether the least state of a layer's operator is ⌊(L + add) / parts⌋ r, at every L >= 2.

    r is the rank of the map from the input to the values: `d`, or that of W in v = W u. skip: with
    any D, else with D = 0. causal: Λ_i, B_i and C_i are functions of the tokens up to i; else of
    the whole sequence. given: ties. For a kernel that is an exponential along two rays. Refuted by
    another formula. Raises UnknownName, LanguageError.
    """
    made = layer_of(layer)
    made = made.given(**dict(given)) if given else made  # type: ignore[arg-type]
    u = carried or made.input_name
    if u is None:
        raise LanguageError(f"state_at_every_length({made.name}): name its input, carried=...")
    found = formula(skip=skip, causal=causal)
    status = "proved" if found == (parts, add) else "refuted"
    data: Data = {"carried": made.signal(u).name, "skip": skip, "causal": causal}
    data |= {"parts": found[0], "add": found[1]}
    tokens = [s for s in made.of_kind("token") if s.name != u]
    others = {s.name: "1" if Fraction(1) in s.domain else "0" for s in tokens}

    def candidates() -> Iterator[Candidate]:
        for query in tokens:
            for key in tokens:
                rays = {"query": query.name, "key": key.name, "others": others}
                yield status, data | {"rays": rays}

    sense = f"state at every length: {shown(parts, add)} r"
    remains = "the kernel was not shown to have nonsingular tables of every size"
    return settle(made, "operator at every length", sense, candidates(), remains)
