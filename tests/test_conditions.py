"""When layers are equal: conditions found, both directions checked, points on both sides."""

import copy
import math

import numpy as np
import pytest

from dsf_sym import Const, Gate, Real, State, Vec, exp, find, layer, outer, recheck
from dsf_sym.cli import run
from dsf_sym.errors import LanguageError, NotAffine, Rejected, UnknownName
from dsf_sym.theory.conditions import conditions


def solved(a, b, **options):
    """The conditions, with every certificate checked again."""
    a, b = (find(x) if isinstance(x, str) else x for x in (a, b))
    found = conditions(a, b, **options)
    for branch in found.branches:
        for data in (branch.verdict.certificate, branch.necessary):
            assert data is None or recheck(data)
    return found


def only(found):
    (branch,) = found.branches
    return branch.sense, branch.relations


S6_IS_ATTENTION = (
    "Delta is the same number in every entry",
    "A is the same number in every entry",
    "D = 0",
    "eta = 1/Delta",
    "Delta before = Delta * exp(-A * Delta)",
)


def test_s6_is_normalised_attention_exactly_where_the_steps_follow_lambert_w():
    found = solved("s6", "normalised_attention")
    assert (found.status, only(found)) == ("conditional", ("iff", S6_IS_ATTENTION))
    (branch,) = found.branches
    assert branch.verdict.sizes is None
    assert branch.solved == ("Delta = -LambertW(-A*Delta_before)/A",)


@pytest.mark.parametrize(
    ("a", "b", "options", "relations"),
    [
        ("normalised_attention", "linear_attention", {}, ("eta = 1",)),
        ("gated_deltanet", "deltanet", {}, ("alpha = 1",)),
        ("ssd", "scalar_gated", {}, ("Delta = 1", "D = 0", "alpha = exp(A)")),
        (
            "deltanet",
            "linear_attention",
            {"given": ["beta = 1"], "on": ["k"]},
            ("k_j · k_i = 0 for all j < i",),
        ),
        (
            "gated_deltanet",
            "scalar_gated",
            {"given": ["beta = 1"], "on": ["k"]},
            ("k_j · k_i = 0 for all j < i",),
        ),
        (
            "gated_deltanet",
            "gla",
            {"given": ["beta = 1", "gla.alpha = alpha"], "on": ["k"]},
            ("k_j · k_i = 0 for all j < i",),
        ),
    ],
)
def test_conditions_are_found_and_forced(a, b, options, relations):
    found = solved(a, b, **options)
    sense, said = only(found)
    assert (found.status, sense, set(said)) == ("conditional", "iff", set(relations))


def test_layers_that_are_equal_need_no_condition():
    found = solved("linear_attention", "scalar_gated", given=["alpha = 1"])
    assert (found.status, only(found)[1]) == ("proved", ())


def test_the_first_gate_is_not_forced():
    """A gate multiplies the state, and the first token finds none."""
    (branch,) = solved("gated_deltanet", "deltanet").branches
    assert branch.late == ("alpha",)
    assert "after the first token" in branch.forced_at


def test_without_decay_the_step_is_constant():
    @layer
    def integrator(
        h: State["d", "n"], q: Vec["n"], k: Vec["n"], v: Vec["d"], Delta: Gate, A: Const[Real]
    ):
        h = exp(0 * A) * h + outer(Delta * v, k)
        return h, h @ q

    sense, relations = only(solved(integrator, "normalised_attention"))
    assert sense == "iff"
    assert set(relations) == {"eta = 1/Delta", "Delta before = Delta"}


def test_layers_that_are_never_equal():
    @layer
    def doubled(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
        S = S + outer(2 * k, v)
        return S, q @ S

    found = solved(doubled, "linear_attention")
    assert (found.status, found.branches) == ("refuted", ())
    assert "for no" in recheck(found.never)
    forged(found.never, lambda d: d["never"].update(monomial=[["q", [0], 0, 2]]))


def test_what_no_rule_solves_is_left_and_undecided():
    @layer
    def curved(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], a: Const[Real]):
        S = (a * a * a + a) * S + outer(k, v)
        return S, q @ S

    found = solved(curved, "scalar_gated", on=["a"], given=["alpha = 1/2"])
    assert found.status == "undecided"
    assert any("a" in x.verdict.remains for x in found.branches)


def s6(q, k, v, delta, A):
    h, out = np.zeros((v.shape[1], q.shape[1])), []
    for i in range(len(q)):
        h = np.exp(np.outer(delta[i], np.ones(q.shape[1])) * A) * h + np.outer(
            delta[i] * v[i], k[i]
        )
        out.append(h @ q[i])
    return np.array(out)


