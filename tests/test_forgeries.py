"""Forged certificates about two layers: each changes the one field that a check guards."""

from dataclasses import replace
from fractions import Fraction
from functools import cache

import pytest

from dsf_sym import (
    Const,
    Flag,
    Gate,
    Mat,
    Positive,
    Scalar,
    State,
    Unit,
    Vec,
    exp,
    layer,
    log,
    outer,
    relu,
    sqrt,
)
from dsf_sym.certificates.certificate import header, where
from dsf_sym.certificates.checkers import recheck, step_map, worlds
from dsf_sym.errors import Rejected
from dsf_sym.language.domains import Domain, Interval
from dsf_sym.language.kernel import kernel_layer
from dsf_sym.language.spec import serialise
from dsf_sym.language.tensor import Input
from dsf_sym.theory.conditions import conditions
from dsf_sym.verdict import Question


def certificate(kind, a, b, **data):
    sense = "equal" if kind == "step map" else "iff"
    return header(kind, Question(a.name, b.name, sense=sense), a, b) | data


def about(data, *layers):
    """The certificate with other definitions, their hashes and conditions in place."""
    claim = {**data["claim"], "where": list(where(*layers))}
    hashes = [x.hash for x in layers]
    return {**data, "layers": [x.spec for x in layers], "hashes": hashes, "claim": claim}


def rejected(data, told):
    with pytest.raises(Rejected, match=told):
        recheck(data)


def entry(name, dims=()):
    return Input(name, dims)


# A relation between every two tokens.


@layer
def once(S: State["n"], q: Vec["n"], k: Vec["n"], v: Scalar):
    S = S + k * v
    return S, q @ S


@layer
def erased(S: State["n"], q: Vec["n"], k: Vec["n"], v: Scalar):
    S = S - k * (k @ S) + k * v
    return S, q @ S


FOR_ALL = serialise({"r": entry("past.k", ("n",)) @ entry("k", ("n",))})
AT_ONE = serialise({"r": entry("past.k[0]") * entry("k[0]")})


@cache
def orthogonal(at_one):
    data = certificate("pairwise", erased, once, bound=["k"], r=AT_ONE if at_one else FOR_ALL)
    data |= {"sizes": {"n": 1}} if at_one else {}
    assert " iff " in recheck(data)
    return data


@layer
def twice(S: State["n"], q: Vec["n"], k: Vec["n"], v: Scalar):
    S = S + 2 * k * v
    return S, q @ S


@layer
def begins(S: State["n"], S0: Const[Vec["n"]], q: Vec["n"], k: Vec["n"], v: Scalar):
    S = S + k * v
    return S, q @ S


@layer
def branching(S: State["n"], q: Vec["n"], k: Vec["n"], v: Scalar):
    S = S + k * v
    return S, relu(q) @ S


@layer
def of_positive(S: State["n"], q: Vec["n"], k: Vec["n"], v: Positive):
    S = S + k * v
    return S, q @ S


@layer
def of_unit(S: State["n"], q: Unit["n"], k: Vec["n"], v: Scalar):
    S = S + k * v
    return S, q @ S


@layer
def of_flag(S: State["n"], q: Flag["n"], k: Vec["n"], v: Scalar):
    S = S + k * v
    return S, q @ S


@layer
def with_bias(S: State["n"], q: Vec["n"], k: Vec["n"], v: Scalar):
    S = S + k * (v + 1)
    return S, q @ S


@layer
def scaled(S: State["n"], q: Vec["n"], k: Vec["n"], v: Scalar, a: Scalar):
    S = a * S + k * v
    return S, q @ S


@layer
def scaled_erased(S: State["n"], q: Vec["n"], k: Vec["n"], v: Scalar, a: Scalar):
    S = a * S - k * (k @ S) + k * v
    return S, q @ S


@layer
def passed_on(S: State["n"], R: State["n"], q: Vec["n"], k: Vec["n"], v: Scalar):
    S, R = S + k * v, R + S
    return S, R, q @ S


@layer
def passed_on_erased(S: State["n"], R: State["n"], q: Vec["n"], k: Vec["n"], v: Scalar):
    S, R = S - k * (k @ S) + k * v, R + S
    return S, R, q @ S


