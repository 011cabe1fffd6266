"""Ratios of readouts: the product theorem, its bound, and denominators that vanish."""

from fractions import Fraction

import pytest

from dsf_sym import Positive, Scalar, State, Vec, layer, outer
from dsf_sym.automata.automaton import Automaton
from dsf_sym.automata.product import Frame
from dsf_sym.certificates.checkers import recheck
from dsf_sym.deciding.decide import compare
from dsf_sym.deciding.minimal import minimal
from dsf_sym.derivation.derive import derive
from dsf_sym.errors import CertificateError, DomainError, NotAffine, Rejected, SizeError


@layer
def normalised(S: State["n", "d"], z: State["n"], q: Positive["n"], k: Positive["n"], v: Vec["d"]):
    S, z = S + outer(k, v), z + k
    return S, z, (q @ S) / (q @ z)


@layer
def doubled(S: State["n", "d"], z: State["n"], q: Positive["n"], k: Positive["n"], v: Vec["d"]):
    S, z = S + 2 * outer(k, v), z + 2 * k
    return S, z, (q @ S) / (q @ z)


@layer
def stabilised(
    S: State["n", "d"], z: State["n"], q: Positive["n"], k: Positive["n"], v: Vec["d"], g: Positive
):
    S, z = S + outer(k, v), z + k
    return S, z, (g * q @ S) / (g * (q @ z))


@layer
def with_epsilon(
    S: State["n", "d"], z: State["n"], q: Positive["n"], k: Positive["n"], v: Vec["d"], e: Scalar
):
    S, z = S + outer(k, v), z + k
    return S, z, (q @ S) / (q @ z + e * e)


def test_a_common_factor_of_the_state_cancels_on_the_product():
    verdict = compare(normalised, doubled)
    assert verdict.status == "proved"
    assert verdict.certificate["kind"] == "closed subspace of the product"
    assert "as ratios" in recheck(verdict.certificate)


def test_a_positive_factor_of_both_readouts_cancels():
    assert compare(normalised, stabilised).status == "proved"


def test_epsilon_in_the_denominator_is_another_layer_unless_it_is_zero():
    verdict = compare(normalised, with_epsilon)
    assert verdict.status == "refuted" and verdict.witness.length == 1
    assert compare(normalised, with_epsilon, given=["e = 0"]).status == "proved"


def test_a_ratio_is_not_its_numerator():
    @layer
    def numerator(S: State["n", "d"], q: Positive["n"], k: Positive["n"], v: Vec["d"]):
        S = S + outer(k, v)
        return S, q @ S

    assert compare(normalised, numerator).status == "refuted"


def test_a_tampered_product_certificate_is_rejected():
    data = compare(normalised, doubled, sizes={"n": 1, "d": 1}).certificate
    recheck(data)
    with pytest.raises(Rejected, match="basis is empty"):
        recheck(data | {"basis": []})
    with pytest.raises((Rejected, CertificateError)):
        recheck(data | {"basis": data["basis"][:-1]})
    changed = [dict(row) for row in data["basis"]]
    row = next(r for r in changed if len(r) > 1)
    row[max(row, key=int)] = str(Fraction(row[max(row, key=int)]) + 1)
    with pytest.raises(Rejected, match="fails"):
        recheck(data | {"basis": changed})


def test_two_ratios_that_agree_for_a_while_are_told_apart():
    # N/D with D = 1 + the number of tokens: equal up to the second token, not at the third.
    @layer
    def one(a: State, c: State, u: Scalar):
        a, c = 2 * a + u, c + 1
        return a, c, a / (c + 1)

    @layer
    def other(a: State, b: State, c: State, u: Scalar):
        new_b = b + u
        a, b, c = a + b + u, new_b, c + 1
        return a, b, c, a / (c + 1)

    verdict = compare(one, other)
    assert verdict.status == "refuted" and verdict.witness.length == 3


def test_an_open_denominator_is_a_condition_and_cannot_be_dropped():
    @layer
    def free(S: State["n", "d"], z: State["n"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
        S, z = S + outer(k, v), z + k
        return S, z, (q @ S) / (q @ z)

    verdict = compare(free, free)
    assert verdict.status == "conditional" and verdict.exit_code == 4
    assert verdict.conditions == ("q @ (z + k) != 0",)
    tampered = {**verdict.certificate, "claim": {**verdict.certificate["claim"], "where": []}}
    with pytest.raises(Rejected, match="holds where"):
        recheck(tampered)


def test_a_positive_invariant_proves_the_denominator():
    assert compare(normalised, normalised).conditions == ()


def test_a_denominator_that_is_zero_on_every_sequence_equals_nothing():
    @layer
    def nothing(S: State, z: State, v: Scalar):
        S, z = S + v, 0 * z
        return S, z, S / z

    with pytest.raises(DomainError, match="zero on every sequence of 1 token"):
        compare(nothing, nothing)


def test_a_denominator_that_dies_after_one_step_equals_nothing():
    @layer
    def dying(S: State, z: State, w: State, v: Scalar):
        # z is the old w: 1 - w is 1 at the first token and 0 for ever after.
        new_w = 0 * w + 1
        S, z, w = S + v, 1 - w, new_w
        return S, z, w, S / z

    with pytest.raises(DomainError, match="zero on every sequence of 2 tokens"):
        compare(dying, dying)


def test_two_different_denominators_are_refused_by_name():
    @layer
    def mixed(S: State, z: State, w: State, v: Positive):
        S, z, w = S + v, z + v, w + 2 * v
        return S, z, w, S / z + S / w

    with pytest.raises(NotAffine, match="different denominators"):
        derive(mixed)
    assert compare(mixed, mixed).status == "proved"


def test_products_past_the_limit_are_refused_with_the_number():
    with pytest.raises(SizeError, match="dimension 5329"):
        compare(normalised, doubled, sizes={"n": 8, "d": 8})
    assert Frame(Automaton((normalised, doubled), {"n": 8, "d": 8})).width == 73 * 73


def test_the_smallest_state_is_asked_of_affine_readouts_only():
    with pytest.raises(NotAffine, match="divides by the state"):
        minimal(normalised)
