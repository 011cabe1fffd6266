"""What discretisation rules have in common: the order of their difference, stability, agreement."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import product
from math import exp

from ..automata.automaton import Automaton
from ..automata.run import Values, count
from ..certificates.certificate import header
from ..certificates.checkers import recheck
from ..certificates.checkers.analysis import Terms, derivative
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
from .settling import Candidate, Data, layer_of, settle, without_layers

HIGHEST_ORDER, MOST_STEPS, MOST_POINTS, BITS = 8, 12, 3, 128


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


def root(layer: Layer | str, between: tuple[str, str]) -> Verdict:
    """Whether a function of one number, a layer without a state, has a root between two points."""
    made = layer_of(layer)
    low, high = between
    data: Data = {"between": [low, high]}
    sense = f"a root between {low} and {high}"
    candidates: list[Candidate] = [("proved", data)]
    return settle(made, "root", sense, candidates, "the signs at the ends are not opposite")


def exponential_sign(terms: Mapping[int, tuple[str, ...]]) -> Verdict:
    """Whether `Σ_k P_k(x) e^{kx} > 0` for all x > 0; terms: the coefficients of P_k by k.

    Proved by derivatives: f(0) >= 0 and f' > 0, over and over, each time times a power of e^x that
    makes a polynomial part shorter.
    """
    question = Question("", "", sense="an exponential polynomial is positive for x > 0")
    data = {
        **without_layers("sign of an exponential polynomial", question.sense),
        "terms": {str(k): list(p) for k, p in terms.items()},
    }
    for steps in _ways({k: [Fraction(c) for c in p] for k, p in terms.items()}):
        data["steps"] = steps
        try:
            said = recheck(data)
        except (Rejected, CertificateError):
            continue
        return Verdict(question, "proved", said, None, certificate=data)
    point = _negative(terms)
    if point is None:
        return Verdict(question, "undecided", "", None, remains="no chain of derivatives was found")
    data |= {"steps": [], "point": str(point)}
    said = recheck(data)
    return Verdict(question, "refuted", said, None, certificate=data)


def _ways(f: Terms) -> Iterator[list[object]]:
    """Derive until the coefficients have one sign, with shifts that put one polynomial at k = 0."""
    for shifted in (True, False):
        work: Terms = {k: list(p) for k, p in f.items()}
        steps: list[object] = []
        for _ in range(MOST_STEPS):
            yield list(steps)
            if shifted:
                live = [k for k, p in work.items() if any(p)]
                least = min(live, default=0)
                if least:
                    steps = [*steps, str(-least)]
                    work = {k - least: p for k, p in work.items()}
            steps = [*steps, "derive"]
            work = derivative(work)


def _negative(terms: Mapping[int, tuple[str, ...]]) -> Fraction | None:
    for i in range(1, 80):
        x = Fraction(i, 8)
        total = sum(
            float(Fraction(c)) * float(x) ** n * exp(k * float(x))
            for k, p in terms.items()
            for n, c in enumerate(p)
        )
        if total < -1e-6:
            return x
    return None
