"""When layers are equal: conditions found, both directions checked, points on both sides."""

import copy
import json
import math

import numpy as np
import pytest
from scipy.special import lambertw

from dsf_sym import (
    Const,
    Gate,
    Negative,
    Positive,
    Real,
    Scalar,
    State,
    Vec,
    exp,
    find,
    layer,
    outer,
    recheck,
    sigmoid,
)
from dsf_sym.cli import run
from dsf_sym.errors import DomainError, LanguageError, NotAffine, Rejected, UnknownName
from dsf_sym.language.spec import serialise
from dsf_sym.language.tensor import Input
from dsf_sym.theory.conditions import conditions
from dsf_sym.theory.growth import bounded_where


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


@layer
def either_sign(
    S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], Delta: Positive, A: Const[Real]
):
    """SSD without a skip, with a rate of any sign."""
    S = exp(Delta * A) * S + outer(Delta * k, v)
    return S, q @ S


@pytest.fixture(scope="module")
def of_either_sign():
    return solved(either_sign, "normalised_attention")


def test_every_branch_of_lambert_w_is_said_with_its_domain(of_either_sign):
    (branch,) = of_either_sign.branches
    assert branch.sense == "iff"
    assert branch.solved == (
        "1/eta = -LambertW(-A/eta_before)/A where A < 0",
        "1/eta = 1/eta_before where A = 0",
        "1/eta = -LambertW(-A/eta_before)/A where A > 0 and 1/eta_before <= exp(-1)/A, "
        "and at most 1/A",
        "1/eta = -LambertW(-A/eta_before, -1)/A where A > 0 and 1/eta_before <= exp(-1)/A, "
        "and at least 1/A",
    )


@layer
def scaled(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], x: Positive, w: Positive):
    """Linear attention on x q and w k."""
    S = S + outer(w * k, v)
    return S, (x * q) @ S


def test_a_gauge_that_carries_history_is_found_with_where_it_is_bounded():
    found = solved("ssd", scaled, given=["w = Delta / x"])
    sense, relations = only(found)
    assert (sense, set(relations)) == ("iff", {"D = 0", "x before = x * exp(-A * Delta)"})
    (branch,) = found.branches
    assert branch.solved == ("x = x_before*exp(A*Delta)",)
    (growth,) = branch.growths
    assert growth.conditions == ("1/x exactly where the sum of -A*Delta over all tokens is",)
    assert "is bounded exactly where" in recheck(growth.certificate)

    def doubled(data):
        nodes, at = data["sum"]["nodes"], data["sum"]["roots"]["sum"]
        nodes.append(["add", [], at, at])
        data["sum"]["roots"]["sum"] = len(nodes) - 1

    forged(growth.certificate, doubled)
    forged(growth.certificate, lambda data: data["sum"]["roots"].update(sum=0))


def test_what_is_bounded_with_a_sum_is_no_other_layer():
    @layer
    def factor(T: State, Delta: Positive):
        return T + Delta, exp(T + Delta)

    @layer
    def shrinking(T: State, Delta: Positive):
        return T / 2 + Delta, exp(T / 2 + Delta)

    data = bounded_where(factor, "Delta").certificate
    for which, why in ((shrinking, "an output is not"), (scaled, "is no number")):
        with pytest.raises(Rejected, match=why):
            recheck(data | {"layers": [which.spec], "hashes": [which.hash]})
    # A sum that may fall may be bounded where its largest part is not.
    assert bounded_where(factor, "-Delta").status == "undecided"
    with pytest.raises(Rejected, match="is shown to lie in"):
        recheck(data | {"sum": serialise({"sum": -Input("Delta", ())})})


@layer
def power(h: State["d"], v: Vec["d"], u: Vec["d"], a: Const[Positive]):
    """A power of the reversed sigmoid."""
    h = sigmoid(-u) ** a * h + v
    return h, h


@layer
def affine(h: State["d"], v: Vec["d"], u: Vec["d"], w: Const[Scalar], b: Const[Scalar]):
    """A sigmoid of an affine function."""
    h = sigmoid(w * u + b) * h + v
    return h, h


@pytest.fixture(scope="module")
def gates():
    return solved(power, affine, sizes={"d": 1})


