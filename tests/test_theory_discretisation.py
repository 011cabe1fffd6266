"""Discretisation rules: orders of their differences, stability, and where they agree."""

import math

import numpy
import pytest

from dsf_sym import (
    Const,
    Negative,
    Positive,
    Real,
    Scalar,
    State,
    Vec,
    continuous,
    cos,
    layer,
    log,
    relu,
    sin,
    sqrt,
)
from dsf_sym.certificates.checkers import recheck
from dsf_sym.certificates.checkers.analysis import derivative, read
from dsf_sym.errors import CertificateError, Rejected
from dsf_sym.theory.analysis import exponential_sign, root
from dsf_sym.theory.discretisation import series_gap
from dsf_sym.theory.spectrum import radius


@continuous
def leak(h: State["d"], v: Vec["d"], A: Const[Negative["d"]]):
    return A * h + v, h


@continuous
def rotation(x: State, y: State, v: Real, a: Const[Negative], w: Const[Real]):
    return a * x - w * y + v, w * x + a * y, x


RULES = {
    name: leak.discretise(name, declared=Positive["d"], name=name)
    for name in ("zoh", "zoh_euler", "bilinear", "euler")
}


@layer
def half_angle(y: Positive):
    return (sin(y / 2) - y / 2 * cos(y / 2),)


@pytest.mark.parametrize(
    ("a", "b", "order"),
    [
        ("zoh", "zoh_euler", 2),
        ("zoh", "euler", 2),
        ("zoh", "bilinear", 3),
        ("bilinear", "euler", 2),
    ],
)
def test_the_order_of_the_difference(a, b, order):
    found = series_gap(RULES[a], RULES[b], order, sizes={"d": 1})
    assert found.status == "proved" and recheck(found.certificate) == found.proof
    assert series_gap(RULES[a], RULES[b], order - 1, sizes={"d": 1}).status == "refuted"
    with pytest.raises(Rejected, match=f"differs below order {order + 1}"):
        recheck(found.certificate | {"order": order + 1})


def test_the_leading_term_is_compared():
    options = {"sizes": {"d": 1}}
    pair = (RULES["zoh"], RULES["zoh_euler"], 2)
    assert series_gap(*pair, term={"h": "A * v * Delta**2 / 2"}, **options).status == "proved"
    assert series_gap(*pair, term={"h": "A * v * Delta**2 / 3"}, **options).status == "refuted"


def test_the_leading_term_is_that_of_floats():
    a, v, step = -1.3, 0.7, 1e-3
    zoh = (math.exp(step * a) - 1) / a * v
    assert abs((zoh - step * v) / step**2 - a * v / 2) < 1e-3


def test_rotations_are_expanded_too():
    steps = [rotation.discretise(rule, name=rule) for rule in ("zoh_euler", "euler")]
    assert series_gap(*steps, 2).status == "proved"


def scaled(name, gain):
    """A step whose decay is a gain of a weight times 1 + Delta."""

    @layer
    def step(h: State["1"], x: Vec["1"], a: Const[Scalar], Delta: Positive):
        return gain(a) * (1 + Delta) * h + x, h

    return step.given(name=name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda a: log((1 + a * a) * (1 + a * a)), lambda a: 2 * log(1 + a * a)),
        (lambda a: sqrt(6 + 0 * a), lambda a: sqrt(2 + 0 * a) * sqrt(3 + 0 * a)),
        (lambda a: 1 + sqrt(2 + 0 * a), lambda a: sqrt(3 + 2 * sqrt(2 + 0 * a))),
    ],
)
def test_what_is_equal_in_a_way_not_known_is_not_said_to_differ(one, other):
    """A difference is shown at a point in balls; an identity that is not known shows none."""
    verdict = series_gap(scaled("one", one), scaled("other", other), 0)
    assert verdict.status == "undecided"
    apart = series_gap(scaled("one", one), scaled("other", lambda a: other(a) + 1), 0)
    assert apart.status == "proved"


