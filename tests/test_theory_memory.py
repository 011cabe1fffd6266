"""What layers remember: laws of the transition product, order, variance and coefficient sums."""

from fractions import Fraction

import numpy
import pytest

from dsf_sym import Const, Gate, State, Vec, find, layer
from dsf_sym.certificates.checkers import recheck, rotations
from dsf_sym.errors import DomainError, LanguageError, Rejected
from dsf_sym.theory.memory import coefficient_sum, lyapunov, memory, order, short, stationary

BOUNDED = {"q": "[-1, 1]", "k": "[-1, 1]"}


@layer
def mixing(x: State["n"], y: State["n"], v: Vec["n"], a: Const[Gate["n"]]):
    return a * x + y + v, a * y, x


@pytest.mark.parametrize(
    ("which", "law", "options", "status"),
    [
        ("s6", "exponential", {"where": {"Delta": "[1/10, inf)", "A": "(-inf, -1]"}}, "proved"),
        ("s6", "exponential", {"rate": "9/10"}, "refuted"),
        ("s6", "exponential", {}, "undecided"),
        ("gla", "exponential", {}, "refuted"),
        ("gla", "exponential", {"where": {"alpha": "(0, 1/2]"}, "rate": "1/2"}, "proved"),
        ("linear_attention", "none", {}, "proved"),
        ("linear_attention", "exponential", {}, "refuted"),
        ("linear_attention", "algebraic", {}, "refuted"),
        ("gla", "none", {}, "refuted"),
        ("normalised_attention", "none", {}, "proved"),
        ("linear_attention_normalised", "algebraic", {"where": BOUNDED}, "proved"),
        ("linear_attention_normalised", "exponential", {"where": BOUNDED}, "refuted"),
        ("linear_attention_normalised", "algebraic", {}, "undecided"),
        ("softmax_attention", "algebraic", {"where": BOUNDED}, "proved"),
        ("softmax_attention", "exponential", {"where": BOUNDED}, "refuted"),
        ("softmax_attention", "algebraic", {}, "undecided"),
    ],
)
def test_the_law_of_the_transition_product(which, law, options, status):
    found = memory(which, law, **options)
    assert found.status == status
    if found.certificate is not None:
        assert recheck(found.certificate) == found.proof


@layer
def turning(h: State["d"], g: State["d"], v: Vec["d"], a: Const[Gate["d"]], b: Const[Gate["d"]]):
    h, g = a * h / 2 - b * g / 2 + v, b * h / 2 + a * g / 2
    return h, g, h


@layer
def swapping(h: State["d"], g: State["d"], v: Vec["d"], a: Const[Gate["d"]], b: Const[Gate["d"]]):
    h, g = a * h / 2 + b * g / 2 + v, b * h / 2 + a * g / 2
    return h, g, h


def test_pairs_that_turn_shrink_by_the_size_of_a_complex_number():
    found = memory(turning, "exponential")
    assert found.status == "proved" and recheck(found.certificate) == found.proof
    assert rotations.norm(turning) == pytest.approx(0.5**0.5)
    assert memory("lru", "exponential", where={"nu": "[-2, inf)"}).status == "proved"
    with pytest.raises(Rejected, match="norm of"):
        recheck(found.certificate | {"at most": "7/10"})
    with pytest.raises(Rejected, match="no complex number"):
        rotations.norm(swapping)
    with pytest.raises(Rejected, match="not diagonal"):
        rotations.norm(find("deltanet"))


def test_the_algebraic_bounds_hold_on_random_sequences():
    data = memory("softmax_attention", "algebraic", where=BOUNDED, sizes={"n": 2, "d": 1})
    ratio = float(Fraction(data.certificate["ratio"]))
    rng, length = numpy.random.default_rng(0), 9
    q, k = rng.choice([-1, -0.3, 0.4, 1], size=(2, 10**4, length, 2))
    scores = numpy.exp(numpy.einsum("bin,bjn->bij", q, k) / 2**0.5)
    eta = numpy.tril(scores).sum(axis=2)
    i, j = numpy.arange(length)[:, None], numpy.arange(length)[None, :]
    kept = (eta[:, None, :] / eta[:, :, None]) * (i + 1) / (j + 1)
    assert ratio <= kept.min() and kept.max() <= 1 / ratio
    weights = numpy.where(j <= i, scores / eta[:, :, None] * (i + 1), 1)
    assert ratio <= weights.min() and weights.max() <= 1 / ratio