def test_a_free_signal_inside_a_function_is_expanded_in(gates):
    assert only(gates) == ("iff", ("a = 1", "w = -1", "b = 0"))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["steps"][0].update(order=2),
        lambda d: d["steps"][0].update(log=False),
        lambda d: d["steps"][1]["in"].__setitem__(2, 0),
        lambda d: d["steps"].pop(0),
        lambda d: d["steps"][-1].update(value=d["steps"][0]["value"]),
        lambda d: d["claim"].update(sense="equal"),
    ],
)
def test_a_forged_expansion_is_rejected(gates, change):
    forged(gates.branches[0].necessary, change)


def test_weights_may_agree_along_one_axis_only():
    sense, relations = only(solved("gla", "s6"))
    assert (sense, set(relations)) == (
        "iff",
        {"A is the same along d", "alpha = exp(A)", "Delta = 1", "D = 0"},
    )


@pytest.mark.parametrize(("a", "b"), [("hgrn2", "rg_lru"), ("gla", "ssd"), ("s6", "ssd")])
def test_scalar_cases_are_proved_in_both_directions(a, b):
    layers = [find(a), find(b)]
    sizes = dict.fromkeys((n for x in layers for n in x.sizes), 1)
    assert only(solved(*layers, sizes=sizes))[0] == "iff"


def test_relations_that_no_token_satisfies_are_a_contradiction():
    @layer
    def halved(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], g: Gate):
        S = S + outer(g * k, v)
        return S, (q @ S) / 2

    found = solved(halved, "linear_attention")
    assert (found.status, found.branches) == ("refuted", ())

    def inside(data):
        (at,) = [i for i, row in enumerate(data["never"]["value"]["nodes"]) if row[0] == "number"]
        data["never"]["value"]["nodes"][at][2] = "1/2"

    forged(found.never, inside)
    forged(found.never, lambda d: d["claim"].update(sense="only if"))


def test_contradictory_assumptions_are_refused():
    a, b = find("gated_deltanet"), find("deltanet")
    with pytest.raises(LanguageError, match="has a value already"):
        conditions(a, b, given=["alpha = 1", "alpha = 1/2"])
    with pytest.raises(DomainError, match="must lie in"):
        conditions(a, b, given=["alpha = 2"])
    for circle in (["alpha = 1 - alpha"], ["alpha = beta", "beta = alpha / 2"]):
        with pytest.raises(LanguageError, match="given by itself"):
            conditions(a, b, given=circle)


def test_a_tie_may_read_a_signal_that_another_tie_gives():
    gated, delta = find("gated_deltanet"), find("deltanet")
    assert conditions(gated, delta, given=["alpha = beta", "beta = 1"]).status == "proved"
    assert conditions(gated, delta, given=["alpha = beta", "beta = 1/2"]).status == "refuted"


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


@pytest.mark.parametrize(("branch", "length"), [(0, 4), (-1, 2)])
def test_points_on_both_real_branches_and_beside_them(branch, length):
    """With A > 0 the next step is at most or at least 1/A; past 1/(e A) there is none."""
    rng, A, delta = np.random.default_rng(2), 0.8, [0.2]
    q, k, v = (rng.normal(size=(length, 2)) for _ in range(3))
    for _ in range(length - 1):
        delta.append(-lambertw(-A * delta[-1], branch).real / A)
        assert (delta[-1] <= 1 / A) == (branch == 0)

    def gap(delta):
        steps = np.stack([delta, delta], axis=1)
        left = s6(q, k, v, steps, np.full((2, 2), A))
        return np.abs(left - attention(q, k, v, 1 / delta)).max()

    assert gap(np.array(delta)) < 1e-12
    assert gap(np.array(delta) * np.linspace(1, 1.2, length)) > 1e-3
    assert lambertw(-math.exp(-1) - 1e-3, branch).imag != 0


def test_points_inside_and_outside_for_the_gates():
    u = np.random.default_rng(3).normal(size=1000)

    def gap(a, w, b):
        return np.abs((1 + np.exp(u)) ** -a - 1 / (1 + np.exp(-(w * u + b)))).max()

    assert gap(1, -1, 0) < 1e-15
    # At a = 2 the affine argument with the value and the slope at 0 still differs.
    assert gap(2, -4 / 3, -math.log(3)) > 1e-3
    assert min(gap(1.1, -1, 0), gap(1, -1.1, 0), gap(1, -1, 0.1)) > 1e-3


