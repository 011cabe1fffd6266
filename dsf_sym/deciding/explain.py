"""Why two layers differ: the terms of the first unequal output, and ties that remove them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from ..errors import DsfError, NotAffine
from ..index.atoms import Form
from ..index.kernels import past_outputs
from ..index.normal import step_form
from ..language.evaluate import Sizes
from ..language.kernel import KernelLayer
from ..language.layer import Layer, Signal
from ..verdict import Verdict
from .decide import compare
from .pairing import Pair, Ties, pair

LONGEST = 4
MOST_TERMS = 400
MOST_TIES = 2


@dataclass(frozen=True)
class Explanation:
    """The verdict, the difference of the first unequal outputs and what would remove it.

    length: the number of tokens of the shortest difference. terms: by lag, the part of
    `y_{L-1} - y'_{L-1}` whose oldest token is that many steps back, for all sizes; None where there
    is no formula short enough to print. removed_by: ties under which the layers are proved equal,
    the shortest first.
    """

    verdict: Verdict
    length: int | None
    terms: dict[int, Form] | None
    removed_by: tuple[tuple[str, ...], ...]


def explain(
    a: Layer, b: Layer, *, given: Ties = (), sizes: Sizes | None = None, seed: int = 0
) -> Explanation:
    """Compare two layers and say which term makes the difference, and what tie removes it."""
    verdict = compare(a, b, given=given, sizes=sizes, seed=seed)
    return explain_verdict(a, b, verdict, given=given, seed=seed)


def explain_verdict(
    a: Layer,
    b: Layer,
    verdict: Verdict,
    *,
    given: Ties = (),
    seed: int = 0,
    most_ties: int = MOST_TIES,
) -> Explanation:
    """Why the layers of a verdict on equality differ; most_ties: how many are tried at a time."""
    if verdict.witness is None:
        return Explanation(verdict, None, None, ())
    both = pair(a, b, given)
    length = verdict.witness.length
    removed_by = tuple(_ties(both, verdict.sizes, seed, most_ties))
    return Explanation(verdict, length, difference(both, length), removed_by)


def outputs(layer: Layer, length: int) -> Iterator[Form]:
    """The outputs y_0, y_1, ... in index terms, tokens labelled by their time, for all sizes."""
    if isinstance(layer, KernelLayer):
        yield from past_outputs(layer, length)
        return
    states: Mapping[str, Form] = step_form(layer).start
    for i in range(length):
        step = step_form(layer, states, time=i)
        states = step.new
        yield step.output


def difference(both: Pair, length: int) -> dict[int, Form] | None:
    """The difference of the last outputs on `length` tokens, by lag.

    None where it is too long, or where a layer has no step of which it would be made.
    """
    if length > LONGEST:
        return None
    try:
        for left, right in zip(outputs(both.a, length), outputs(both.b, length), strict=True):
            last = left - right
    except NotAffine:
        return None
    if len(last.terms) > MOST_TERMS:
        return None
    lags: dict[int, Form] = {}
    for monomial, c in last.terms.items():
        term = Form(last.dims, {monomial: c})
        times = [atom.time for atom in term.atoms() if atom.time is not None]
        lag = length - 1 - min(times, default=length - 1)
        lags[lag] = lags[lag] + term if lag in lags else term
    return dict(sorted(lags.items()))


def _ties(both: Pair, sizes: Sizes | None, seed: int, most: int) -> list[tuple[str, ...]]:
    """Ties that make the layers equal without making both outputs zero: the fewest that do."""
    single = list(_candidates(both))
    for count in range(1, most + 1):
        found = [t for t in combinations(single, count) if _removes(both, t, sizes, seed)]
        if found:
            return found
    return []


def _removes(both: Pair, ties: tuple[str, ...], sizes: Sizes | None, seed: int) -> bool:
    try:
        tied = pair(both.a, both.b, ties)
        some = False
        for left, right in zip(outputs(tied.a, 2), outputs(tied.b, 2), strict=True):
            if left != right:
                return False
            some = some or bool(left.terms)
        if not some:
            return False
        return compare(both.a, both.b, given=ties, sizes=sizes, seed=seed).status == "proved"
    except DsfError:
        return False


def _candidates(both: Pair) -> Iterator[str]:
    """Simple ties: a signal at 1 or 0, one signal or its complement in place of another."""
    a = {s.name: s for s in both.a.signals if s.kind != "state"}
    b = {s.name: s for s in both.b.signals if s.kind != "state"}
    signals = a | b
    only = [s for s in signals.values() if (s.name in a) != (s.name in b)]
    for s in [*only, *(s for s in signals.values() if s not in only)]:
        for value in (1, 0):
            if Fraction(value) in s.domain and not s.domain.unit:
                yield f"{s.name} = {value}"
    for s in signals.values():
        for other in only:
            if other.name != s.name and _fits(s, other):
                yield f"{s.name} = {other.name}"
                yield f"{s.name} = 1 - {other.name}"


def _fits(s: Signal, other: Signal) -> bool:
    return other.dims in (s.dims, ()) and not s.domain.unit