@layer
def raised(S: State["n"], p: Scalar, k: Vec["n"], v: Scalar):
    S = S + k * v
    return S, exp(p) * (k @ S)


@layer
def raised_once(S: State["n"], p: Scalar, k: Vec["n"], v: Scalar):
    S = S + k * v
    return S, exp(p) * (k @ S) - exp(p) * (k @ S) + exp(p) * (k @ k) * v


@layer
def squared(S: State["n"], q: Vec["n"], k: Vec["n"], v: Scalar):
    read = k @ S
    S = S + k * v
    return S, (q @ q) * (read + (k @ k) * v)


@layer
def now(S: State["n"], q: Vec["n"], k: Vec["n"], v: Scalar):
    S = S + k * v
    return S, (q @ q) * (k @ k) * v


@layer
def two_keys(S: State["n"], q: Vec["n"], k: Vec["n"], j: Vec["n"], v: Scalar):
    S = S - (k + j) * (k @ S) + k * v
    return S, q @ S


@layer
def two_keys_once(S: State["n"], q: Vec["n"], k: Vec["n"], j: Vec["n"], v: Scalar):
    S = S + k * v
    return S, q @ S + 0 * (j @ S)


@layer
def cubed(S: State["n"], q: Vec["n"], k: Vec["n"], v: Scalar):
    S = S + k * v * v * v
    return S, q @ S


@layer
def fed(S: State["n"], q: Vec["n"], k: Vec["n"], v: Scalar):
    S = S * (1 + v) + k * v
    return S, q @ S


@layer
def still(S: State["n"], q: Vec["n"], k: Vec["n"], v: Scalar):
    return S, q @ S


@layer
def rows(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Scalar):
    return S + outer(k, k) @ S, (q @ k) * v


@layer
def rows_of_others(S: State["d", "n"], q: Vec["n"], k: Vec["n"], v: Scalar):
    return S, (q @ k) * v


@pytest.mark.parametrize("at_one", [True, False])
@pytest.mark.parametrize(
    ("a", "b", "told"),
    [
        (erased, twice, "B_A = B_B, and the same for the current input, fails"),
        (erased, replace(begins, start={"S": "S0"}), "begins does not start from zero"),
        (erased, branching, "branching branches"),
        (of_positive.given(name="a"), of_positive, "the input v does not range over the reals"),
        (of_unit.given(name="a"), of_unit, "q is free, and its values, .*, fill no open set"),
        (of_flag.given(name="a"), of_flag, "q is free, and its values, .*, fill no open set"),
        (with_bias.given(name="a"), with_bias, "without an input"),
        (scaled_erased, scaled, "the multiple λ is not shown to be positive"),
        (passed_on_erased, passed_on, "no multiple of w"),
        # At inputs of 0 and 1 these are the same as `once`.
        (erased, cubed, "k \\* v multiplies|multiplies k \\* v by v"),
        (erased, fed, "multiplies S by"),
        (still.given(name="a"), still, "write nothing|no multiple of w"),
    ],
)
def test_layers_of_which_a_relation_does_not_say_when_they_agree(at_one, a, b, told):
    rejected(about(orthogonal(at_one), a, b), told)


@pytest.mark.parametrize(
    ("a", "b", "told", "bound"),
    [
        (raised, raised_once, "a free signal is inside a function", ["k"]),
        (squared, now, "not linear in the free signals", ["k"]),
        # Where k = -j they agree as well.
        (two_keys, two_keys_once, "the coefficients can vanish elsewhere", ["k", "j"]),
    ],
)
def test_a_relation_that_other_tokens_do_without(a, b, told, bound):
    rejected({**about(orthogonal(False), a, b), "bound": bound}, told)


@pytest.mark.parametrize("r", [entry("k[0]") * 0, 1 / entry("k[0]"), entry("k[0]") - entry("k[0]")])
def test_a_relation_is_a_polynomial_other_than_zero(r):
    rejected({**orthogonal(True), "r": serialise({"r": r})}, "r is no polynomial, or is zero")


def test_states_of_two_shapes_are_compared_with_no_relation():
    data = about(orthogonal(True), rows, rows_of_others)
    rejected({**data, "sizes": {"n": 1, "d": 1}}, "differ in shape")


# Maps between states.


