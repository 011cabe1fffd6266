"""Attempts to obtain a wrong verdict: each was accepted once, or ended in an unhandled error."""

import copy
import json

import pytest

from dsf_sym import (
    Const,
    Flag,
    Gate,
    Mat,
    Positive,
    Scalar,
    State,
    Vec,
    layer,
    outer,
    relu,
    sqrt,
)
from dsf_sym.caching import require_proof
from dsf_sym.certificates.certificate import header
from dsf_sym.certificates.checkers import recheck
from dsf_sym.deciding.contain import contains
from dsf_sym.deciding.decide import compare
from dsf_sym.deciding.minimal import minimal
from dsf_sym.deciding.originals import confirm
from dsf_sym.derivation.affine import affine_layer
from dsf_sym.errors import CertificateError, NotAffine, Rejected
from dsf_sym.language.functions import step
from dsf_sym.language.loading import catalogue
from dsf_sym.language.spec import serialise
from dsf_sym.language.tensor import lift
from dsf_sym.theory import solving
from dsf_sym.theory.conditions import conditions
from dsf_sym.verdict import Question, Verdict

CATALOGUE = catalogue()


@layer
def last(h: State, q: Scalar, x: Scalar):
    return x, q * h


@layer
def last_scaled(h: State, q: Scalar, x: Scalar):
    """`last` with x for 5 x and q for q / 5, a map that the search does not find."""
    return 5 * x, q * h / 5


@layer
def gated(h: State, f: Gate, q: Scalar, x: Scalar):
    return sqrt(1 - f) * h + x, q * h


@layer
def running(h: State, q: Scalar, x: Scalar):
    return h + x, q * h


@pytest.mark.parametrize("a", [last, gated], ids=lambda x: x.name)
def test_a_transition_that_can_be_zero_is_not_positive(a):
    assert contains(a, last_scaled).status != "refuted"


def test_a_ratio_is_not_refuted_by_the_transitions_of_affine_layers():
    @layer
    def ratio(h: State, z: State, q: Scalar, x: Scalar):
        return h + x, z + 1, q * h / (z + 1)

    refuted = contains(CATALOGUE["linear_attention"], CATALOGUE["scalar_gated"]).certificate
    data = header("obstruction", Question("ratio", "scalar_gated", sense="contains"), ratio, last)
    data = {**copy.deepcopy(refuted), **data}
    data |= {"layers": [ratio.spec, refuted["layers"][1]]}
    data |= {"hashes": [ratio.hash, refuted["hashes"][1]]}
    with pytest.raises(Rejected, match="ratio"):
        recheck(data)


@pytest.mark.parametrize("a", [gated, last, running], ids=lambda x: x.name)
def test_a_layer_without_state_breaks_no_obstruction(a):
    @layer
    def stateless(x: Scalar):
        return (x * x,)

    assert contains(a, stateless).status != "refuted"


def test_a_branch_on_weights_and_tokens_is_the_same_question_for_two_tokens():
    @layer
    def branching(h: State, x: Scalar, w: Const[Scalar], v: Scalar):
        return relu(x - w) * h + v, h

    assert contains(branching, gated).status in ("undecided", "refuted")


def test_containment_restricts_no_layer_of_the_same_name():
    @layer
    def same(h: State, a: Gate, x: Scalar):
        return a * h + x, h

    one = same

    @layer
    def same(h: State, a: Scalar, x: Scalar):
        return a * h + x, h

    assert contains(one, same).status not in ("proved", "conditional")
    assert contains(one, one).status == "proved"


def test_a_ratio_of_the_same_name_is_not_restricted():
    def build(gate):
        @layer
        def same(S: State["n"], z: State["n"], q: Positive["n"], k: Positive["n"], g: gate):
            S, z = S + k, z + k
            return S, z, (g * (q @ S)) / (q @ z)

        return same

    assert contains(build(Positive), build(Scalar)).status not in ("proved", "conditional")