def test_functions_with_branches_are_not_expanded():
    pair = scaled("one", relu), scaled("other", lambda a: a)
    assert series_gap(*pair, 0).status == "undecided"


def test_a_point_at_which_the_steps_agree_shows_no_difference():
    data = series_gap(RULES["zoh"], RULES["zoh_euler"], 2, sizes={"d": 1}).certificate
    recheck(data)
    point = {name: ["0"] if name in ("v", "h") else x for name, x in data["point"].items()}
    for broken in ({"point": point}, {"point": {}}, {"order": 1}, {"order": 3}):
        with pytest.raises((Rejected, CertificateError)):
            recheck(data | broken)


@pytest.mark.parametrize("rule", ["zoh", "zoh_euler", "bilinear"])
def test_rules_that_are_stable_for_every_step(rule):
    assert radius(RULES[rule], below="1", sizes={"d": 1}).status == "proved"


def test_euler_is_stable_only_for_short_steps():
    euler, one = RULES["euler"], {"d": 1}
    assert radius(euler, below="1", sizes=one).status == "refuted"
    inside = {"Delta": "(0, 1]", "A": "(-2, 0)"}
    assert radius(euler, below="1", sizes=one, where=inside).status == "proved"
    beyond = {"Delta": "[1, 2]", "A": "(-inf, -2]"}
    assert radius(euler, below="1", sizes=one, where=beyond).status == "refuted"


@pytest.mark.parametrize(
    ("terms", "status"),
    [
        # e^x > 1 + x: zero-order hold and Euler meet at 0 alone.
        ({1: ("1",), 0: ("-1", "-1")}, "proved"),
        # e^x (x - 2) + x + 2 > 0: so do zero-order hold and the bilinear rule.
        ({1: ("-2", "1"), 0: ("2", "1")}, "proved"),
        ({1: ("1",), 0: ("-1", "-2")}, "refuted"),
        ({0: ("0",)}, "undecided"),
    ],
)
def test_signs_of_exponential_polynomials(terms, status):
    found = exponential_sign(terms)
    assert found.status == status
    if found.certificate is not None:
        assert recheck(found.certificate) == found.proof


def test_a_chain_of_derivatives_that_starts_below_zero_is_rejected():
    data = exponential_sign({1: ("1",), 0: ("-1", "-1")}).certificate
    with pytest.raises(Rejected, match="negative at 0"):
        recheck(data | {"terms": {"1": ["1"], "0": ["-2", "-1"]}})
    with pytest.raises(Rejected, match="by its coefficients"):
        recheck(data | {"steps": []})
    with pytest.raises(Rejected, match="not shown to be negative"):
        recheck(data | {"point": "1"})


def test_derivatives_are_those_of_differences():
    f = read({"0": ["1", "2", "3"], "2": ["1", "-1"]})

    def value(g, x):
        return sum(float(c) * x**i * math.exp(k * x) for k, p in g.items() for i, c in enumerate(p))

    x, h = 0.3, 1e-6
    assert abs((value(f, x + h) - value(f, x - h)) / (2 * h) - value(derivative(f), x)) < 1e-4


def test_zero_order_hold_and_the_bilinear_rule_meet_again_on_the_imaginary_axis():
    found = root(half_angle, ("8.9868", "8.9869"))
    assert found.status == "proved" and recheck(found.certificate) == found.proof
    z = 8.986818915818128j
    assert abs(numpy.exp(z) - (1 + z / 2) / (1 - z / 2)) < 1e-9
    assert root(half_angle, ("1", "2")).status == "undecided"
    with pytest.raises(Rejected, match="one sign"):
        recheck(found.certificate | {"between": ["1", "2"]})
    with pytest.raises(Rejected, match="does not lie"):
        recheck(found.certificate | {"between": ["-1", "2"]})
