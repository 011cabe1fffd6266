"""Angles, powers and complex pairs: identities proved, false ones refuted, wrong calls refused."""

import math
from fractions import Fraction

import numpy as np
import pytest

from dsf_sym import (
    Complex,
    Const,
    Gate,
    Positive,
    Real,
    Scalar,
    State,
    Vec,
    compare,
    cos,
    exp,
    layer,
    log,
    polar,
    recheck,
    sin,
    sqrt,
)
from dsf_sym.arithmetic.scalars import Balls, Irrational, Rationals
from dsf_sym.arithmetic.universe import Universe
from dsf_sym.errors import DomainError, LanguageError, ShapeError
from dsf_sym.index.atoms import atom_form, input_atom
from dsf_sym.index.terms import function_form


def summed(f):
    @layer
    def total(h: State, x: Scalar, y: Scalar, s: Positive, c: Const[Scalar]):
        h = h + f(x, y, s, c) + 0 * (x + y + s + c)
        return h, h

    return total


EQUAL = {
    "the circle": (lambda x, y, s, c: cos(x) ** 2 + sin(x) ** 2, lambda x, y, s, c: 1 + 0 * x),
    "angle sum": (
        lambda x, y, s, c: cos(x + y),
        lambda x, y, s, c: cos(x) * cos(y) - sin(x) * sin(y),
    ),
    "double angle": (lambda x, y, s, c: sin(2 * x), lambda x, y, s, c: 2 * sin(x) * cos(x)),
    "half angle": (lambda x, y, s, c: cos(x), lambda x, y, s, c: 1 - 2 * sin(x / 2) ** 2),
    "third angle": (
        lambda x, y, s, c: sin(x),
        lambda x, y, s, c: 3 * sin(x / 3) - 4 * sin(x / 3) ** 3,
    ),
    "parity": (lambda x, y, s, c: cos(-x) - sin(-x), lambda x, y, s, c: cos(x) + sin(x)),
    "an angle of weights": (
        lambda x, y, s, c: cos(c + x) * cos(c) + sin(c + x) * sin(c),
        lambda x, y, s, c: cos(x),
    ),
    "halves of exp": (lambda x, y, s, c: exp(x / 2) * exp(x / 2), lambda x, y, s, c: exp(x)),
    "thirds of exp": (lambda x, y, s, c: exp(x / 3) ** 3, lambda x, y, s, c: exp(x / 2) ** 2),
    "roots": (lambda x, y, s, c: s ** Fraction(1, 3) * s ** Fraction(2, 3), lambda x, y, s, c: s),
    "a root by sqrt": (lambda x, y, s, c: s**0.5, lambda x, y, s, c: sqrt(s)),
    "a power of a root": (lambda x, y, s, c: sqrt(s) ** Fraction(1, 2), lambda x, y, s, c: s**0.25),
    "powers add": (lambda x, y, s, c: s**x * s**y, lambda x, y, s, c: s ** (x + y)),
    "a power by exp": (lambda x, y, s, c: s**c, lambda x, y, s, c: exp(c * log(s))),
    "a negative half": (lambda x, y, s, c: s**-1.5 * s**2, lambda x, y, s, c: sqrt(s)),
    "a power of a sum": (
        lambda x, y, s, c: (1 + s) ** 1.5,
        lambda x, y, s, c: (1 + s) * sqrt(1 + s),
    ),
}
UNEQUAL = {
    "sin is not cos": (lambda x, y, s, c: cos(x), lambda x, y, s, c: sin(x)),
    "sin is odd": (lambda x, y, s, c: sin(-x), lambda x, y, s, c: sin(x)),
    "no sum": (lambda x, y, s, c: cos(x + y), lambda x, y, s, c: cos(x) + cos(y)),
    "a wrong sign": (
        lambda x, y, s, c: cos(x + y),
        lambda x, y, s, c: cos(x) * cos(y) + sin(x) * sin(y),
    ),
    "a root loses the sign": (
        lambda x, y, s, c: sqrt(1 - cos(x) ** 2),
        lambda x, y, s, c: sin(x),
    ),
    "another angle": (lambda x, y, s, c: cos(2 * x), lambda x, y, s, c: cos(3 * x)),
    "another power": (lambda x, y, s, c: s**0.5, lambda x, y, s, c: s ** Fraction(1, 3)),
    "half of exp": (lambda x, y, s, c: exp(x / 2) + exp(x / 2), lambda x, y, s, c: exp(x)),
}


