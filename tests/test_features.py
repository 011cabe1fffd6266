"""Kernels by their features: definiteness, the least number of features, random features."""

import json
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from dsf_sym import (
    Const,
    Mat,
    Positive,
    Scalar,
    State,
    Unit,
    Vec,
    attention,
    cos,
    elu,
    exp,
    find,
    layer,
    ones,
    sqrt,
    sum,
)
from dsf_sym.arithmetic.scalars import Balls
from dsf_sym.arithmetic.sparse import Sparse, SparseAlgebra
from dsf_sym.certificates.checkers import recheck
from dsf_sym.certificates.checkers.gaussian_mean import mean_of
from dsf_sym.certificates.checkers.paired import negative_direction
from dsf_sym.claims import claim, settle
from dsf_sym.errors import CertificateError, LanguageError, Rejected, SizeError, UnknownName
from dsf_sym.index.forms import entries
from dsf_sym.theory.features import feature_count, minimal_features, positive_definite
from dsf_sym.theory.random_features import gaussian_mean


def taylor(q: Vec["n"], k: Vec["n"]):
    t = q @ k / sqrt(sum(ones("n")))
    return 1 + t + t**2 / 2


def linear_elu(q: Vec["n"], k: Vec["n"]):
    return (elu(q) + 1) @ (elu(k) + 1)


def exponential(q: Vec["n"], k: Vec["n"]):
    return exp(q @ k)


def gaussian(q: Vec["n"], k: Vec["n"]):
    return exp(-((q - k) @ (q - k)) / 2)


def cosine(q: Vec["n"], k: Vec["n"]):
    return cos(sum(q) - sum(k))


def similarity(q: Vec["n"], k: Vec["n"]):
    return q @ k / (sqrt(q @ q + 1) * sqrt(k @ k + 1))


def temperature(q: Vec["n"], k: Vec["n"], tau: Const[Positive]):
    return exp(q @ k / tau) * (q @ k + 1) ** 2


def mixed_powers(q: Vec["n"], k: Vec["n"]):
    return (q @ k) ** 2 - sum(q * q * k * k) / 2


def distance(q: Vec["n"], k: Vec["n"]):
    return (q - k) @ (q - k)


def negative_power(q: Vec["n"], k: Vec["n"]):
    t = q @ k
    return 1 + t - t**2 / 10 + t**3


def of_opposites(q: Vec["n"], k: Vec["n"]):
    return exp(-(q @ k))


def lopsided(q: Vec["n"], k: Vec["n"]):
    return 1 + q @ k + sum(q * q * k)


def any_weight(q: Vec["n"], k: Vec["n"], c: Const[Scalar]):
    return c * (q @ k)


def on_the_sphere(q: Unit["n"], k: Unit["n"]):
    return (q @ k) ** 2 - Fraction(1, 2)


def axes_are_not_confused(q: Vec["n"], k: Vec["n"], c: Const[Positive["n"]]):
    return sum(c) * exp(q @ k) - exp(q @ k) * c @ (c * c)


@pytest.mark.parametrize(
    "kernel", [taylor, linear_elu, exponential, gaussian, cosine, similarity, temperature]
)
def test_sums_of_products_of_features_are_positive_definite_at_all_sizes(kernel):
    verdict = positive_definite(kernel)
    assert (verdict.status, verdict.sizes) == ("proved", None)
    assert recheck(json.loads(json.dumps(verdict.certificate))) == verdict.proof


def test_softmax_has_a_positive_definite_kernel_by_its_name():
    assert positive_definite("softmax_attention").sizes is None


@pytest.mark.parametrize("kernel", [distance, negative_power, of_opposites, lopsided, any_weight])
def test_other_kernels_are_refuted_by_points(kernel):
    verdict = positive_definite(kernel, sizes={"d": 1})
    assert verdict.status == "refuted" and verdict.sizes == {"n": 2, "d": 1}
    assert recheck(verdict.certificate) == verdict.proof


@pytest.mark.parametrize("kernel", [distance, negative_power, of_opposites])
def test_a_refutation_is_confirmed_in_floats(kernel):
    data = positive_definite(kernel).certificate
    x = [np.array([float(Fraction(v)) for v in p["q"]]) for p in data["points"]]
    c = np.array([float(Fraction(v)) for v in data["weights"]])
    kappa = {
        "distance": lambda a, b: (a - b) @ (a - b),
        "negative_power": lambda a, b: 1 + a @ b - (a @ b) ** 2 / 10 + (a @ b) ** 3,
        "of_opposites": lambda a, b: math.exp(-(a @ b)),
    }[kernel.__name__]
    table = np.array([[kappa(a, b) for b in x] for a in x])
    assert c @ table @ c < -1e-9