def test_a_signal_set_apart_is_not_given_a_name_that_is_taken():
    @layer
    def a(h: State, x: Scalar, k: Mat["n", "n"], k_b: Vec["n"]):
        return h + x, h + k.sum() - k.sum() + k_b.sum() - k_b.sum()

    @layer
    def b(h: State, x: Scalar, k: Vec["n"], k_b: Vec["n"]):
        return h + x, h + (k - k_b).sum()

    assert compare(a, b).status == "refuted"


def test_a_definition_cannot_give_a_signal_the_name_of_an_entry():
    @layer
    def one(h: State, k: Vec["n"], z: Scalar):
        return h + z, h

    spec = json.loads(json.dumps(one.spec).replace('"z"', '"k[0]"'))
    data = header("closed subspace", Question("one", "one"), one, one)
    data["layers"] = [spec, spec]
    data |= {"sizes": {"n": 1}, "basis": [{"2": "1"}]}
    with pytest.raises(CertificateError, match="not the name of a signal"):
        recheck(data)


def test_denominators_repeated_along_different_sizes_are_different():
    @layer
    def two(z: State, x: Scalar, w: Positive, a: Vec["n"], c: Vec["m"]):
        z = z + w
        return z, x / (z + a).sum() + x / (z + c).sum()

    with pytest.raises(NotAffine, match="different denominators"):
        affine_layer(two.given(a=0, c=0))


def test_a_denominator_that_one_branch_makes_zero_is_not_zero_on_every_sequence():
    @layer
    def one(h: State, z: State, x: Scalar, k: Scalar):
        return h + x, z + relu(k), h / (z + relu(k))

    verdict = compare(one, one)
    assert verdict.status == "conditional" and verdict.conditions == ("z + relu(k) != 0",)


def test_a_future_without_tokens_is_no_functional_of_the_state():
    @layer
    def square(h: State, x: Scalar):
        return h + x, x * x

    assert minimal(square).found == 0
    data = minimal(square).certificate
    data = copy.deepcopy(data) | {"state": 1, "reduction": None}
    data["table"] |= {
        "pasts": [[{"x": ["1"]}], [{"x": ["2"]}]],
        "futures": [None, {"tokens": [], "output": 0}],
    }
    with pytest.raises(Rejected, match="no token"):
        recheck(data)


def test_a_basis_has_no_negative_powers():
    @layer(start={"h": "s"})
    def plain(h: State, s: Const[Scalar], c: Const[Positive]):
        return h, h + 0 * c

    @layer(start={"h": "s"})
    def times_c(h: State, s: Const[Scalar], c: Const[Positive]):
        return h, sqrt(c) * (sqrt(c) * h)

    one = [["1", {}]]
    data = header("closed subspace", Question("plain", "times_c"), plain, times_c)
    data["sizes"] = {}
    data["basis"] = [
        {
            "0": "1",
            "1": {"num": [["1", {"sqrt(c)": -2}]], "den": one},
            "2": {"num": one, "den": [["1", {"s": 1}]]},
        }
    ]
    with pytest.raises(Rejected, match="power"):
        recheck(data)
    assert compare(plain, times_c).status == "refuted"


@pytest.mark.parametrize("size", [0, -1])
def test_sizes_below_one_prove_nothing(size):
    retnet = CATALOGUE["retnet"]
    pair = (retnet, retnet.given(k=0 * retnet["k"]))
    data = header("closed subspace", Question("a", "b"), *pair)
    data |= {"sizes": {"n": size, "d": 1}, "basis": [{"0": "1"}]}
    with pytest.raises(Rejected, match="size n"):
        recheck(data)


def test_outputs_of_different_shapes_are_not_equal():
    @layer
    def short(h: State["n"], x: Vec["n"]):
        return h + x, 0 * h

    @layer
    def wide(h: State["n"], x: Vec["n"]):
        return h + x, 0 * outer(h, x)

    data = header("closed subspace", Question("short", "wide"), short, wide)
    basis = [{str(i): "1"} for i in range(5)]
    with pytest.raises(Rejected, match="different shapes"):
        recheck(data | {"sizes": {"n": 2}, "basis": basis})


