"""When layers agree on a few given tokens: the ways, checked, with points inside and outside."""

import copy

import numpy as np
import pytest

from dsf_sym import Gate, Positive, State, Vec, find, layer, outer, recheck
from dsf_sym.cli import run
from dsf_sym.errors import CertificateError, LanguageError, Rejected
from dsf_sym.theory.conditions import conditions
from dsf_sym.theory.procedures import under_conditions

ON_THREE = {
    ("k_0 · k_1 = 0", "k_0 · k_2 = 0", "k_1 · k_2 = 0"),
    ("k_0 · k_1 = 0", "k_2 · q_2 = 0"),
    ("k_1 · q_1 = 0", "k_2 · q_2 = 0", "k_1 · q_2 = 0"),
    ("k_1 · q_1 = 0", "k_1 · k_2 = 0", "(k_0 · k_1)(k_1 · q_2) + (k_0 · k_2)(k_2 · q_2) = 0"),
}


def ways(a, b, length, given=()):
    found = conditions(find(a), find(b), given=given, length=length)
    assert found.length == length
    if found.certificate is not None:
        assert recheck(found.certificate)
    return found, {x.relations for x in found.branches}


@pytest.fixture(scope="module")
def three():
    return ways("deltanet", "linear_attention", 3, ["beta = 1"])


def test_the_conditions_branch_with_the_lag(three):
    found, relations = three
    assert (found.status, {x.sense for x in found.branches}) == ("conditional", {"iff"})
    assert {tuple(sorted(x)) for x in relations} == {tuple(sorted(x)) for x in ON_THREE}
    assert all(x.verdict.sizes is None for x in found.branches)


@pytest.mark.parametrize(
    ("a", "b", "given"),
    [
        ("deltanet", "linear_attention", ["beta = 1"]),
        ("gated_deltanet", "scalar_gated", ["beta = 1"]),
        ("gated_deltanet", "gla", ["beta = 1"]),
    ],
)
def test_lag_one_is_a_product_of_two_scalar_products(a, b, given):
    _, relations = ways(a, b, 2, given)
    assert relations == {("k_0 · k_1 = 0",), ("k_1 · q_1 = 0",)}


def test_gates_and_weights_may_be_tied_too():
    _, relations = ways("gated_deltanet", "deltanet", 2)
    assert ("alpha_1 = 1",) in relations
    assert len(relations) == 2


def test_one_token_sees_no_transition():
    found, relations = ways("gated_deltanet", "deltanet", 1)
    assert (found.status, relations) == ("proved", {()})


def delta_rule(q, k, v):
    S, out = np.zeros((k.shape[1], v.shape[1])), []
    for i in range(len(q)):
        S = S + np.outer(k[i], v[i] - k[i] @ S)
        out.append(q[i] @ S)
    return np.array(out)


def attention(q, k, v):
    return np.array([(q[i] @ k[: i + 1].T) @ v[: i + 1] for i in range(len(q))])


def without(x, *directions):
    """The part of x that is orthogonal to the directions."""
    basis = np.linalg.qr(np.array(directions).T)[0]
    return x - basis @ (basis.T @ x)


def unit(x):
    return x / np.linalg.norm(x)


def inside(way, rng):
    q, k, v = rng.normal(size=(3, 5)), rng.normal(size=(3, 5)), rng.normal(size=(3, 2))
    k = np.array([unit(x) for x in k])
    if way == 0:
        k = np.linalg.qr(k.T)[0].T
    if way == 1:
        k[1] = unit(without(k[1], k[0]))
        q[2] = without(q[2], k[2])
    if way == 2:
        q[1] = without(q[1], k[1])
        q[2] = without(q[2], k[1], k[2])
    if way == 3:
        q[1] = without(q[1], k[1])
        k[2] = unit(without(k[2], k[1]))
        q[2] = without(q[2], (k[0] @ k[1]) * k[1] + (k[0] @ k[2]) * k[2])
    return q, k, v


@pytest.mark.parametrize("way", range(4))
def test_points_on_each_way_and_beside_it(way):
    rng = np.random.default_rng(way)
    q, k, v = inside(way, rng)
    assert np.allclose(delta_rule(q, k, v), attention(q, k, v), rtol=1e-12)
    q[2] = q[2] + 0.1 * k[2]
    q[1] = q[1] + 0.1 * k[1]
    if way == 0:
        k[1] = unit(k[1] + 0.1 * k[0])
    assert not np.allclose(delta_rule(q, k, v), attention(q, k, v), rtol=1e-4)