def test_a_difference_of_squares_needs_the_coefficients_and_holds_at_the_sizes():
    verdict = positive_definite(mixed_powers)
    assert (verdict.status, verdict.certificate["method"]) == ("proved", "coefficients")
    assert verdict.sizes is not None


@pytest.mark.parametrize(("n", "status"), [(1, "proved"), (2, "proved"), (3, "refuted")])
def test_on_a_sphere_the_dimension_decides(n, status):
    assert positive_definite(on_the_sphere, sizes={"n": n}).status == status


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize(("sign", "status"), [(1, "proved"), (-1, "refuted")])
def test_every_power_needs_a_coefficient_that_is_not_negative(sign, status, p):
    def kernel(q: Vec["n"], k: Vec["n"]):
        return 2 + sign * (q @ k) ** p

    assert positive_definite(kernel).status == status


def test_sums_and_products_of_positive_definite_kernels_are_positive_definite():
    def total(q: Vec["n"], k: Vec["n"]):
        return taylor(q, k) + gaussian(q, k) * similarity(q, k)

    verdict = positive_definite(total)
    assert (verdict.status, verdict.sizes) == ("proved", None)


def test_several_signals_are_points_when_they_are_paired():
    @attention(normalised=False, queries=["q", "p"])
    def two(q: Vec["n"], k: Vec["n"], p: Vec["m"], r: Vec["m"]):
        return exp(q @ k + p @ r)

    assert positive_definite(two, pairs={"q": "k", "p": "r"}).sizes is None
    for pairs in (None, {"q": "k"}, {"q": "k", "p": "k"}):
        with pytest.raises(LanguageError, match="pair each"):
            positive_definite(two, pairs=pairs)
    with pytest.raises(LanguageError, match="no points of one space"):
        positive_definite(two, pairs={"q": "r", "p": "k"})


def test_a_given_axis_is_not_taken_for_a_summed_one():
    assert positive_definite(axes_are_not_confused).status == "refuted"


REFUTED = positive_definite(distance).certificate


@pytest.mark.parametrize(
    "change",
    [
        {"method": "terms", "expanded": False},
        {"method": "terms", "expanded": True},
        {"method": "coefficients"},
        {"method": "trust"},
        {"weights": ["1", "1"]},
        {"weights": ["0", "0"]},
        {"pairs": {"q": "v"}},
        {"pairs": {}},
        {"sizes": {"n": 0, "d": 1}},
    ],
    ids=str,
)
def test_what_does_not_show_it_is_rejected(change):
    recheck(REFUTED)
    with pytest.raises(Rejected):
        recheck(REFUTED | change)


def test_equal_numbers_do_not_show_that_a_kernel_is_not_symmetric():
    data = {k: v for k, v in REFUTED.items() if k != "weights"}
    with pytest.raises(Rejected, match="not shown to differ"):
        recheck(data)


def test_points_outside_the_domain_are_rejected():
    data = positive_definite(on_the_sphere, sizes={"n": 3}).certificate
    points = [{"q": ["2", "0", "0"]}, *data["points"][1:]]
    with pytest.raises(Rejected, match="norm 1"):
        recheck(data | {"points": points})


@pytest.mark.parametrize("kernel", [negative_power, lopsided, on_the_sphere, any_weight])
def test_no_proof_is_accepted_for_what_is_refuted(kernel):
    data = positive_definite(kernel, sizes={"n": 3}).certificate
    assert data["method"] == "points"
    for method in (
        {"method": "coefficients"},
        *({"method": "terms", "expanded": e} for e in (0, 1)),
    ):
        with pytest.raises(Rejected):
            recheck(data | method)


def test_a_direction_of_negative_sign_is_found_exactly_where_there_is_one():
    rng = np.random.default_rng(0)
    for n in range(1, 6):
        for _ in range(20):
            root = rng.integers(-2, 3, (n, n))
            g = root + root.T if n % 2 else root @ root.T
            exact = [[Fraction(int(x)) for x in row] for row in g]
            c = negative_direction(exact)
            lowest = np.linalg.eigvalsh(g)[0]
            if c is None:
                assert lowest > -1e-9
            else:
                pairs = ((i, j) for i in range(n) for j in range(n))
                total = Fraction(0)
                for i, j in pairs:
                    total += c[i] * c[j] * exact[i][j]
                assert total < 0 and lowest < 1e-9


