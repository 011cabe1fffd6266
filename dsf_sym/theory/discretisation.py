"""At which order in the step size two discretisation rules differ, and by what."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import product

from ..automata.automaton import Automaton
from ..automata.run import Values, count
from ..certificates.certificate import header
from ..certificates.checkers import recheck
from ..deciding.decide import complete_sizes
from ..deciding.pairing import pair
from ..deciding.witness import random_values
from ..errors import CertificateError, Rejected
from ..language.evaluate import Sizes
from ..language.layer import Layer
from ..language.spec import serialise
from ..language.ties import parse_tie
from ..verdict import Question, Verdict
from .points import text
from .settling import Data, layer_of

HIGHEST_ORDER, MOST_POINTS, BITS = 8, 3, 128


def series_gap(
    a: Layer | str,
    b: Layer | str,
    order: int,
    *,
    step: str = "Delta",
    term: Mapping[str, str] | None = None,
    sizes: Sizes | None = None,
) -> Verdict:
    """Whether the new states of two layers differ first at this order in the step size.

    term: the difference at that order, a less b, by state, as in {"h": "A * v * Delta**2 / 2"}.
    Refuted where the first difference has another order. Two rules that are functions of ΔA agree
    on every A with A^order = 0.
    """
    both = pair(layer_of(a), layer_of(b))
    at = complete_sizes([both.a, both.b], sizes)
    question = Question(
        both.question.a, both.question.b, sense=f"differ at order {order} in {step}"
    )
    known = {s.name: s.tensor for x in (both.a, both.b) for s in x.signals}
    terms = {
        name: parse_tie(value, known, call=f"series_gap(term={name}: {value})")
        for name, value in (term or {}).items()
    }
    ways: list[tuple[str, Data]] = [("proved", {"order": order})]
    if terms:
        ways = [("proved", {"order": order, "term": serialise(terms)})]
    # What the difference is instead.
    ways += [("refuted", {"order": tried}) for tried in (order, *range(HIGHEST_ORDER + 1))]
    points = list(_points(both.a, both.b, at))
    for (status, more), point in product(ways, points):
        data: Data = header("series", question, both.a, both.b)
        data |= {"sizes": at, "in": step, "point": text(point), "bits": BITS, **more}
        try:
            said = recheck(data)
        except (Rejected, CertificateError):
            continue
        return Verdict(question, status, said, at, certificate=data)
    remains = f"the steps agree up to order {HIGHEST_ORDER}, or are not expanded"
    return Verdict(question, "undecided", "", at, remains=remains)


def _points(a: Layer, b: Layer, sizes: Sizes) -> Iterator[Values]:
    """Values of every signal and state of two layers, simple ones."""
    rng = random.Random(0)
    automaton = Automaton((a, b), sizes)
    for spread in range(2, 2 + MOST_POINTS):
        values: Values = {}
        for kind in ("token", "constant"):
            values |= random_values(automaton, kind, rng, spread)
        for s in (s for x in (a, b) for s in x.of_kind("state")):
            values[s.name] = [Fraction(rng.randint(1, spread)) for _ in range(count(s, sizes))]
        yield values