def claimed(data, **claim):
    out = copy.deepcopy(data)
    out["claim"] |= claim
    return out


def test_a_difference_under_ties_is_no_refutation_of_containment():
    given = ["gated.f = 1 / 2"]
    data = compare(gated, last, given=given).certificate
    known = {"gated": gated, "last": last}
    confirm(data, known)
    with pytest.raises(Rejected, match="sense"):
        confirm(claimed(data, sense="contains"), known)


def test_equality_with_a_weight_tied_to_a_token_is_no_containment():
    @layer
    def weighted(h: State, w: Const[Scalar], x: Scalar):
        return w * h + x, h

    @layer
    def by_token(h: State, a: Scalar, x: Scalar):
        return a * h + x, h

    known = {"weighted": weighted, "by_token": by_token}
    data = compare(weighted, by_token, given=["weighted.w = a"]).certificate
    assert data is not None
    with pytest.raises(Rejected, match="sense"):
        confirm(claimed(data, sense="contains"), known)
    assert contains(weighted, by_token).status == "refuted"


def test_equality_on_a_part_of_the_smaller_layer_is_no_containment():
    @layer
    def constant_gate(h: State, f: Const[Gate], x: Scalar):
        return f * h + x, h

    @layer
    def token_gate(h: State, f: Gate, x: Scalar):
        return f * h + x, h

    verdict = compare(constant_gate, token_gate)
    assert verdict.status == "conditional"
    known = {"constant_gate": constant_gate, "token_gate": token_gate}
    confirm(verdict.certificate, known)
    with pytest.raises(Rejected, match="sense"):
        confirm(claimed(verdict.certificate, sense="contains"), known)


@pytest.mark.parametrize("edit", [{"given": ["scalar_gated.f = 1"]}, {"sense": "equal"}])
def test_an_obstruction_is_about_layers_as_they_are(edit):
    data = contains(CATALOGUE["linear_attention"], CATALOGUE["scalar_gated"]).certificate
    confirm(data, CATALOGUE)
    with pytest.raises(Rejected):
        confirm(claimed(data, **edit), CATALOGUE)


def test_a_smallest_state_is_claimed_as_nothing_else():
    data = minimal(CATALOGUE["gla"]).certificate
    confirm(data, CATALOGUE)
    with pytest.raises(Rejected, match="sense"):
        confirm(claimed(data, sense="equal"), CATALOGUE)


def test_equality_under_a_history_is_no_containment():
    @layer(carried="u")
    def before(h: State, u: Scalar, D: Positive):
        h = h + D * u
        return h, h

    @layer(carried="u")
    def after(h: State, u: Scalar, D: Positive):
        h = h + u
        return h, D * h

    (branch,) = conditions(before, after, on=["D"]).branches
    data, known = branch.verdict.certificate, {"before": before, "after": after}
    assert data["claim"]["where"] == ["D before = D"]
    confirm(data, known)
    with pytest.raises(Rejected, match="sense"):
        confirm(claimed(data, sense="contains"), known)


def test_what_equality_needs_is_no_proof_of_equality():
    a, b = CATALOGUE["gated_deltanet"], CATALOGUE["deltanet"]
    (branch,) = conditions(a, b).branches
    data = branch.necessary
    verdict = Verdict(Question(a.name, b.name), "proved", "", data["sizes"], certificate=data)
    with pytest.raises(Rejected, match="kind"):
        require_proof(verdict, a, b, "equal")
    with pytest.raises(Rejected, match="sense"):
        confirm(claimed(data, sense="contains"), CATALOGUE)


def test_a_basis_is_not_divided_by_a_number_that_is_zero_or_one():
    @layer(start={"h": "f"})
    def set_to_one(h: State, f: Const[Flag], x: Scalar):
        return f * h + 1 - f, x * h

    @layer
    def flagged(f: Const[Flag], x: Scalar):
        return (x * f,)

    assert compare(set_to_one, flagged).status == "refuted"
    data = header("closed subspace", Question("set_to_one", "flagged"), set_to_one, flagged)
    entry = {"num": [["1", {"f": 1}]], "den": [["1", {"f": 2}]]}
    with pytest.raises(Rejected, match="finitely many values"):
        recheck(data | {"sizes": {}, "basis": [{"0": "1", "1": entry}]})


