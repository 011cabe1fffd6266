"""Spectra of transitions: proved intervals, points that leave them, and what must be rejected."""

from dataclasses import replace
from fractions import Fraction

import numpy
import pytest
from layers import unit_delta

from dsf_sym import Const, Gate, Negative, Real, State, Unit, Vec, elu, find, layer, outer
from dsf_sym.certificates.checkers import recheck
from dsf_sym.certificates.checkers.enclosure import Range, Ranges, interval
from dsf_sym.certificates.checkers.factors import eigenvalues as bounds
from dsf_sym.certificates.checkers.factors import norm
from dsf_sym.certificates.checkers.transitions import at_tokens
from dsf_sym.errors import LanguageError, Rejected, UnknownName
from dsf_sym.language.domains import Interval
from dsf_sym.theory.duality import spectrum_is_invariant
from dsf_sym.theory.spectrum import eigenvalues, radius, transitions


@layer
def reflecting(S: State["n", "d"], q: Vec["n"], k: Unit["n"], v: Vec["d"], beta: Gate):
    S = S - 2 * beta * outer(k, k @ S) + beta * outer(k, v)
    return S, q @ S


@layer
def skewed(S: State["n"], k: Vec["n"], r: Vec["n"], v: Vec["n"]):
    S = S - k * (r @ S) + v
    return S, S


@layer
def divided_first(
    h: State["n", "d"], z: State["n"], last: State["n"], q: Vec["n"], k: Vec["n"], v: Vec["d"]
):
    phi, new = elu(q) + 1, z + elu(k) + 1
    h = (last @ z) / (phi @ new) * h + outer(elu(k) + 1, v) / (phi @ new)
    return h, new, phi, phi @ h


@layer
def one_query(h: State["d"], z: State["n"], q: Const[Vec["n"]], k: Vec["n"], v: Vec["d"]):
    phi, new = elu(q) + 1, z + elu(k) + 1
    h = (phi @ z) / (phi @ new) * h + v / (phi @ new)
    return h, new, h


@layer
def turning(
    x: State["n"], y: State["n"], v: Vec["n"], a: Const[Negative["n"]], w: Const[Real["n"]]
):
    return a * x - w * y + v, w * x + a * y, x


@pytest.mark.parametrize(
    ("which", "within", "status"),
    [
        ("s6", "(0, 1)", "proved"),
        ("rg_lru", "(0, 1]", "proved"),
        ("rg_lru", "(0, 1)", "refuted"),
        ("qlstm", "(0, 1]", "proved"),
        ("longhorn", "(0, 1]", "proved"),
        ("linear_attention", "[1, 1]", "proved"),
        ("deltanet", "[0, 1]", "refuted"),
        (unit_delta, "[0, 1]", "proved"),
        (unit_delta, "(0, 1]", "refuted"),
        (reflecting, "[-1, 1]", "proved"),
        (reflecting, "[0, 1]", "refuted"),
        (turning, "(-inf, 0)", "refuted"),
    ],
)
def test_eigenvalues_in_an_interval(which, within, status):
    found = eigenvalues(which, within)
    assert found.status == status
    assert recheck(found.certificate) == found.proof


def test_a_transition_that_history_enters_is_that_of_one_state():
    assert eigenvalues(divided_first, "(0, inf)", of="h").status == "proved"
    above = eigenvalues(divided_first, "(0, 1]", of="h", sizes={"n": 1, "d": 1})
    assert above.status == "refuted" and above.witness.length == 2
    assert eigenvalues(one_query, "(0, 1)", of="h", sizes={"n": 1, "d": 1}).status == "proved"


def test_a_witness_that_leaves_an_interval_does_so_in_floats():
    witness = eigenvalues("deltanet", "[0, 1]").witness
    k = numpy.array([float(x) for x in witness.tokens[0]["k"]])
    beta = float(witness.tokens[0]["beta"][0])
    found = numpy.linalg.eigvalsh(numpy.eye(2) - beta * numpy.outer(k, k))
    assert found.min() < 0 or found.max() > 1


