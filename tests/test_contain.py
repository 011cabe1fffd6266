"""Containment: maps that are found are confirmed in floating point, obstructions are rechecked."""

import copy
from fractions import Fraction

import numpy as np
import pytest

from dsf_sym import Const, Gate, Scalar, State, Vec, layer, outer, scale
from dsf_sym.certificates.checkers import recheck
from dsf_sym.deciding.contain import contains
from dsf_sym.errors import CertificateError, Rejected
from dsf_sym.language.loading import catalogue

CATALOGUE = catalogue()
YES = [
    ("gla", "scalar_gated"),
    ("gla", "retnet"),
    ("gla", "linear_attention"),
    ("scalar_gated", "retnet"),
    ("scalar_gated", "linear_attention"),
    ("retnet", "linear_attention"),
    ("gated_deltanet", "deltanet"),
    ("s6", "ssd"),
    ("s6", "s6_softplus"),
]
NO = [
    ("gla", "deltanet", "commuting transitions"),
    ("gla", "gated_deltanet", "commuting transitions"),
    ("s6", "deltanet", "commuting transitions"),
    ("ssd", "s6", "scalar transitions"),
    ("scalar_gated", "gla", "scalar transitions"),
    ("linear_attention", "scalar_gated", "identity transitions"),
    ("retnet", "scalar_gated", "constant transitions"),
]


@pytest.mark.parametrize(("a", "b"), YES)
def test_special_cases_are_proved_for_all_sizes(a, b):
    verdict = contains(CATALOGUE[a], CATALOGUE[b])
    assert verdict.status == "proved" and verdict.sizes is None
    assert verdict.question.sense == "contains" and verdict.question.given
    recheck(verdict.certificate)


@pytest.mark.parametrize(("a", "b", "kind"), NO)
def test_what_no_map_can_do_is_refuted_by_an_obstruction(a, b, kind):
    verdict = contains(CATALOGUE[a], CATALOGUE[b])
    assert verdict.status == "refuted" and verdict.certificate["kind of obstruction"] == kind
    assert verdict.witness is None and "does not contain" in recheck(verdict.certificate)


@layer
def key_gated(S: State["n", "d"], q: Vec["n"], f: Gate["n"], v: Vec["d"]):
    """HGRN2: the key is what the gate leaves."""
    S = scale(f, S) + outer(1 - f, v)
    return S, q @ S


@layer
def rate_first(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], beta: Gate, g: Gate):
    S = g * g * S + beta * outer(k, v)
    return S, q @ S


def run_gla(tokens):
    S, out = np.zeros((3, 2)), []
    for q, k, v, alpha in tokens:
        S = alpha[:, None] * S + np.outer(k, v)
        out.append(q @ S)
    return np.array(out)


def test_maps_are_found_among_the_expressions_of_the_smaller_layer():
    verdict = contains(CATALOGUE["gla"], key_gated)
    assert set(verdict.question.given) == {
        "gla.alpha = f",
        "gla.k = 1 - f",
        "gla.q = q",
        "gla.v = v",
    }
    rng = np.random.default_rng(0)
    f, q, v = rng.uniform(0, 1, (7, 3)), rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    S, expected = np.zeros((3, 2)), []
    for i in range(7):
        S = f[i][:, None] * S + np.outer(1 - f[i], v[i])
        expected.append(q[i] @ S)
    mapped = run_gla([(q[i], 1 - f[i], v[i], f[i]) for i in range(7)])
    np.testing.assert_allclose(mapped, expected, rtol=1e-12)


def test_products_of_signals_are_tried():
    verdict = contains(CATALOGUE["scalar_gated"], rate_first)
    assert verdict.status == "proved"
    assert "scalar_gated.alpha = g * g" in verdict.question.given


def test_a_map_may_not_leave_the_domain():
    @layer
    def growing(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate):
        S = (2 + alpha) * S + outer(k, v)
        return S, q @ S

    assert contains(CATALOGUE["scalar_gated"], growing).status != "proved"


def test_negative_eigenvalues_are_an_obstruction():
    @layer
    def turning(h: State, v: Scalar, q: Scalar, r: Scalar):
        h = r * h + v
        return h, q * h

    @layer
    def forgetting(h: State, v: Scalar, q: Scalar, alpha: Gate):
        h = alpha * h + v
        return h, q * h

    verdict = contains(forgetting, turning)
    assert verdict.status == "refuted"
    assert verdict.certificate["kind of obstruction"] == "positive eigenvalues"
    assert contains(turning, forgetting).status == "proved"


def test_a_smaller_state_is_an_obstruction():
    @layer
    def two(h: State["m"], g: State["m"], u: Scalar, a: Const[Gate["m"]], c: Vec["m"]):
        h, g = scale(a, h) + u, g + u
        return h, g, c @ h

    @layer
    def one(h: State, u: Scalar, a: Const[Gate], c: Scalar):
        h = a * h + u
        return h, c * h

    @layer
    def pair(x: State, y: State, u: Scalar, v: Scalar, c: Scalar, e: Scalar):
        x, y = x + u, y + v
        return x, y, c * x + e * y

    verdict = contains(one, pair)
    assert verdict.status == "refuted"
    assert verdict.certificate["kind of obstruction"] == "smaller state"


def test_no_layer_contains_everything_through_a_free_skip():
    assert contains(CATALOGUE["ssd"], CATALOGUE["gla"]).status == "refuted"
    assert contains(CATALOGUE["linear_attention"], CATALOGUE["ssd"]).status == "refuted"


def test_tampered_obstructions_are_rejected():
    data = contains(CATALOGUE["gla"], CATALOGUE["deltanet"]).certificate
    recheck(data)

    def changed(edit):
        other = copy.deepcopy(data)
        edit(other)
        return other

    same = [data["tokens"][0], data["tokens"][0]]
    cases = [
        ("commute at these tokens", lambda c: c.update(tokens=same)),
        ("not multiples", lambda c: c.update({"kind of obstruction": "scalar transitions"})),
        ("other sizes", lambda c: c["minimal"]["sizes"].update(n=3)),
        ("another layer", lambda c: c["minimal"].update(hashes=["0"])),
        ("outside", lambda c: c["tokens"][0].update(beta=["5"])),
        ("no obstruction", lambda c: c.update({"kind of obstruction": "magic"})),
    ]
    for told, edit in cases:
        with pytest.raises((Rejected, CertificateError), match=told):
            recheck(changed(edit))


def test_a_dense_step_is_undecided_rather_than_guessed():
    verdict = contains(CATALOGUE["deltanet"], CATALOGUE["gla"])
    assert verdict.status == "undecided" and verdict.certificate is None and verdict.remains


def test_a_ratio_contains_itself():
    layer_ = CATALOGUE["rwkv4"]
    assert contains(layer_, layer_).status == "proved"


def test_mutual_containment_of_equal_layers():
    other = CATALOGUE["gla"].given(name="renamed", alpha="g", g=Gate["n"])
    assert contains(CATALOGUE["gla"], other).status == "proved"
    assert contains(other, CATALOGUE["gla"]).status == "proved"
    assert Fraction(1) in other.signal("g").domain.interval
