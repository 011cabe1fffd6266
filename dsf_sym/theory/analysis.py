"""Functions of one number: a root between two points, and the sign of exponential polynomials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import exp

from ..certificates.checkers import recheck
from ..certificates.checkers.analysis import Terms, derivative
from ..errors import CertificateError, Rejected
from ..language.layer import Layer
from ..verdict import Question, Verdict
from .settling import Candidate, Data, layer_of, settle, without_layers

MOST_STEPS = 12


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