def test_points_inside_and_outside_for_the_factors_of_history():
    rng, length, A = np.random.default_rng(4), 6, -0.7
    q, k, v = (rng.normal(size=(length, 2)) for _ in range(3))
    delta = rng.uniform(0.1, 1, length)
    wanted = s6(q, k, v, np.stack([delta, delta], axis=1), np.full((2, 2), A))

    def gap(x):
        queries, keys = x[:, None] * q, (delta / x)[:, None] * k
        return np.abs(attention(queries, keys, v, np.ones(length)) - wanted).max()

    x = np.exp(A * np.cumsum(delta))
    assert gap(x) < 1e-12
    assert gap(x * np.linspace(1, 1.1, length)) > 1e-3


def test_the_factor_of_the_keys_is_bounded_with_the_sum_of_the_steps():
    i, A = np.arange(1, 10**5), -0.7
    assert np.exp(-A * np.sum(1 / i**2)) < np.exp(-A * math.pi**2 / 6)
    assert np.exp(-A * np.sum(1 / i)) > 1000


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
def for_all_sizes():
    (branch,) = solved("deltanet", "linear_attention", given=["beta = 1"], on=["k"]).branches
    return branch.necessary


@pytest.fixture(scope="module", params=["all sizes", "n=2, d=2"])
def orthogonal(request, for_all_sizes):
    """The certificate in index terms, and the one over entries at sizes."""
    if request.param == "all sizes":
        return for_all_sizes
    k = [Input(f"{time}k[{i}]", ()) for i in range(2) for time in ("past.", "")]
    relation = serialise({"r": k[0] * k[1] + k[2] * k[3]})
    return {**for_all_sizes, "sizes": {"n": 2, "d": 2}, "r": relation}


def test_a_relation_between_tokens_is_proved_for_all_sizes_and_at_some(orthogonal):
    assert "iff" in recheck(orthogonal)


def test_a_forged_relation_between_tokens_is_rejected(orthogonal):
    def wrong(data):
        for row in data["r"]["nodes"]:
            if row[0] == "input" and row[2] in ("past.k", "past.k[0]"):
                row[2] = {"past.k": "k", "past.k[0]": "past.k[1]"}[row[2]]

    forged(orthogonal, wrong)
    forged(orthogonal, lambda d: d["bound"].clear())
    forged(orthogonal, lambda d: d["bound"].append("q"))
    forged(orthogonal, lambda d: d["claim"].update(sense="equal"))


def test_a_tie_that_shapes_force_is_among_the_conditions():
    found = conditions(find("gated_deltanet"), find("gla"), given=["beta = 1"], on=["k"])
    (branch,) = found.branches
    assert "gla.alpha is gated_deltanet's alpha, repeated" in branch.verdict.conditions
    assert branch.verdict.conditions[-1] == "k_j · k_i = 0 for all j < i"