def _without_a_branch(data):
    data["branches"].pop()


def _with_a_wider_branch(data):
    data["branches"][0] = data["branches"][0][:1]


def _with_a_narrower_branch(data):
    data["branches"][0] = [*data["branches"][0], data["branches"][1][0], data["branches"][1][-1]]


def _with_a_factor_less(data):
    data["cases"]["factors"].pop()


def _with_an_equation_that_may_vanish(data):
    data["cases"]["rest"] = data["cases"]["factors"].pop()["factor"]


def _about_more_tokens(data):
    data["length"] = data["claim"]["lengths"] = 4


def _about_all_lengths(data):
    data["claim"]["lengths"] = "all"


def _in_another_sense(data):
    data["claim"]["sense"] = "equal"


def _with_an_empty_branch(data):
    data["branches"][0] = [[["1", []]]]


@pytest.mark.parametrize(
    "change",
    [
        _without_a_branch,
        _with_a_wider_branch,
        _with_a_narrower_branch,
        _with_a_factor_less,
        _with_an_equation_that_may_vanish,
        _about_more_tokens,
        _about_all_lengths,
        _in_another_sense,
        _with_an_empty_branch,
    ],
)
def test_a_forged_tree_of_cases_is_rejected(three, change):
    data = copy.deepcopy(three[0].certificate)
    change(data)
    with pytest.raises((Rejected, CertificateError)):
        recheck(data)


def rows(point, name):
    return np.array([[float(x) for x in token[name]] for token in point.tokens])


@pytest.mark.parametrize("way", range(4))
def test_every_way_carries_a_point_on_it_and_on_no_other(three, way):
    point = three[0].branches[way].point
    assert point.alone
    q, k = rows(point, "q"), rows(point, "k")
    assert np.any(q, axis=1).all()
    assert np.any(k, axis=1).all()
    v = np.random.default_rng(way).normal(size=(3, 2))
    assert np.allclose(delta_rule(q, k, v), attention(q, k, v), rtol=1e-12)


def test_beside_the_ways_the_layers_differ_at_a_point(three):
    beside = three[0].beside
    q, k, v = (
        np.array([[float(x) for x in token[name]] for token in beside.witness.tokens])
        for name in "qkv"
    )
    assert beside.status == "refuted"
    assert not np.allclose(delta_rule(q, k, v), attention(q, k, v))


def _of_another_way(data, others):
    data["relations"] = others[1].point.certificate["relations"]


def _off_the_way(data, _):
    data["tokens"][0]["k"][0] = "7"


def _without_relations_where_the_outputs_differ(data, _):
    data["relations"] = []
    data["tokens"][0]["k"][0] = "7"


def _with_a_token_less(data, _):
    data["tokens"].pop()


def _with_a_power_that_is_none(data, _):
    data["relations"] = [[["0", [[data["relations"][0][0][1][0][0], -1]]]]]


def _of_too_many_tokens(data, _):
    data["length"] = data["claim"]["lengths"] = 10**9
    data["tokens"] *= 2


def _of_another_sense(data, _):
    data["claim"]["sense"] = "equal"


def _of_all_lengths(data, _):
    data["claim"]["lengths"] = "all"


@pytest.mark.parametrize(
    "change",
    [
        _of_another_way,
        _off_the_way,
        _without_relations_where_the_outputs_differ,
        _with_a_token_less,
        _with_a_power_that_is_none,
        _of_too_many_tokens,
        _of_another_sense,
        _of_all_lengths,
    ],
)
def test_a_forged_point_is_rejected(three, change):
    data = copy.deepcopy(three[0].branches[0].point.certificate)
    assert recheck(data)
    change(data, three[0].branches)
    with pytest.raises((Rejected, CertificateError)):
        recheck(data)


def test_a_claim_of_other_ways_is_not_settled():
    def claimed(*are):
        return under_conditions(
            "deltanet", "linear_attention", given=["beta = 1"], length=2, are=are
        ).status

    assert claimed(["k_0 · k_1 = 0"], ["k_1 · q_1 = 0"]) == "conditional"
    assert claimed(["k_0 · k_1 = 0"]) == "undecided"
    assert claimed(["k_0 · k_1 = 0", "k_1 · q_1 = 0"]) == "undecided"


@layer
def kept(S: State["n", "d"], k: Vec["n"], q: Vec["n"], v: Vec["d"], alpha: Gate, x: Positive):
    """Linear attention with a gate and a factor of the key."""
    S = alpha * S + outer(x * k, v)
    return S, q @ S


