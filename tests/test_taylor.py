"""Taylor softmax: degrees, bounds that are rounded outwards, and what they must not claim."""

import json
import math
import random
from dataclasses import replace
from fractions import Fraction

import pytest

from dsf_sym.arithmetic import scalars
from dsf_sym.cli import run
from dsf_sym.errors import DomainError
from dsf_sym.theory import taylor as theory
from dsf_sym.theory.taylor import (
    lagrange,
    measured,
    negative_point,
    polynomial,
    relative_error,
    smallest_degree,
    taylor,
)

CASES = [(Fraction(1, 3), 2), (Fraction(2), 7), (Fraction(2), 8), (Fraction(5), 20)]


def test_the_bound_can_ask_for_a_degree_more_than_is_needed():
    radius, tol = Fraction(2), Fraction(1, 100)
    assert smallest_degree(radius, tol, lagrange) == 9
    assert smallest_degree(radius, tol, relative_error) == 8


@pytest.mark.parametrize(("radius", "degree"), CASES)
def test_the_largest_error_is_at_minus_r_and_below_the_bound(radius, degree):
    low, high = relative_error(radius, degree)
    assert low <= high <= lagrange(radius, degree)[1]
    rng = random.Random(degree)
    points = [radius * rng.uniform(-1, 1) for _ in range(2000)]
    seen = max(abs(1 - float(polynomial(degree, Fraction(s))) * math.exp(-s)) for s in points)
    assert seen <= float(high) * (1 + 1e-9)
    at_end = abs(1 - float(polynomial(degree, -radius)) * math.exp(radius))
    assert at_end == pytest.approx(float(high), rel=1e-6)


@pytest.mark.parametrize(("radius", "degree"), CASES)
def test_enclosures_hold_the_value_with_either_arithmetic(radius, degree, monkeypatch):
    fast = relative_error(radius, degree)
    monkeypatch.setattr(theory, "Balls", lambda bits: scalars.Balls(bits, fast=False))
    slow = relative_error(radius, degree)
    assert max(fast[0], slow[0]) <= min(fast[1], slow[1])
    assert slow[1] - slow[0] < Fraction(1, 10**30)


@pytest.mark.parametrize(("radius", "degree"), CASES)
def test_no_row_of_weights_passes_the_bounds(radius, degree):
    row = taylor(radius, degree)
    seen = measured(row, 128, trials=5, seed=3)
    assert seen <= float(row.sharp) * (1 + 1e-12) <= float(row.weights) * (1 + 1e-9)


def test_a_kernel_of_that_relative_error_reaches_the_sharp_bound():
    row = taylor(Fraction(2), 5)
    eps, share = float(row.error), (1 - math.sqrt(1 - float(row.error) ** 2)) / float(row.error)
    p = (1 - share) / 2
    close = p * (1 + eps) / (p * (1 + eps) + (1 - p) * (1 - eps))
    assert 2 * abs(p - close) == pytest.approx(float(row.sharp), rel=1e-9)


def test_a_bound_that_is_too_small_is_passed_by_some_row():
    row = taylor(Fraction(2), 6)
    claimed = replace(row, sharp=row.sharp / 10)
    assert measured(claimed, 128, trials=5) > float(claimed.sharp)


def test_no_bound_on_the_weights_where_the_error_passes_one():
    assert taylor(Fraction(5), 3).weights is None


def test_even_degrees_are_positive_and_odd_ones_are_not():
    import sympy

    s = sympy.Symbol("s")
    for degree in range(1, 12):
        t = sympy.Poly(sum(s**p / sympy.factorial(p) for p in range(degree + 1)), s)
        roots = t.count_roots()
        assert (roots == 0) is taylor(Fraction(1), degree).positive
        if degree % 2:
            assert polynomial(degree, negative_point(degree)) < 0


def test_features_are_the_monomials():
    from itertools import combinations_with_replacement as monomials

    row = taylor(Fraction(1), 3)
    count = sum(len(list(monomials(range(4), p))) for p in range(4))
    assert (row.features(4), row.state(4, 5)) == (count, count * 6)


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda: taylor(Fraction(-1), 3), "radius=-1"),
        (lambda: taylor(Fraction(1), -1), "degree=-1"),
        (lambda: smallest_degree(Fraction(1), Fraction(0), lagrange), "tol=0"),
        (lambda: smallest_degree(Fraction(500), Fraction(1, 100), lagrange), "no degree up to 400"),
        (lambda: negative_point(4), "degree 4 is even"),
        (lambda: measured(taylor(Fraction(1), 2), 0), "length=0"),
    ],
)
def test_bad_input_is_named(call, culprit):
    with pytest.raises(DomainError, match=culprit):
        call()


def test_the_command_prints_both_degrees(capsys):
    assert run(["taylor", "--radius", "2", "--tol", "0.01"]) == 0
    out = capsys.readouterr().out
    assert "degree P                                  9         8" in out
    assert max(map(len, out.splitlines())) <= 80


def test_the_command_gives_json(capsys):
    assert run(["taylor", "--radius", "2", "--tol", "1e-2", "--features", "4", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["guaranteed"]["degree"], data["smallest"]["features"]) == (9, 495)


@pytest.mark.parametrize("value", ["x", "-1", "0", "1/0", "1e999", "__import__('os')"])
def test_the_command_refuses_what_is_no_positive_number(value, capsys):
    assert run(["taylor", f"--radius={value}", "--tol", "1"]) == 2
    assert "--radius" in capsys.readouterr().err