@layer
def halved(h: State, v: Scalar):
    h = h + v
    return h, h


@layer
def doubled(g: State, v: Scalar):
    g = g + 2 * v
    return g, g / 2


H, V = entry("h"), entry("v")


def onto(**image):
    return [{"from": 0, "to": 1, **serialise(image)}]


@cache
def mapped():
    data = certificate("step map", halved, doubled, maps=onto(g=2 * H))
    assert "by a step map" in recheck(data)
    return data


def under(data):
    """The certificate with the conditions of its maps in the claim."""
    layers = [halved, doubled]
    said = [*where(*layers), *step_map.conditions(layers, data)]
    return {**data, "claim": {**data["claim"], "where": said}}


@layer
def of_vectors(h: State["n"], v: Scalar):
    h = h + v
    return h, h


def summed(k: Vec["n"], q: Vec["n"]):
    return q @ k


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"maps": onto(g=H)}, "fails as an identity of index terms"),
        ({"history": serialise({"v": H})}, "reads what is no token or constant"),
        ({"history": serialise({"h": V})}, "gives h, which is no token of that shape"),
        ({"history": serialise({"v": entry("v", ("n",))})}, "is no token of that shape"),
        ({"maps": onto(g=log(-exp(V)))}, "T has no value"),
    ],
)
def test_a_map_between_other_states_or_tokens(change, told):
    rejected({**mapped(), **change}, told)


def test_a_map_goes_to_layers_with_a_state_and_outputs_of_one_shape():
    data = mapped()
    sums = kernel_layer(summed, normalised=False)
    maps = [{**onto(g=H)[0], "from": i, "to": 2} for i in range(2)]
    rejected({**data, "maps": maps, "third": sums.spec}, "layers with a finite state")
    rejected({**data, "maps": maps, "third": of_vectors.spec}, "outputs have different shapes")


@pytest.mark.parametrize("sizes", [{}, {"sizes": {}}])
def test_a_map_that_divides_by_zero_maps_nothing(sizes):
    data = under({**mapped(), "maps": onto(g=H / (V - V)), **sizes})
    rejected(data, "a denominator is zero for every token")


def test_a_map_with_too_many_branches_is_not_followed(monkeypatch):
    @layer
    def left(h: State, v: Flag):
        return h + v, h

    data = about(mapped(), left.given(name="a"), left)
    data |= {"maps": [{"from": 0, "to": 1, **serialise({"h": H})}], "sizes": {}}
    assert recheck(data)
    monkeypatch.setattr(worlds, "MOST_LETTERS", 1)
    rejected(data, "branch in more than 1 ways")


# Conditions on a given number of tokens.


@cache
def on_two_tokens():
    data = conditions(erased, once, length=2).certificate
    assert "on 2 tokens" in recheck(data)
    return data


@layer
def without_input(S: State["n"], q: Vec["n"], k: Vec["n"], w: Scalar):
    S = S + k * w
    return S, q @ S


@layer
def along(h: State["d"], v: Vec["d"], f: Vec["d"], M: Const[Mat["d", "d"]]):
    return h + f * v, h


@layer
def across(h: State["d"], v: Vec["d"], f: Vec["d"], M: Const[Mat["d", "d"]]):
    return h + M @ v, h


@pytest.mark.parametrize(
    ("a", "b", "told"),
    [
        (without_input.given(name="a"), without_input, "no common input"),
        (of_positive.given(name="a"), of_positive, "the input does not range over the reals"),
        (cubed, once, "is not linear in v"),
        (along, across, "along a diagonal, and some are not"),
    ],
)
def test_layers_whose_outputs_are_no_polynomials_of_that_kind(a, b, told):
    rejected(about(on_two_tokens(), a, b), told)


def test_conditions_on_other_lengths_and_factors_that_vanish():
    data = on_two_tokens()
    rejected({**data, "length": 5}, "the number of tokens is 1 to 4")
    node = data["cases"]
    rejected({**data, "cases": {**node, "rest": [["0", []]]}}, "not the product of its factors")
    # The factor k_1 · q_1 is left out of the cases, and with it a branch.
    one, other = node["factors"]
    cases = {**node, "rest": [["-1", other["factor"][0][1]]], "factors": [one]}
    rejected({**data, "branches": data["branches"][:1], "cases": cases}, "may vanish")