@layer
def twice(S: State["n", "d"], k: Vec["n"], q: Vec["n"], v: Vec["d"], alpha: Gate, x: Positive):
    """The same with a key that is larger for every gate and factor."""
    S = alpha * S + outer((1 + x + alpha) * k, v)
    return S, q @ S


def test_a_factor_that_cannot_vanish_makes_no_way():
    found = conditions(kept, twice, length=1)
    assert [x.relations for x in found.branches] == [("k_0 · q_0 = 0",)]
    assert recheck(found.certificate)


@layer
def squared(S: State["n", "d"], k: Vec["n"], q: Vec["n"], v: Vec["d"], x: Positive):
    """Linear attention with the square of a factor of the key."""
    S = S + outer(x * x * k, v)
    return S, q @ S


@layer
def doubled(S: State["n", "d"], k: Vec["n"], q: Vec["n"], v: Vec["d"], x: Positive):
    """The same with the factor 2."""
    S = S + outer(2 * k, v)
    return S, q @ S


def test_a_way_without_rational_points_carries_none():
    found = conditions(squared, doubled, length=1)
    points = {x.relations: x.point for x in found.branches}
    assert points["x_0**2 - 2 = 0",] is None
    assert points["k_0 · q_0 = 0",].alone
    assert recheck(found.certificate)


def test_a_point_outside_its_domain_is_rejected():
    data = conditions(kept, twice, length=1).branches[0].point.certificate
    data["tokens"][0]["alpha"] = ["2"]
    with pytest.raises(Rejected, match=r"token 0: alpha = 2 is outside"):
        recheck(data)


def test_a_point_may_have_functions_that_are_not_rational():
    found = conditions(find("s6"), find("gla"), length=2)
    (branch,) = found.branches
    assert "exp" in str(branch.relations)
    assert branch.point is not None
    assert recheck(found.certificate)


def test_channels_are_each_on_their_own():
    found, relations = ways("s6", "normalised_attention", 1)
    assert relations == {("D[d] + Delta_0[d] (k_0 · q_0) - 1/eta_0 (k_0 · q_0) = 0",)}
    assert "at each entry on its own" in found.branches[0].verdict.proof


@pytest.mark.parametrize(("off", "equal"), [(0.0, True), (0.1, False)])
def test_points_inside_and_outside_for_the_channels(off, equal):
    rng = np.random.default_rng(5)
    q, k, v = rng.normal(size=3), rng.normal(size=3), rng.normal(size=2)
    delta, eta = rng.uniform(0.5, 1, 2), 0.7
    D = (k @ q) / eta - delta * (k @ q) + off
    assert np.allclose(np.outer(delta * v, k) @ q + D * v, (k @ q) * v / eta) is equal


def test_what_has_no_step_is_undecided():
    found = conditions(find("softmax_attention"), find("linear_attention"), length=2)
    assert found.status == "undecided"
    assert found.branches[0].verdict.remains


def test_bad_lengths_are_named(capsys):
    deltanet, linear = find("deltanet"), find("linear_attention")
    with pytest.raises(LanguageError, match="1 to 4"):
        conditions(deltanet, linear, length=5)
    with pytest.raises(LanguageError, match="every signal"):
        conditions(deltanet, linear, length=2, on=["k"])
    assert run(["conditions", "deltanet", "linear_attention", "--length", "0"]) == 2
    capsys.readouterr()


def test_the_command_says_the_ways_and_its_certificate_is_accepted(capsys, tmp_path):
    path = tmp_path / "ways.json"
    line = ["conditions", "gated_deltanet", "gla", "--given", "beta = 1", "--length", "2"]
    assert run([*line, "--certificate", str(path)]) == 4
    out = capsys.readouterr().out
    assert "on 2 tokens" in out
    assert "if and only if\n  k_0 · k_1 = 0" in out
    assert "or\n  k_1 · q_1 = 0" in out
    assert "point    token 0  q=(" in out
    assert "else they differ, as at n=2, d=2, on\n  token 0  q=(" in out
    assert run(["recheck", str(path)]) == 0
    assert "sense   iff" in capsys.readouterr().out


def test_a_claim_of_several_ways_says_them_all():
    ties = {"given": ["beta = 1"], "length": 2, "are": [["k_0 · k_1 = 0"], ["k_1 · q_1 = 0"]]}
    verdict = under_conditions("deltanet", "linear_attention", **ties)
    assert verdict.conditions == ("k_0 · k_1 = 0; or k_1 · q_1 = 0",)