def test_bounds_hold_on_random_tokens():
    rng = numpy.random.default_rng(0)
    k = rng.normal(size=(10**5, 3))
    k /= numpy.linalg.norm(k, axis=1, keepdims=True)
    beta = rng.uniform(0, 1, size=10**5)
    low = 1 - 2 * beta * (k * k).sum(axis=1)
    found = bounds(reflecting)
    assert float(found.low) - 1e-12 <= low.min() and low.max() <= float(found.high) + 1e-12
    delta, a = rng.exponential(size=(2, 10**5))
    decay = numpy.exp(-(delta + 0.1) * (a + 1))
    s6 = find("s6")
    for name, shown in (("Delta", "[1/10, inf)"), ("A", "(-inf, -1]")):
        own = s6.signal(name)
        domain = replace(own.domain, interval=interval(shown))
        s6 = s6.with_signal(replace(own, domain=domain))
    assert decay.max() <= float(norm(s6)) <= 0.90484


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softplus", "exp", "elu", "relu"])
def test_enclosures_are_rounded_outwards(name):
    reference = {
        "sigmoid": lambda x: 1 / (1 + numpy.exp(-x)),
        "tanh": numpy.tanh,
        "softplus": lambda x: numpy.logaddexp(0, x),
        "exp": numpy.exp,
        "elu": lambda x: numpy.where(x > 0, x, numpy.expm1(x)),
        "relu": lambda x: numpy.maximum(x, 0),
    }[name]
    low, high = Fraction(-7, 5), Fraction(9, 4)
    found = Ranges().function(name, Range(Interval(low, high, False, False))).interval
    values = reference(numpy.random.default_rng(1).uniform(-1.4, 2.25, size=10**4))
    assert float(found.low) <= values.min() and values.max() <= float(found.high)
    assert float(found.high) - float(found.low) < values.max() - values.min() + 0.01


def test_a_square_has_no_negative_part_and_a_product_of_two_has():
    ring, own = Ranges(), Interval(Fraction(-1), Fraction(2), False, False)
    x, y = Range(own), Range(own)
    assert (x * x).interval.low == 0
    assert (x * y).interval.low == -2
    with pytest.raises(Rejected, match="holds 0"):
        ring.function("inverse", x)


@pytest.mark.parametrize("which", ["lru", "s4d"])
def test_complex_eigenvalues_are_below_one_and_not_in_an_interval(which):
    assert radius(which, below="1").status == "proved"
    assert eigenvalues(which, "[0, 1]").status == "refuted"
    assert radius("gla", below="1").status == "refuted"
    assert radius("gla", at_most="1", sizes={"n": 1, "d": 1}).status == "proved"


def test_a_transition_that_is_not_symmetric_has_no_norm_by_its_eigenvalues():
    with pytest.raises(Rejected, match="not symmetric"):
        norm(skewed)


@pytest.mark.parametrize(
    ("which", "what", "status"),
    [
        ("gla", "diagonal", "proved"),
        ("deltanet", "diagonal", "refuted"),
        ("linear_attention", "identity", "proved"),
        ("retnet", "constant", "proved"),
        ("deltanet", "commuting", "refuted"),
        ("ssd", "scalar", "proved"),
    ],
)
def test_the_shape_of_transitions(which, what, status):
    assert transitions(which, what).status == status


def test_what_cannot_be_asked_is_said():
    with pytest.raises(UnknownName, match="no property 'round'"):
        transitions("gla", "round")
    with pytest.raises(LanguageError, match="is not an interval"):
        eigenvalues("gla", "(0, 1]", where={"alpha": "half"})
    with pytest.raises(UnknownName, match="no signal 'decay'"):
        eigenvalues("gla", "(0, 1]", where={"decay": "(0, 1]"})


def test_the_checker_rejects_what_was_changed():
    proved = eigenvalues("s6", "(0, 1)").certificate
    with pytest.raises(Rejected, match="shown to lie in"):
        recheck(proved | {"within": "(0, 1/2)"})
    with pytest.raises(Rejected, match="no property"):
        recheck(proved | {"property": "small"})
    refuted = eigenvalues("deltanet", "[0, 1]").certificate
    with pytest.raises(Rejected, match="shown to leave"):
        recheck(refuted | {"within": "[-100, 1]"})
    tokens = [dict(refuted["tokens"][0], beta=["2"])]
    with pytest.raises(Rejected, match="outside"):
        recheck(refuted | {"tokens": tokens})
    found = radius("lru", below="1").certificate
    with pytest.raises(Rejected):
        recheck(found | {"below": "1/1000"})


def test_states_of_a_witness_are_those_that_its_tokens_reach():
    token = {"q": [Fraction(0)], "k": [Fraction(0)], "v": [Fraction(1)]}
    seen = at_tokens(divided_first, "h", {"n": 1, "d": 1}, [token, token], {}, 1)
    assert seen.forms[0].transition == [[Fraction(1, 2)]]
    with pytest.raises(Rejected, match="too few"):
        at_tokens(divided_first, "h", {"n": 1, "d": 1}, [token], {}, 1)


@pytest.mark.parametrize("which", ["retnet", "s6", "deltanet"])
def test_eigenvalues_are_no_fact_about_the_operator(which):
    found = spectrum_is_invariant(which)
    assert found.status == "refuted" and "step map" in found.proof
    tokens = [dict(t, basis=["1"]) for t in found.certificate["tokens"]]
    with pytest.raises(Rejected, match="not shown to differ"):
        recheck(found.certificate | {"tokens": tokens})
