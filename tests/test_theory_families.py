"""Signs for every degree, and zeros for every exponent."""

from fractions import Fraction
from math import exp, factorial

import numpy
import pytest

from dsf_sym import Scalar, layer
from dsf_sym.certificates.checkers import recheck
from dsf_sym.certificates.checkers.families import after, derivative, function
from dsf_sym.errors import LanguageError, Rejected
from dsf_sym.theory.families import sign_at_every_degree, zeros_of_powers
from dsf_sym.theory.taylor import lagrange, polynomial, relative_error

READS = {"E": ("exp", 1), "T": ("taylor", -1), "m": ("power", 1), "sign": ("sign", 1)}


@layer
def lagrange_less_error(E: Scalar, T: Scalar, m: Scalar, sign: Scalar):
    return (E * m - sign * (T * E - 1),)


@layer
def at_minus(T: Scalar):
    return (T,)


@layer
def power_less_one(m: Scalar):
    return (m - 1,)


@layer
def product(T: Scalar, m: Scalar):
    return (T * m,)


def sign(of, **options):
    return sign_at_every_degree(of, {s.name: READS[s.name] for s in of.signals}, **options)


def test_lagrange_is_above_the_error_at_every_degree():
    found = sign(lagrange_less_error, strict=True)
    assert found.status == "proved" and recheck(found.certificate) == found.proof


def test_even_degrees_are_positive_and_odd_ones_are_not():
    assert sign(at_minus, degrees="even", strict=True).status == "proved"
    assert sign(at_minus, degrees="odd").status == "refuted"
    assert sign(at_minus).status == "refuted"
    assert sign(power_less_one).status == "refuted"
    assert sign(product).status == "undecided"


@pytest.mark.parametrize(
    "changed",
    [
        {"degrees": ["odd"]},
        {"degrees": []},
        {"steps": []},
        {"steps": ["over"]},
        {"steps": ["derive"]},
        {"reads": {"T": ["taylor", -2]}},
        {"degree": 2, "point": "1"},
    ],
)
def test_a_chain_that_does_not_prove_the_sign_is_rejected(changed):
    data = sign(at_minus, degrees="even", strict=True).certificate
    with pytest.raises(Rejected):
        recheck(data | changed)


def test_a_power_that_is_zero_at_degree_0_is_no_positive_factor():
    before = {(1, "power", -1): Fraction(1)}
    with pytest.raises(Rejected, match="at all degrees"):
        after(before, "over", "even")


@pytest.mark.parametrize("degree", range(6))
def test_the_derivative_is_that_of_the_function(degree):
    parity = "odd" if degree % 2 else "even"
    reads = {s.name: READS[s.name] for s in lagrange_less_error.signals}
    f = function(lagrange_less_error, reads, parity, slope=False)

    def value(terms, x):
        total = 0.0
        for (rate, kind, number), c in terms.items():
            g = 1.0
            if kind == "taylor":
                g = sum((number * x) ** p / factorial(p) for p in range(degree + 1))
            elif kind == "power":
                top = degree + number
                g = x**top / factorial(top) if top >= 0 else 0.0
            total += float(c) * g * exp(rate * x)
        return total

    step = 1e-5
    slope = (value(f, 1.3 + step) - value(f, 1.3 - step)) / (2 * step)
    assert abs(slope - value(derivative(f, parity), 1.3)) < 1e-5


@pytest.mark.parametrize("degree", [1, 2, 5, 8])
def test_the_bounds_hold_on_many_points(degree):
    radius = 2
    s = numpy.linspace(-radius, radius, 100_000)
    error = numpy.abs(
        1 - numpy.polyval([1 / factorial(p) for p in range(degree, -1, -1)], s) / numpy.exp(s)
    )
    _, high = relative_error(Fraction(radius), degree)
    assert error.max() <= float(high) + 1e-12 and error.argmax() == 0
    assert float(high) <= float(lagrange(Fraction(radius), degree)[1])
    assert (polynomial(degree, Fraction(-50)) > 0) == (degree % 2 == 0)


@layer
def progression(two: Scalar, three: Scalar, five: Scalar):
    return ((two - 1) * (five - 1) - (three - 1) ** 2,)


BASES = {"two": "2", "three": "3", "five": "5"}


def test_all_zeros_of_an_exponential_sum():
    found = zeros_of_powers(progression, BASES, ["1"], inside="(0, inf)")
    assert found.status == "proved" and recheck(found.certificate) == found.proof
    assert zeros_of_powers(progression, BASES, ["0", "1"]).status == "proved"
    assert zeros_of_powers(progression, BASES, ["1"]).status == "refuted"
    other = {**BASES, "five": "6"}
    assert zeros_of_powers(progression, other, ["1"]).status == "undecided"
    a = numpy.linspace(0.01, 6, 100_000)
    values = (2**a - 1) * (5**a - 1) - (3**a - 1) ** 2
    assert ((values > 0) == (a > 1)).all() or ((values < 0) == (a > 1)).all()


@pytest.mark.parametrize(
    "changed",
    [
        {"zeros": [0, 1]},
        {"zeros": [0, 1, 1]},
        {"zeros": [0, 0, 2]},
        {"bases": {**BASES, "two": "-2"}},
    ],
)
def test_zeros_that_are_none_or_not_all_are_rejected(changed):
    data = zeros_of_powers(progression, BASES, ["1"]).certificate
    with pytest.raises(Rejected):
        recheck(data | changed)


def test_what_a_signal_stands_for_must_be_said():
    with pytest.raises(LanguageError, match="say what is T"):
        sign_at_every_degree(at_minus, {})
    with pytest.raises(LanguageError, match="none of all"):
        sign(at_minus, degrees="most")
    with pytest.raises(LanguageError, match="the base of"):
        zeros_of_powers(progression, {}, ["1"])
    for wrong in (
        {"bases": BASES | {"two": "x"}},
        {"bases": BASES | {"two": "-2"}},
        {"are": ["1/2"]},
    ):
        with pytest.raises(LanguageError, match="takes a polynomial, positive rational bases"):
            zeros_of_powers(**{"layer": progression, "bases": BASES, "are": ["1"]} | wrong)