def attention(q, k, v, eta):
    return np.array([(q[i] @ k[: i + 1].T) @ v[: i + 1] / eta[i] for i in range(len(q))])


def test_points_inside_and_outside_for_s6():
    rng, length = np.random.default_rng(0), 7
    q, k, v = (rng.normal(size=(length, 2)) for _ in range(3))
    a, delta = -0.7, [0.9]
    for _ in range(length - 1):
        # Δ e^{-aΔ} = Δ before: by Newton's iteration from Δ before.
        x = delta[-1]
        for _ in range(60):
            x -= (x * math.exp(-a * x) - delta[-1]) / (math.exp(-a * x) * (1 - a * x))
        delta.append(x)
    delta = np.array(delta)
    both = np.stack([delta, delta], axis=1)
    A = np.full((2, 2), a)
    inside = attention(q, k, v, 1 / delta)
    assert np.allclose(s6(q, k, v, both, A), inside, rtol=1e-12)
    assert not np.allclose(s6(q, k, v, both, A * np.array([1, 1.1])), inside, rtol=1e-3)
    assert not np.allclose(s6(q, k, v, both * np.array([1, 1.1]), A), inside, rtol=1e-3)
    constant = np.full_like(both, 0.5)
    assert not np.allclose(
        s6(q, k, v, constant, A), attention(q, k, v, 1 / constant[:, 0]), rtol=1e-3
    )


@pytest.mark.parametrize(("turn", "equal"), [(0.0, True), (0.3, False)])
def test_points_inside_and_outside_for_the_delta_rule(turn, equal):
    rng = np.random.default_rng(1)
    keys = np.eye(4)[:3]
    keys[2] = [math.sin(turn), 0, math.cos(turn), 0]
    q, v = rng.normal(size=(3, 4)), rng.normal(size=(3, 2))
    S, out = np.zeros((4, 2)), []
    for i in range(3):
        S = S + np.outer(keys[i], v[i] - keys[i] @ S)
        out.append(q[i] @ S)
    assert np.allclose(out, attention(q, keys, v, np.ones(3))) is equal


@pytest.fixture(scope="module")
def s6_necessary():
    (branch,) = solved("s6", "normalised_attention").branches
    return branch.necessary


def forged(data, change):
    data = copy.deepcopy(data)
    change(data)
    with pytest.raises(Rejected):
        recheck(data)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["steps"].clear(),
        lambda d: d.update(steps=d["steps"][3:]),
        lambda d: d["steps"][-1].update(value=d["steps"][0]["value"]),
        lambda d: (
            d["steps"][2].update(index=[1] if d["steps"][2]["index"] else [])
            or (d["steps"].pop(2) and d["steps"][2].update(lag=0, time=0))
        ),
        lambda d: d["bound"].append("v"),
        lambda d: d["bound"].remove("A"),
        lambda d: d["steps"][0].update(monomial=[["q", [0], 0, 2]]),
        lambda d: d["steps"][-1].update(time=5),
    ],
)
def test_a_forged_derivation_is_rejected(s6_necessary, change):
    forged(s6_necessary, change)


@pytest.fixture(scope="module")
def orthogonal():
    (branch,) = solved("deltanet", "linear_attention", given=["beta = 1"], on=["k"]).branches
    return branch.necessary


def test_a_forged_relation_between_tokens_is_rejected(orthogonal):
    def wrong(data):
        for row in data["r"]["nodes"]:
            if row[0] == "input" and row[2] == "past.k[0]":
                row[2] = "past.k[1]"

    forged(orthogonal, wrong)
    forged(orthogonal, lambda d: d["bound"].clear())
    forged(orthogonal, lambda d: d["bound"].append("q"))


def test_a_relation_that_is_not_forced_is_rejected(orthogonal):
    """r² vanishes where r does, but the coefficients are no multiples of it."""

    def square(data):
        at = data["r"]["roots"]["r"]
        data["r"]["nodes"].append(["product", [], ",->", at, at])
        data["r"]["roots"]["r"] = len(data["r"]["nodes"]) - 1

    forged(orthogonal, square)


def test_bad_input_is_named():
    s6_layer, retnet = find("s6"), find("retnet")
    with pytest.raises(UnknownName, match="'kk'"):
        conditions(s6_layer, find("normalised_attention"), on=["kk"])
    with pytest.raises((LanguageError, NotAffine)):
        conditions(find("linear_attention_normalised"), retnet)


def test_the_command(capsys):
    assert run(["conditions", "s6", "normalised_attention"]) == 4
    out = capsys.readouterr().out
    assert "if and only if" in out
    assert "Delta before = Delta * exp(-A * Delta)" in out
    assert max(map(len, out.splitlines())) <= 80
    assert run(["conditions", "gla", "deltanet", "--on", "kk"]) == 2
