"""Scalars with functions: every identity has a value behind it, and different things stay apart."""

import itertools
import math
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsf_sym.arithmetic.poly import ONE, Frac, Poly, constant, frac, variable
from dsf_sym.arithmetic.universe import PRIME, Universe

HALF = frac(Fraction(1, 2))
ONE_ = frac(1)


class World:
    """A universe with x, y real, s, t positive, m negative and a constant c, and its values."""

    def __init__(self):
        self.u = Universe()
        for name in "xy":
            setattr(self, name, self.u.entry(name, constant=False, positive=False))
        for name in "st":
            setattr(self, name, self.u.entry(name, constant=False, positive=True))
        for name in "mk":
            setattr(self, name, self.u.entry(name, constant=False, positive=False))
        self.c = self.u.entry("c", constant=True, positive=True)

    def __getattr__(self, name):
        return lambda x: self.u.function(name, x)


def points(seed):
    rng = random.Random(seed)
    out = {name: rng.uniform(-1.5, 1.5) for name in "xy"}
    out |= {name: rng.uniform(0.2, 2.5) for name in "stc"}
    return out | {name: -rng.uniform(0.2, 2.5) for name in "mk"}


def value(u, x, at):
    """A scalar at real numbers, through what its generators are."""

    def of(v):
        known = u.variables[v]
        if known.kind == "entry":
            return at[known.name]
        if known.kind == "exp":
            return math.exp(value(u, known.exponent, at))
        if known.kind == "log":
            return math.log(value(u, known.exponent, at))
        if known.kind in ("cos", "sin"):
            return getattr(math, known.kind)(value(u, known.exponent, at))
        if known.kind == "root":
            ((((base, _),), part),) = known.exponent.num.terms.items()
            return of(base) ** float(part)
        assert known.kind == "sqrt"
        return math.sqrt(poly(known.square))

    def poly(p):
        return math.fsum(float(c) * math.prod(of(v) ** e for v, e in m) for m, c in p.terms.items())

    return poly(x.num) / poly(x.den)


def equal(u, x, y):
    return u.is_zero(x - y)