@pytest.mark.parametrize("name", EQUAL)
def test_identities_are_proved(name):
    a, b = (summed(f) for f in EQUAL[name])
    verdict = compare(a, b)
    assert verdict.status == "proved"
    assert recheck(verdict.certificate)


@pytest.mark.parametrize("name", UNEQUAL)
def test_false_identities_are_refuted_with_a_witness(name):
    a, b = (summed(f) for f in UNEQUAL[name])
    verdict = compare(a, b)
    assert verdict.status == "refuted" and verdict.witness.length == 1
    assert recheck(verdict.certificate)


def rotation(*angles):
    @layer
    def turned(a: State, b: State, x: Scalar, y: Scalar, u: Scalar):
        z = Complex(a, b)
        for angle in angles:
            z = polar(1, angle(x, y)) * z
        z = z + u
        return z.re, z.im, z.re

    return turned


def test_rotations_compose():
    one_by_one = rotation(lambda x, y: x, lambda x, y: y)
    at_once = rotation(lambda x, y: x + y)
    assert compare(one_by_one, at_once).status == "proved"
    assert compare(one_by_one, rotation(lambda x, y: x - y)).status == "refuted"


def test_a_turn_there_and_back_is_no_turn():
    there_and_back = rotation(lambda x, y: x, lambda x, y: -x)
    assert compare(there_and_back, rotation(lambda x, y: 0 * x)).status == "proved"


def test_an_lru_without_its_angle_is_refuted():
    from dsf_sym.language.loading import find

    lru = find("lru")
    verdict = compare(lru, lru.given(theta=0, name="no_angle"), sizes={"n": 1, "d": 1})
    assert verdict.status == "refuted" and verdict.witness.length == 2
    assert compare(lru, lru.others[0][1]).status == "proved"