@pytest.mark.parametrize(("n", "p"), [(1, 3), (2, 1), (2, 2), (2, 3), (3, 2)])
def test_powers_have_the_monomials_as_features_and_fewer_on_the_sphere(n, p):
    def free(q: Vec["n"], k: Vec["n"]):
        return (1 + q @ k) ** p

    def unit(q: Unit["n"], k: Unit["n"]):
        return (1 + q @ k) ** p

    sizes = {"n": n, "d": 1}
    assert feature_count(free, are=math.comb(n + p, p), sizes=sizes).status == "proved"
    on_sphere = math.comb(n + p - 1, p) + math.comb(n + p - 2, p - 1)
    assert feature_count(unit, are=on_sphere, sizes=sizes).status == "proved"
    assert feature_count(unit, are=on_sphere - 1, sizes=sizes).status == "refuted"


@pytest.mark.parametrize(
    ("kernel", "n", "count"),
    [
        (taylor, 2, 6),
        (linear_elu, 3, 3),
        (cosine, 2, 2),
        (similarity, 3, 3),
        (distance, 2, 4),
        (mixed_powers, 2, 3),
    ],
)
def test_kernels_need_as_many_features_as_their_coefficients_have_rank(kernel, n, count):
    verdict = feature_count(kernel, are=count, sizes={"n": n, "d": 1})
    assert (verdict.status, verdict.sizes) == ("proved", {"n": n, "d": 1})
    assert recheck(json.loads(json.dumps(verdict.certificate))) == verdict.proof


def test_no_number_of_features_is_enough_for_the_exponential():
    verdict = feature_count(exponential, are=5)
    assert (verdict.status, verdict.sizes) == ("refuted", None)
    assert recheck(verdict.certificate)


def test_a_table_refutes_a_number_where_no_features_are_found():
    def on_sphere(q: Unit["n"], k: Unit["n"]):
        return exp(q @ k)

    verdict = feature_count(on_sphere, are=3, sizes={"d": 1})
    assert (verdict.status, verdict.certificate["kind"]) == ("refuted", "kernel rank")


def test_a_count_that_is_too_small_or_too_large_is_rejected():
    data = feature_count(taylor, are=6, sizes={"d": 1}).certificate
    less = {"count": 5, "queries": data["queries"][:5], "keys": data["keys"][:5]}
    more = {"count": 7, "queries": data["queries"] * 2, "keys": data["keys"] * 2}
    with pytest.raises(Rejected, match="rank 6"):
        recheck(data | less)
    for change in (more, {"count": 5}, {"keys": [data["keys"][0]] * 6}):
        with pytest.raises(Rejected):
            recheck(data | change)


@pytest.mark.parametrize("kernel", [taylor, linear_elu, similarity, distance])
def test_explicit_features_give_the_kernel(kernel):
    sizes = {"n": 2 if kernel is not taylor else 1, "d": 1}
    found = minimal_features(kernel, sizes=sizes)
    assert found.verdict.status == "proved" and len(found) == len(found.psi)
    rng = np.random.default_rng(1)
    functions = {"sqrt": math.sqrt, "elu": lambda x: x if x > 0 else math.exp(x) - 1}
    values = {
        "taylor": lambda a, b: 1 + a @ b + (a @ b) ** 2 / 2,
        "linear_elu": lambda a, b: np.sum(
            np.array([functions["elu"](x) + 1 for x in a])
            * np.array([functions["elu"](x) + 1 for x in b])
        ),
        "similarity": lambda a, b: a @ b / math.sqrt((a @ a + 1) * (b @ b + 1)),
        "distance": lambda a, b: (a - b) @ (a - b),
    }
    for _ in range(5):
        q, k = rng.normal(size=(2, sizes["n"]))
        names = {**functions, "q": q, "k": k}
        phi, psi = (
            np.array([eval(f.replace("^", "**"), {"__builtins__": {}}, names) for f in side])
            for side in (found.phi, found.psi)
        )
        assert phi @ psi == pytest.approx(values[kernel.__name__](q, k), rel=1e-9)


def test_no_features_are_written_down_where_query_and_key_do_not_separate():
    assert minimal_features(exponential) is None


