"""Attempts to obtain a wrong verdict: each was accepted once, or ended in an unhandled error."""

import copy
import json

import pytest

from dsf_sym import (
    Const,
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
from dsf_sym.certificates.certificate import header
from dsf_sym.certificates.checkers import recheck
from dsf_sym.deciding.contain import contains
from dsf_sym.deciding.decide import compare
from dsf_sym.deciding.minimal import minimal
from dsf_sym.deciding.originals import confirm
from dsf_sym.derivation.affine import affine_layer
from dsf_sym.errors import CertificateError, NotAffine, Rejected
from dsf_sym.language.loading import catalogue
from dsf_sym.verdict import Question

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


# --- obstructions ---------------------------------------------------------------------------------


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


# --- names ----------------------------------------------------------------------------------------


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


# --- ratios ---------------------------------------------------------------------------------------


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


# --- certificates that claim too much -------------------------------------------------------------


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


# --- the sense of a claim -------------------------------------------------------------------------


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
