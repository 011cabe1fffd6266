"""Where a factor that is carried along the tokens stays bounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..language.domains import REAL
from ..language.layer import Layer, Signal
from ..language.spec import serialise
from ..language.tensor import Input, apply
from ..language.ties import parse_tie
from ..verdict import Verdict
from .recurrences import Recurrence
from .settling import layer_of, settle


def bounded_where(layer: Layer | str, sum_of: str) -> Verdict:
    """Whether an output is e to the sum of an expression over the tokens so far, which grows.

    It is then bounded exactly where that sum is: conditional. sum_of: over tokens and weights, such
    as "-A * Delta". Raises UnknownName, LanguageError for what is no expression.
    """
    made = layer_of(layer)
    names = {s.name: s.tensor for s in made.signals if s.kind != "state"}
    summand = parse_tie(sum_of, names, call=f"the sum of {sum_of}")
    sense = f"bounded exactly where the sum of {sum_of} over all tokens is"
    found = [("conditional", {"sum": serialise({"sum": summand})})]
    verdict = settle(made, "growth", sense, found, f"that {made.name} is e to the sum of {sum_of}")
    if verdict.status != "conditional":
        return verdict
    return replace(verdict, conditions=(f"the sum of {sum_of} over all tokens is bounded",))


def growth(recurrence: Recurrence, signals: Mapping[str, Signal]) -> Verdict | None:
    """Where x or 1/x of a recurrence `x_i = x_{i-1} e^r` is bounded; None where neither grows."""
    found = recurrence.growth
    if found is None:
        return None
    grows, r = found
    known = {name: replace(s, dims=()) for name, s in signals.items()}
    read = [known[str(x)] for x in sorted(r.free_symbols, key=str)]
    total = Input("total", ())
    after = total + parse_tie(str(r), {s.name: s.tensor for s in read}, call=f"the exponent {r}")
    layer = Layer(
        name=f"{grows} over its first value",
        signals=(Signal("total", (), REAL, "state"), *read),
        step={"total": after},
        output=apply("exp", after),
    )
    verdict = bounded_where(layer, str(r))
    said = f"{grows} exactly where the sum of {r} over all tokens is"
    return replace(verdict, conditions=(said,)) if verdict.status == "conditional" else None