@pytest.mark.parametrize(
    ("call", "error", "culprit"),
    [
        (lambda: positive_definite("s6"), LanguageError, "s6 has a finite state"),
        (lambda: positive_definite(find("based")), LanguageError, "based has a finite state"),
        (lambda: feature_count(taylor, are=0), LanguageError, "are=0"),
        (lambda: feature_count("nowhere", are=1), UnknownName, "nowhere"),
        (lambda: feature_count(taylor, are=1, sizes={"x": 2}), SizeError, "'x'"),
        (lambda: minimal_features(taylor, sizes={"n": 0}), SizeError, "n=0"),
    ],
)
def test_bad_input_is_named(call, error, culprit):
    with pytest.raises(error, match=culprit):
        call()


@layer
def favor(q: Vec["n"], k: Vec["n"], w: Mat["M", "n"]):
    """The mean over M directions of e^{w·q - |q|²/2} e^{w·k - |k|²/2}."""
    return (exp(w @ q - q @ q / 2) @ exp(w @ k - k @ k / 2) / sum(ones("M")),)


@layer
def favor_error(q: Vec["n"], k: Vec["n"], w: Mat["M", "n"]):
    """The square of the relative error of M random features."""
    mean = exp(w @ q - q @ q / 2) @ exp(w @ k - k @ k / 2) / sum(ones("M"))
    return ((mean * exp(-(q @ k)) - 1) ** 2,)


@layer
def favor_variance(q: Vec["n"], k: Vec["n"], m: Vec["M"]):
    """(e^{|q + k|²} - 1) / M."""
    return ((exp((q + k) @ (q + k)) - 1) / sum(ones("M")),)


@layer
def hyperbolic(q: Vec["n"], k: Vec["n"], w: Vec["n"]):
    """A direction and its opposite."""
    return (exp(-(q @ q + k @ k) / 2) * (exp(w @ q + w @ k) + exp(-(w @ q) - w @ k)) / 2,)


@layer
def hyperbolic_error(q: Vec["n"], k: Vec["n"], w: Vec["n"]):
    """The square of its relative error."""
    both = exp(-(q @ q + k @ k) / 2) * (exp(w @ q + w @ k) + exp(-(w @ q) - w @ k)) / 2
    return ((both * exp(-(q @ k)) - 1) ** 2,)


@layer
def hyperbolic_variance(q: Vec["n"], k: Vec["n"]):
    """(1 - e^{-|q + k|²}) (e^{|q + k|²} - 1) / 2."""
    s = (q + k) @ (q + k)
    return ((1 - exp(-s)) * (exp(s) - 1) / 2,)


@layer
def target(q: Vec["n"], k: Vec["n"]):
    """e^{q·k}."""
    return (exp(q @ k),)


@layer
def halved(q: Vec["n"], k: Vec["n"]):
    """e^{q·k/2}."""
    return (exp(q @ k / 2),)


@layer
def projections(q: Vec["n"], k: Vec["n"], w: Vec["n"]):
    """A product of squares of random projections."""
    return ((w @ q) ** 2 * (w @ k) ** 2,)


@layer
def their_mean(q: Vec["n"], k: Vec["n"]):
    """|q|² |k|² + 2 (q·k)²."""
    return ((q @ q) * (k @ k) + 2 * (q @ k) ** 2,)


@pytest.mark.parametrize(
    ("estimate", "mean"),
    [
        (favor, target),
        (favor_error, favor_variance),
        (hyperbolic, target),
        (hyperbolic_error, hyperbolic_variance),
        (projections, their_mean),
    ],
    ids=lambda x: x.name,
)
def test_means_and_variances_hold_for_all_sizes(estimate, mean):
    verdict = gaussian_mean(estimate, mean)
    assert (verdict.status, verdict.sizes) == ("proved", None)
    assert recheck(json.loads(json.dumps(verdict.certificate))) == verdict.proof


def test_another_mean_is_refuted_and_not_proved():
    verdict = gaussian_mean(favor, halved)
    assert verdict.status == "refuted" and recheck(verdict.certificate)
    claimed = {k: v for k, v in verdict.certificate.items() if k != "token"}
    with pytest.raises(Rejected, match="not the normal form"):
        recheck(claimed)
    true = gaussian_mean(favor, target).certificate
    shown = {key: verdict.certificate[key] for key in ("token", "sizes", "bits")}
    with pytest.raises(Rejected, match="not shown to differ"):
        recheck(true | shown)
    for over in ("q", "nothing"):
        with pytest.raises((Rejected, CertificateError, UnknownName)):
            recheck(true | {"over": over})