OPERATIONS = {
    "+": lambda z, w: z + w,
    "-": lambda z, w: z - w,
    "*": lambda z, w: z * w,
    "/": lambda z, w: z / w,
    "real on the left": lambda z, w: 2 - z + 3 * w,
    "real on the right": lambda z, w: (z - 2) * 3 / 2 + w,
    "over": lambda z, w: 1 / z + w,
    "conj": lambda z, w: z.conjugate() if isinstance(z, complex) else z.conj(),
    "j": lambda z, w: z * 1j + (2 - 1j) / w,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_pairs_compute_as_complex_numbers_do(name):
    from numeric.oracle import definition

    @layer
    def parts(h: State, a: Positive, b: Positive, c: Positive, d: Positive, pick: Scalar):
        z = OPERATIONS[name](Complex(a, b), Complex(c, d))
        return 0 * h, z.re + pick * z.im

    values = dict(zip("abcd", (0.5, 1.25, 2.0, 0.75), strict=True))
    expected = OPERATIONS[name](complex(0.5, 1.25), complex(2.0, 0.75))
    for pick, part in ((0.0, expected.real), (1.0, expected.real + expected.imag)):
        tokens = {k: np.full((1, 1, 1), v) for k, v in {**values, "pick": pick}.items()}
        y, _ = definition(parts, tokens)
        assert y[0, 0, 0] == pytest.approx(part, rel=1e-14)


def test_the_squared_modulus_of_a_product_is_the_product():
    def modulus(first):
        @layer
        def squared(h: State, a: Scalar, b: Scalar, c: Scalar, d: Scalar):
            z, w = Complex(a, b), Complex(c, d)
            h = h + ((z * w).abs2() if first else z.abs2() * w.abs2())
            return h, h

        return squared

    assert compare(modulus(True), modulus(False)).status == "proved"


@pytest.mark.parametrize("value", [1j, np.complex64(2), np.array(1j)])
def test_a_complex_number_where_a_real_is_asked_is_refused(value):
    with pytest.raises(LanguageError, match=r"Complex\(re, im\)"):

        @layer
        def wrong(h: State, x: Scalar):
            return h * value, h


def test_parts_of_different_shapes_are_refused():
    with pytest.raises(ShapeError, match="imaginary part"):

        @layer
        def wrong(h: State["n"], x: Vec["n"], y: Vec["d"]):
            return h, Complex(x, y).re


def test_division_by_a_pair_that_may_vanish_is_refused():
    with pytest.raises(DomainError, match="division by"):

        @layer
        def wrong(h: State, x: Scalar, y: Scalar):
            return h, (1 / Complex(x, y)).re


@pytest.mark.parametrize(("kind", "power"), [(Real, 0.3), (Real, 0.5), (Gate, "x - 1")])
def test_a_power_of_what_may_be_negative_names_it(kind, power):
    with pytest.raises(DomainError, match=r"(log|sqrt)\(x \+ \(-1\)\)"):

        @layer
        def wrong(h: State, x: kind):
            return h, (x - 1) ** (power if isinstance(power, float) else x)


def test_whole_powers_are_products_of_any_sign():
    @layer
    def square(h: State, x: Scalar):
        return h, (x**2) ** 1 + x ** Fraction(3) + x**0

    @layer
    def product(h: State, x: Scalar):
        return h, x * x + x * x * x + 1

    assert compare(square, product).status == "proved"


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("name", ["cos", "sin"])
def test_balls_of_angles_hold_the_value_and_no_more(name, fast):
    balls, x = Balls(64, fast), Fraction(7, 5)
    with balls.precision():
        found = balls.function(name, balls.number(x))
        true = Fraction(getattr(math, name)(x))
        assert balls.middle(found) == pytest.approx(float(true), abs=1e-15)
        assert balls.differ(found, balls.number(true + Fraction(1, 10**12)))


def test_cos_and_sin_are_rational_at_zero_only():
    exact = Rationals()
    assert (exact.function("cos", Fraction(0)), exact.function("sin", Fraction(0))) == (1, 0)
    with pytest.raises(Irrational):
        exact.function("cos", Fraction(1))


def test_all_sizes_know_the_angle_sum():
    x, y = (atom_form(input_atom(name, ("n",))) for name in "xy")
    both = function_form("cos", x + y)
    assert both == function_form("cos", y + x) and both != function_form("cos", x - y)

    @layer
    def vectors(h: State["n"], x: Vec["n"], y: Vec["n"]):
        h = h + cos(x + y)
        return h, h

    @layer
    def expanded(h: State["n"], x: Vec["n"], y: Vec["n"]):
        h = h + cos(x) * cos(y) - sin(x) * sin(y)
        return h, h

    verdict = compare(vectors, expanded)
    assert verdict.status == "proved" and verdict.sizes is None


def test_a_finer_generator_is_drawn_with_what_it_is_a_part_of():
    import random

    u = Universe()
    x = u.entry("x", constant=False, positive=True)
    half = u.number(Fraction(1, 2))
    pairs = [
        (u.function("exp", x), u.function("exp", x * half)),
        (u.function("cos", x), u.function("cos", x * half)),
        (x, u.function("sqrt", x)),
    ]
    order = u.below({v for pair in pairs for y in pair for v in y.variables()})
    p = (1 << 61) - 1
    values = u.draw(random.Random(1), {}, order)
    (e, e2), (c, c2), (s, s2) = (tuple(y.at(values, p) for y in pair) for pair in pairs)
    assert e == e2 * e2 % p and s == s2 * s2 % p and c == (2 * c2 * c2 - 1) % p