# name: (left, right, the value by Python at the point)
IDENTITIES = {
    "exp of a sum": (lambda w: w.exp(w.x + w.y), lambda w: w.exp(w.x) * w.exp(w.y)),
    "exp of a difference": (lambda w: w.exp(w.x - w.y) * w.exp(w.y), lambda w: w.exp(w.x)),
    "exp of zero": (lambda w: w.exp(w.x - w.x), lambda w: ONE_),
    "exp inverse": (lambda w: w.exp(-w.x), lambda w: w.inverse(w.exp(w.x))),
    "exp doubled": (lambda w: w.exp(w.x + w.x), lambda w: w.exp(w.x) * w.exp(w.x)),
    "exp of a product": (lambda w: w.exp(w.x * w.y + w.x), lambda w: w.exp(w.x) * w.exp(w.y * w.x)),
    "exp halved twice": (
        lambda w: w.exp(w.x * HALF) * w.exp(w.y),
        lambda w: w.exp(w.y + w.x * HALF),
    ),
    "exp of log": (lambda w: w.exp(w.log(w.s)), lambda w: w.s),
    "exp of twice log": (lambda w: w.exp(w.log(w.s) + w.log(w.s)), lambda w: w.s * w.s),
    "exp of minus log": (lambda w: w.exp(-w.log(w.s)), lambda w: w.inverse(w.s)),
    "exp of log of a sum": (lambda w: w.exp(w.log(w.s + w.t)), lambda w: w.s + w.t),
    "log of exp": (lambda w: w.log(w.exp(w.x)), lambda w: w.x),
    "log of exp of a sum": (lambda w: w.log(w.exp(w.x + w.y)), lambda w: w.x + w.y),
    "log of a product": (lambda w: w.log(w.s * w.t), lambda w: w.log(w.s) + w.log(w.t)),
    "log of a quotient": (lambda w: w.log(w.s * w.inverse(w.t)), lambda w: w.log(w.s) - w.log(w.t)),
    "log of a square": (lambda w: w.log(w.s * w.s), lambda w: w.log(w.s) + w.log(w.s)),
    "log of a common factor": (
        lambda w: w.log(w.s * w.t + w.s),
        lambda w: w.log(w.s) + w.log(w.t + ONE_),
    ),
    "log of an inverse": (lambda w: w.log(w.inverse(w.s)), lambda w: -w.log(w.s)),
    "sigmoid": (lambda w: w.sigmoid(w.x) + w.sigmoid(-w.x), lambda w: ONE_),
    "sigmoid by exp": (lambda w: w.sigmoid(w.x), lambda w: w.inverse(ONE_ + w.exp(-w.x))),
    "sigmoid times exp": (lambda w: w.sigmoid(-w.x) * w.exp(w.x), lambda w: w.sigmoid(w.x)),
    "sigmoid of a log": (lambda w: w.sigmoid(w.log(w.s)), lambda w: w.s * w.inverse(w.s + ONE_)),
    "tanh": (lambda w: w.tanh(w.x), lambda w: w.sigmoid(w.x + w.x) * frac(2) - ONE_),
    "tanh is odd": (lambda w: w.tanh(-w.x), lambda w: -w.tanh(w.x)),
    "tanh of a sum": (
        lambda w: w.tanh(w.x + w.y) * (ONE_ + w.tanh(w.x) * w.tanh(w.y)),
        lambda w: w.tanh(w.x) + w.tanh(w.y),
    ),
    "softplus": (lambda w: w.softplus(w.x), lambda w: w.x + w.softplus(-w.x)),
    "exp of softplus": (lambda w: w.exp(w.softplus(w.x)), lambda w: ONE_ + w.exp(w.x)),
    "exp of minus softplus": (lambda w: w.exp(-w.softplus(w.x)), lambda w: w.sigmoid(-w.x)),
    "exp of softplus times": (
        lambda w: w.exp(w.softplus(w.x) * w.y) * w.exp(w.y),
        lambda w: w.exp((w.softplus(w.x) + ONE_) * w.y),
    ),
    "root": (lambda w: w.sqrt(w.s + ONE_) * w.sqrt(w.s + ONE_), lambda w: w.s + ONE_),
    "root of a square": (lambda w: w.sqrt(w.s * w.s * frac(4)), lambda w: w.s * frac(2)),
    "root of a quotient": (
        lambda w: w.sqrt(w.s * w.inverse(w.t)) * w.sqrt(w.s * w.inverse(w.t)),
        lambda w: w.s * w.inverse(w.t),
    ),
    "root in a denominator": (
        lambda w: w.inverse(w.sqrt(w.s)),
        lambda w: w.sqrt(w.s) * w.inverse(w.s),
    ),
    "root over a negative": (
        lambda w: w.sqrt(w.m * w.inverse(w.k)) * w.sqrt(w.m * w.inverse(w.k)),
        lambda w: w.m * w.inverse(w.k),
    ),
    "root to the fourth": (
        lambda w: w.sqrt(w.s) * w.sqrt(w.s) * w.sqrt(w.s) * w.sqrt(w.s),
        lambda w: w.s * w.s,
    ),
    "root of a root": (
        lambda w: (
            (w.sqrt(ONE_ + w.sqrt(w.s)) * w.sqrt(ONE_ + w.sqrt(w.s)) - ONE_)
            * (w.sqrt(ONE_ + w.sqrt(w.s)) * w.sqrt(ONE_ + w.sqrt(w.s)) - ONE_)
        ),
        lambda w: w.s,
    ),
    "inverse": (lambda w: w.inverse(w.x - w.y) * (w.x - w.y), lambda w: ONE_),
    "partial fractions": (
        lambda w: w.inverse(w.s) - w.inverse(w.s + ONE_),
        lambda w: w.inverse(w.s * w.s + w.s),
    ),
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_an_identity_holds_in_generators_and_in_numbers(name):
    w = World()
    left, right = (side(w) for side in IDENTITIES[name])
    for seed in range(4):
        at = points(seed)
        assert value(w.u, left, at) == pytest.approx(value(w.u, right, at), rel=1e-9, abs=1e-12)
    assert equal(w.u, left, right)
    assert not equal(w.u, left, right + w.x)
    assert not equal(w.u, left, right * frac(2)) or w.u.is_zero(right)


FUNCTIONS = {
    "exp": math.exp,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "softplus": lambda x: math.log1p(math.exp(x)),
    "inverse": lambda x: 1 / x,
    "log": math.log,
    "sqrt": math.sqrt,
}

ARGUMENTS = [
    (lambda w: w.s, lambda a: a["s"]),
    (lambda w: w.s * w.t, lambda a: a["s"] * a["t"]),
    (lambda w: w.s + w.t * frac(3), lambda a: a["s"] + 3 * a["t"]),
    (lambda w: w.s * w.inverse(w.t), lambda a: a["s"] / a["t"]),
    (lambda w: w.m * w.inverse(w.k), lambda a: a["m"] / a["k"]),
    (lambda w: w.m * w.k, lambda a: a["m"] * a["k"]),
    (lambda w: w.m * w.m, lambda a: a["m"] ** 2),
    (
        lambda w: (w.s + ONE_) * w.inverse(w.s * w.t + w.s),
        lambda a: (a["s"] + 1) / (a["s"] * (a["t"] + 1)),
    ),
    (lambda w: -w.m, lambda a: -a["m"]),
    (lambda w: -w.m * w.inverse(w.s), lambda a: -a["m"] / a["s"]),
    (lambda w: w.s * w.inverse(-w.k), lambda a: -a["s"] / a["k"]),
    (lambda w: (w.m - w.s) * w.inverse(w.k - w.t), lambda a: (a["m"] - a["s"]) / (a["k"] - a["t"])),
    (lambda w: w.s * w.s * w.inverse(w.k * w.k), lambda a: (a["s"] / a["k"]) ** 2),
    (lambda w: w.exp(w.x - w.y), lambda a: math.exp(a["x"] - a["y"])),
    (lambda w: w.exp(w.x) + ONE_, lambda a: math.exp(a["x"]) + 1),
    (lambda w: frac(Fraction(4, 9)), lambda a: 4 / 9),
    (lambda w: frac(3), lambda a: 3),
]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("at", range(len(ARGUMENTS)))
def test_a_function_has_the_value_of_the_function(name, at):
    build, plain = ARGUMENTS[at]
    w = World()
    got = w.u.function(name, build(w))
    for seed in range(4):
        here = points(seed)
        assert value(w.u, got, here) == pytest.approx(FUNCTIONS[name](plain(here)), rel=1e-9)


def pool(w):
    e, f = w.exp(w.x), w.exp(w.y)
    arguments = [w.x, -w.x, w.y, w.x + w.y, w.x + w.x, w.x * w.y, w.x * HALF]
    positive = [
        w.s,
        w.t,
        w.s * w.t,
        w.s + w.t,
        w.s * w.inverse(w.t),
        w.m * w.k,
        w.m * w.inverse(w.k),
    ]
    positive += [-w.m, w.m * w.m, w.s * w.s, w.s + ONE_, e + ONE_, e * f]
    out = [*arguments, *positive, ONE_, frac(0), w.c]
    out += [w.u.function(f, x) for f in ("exp", "sigmoid", "tanh", "softplus") for x in arguments]
    out += [w.u.function(f, x) for f in ("log", "sqrt", "inverse") for x in positive]
    out += [w.sqrt(w.s) * w.sqrt(w.t), w.sqrt(w.m * w.k) * w.inverse(w.k), w.log(w.s) * frac(2)]
    out += [
        w.sqrt(w.m * w.k) * w.inverse(w.m),
        w.exp(w.log(w.s) * HALF),
        w.exp(w.log(w.s) * w.log(w.t)),
    ]
    out += [
        w.exp(w.x * HALF) * w.exp(w.x * HALF),
        w.inverse(ONE_ + e + f),
        w.log(e + f),
        w.exp(w.c),
    ]
    out += [w.sqrt(frac(2)) * w.sqrt(frac(3)), w.sqrt(frac(6)), w.sqrt(frac(4)), frac(2)]
    return out


@pytest.mark.parametrize("seed", range(3))
def test_no_two_scalars_of_different_value_are_identified(seed):
    w = World()
    scalars = pool(w)
    values = [value(w.u, x, points(seed)) for x in scalars]
    wrong = [
        (w.u.show(x), w.u.show(y))
        for (x, p), (y, q) in itertools.combinations(zip(scalars, values, strict=True), 2)
        if equal(w.u, x, y) and not math.isclose(p, q, rel_tol=1e-9, abs_tol=1e-12)
    ]
    assert not wrong


def test_the_pool_holds_equal_and_different_scalars():
    w = World()
    scalars = pool(w)
    found = [equal(w.u, x, y) for x, y in itertools.combinations(scalars, 2)]
    assert 5 < sum(found) < len(found) / 10


def test_a_root_of_a_quotient_of_negatives_is_positive():
    """sqrt(m / k) = sqrt(m k) / |k|: the sign of k matters."""
    w = World()
    wrong = w.sqrt(w.m * w.k) * w.inverse(w.k)
    assert not equal(w.u, w.sqrt(w.m * w.inverse(w.k)), wrong)


def test_reduction_leaves_no_square_of_a_root():
    w = World()
    root = w.sqrt(w.s + ONE_)
    outer = w.sqrt(root + w.t)
    power = ONE_
    for _ in range(7):
        power = power * outer
    reduced = w.u.reduce(power.num)
    squares = {v for v, known in enumerate(w.u.variables) if known.square is not None}
    assert all(e == 1 for m in reduced.terms for v, e in m if v in squares)
    for seed in range(3):
        at = points(seed)
        assert value(w.u, Frac(reduced), at) == pytest.approx(value(w.u, power, at), rel=1e-9)


def test_a_root_is_not_its_conjugate():
    w = World()
    root = w.sqrt(w.s + ONE_)
    assert not w.u.is_zero(root + root)
    assert not w.u.is_zero(root)
    assert not w.u.is_zero(root * w.s - w.s - ONE_)
    assert w.u.is_zero((root - ONE_) * (root + ONE_) - w.s)


def test_a_sign_is_a_root_of_one_and_no_number():
    u = Universe()
    sign = u.choice("k[0]", (Fraction(1), Fraction(-1)))
    assert u.is_zero(sign * sign - ONE_)
    assert not u.is_zero(sign - ONE_)
    assert not u.is_zero(sign + ONE_)


def roots_world():
    w = World()
    return w, [
        (w.sqrt(w.s), w.s),
        (w.sqrt(w.s + ONE_), w.s + ONE_),
        (w.sqrt(w.s + w.t), w.s + w.t),
        (w.sqrt(ONE_ + w.sqrt(w.s)), ONE_ + w.sqrt(w.s)),
        (w.sqrt(w.c), w.c),
    ]


@pytest.mark.parametrize("seed", range(10))
def test_at_a_random_point_every_root_is_a_root(seed):
    w, roots = roots_world()
    order = w.u.below({v for pair in roots for x in pair for v in x.variables()})
    rng = random.Random(seed)
    fixed_order = [v for v in order if w.u.variables[v].constant]
    fixed = w.u.draw(rng, {}, fixed_order)
    values = w.u.draw(rng, fixed, order)
    assert {v: values[v] for v in fixed} == fixed
    for root, radicand in roots:
        assert root.at(values, PRIME) ** 2 % PRIME == radicand.at(values, PRIME)


def test_a_root_that_the_field_lacks_stops_nothing():
    w = World()
    root = w.sqrt(frac(3))
    assert pow(3, (PRIME - 1) // 2, PRIME) != 1
    first = w.u.draw(random.Random(0), {}, w.u.below(root.variables()))
    again = w.u.draw(random.Random(0), {}, w.u.below(root.variables()))
    assert first == again and root.at(first, PRIME)


def test_random_points_come_from_the_seed():
    w, roots = roots_world()
    order = w.u.below({v for root, _ in roots for v in root.variables()})
    draws = [w.u.draw(random.Random(seed), {}, order) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


coefficients = st.fractions(-5, 5, max_denominator=4)
monomials = st.dictionaries(st.integers(0, 3), st.integers(1, 3), max_size=3).map(
    lambda d: tuple(sorted(d.items()))
)
polys = st.dictionaries(monomials, coefficients.filter(bool), max_size=4).map(Poly)


def at_numbers(p, values):
    return sum(
        (
            Fraction(c) * math.prod((values[v] ** e for v, e in m), start=Fraction(1))
            for m, c in p.terms.items()
        ),
        start=Fraction(0),
    )


NUMBERS = [Fraction(2, 3), Fraction(-5), Fraction(7, 2), Fraction(11, 13)]


@given(polys, polys, polys)
def test_polynomials_compute_as_numbers_do(p, q, r):
    def f(x):
        return at_numbers(x, NUMBERS)

    assert f(p + q) == f(p) + f(q)
    assert f(p - q) == f(p) - f(q)
    assert f(p * q) == f(p) * f(q)
    assert (p + q) * r == p * r + q * r
    assert p * q == q * p
    assert p - p == Poly({}) and not (p - p)
    assert p.scale(Fraction(3, 2)) * constant(Fraction(2, 3)) == p


@given(polys, polys.filter(bool), polys, polys.filter(bool))
def test_fractions_compute_as_numbers_do(a, b, c, d):
    if not at_numbers(b, NUMBERS) or not at_numbers(d, NUMBERS):
        return

    def f(x):
        return at_numbers(x.num, NUMBERS) / at_numbers(x.den, NUMBERS)

    x, y = Frac(a, b), Frac(c, d)
    assert f(x + y) == f(x) + f(y)
    assert f(x - y) == f(x) - f(y)
    assert f(x * y) == f(x) * f(y)
    assert not (x - x)
    if x and at_numbers(a, NUMBERS):
        assert f(x.inverse()) == 1 / f(x)


@given(polys)
def test_a_polynomial_modulo_the_prime_is_its_value(p):
    values = {i: x.numerator * pow(x.denominator, -1, PRIME) % PRIME for i, x in enumerate(NUMBERS)}
    want = at_numbers(p, NUMBERS)
    assert p.at(values, PRIME) == want.numerator * pow(want.denominator, -1, PRIME) % PRIME


def test_division_by_zero_is_an_error():
    with pytest.raises(ZeroDivisionError):
        frac(0).inverse()
    with pytest.raises(ZeroDivisionError):
        Frac(ONE, variable(0)).at({0: PRIME}, PRIME)