def test_what_is_not_linear_in_the_state_is_rejected():
    """The sum over past tokens needs steps that are linear in the state."""

    @layer
    def curved(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
        read = k @ S
        S = S + outer(k, v - read * read * read)
        return S, q @ S

    found = conditions(find("deltanet"), find("linear_attention"), given=["beta = 1"], on=["k"])
    data = copy.deepcopy(found.branches[0].necessary)
    data["layers"][0], data["hashes"][0] = curved.spec, curved.hash
    with pytest.raises(Rejected, match="curved"):
        recheck(data)


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


@pytest.mark.parametrize(
    ("line", "sense"),
    [
        (["s6", "normalised_attention"], "equal"),
        (["deltanet", "linear_attention", "--given", "beta = 1", "--on", "k"], "iff"),
        (["linear_attention", "ssd"], "never"),
    ],
)
def test_a_written_certificate_is_accepted_and_says_its_sense(capsys, tmp_path, line, sense):
    path = str(tmp_path / "found.json")
    assert run(["conditions", *line, "--certificate", path]) in (1, 4)
    assert run(["recheck", path]) == 0
    out = capsys.readouterr().out
    assert f"sense   {sense}: " in out
    assert "the definitions are those of the catalogue" in out


def test_a_claim_of_other_relations_is_rejected(tmp_path, capsys):
    path = tmp_path / "found.json"
    assert run(["conditions", "gla", "ssd", "--certificate", str(path)]) == 4
    data = json.loads(path.read_text())
    data["claim"]["relations"]["ties"]["Delta"] = "2"
    path.write_text(json.dumps(data))
    assert run(["recheck", str(path)]) == 1
    data["claim"]["relations"] = {"ties": 1}
    path.write_text(json.dumps(data))
    assert run(["recheck", str(path)]) in (1, 2)
    capsys.readouterr()


def test_the_command(capsys):
    assert run(["conditions", "s6", "normalised_attention"]) == 4
    out = capsys.readouterr().out
    assert "if and only if" in out
    assert "Delta before = Delta * exp(-A * Delta)" in out
    assert max(map(len, out.splitlines())) <= 80
    assert run(["conditions", "gla", "deltanet", "--on", "kk"]) == 2


def test_a_value_may_narrow_the_domain_of_what_it_reads():
    found = solved("mingru", "qlstm", given=["o = 1"])
    assert only(found) == ("iff", ("f = 1 - g", "g in (0, 1)"))
    (branch,) = found.branches
    assert branch.verdict.certificate["claim"]["relations"]["inside"] == {"g": "(0, 1)"}


def test_a_relation_between_tokens_may_hold_in_every_entry():
    sense, relations = only(solved("mingru", "qlstm", given=["g = 1"]))
    assert (sense, set(relations)) == ("if", {"f = 1 - o", "o in (0, 1)", "o before = o"})


@pytest.mark.parametrize(("off", "equal"), [(0.0, True), (0.05, False)])
def test_points_inside_and_outside_for_the_gates_of_recurrent_networks(off, equal):
    rng = np.random.default_rng(6)
    g, v = rng.uniform(0.1, 0.9, (6, 2)), rng.normal(size=(6, 2))
    h, x, outputs = np.zeros(2), np.zeros(2), []
    for i in range(6):
        f = 1 - g[i] + off
        h, x = f * h + (1 - f) * v[i], f * x + g[i] * v[i]
        outputs.append(h - x)
    assert np.allclose(outputs, 0) is equal


@pytest.mark.parametrize(
    "are",
    [
        ["Delta = 1/eta", "D = 0", "eta before = eta * exp(-A / eta)"],
        ["Delta = eta", "D = 0", "eta before = eta * exp(A / eta)"],
        ["Delta = 1/eta", "eta before = eta * exp(A / eta)"],
        ["Delta = 1/eta", "D = 0", "eta before = eta"],
        ["Delta = 1/eta", "D = 0"],
    ],
)
def test_mutations_of_true_conditions_do_not_stay_true(of_ssd, are):
    assert {frozenset(x.relations) for x in of_ssd.branches} != {frozenset(are)}


@pytest.fixture(scope="module")
def of_ssd():
    found = solved("ssd", "normalised_attention")
    wanted = ("Delta = 1/eta", "D = 0", "eta before = eta * exp(A / eta)")
    assert only(found) == ("iff", wanted)
    return found


@pytest.mark.parametrize("change", ["write", "decay", "skip"])
def test_mutations_of_a_layer_do_not_keep_its_conditions(change, of_ssd):
    """A key without its step, a step twice in the decay, and an output without its skip."""

    @layer
    def mutant(
        S: State["n", "d"],
        q: Vec["n"],
        k: Vec["n"],
        v: Vec["d"],
        Delta: Positive,
        A: Const[Negative],
        D: Const[Scalar],
    ):
        twice = 2 if change == "decay" else 1
        S = exp(twice * Delta * A) * S + outer(k if change == "write" else Delta * k, v)
        return S, q @ S + (v if change == "skip" else D * v)

    found = solved(mutant, "normalised_attention")
    assert {x.relations for x in found.branches} != {x.relations for x in of_ssd.branches}


def test_a_square_root_is_solved_for_with_its_sign():
    found = solved("qlstm", "rg_lru", sizes={"d": 1})
    assert only(found) == ("iff", ("o = sqrt(1 - f**2)", "f in (0, 1)", "f before = f"))


@pytest.mark.parametrize(("off", "moves", "equal"), [(0, 0, True), (0.05, 0, False), (0, 1, False)])
def test_points_inside_and_outside_for_the_square_root(off, moves, equal):
    rng = np.random.default_rng(7)
    g, v = rng.uniform(0.1, 0.9, 5), rng.normal(size=5)
    f = 0.6 + 0.05 * moves * np.arange(5)
    h, x, outputs = 0.0, 0.0, []
    for i in range(5):
        h, x = f[i] * h + g[i] * v[i], f[i] * x + np.sqrt(1 - f[i] ** 2) * g[i] * v[i]
        outputs.append((np.sqrt(1 - f[i] ** 2) + off) * h - x)
    assert np.allclose(outputs, 0) is equal