def test_the_checker_rejects_a_ratio_that_is_too_large():
    found = memory("softmax_attention", "algebraic", where=BOUNDED).certificate
    with pytest.raises(Rejected, match="not shown to vary by less"):
        recheck(found | {"ratio": "1/2"})
    with pytest.raises(Rejected, match="not shown to vary by less"):
        recheck(found | {"ratio": "0"})
    norm = memory("gla", "exponential", where={"alpha": "(0, 1/2]"}).certificate
    with pytest.raises(Rejected, match="at most 1/2"):
        recheck(norm | {"at most": "1/3"})


def test_a_rate_is_below_one():
    with pytest.raises(LanguageError, match="0 < rate < 1"):
        memory("gla", "exponential", rate="1")
    with pytest.raises(LanguageError, match="linear"):
        memory("gla", "linear")


@pytest.mark.parametrize(
    ("which", "status"),
    [
        ("linear_attention", "proved"),
        ("linear_attention_normalised", "proved"),
        ("softmax_attention", "proved"),
        ("gla", "refuted"),
        ("deltanet", "refuted"),
    ],
)
def test_the_order_of_the_past(which, status):
    found = order(which)
    assert found.status == status
    assert recheck(found.certificate) == found.proof


def test_an_order_that_changes_nothing_refutes_nothing():
    data = order("gla").certificate
    with pytest.raises(Rejected, match="do not differ"):
        recheck(data | {"order": [0, 1]})
    with pytest.raises(Rejected, match="before the last"):
        recheck(data | {"order": [0, 2]})


def test_white_input_keeps_unit_variance_where_gates_do_not_read_it():
    assert stationary("rg_lru", given={"g": 1}).status == "proved"
    assert stationary("rg_lru").status == "refuted"
    assert stationary("gla").status == "refuted"
    found = stationary("rg_lru", given={"g": 1}, dependent=True)
    assert found.status == "refuted"
    data = found.certificate
    f = [float(Fraction(t["f"][0])) for t in data["tokens"]]
    v = [float(Fraction(t["v"][0])) for t in data["tokens"]]
    share = [float(Fraction(p)) for p in data["shares"]]
    variance = sum(p * (a * a + (1 - a * a) * u * u) for p, a, u in zip(share, f, v, strict=True))
    assert abs(variance - 1) > 1e-6
    with pytest.raises(Rejected, match="depend on v"):
        recheck(data | {"dependent": False})
    with pytest.raises(Rejected, match="no distribution"):
        recheck(data | {"shares": ["1/2", "1/4", "1/8"]})
    with pytest.raises(Rejected, match="mean of v"):
        recheck(data | {"shares": ["1/4", "1/2", "1/4"]})


def test_unit_variance_is_rejected_where_the_identity_fails():
    data = stationary("rg_lru", given={"g": 1}).certificate
    other = stationary("rg_lru").certificate
    proof = {k: data[k] for k in ("kind", "sizes", "carried")}
    with pytest.raises(Rejected, match="Λ Λᵀ"):
        recheck({k: x for k, x in other.items() if k != "tokens"} | proof)


@pytest.mark.parametrize(
    ("which", "status"),
    [
        ("softmax_attention", "proved"),
        ("linear_attention_normalised", "proved"),
        ("linear_attention", "refuted"),
        ("s6", "refuted"),
    ],
)
def test_coefficients_add_up_to_one(which, status):
    assert coefficient_sum(which, sizes={"n": 1, "d": 1}).status == status


def test_the_exponent_of_a_constant_transition():
    low, high = lyapunov("retnet")
    assert low <= high < 0
    low, high = lyapunov("lru")
    assert high - low < Fraction(1, 10**20) and high < 0
    with pytest.raises(DomainError, match="mix"):
        lyapunov(mixing)
    assert find("lru").signal("nu").kind == "constant"


def test_short_numbers_are_rounded_outwards():
    x = Fraction(123456789, 10**12)
    assert short(x, up=False) < x < short(x, up=True)
    assert short(-x, up=False) < -x < short(-x, up=True)
    assert short(x, up=True) - short(x, up=False) < x / 100
