"""What settles a claim: procedures that take layers, by name or as they are, and give a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..deciding.contain import contains
from ..deciding.decide import compare
from ..language.evaluate import Sizes
from ..language.layer import Layer
from ..language.loading import find
from ..verdict import Question, Verdict
from .conditions import conditions


def equal(
    a: Layer | str,
    b: Layer | str,
    *,
    given: Sequence[str] = (),
    sizes: Sizes | None = None,
    maps: Sequence[str] = (),
) -> Verdict:
    """Whether two layers have the same output; see `compare`."""
    return compare(_layer(a), _layer(b), given=given, sizes=sizes, maps=maps)


def under_conditions(
    a: Layer | str,
    b: Layer | str,
    *,
    are: Sequence[Sequence[str]],
    sense: str = "iff",
    given: Sequence[str] = (),
    on: Sequence[str] = (),
    length: int | None = None,
    sizes: Sizes | None = None,
) -> Verdict:
    """Whether the conditions of equality are those, one list for each way; see `conditions`.

    The verdict is that of the first way, its certificate with those of the other ways and of the
    direction "only if" under "also"; undecided where others are found, or in a weaker sense.
    """
    found = conditions(_layer(a), _layer(b), given=given, on=on, length=length, sizes=sizes)
    wanted = {frozenset(each) for each in are}
    if not found.branches:
        question = Question(found.a, found.b, tuple(given))
        proof = "the equations of the Markov parameters contradict each other"
        at = None if found.never is None else found.never.get("sizes")
        return Verdict(question, found.status, proof, at, certificate=found.never)
    verdict = found.branches[0].verdict
    same = {frozenset(x.relations) for x in found.branches} == wanted
    if same and all(x.sense in (sense, "iff") for x in found.branches):
        # "Only if" is shown at sizes, and the sentence claims both directions.
        forced = next((x.necessary.get("sizes") for x in found.branches if x.necessary), None)
        at = verdict.sizes if forced is None else forced
        said = verdict.conditions
        if len(found.branches) > 1:
            ways = "; or ".join(", ".join(x.relations) for x in found.branches)
            said = (*found.bridges, ways)
        return replace(verdict, sizes=at, certificate=found.certificate, conditions=said)
    shown = " or ".join(f"{x.sense} {'; '.join(x.relations)}" for x in found.branches)
    return replace(verdict, status="undecided", remains=f"found: {shown}")


def contained(a: Layer | str, b: Layer | str, *, sizes: Sizes | None = None) -> Verdict:
    """Whether every `b` is an `a`; see `contains`."""
    return contains(_layer(a), _layer(b), sizes=sizes)


def _layer(of: Layer | str) -> Layer:
    return find(of) if isinstance(of, str) else of