def test_what_is_no_gaussian_moment_stays_undecided():
    @layer
    def square(q: Vec["n"], w: Vec["n"]):
        return (exp(w @ w * (q @ q)),)

    @layer
    def curved(q: Vec["n"], w: Vec["n"]):
        return (elu(w) @ q,)

    @layer
    def zero(q: Vec["n"]):
        return (q @ q - q @ q,)

    @layer
    def other(q: Vec["n"], w: Vec["n"]):
        return ((w @ q) ** 2 * exp(q @ q) - exp(q @ q) ** 3,)

    cases = ((square, "not linear"), (curved, "elu"))
    assert gaussian_mean(other, zero).status == "refuted"
    for estimate, why in cases:
        verdict = gaussian_mean(estimate, zero)
        assert verdict.status == "undecided" and why in verdict.remains


def test_a_signal_that_is_not_normal_is_named():
    @layer
    def positive(q: Vec["n"], w: Positive["n"]):
        return (exp(w @ q),)

    @layer
    def stateful(S: State["n"], q: Vec["n"], w: Vec["n"]):
        S = S + q
        return S, w @ S

    with pytest.raises(LanguageError, match="real signal of positive alone"):
        gaussian_mean(positive, target)
    with pytest.raises(LanguageError, match="real signal of favor alone"):
        gaussian_mean(favor, target, over="q")
    with pytest.raises(LanguageError, match="stateful has a state"):
        gaussian_mean(stateful, target)


@pytest.fixture(scope="module")
def generating():
    """∫ e^{b w} e^{-w²/2} dw / √(2π) as a function of b, by the substitution w = u + b."""
    import sympy

    w, u, b = sympy.symbols("w u b", real=True)
    exponent = sympy.expand((b * w - w**2 / 2).subs(w, u + b))
    outside = exponent.coeff(u, 0)
    assert sympy.expand(exponent - outside) == -(u**2) / 2
    inside = sympy.integrate(sympy.exp(-(u**2) / 2), (u, -sympy.oo, sympy.oo))
    return sympy.exp(outside) * inside / sympy.sqrt(2 * sympy.pi), b


@pytest.mark.parametrize("p", range(6))
def test_the_rule_of_moments_is_the_derivative_of_the_integral_in_one_coordinate(p, generating):
    @layer
    def moment(w: Scalar, a: Scalar, c: Scalar):
        return (w**p * exp(w * a + w * c - a * c),)

    at = {"a": Fraction(1, 3), "c": Fraction(-3, 4)}
    function, b = generating
    exact = function.diff(b, p).subs(b, at["a"] + at["c"]).evalf(30)
    exact = float(exact) * math.exp(-at["a"] * at["c"])
    balls = Balls(128)
    with balls.precision():
        algebra = SparseAlgebra(balls, {})
        values = {name: Sparse((), {(): balls.number(x)}) for name, x in at.items()}
        low, high = balls.ends(entries(mean_of(moment, "w"), values, algebra).entries[()])
    assert float(low) <= float(high)
    assert float(low) == pytest.approx(exact, rel=1e-14)


def test_the_error_falls_as_one_over_the_root_of_the_number_of_features():
    rng = np.random.default_rng(0)
    q, k = np.array([0.3, -0.2, 0.4]), np.array([0.1, 0.5, 0.2])
    relative = math.sqrt(math.exp((q + k) @ (q + k)) - 1)
    for m in (16, 256):
        w = rng.normal(size=(4000, m, 3))
        mean = np.exp(w @ (q + k) - (q @ q + k @ k) / 2).mean(axis=1)
        error = math.sqrt(np.mean((mean * math.exp(-(q @ k)) - 1) ** 2))
        assert error * math.sqrt(m) == pytest.approx(relative, rel=0.1)
    assert abs(mean.mean() - math.exp(q @ k)) < 5 * relative * math.exp(q @ k) / math.sqrt(
        w[..., 0].size
    )


def test_the_procedures_settle_claims():
    stated = [
        claim("a", "positive definite", kernel=gaussian, expect="proved"),
        claim("b", "feature count", kernel=taylor, are=3, sizes={"n": 1}, expect="proved"),
        claim("c", "gaussian mean", estimate=favor, mean=target, expect="proved"),
        claim("d", "gaussian mean", estimate=favor, mean=halved, expect="refuted"),
    ]
    assert all(settle(each).holds for each in stated)
    assert not settle(replace(stated[0], expect="refuted")).holds