@layer
def two_states(h: State, g: State, c: Scalar, e: Scalar, x: Scalar, z: Scalar, q: Scalar):
    return h + (c + 1) * h + g + x, g + h + (e + 1) * g + z, q * (h + g)


def joined(h, m, n, f, rest, c, e):
    """Beside the two states one that a factor f joins to them; f and rest are not both there."""
    return (
        h + 2 * f * h + m + n,
        m + f * h + (rest * c + 1) * m + n,
        n + f * h + m + (rest * e + 1) * n,
    )


@layer
def by_flag(
    h: State, m: State, n: State, f: Const[Flag], c: Scalar, e: Scalar, x: Scalar, z: Scalar,
    q: Scalar,
):  # fmt: skip
    h, new_m, new_n = joined(h, m, n, f, 1 - f, c, e)
    return h, new_m + x, new_n + z, q * (m + n)


@layer
def by_root(
    h: State, m: State, n: State, k: Scalar, c: Scalar, e: Scalar, x: Scalar, z: Scalar, q: Scalar
):
    root = sqrt(k * k)
    h, new_m, new_n = joined(h, m, n, root - k, root + k, c, e)
    return h, new_m + x, new_n + z, q * (m + n)


@pytest.mark.parametrize(("a", "tie"), [(by_flag, "f = 0"), (by_root, "k = 1 / 2")])
def test_a_rank_is_that_of_every_value_of_a_flag_and_a_root(a, tie):
    assert compare(a, two_states, given=[f"{a.name}.{tie}"]).status == "proved"
    assert contains(a, two_states).status != "refuted"


def test_more_ways_to_be_equal_than_are_followed_are_not_none(monkeypatch):
    monkeypatch.setattr(solving, "MOST_BRANCHES", 2)

    @layer(carried="u")
    def weighted(h: State, u: Scalar, w: Const[Scalar]):
        return h + u, w * h

    @layer(carried="u")
    def nothing(h: State, u: Scalar):
        return h + u, 0 * h

    factors = {f"w{i}": Const[Scalar] for i in range(3)}
    product = weighted.given(w=" * ".join(factors), name="product", **factors)
    assert compare(product, nothing, given=["product.w0 = 0"]).status == "proved"
    assert conditions(product, nothing).status != "refuted"


def test_what_the_first_token_needs_is_not_needed_at_every_token():
    def build(name, first):
        @layer
        def made(h: State, z: State, v: Scalar, p: Positive):
            h = h + v + first(p) * (1 - z)
            return h, 0 * z + 1, h

        return made.given(name=name)

    a, b = build("a", lambda p: p), build("b", lambda p: 1 + 0 * p)
    assert compare(a, b, given=["p = 1"]).status == "proved"
    data = header("necessary", Question("a", "b"), a, b)
    row = {"lag": 0, "output": [], "input": [], "monomial": [], "signal": "p", "index": []}
    row |= {"time": 0, "older": False, "value": serialise({"value": lift(1)})}
    with pytest.raises(Rejected, match="without an input"):
        recheck(data | {"sizes": {}, "bound": ["p"], "steps": [row]})


def test_a_step_is_never_at_the_zero_of_a_denominator():
    @layer
    def stepping(h: State, g: Gate, x: Scalar):
        return g * h + x, step(1 / (g + 1)) * h

    @layer
    def falling(h: State, g: Gate, x: Scalar):
        return g * h + x, step(1 / (2 - g) - 1) * h

    @layer
    def plain(h: State, g: Gate, x: Scalar):
        return g * h + x, h

    assert compare(stepping, plain).status == "proved"
    assert compare(falling, plain).status == "refuted"