# What equal outputs force.


@layer
def weighed(h: State, v: Scalar, a: Positive, f: Scalar):
    h = a * h + exp(f) * v
    return h, h


@layer
def unweighed(h: State, v: Scalar, b: Positive, f: Scalar):
    h = b * h + exp(f) * v
    return h, h


@layer
def by_sign(h: State, v: Scalar, a: Positive, f: Scalar):
    h = a * h + (f - 1) * v
    return h, h


@layer
def by_other_sign(h: State, v: Scalar, b: Positive, f: Scalar):
    h = b * h + (f - 1) * v
    return h, h


@cache
def forced():
    (branch,) = conditions(weighed, unweighed).branches
    assert "only if a = b" in recheck(branch.necessary)
    return branch.necessary


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"order": 7}, "the order is between 0 and 6"),
        ({"order": -1}, "the order is between 0 and 6"),
        ({"zero": [["a", [], 0]]}, "only free entries"),
        ({"in": ["b", [], 1]}, "only free entries"),
        ({"signal": "f"}, "f is free, and no relation may tie it"),
        ({"time": 2}, "there is no token 2 at lag 1"),
        ({"value": serialise({"value": entry("b", ("n",))})}, "the value of a is no scalar"),
        ({"value": serialise({"value": entry("c")})}, "c is no entry that a relation may read"),
        ({"value": serialise({"value": 2 * entry("b")})}, "does not force it"),
    ],
)
def test_a_relation_from_another_expansion(change, told):
    data = forced()
    rejected({**data, "steps": [{**data["steps"][0], **change}]}, told)


def test_the_logarithm_of_what_may_be_negative():
    rejected(about(forced(), by_sign, by_other_sign), "not shown to be positive")


def test_a_contradiction_that_some_tokens_meet():
    data = {**forced(), "steps": []}
    data |= {"never": forced()["steps"][0], "claim": {**data["claim"], "sense": "never"}}
    rejected(data, "a = b of the last of 2 tokens is possible")
    data["never"] = {k: x for k, x in data["never"].items() if k != "signal"}
    rejected(data, "not shown to have no zero")


@layer
def by_distance(h: State, v: Scalar, a: Positive, f: Scalar, g: Scalar):
    w = f - 1
    h = a * h + (1 + sqrt(w * w)) * v
    return h, h


@layer
def by_number(h: State, v: Scalar, b: Positive, f: Scalar, g: Scalar):
    h = b * h + f * v
    return h, h


def test_what_holds_on_a_domain_may_fail_beyond_it():
    """For f > 1 these agree where a = b; at f = 0 they never would."""
    above = Domain(Interval(low=Fraction(1)))
    a, b = (x.with_signal(replace(x.signal("f"), domain=above)) for x in (by_distance, by_number))
    zero = [["f", [], 0], ["f", [], 1], ["g", [], 1]]
    row = {"lag": 1, "output": [], "input": [], "monomial": [], "in": ["g", [], 0], "zero": zero}
    data = about(forced(), a, b) | {"steps": [], "never": {**row, "order": 0, "log": False}}
    rejected({**data, "claim": {**data["claim"], "sense": "never"}}, "f lies in .* put to zero")
    data = about(data, by_distance, by_number)
    assert "for no" in recheck({**data, "claim": {**data["claim"], "sense": "never"}})


@layer
def with_gates(h: State["d"], v: Vec["d"], a: Const[Gate["d"]]):
    h = (2 - a) * h + v
    return h, h


@layer
def with_one_number(h: State["d"], v: Vec["d"], b: Const[Scalar]):
    h = b * h + v
    return h, h


@pytest.mark.parametrize("at", [[7], [-1]])
def test_there_is_no_entry_beyond_the_shape(at):
    """They agree where b = 2 - a; of entry 7, where no gate is, it would follow that b = 0."""
    row = {"lag": 1, "output": at, "input": at, "monomial": [], "time": 1, "older": False}
    row |= {"signal": "b", "index": [], "value": serialise({"value": 0 * entry("b")})}
    data = about(forced(), with_gates, with_one_number) | {"sizes": {"d": 2}}
    rejected({**data, "bound": ["a", "b"], "steps": [row]}, "the input has no entry")
