"""Discretisation rules: orders of their differences, stability, and where they agree."""

import math

import numpy
import pytest

from dsf_sym import Const, Negative, Positive, Real, State, Vec, continuous, cos, layer, sin
from dsf_sym.certificates.checkers import recheck
from dsf_sym.certificates.checkers.analysis import derivative, read
from dsf_sym.errors import Rejected
from dsf_sym.theory.discretisation import exponential_sign, root, series_gap
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
