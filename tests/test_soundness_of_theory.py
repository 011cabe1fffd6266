"""Attempts to obtain a wrong statement from what settles claims: each was accepted once."""

import copy
import json
from dataclasses import replace
from fractions import Fraction

import pytest

from dsf_sym import Const, Flag, Gate, Mat, Positive, Scalar, State, Unit, Vec, exp, layer, sqrt
from dsf_sym.certificates.certificate import header
from dsf_sym.certificates.checkers import recheck
from dsf_sym.deciding.originals import confirm
from dsf_sym.errors import Rejected
from dsf_sym.language.domains import Domain, Interval
from dsf_sym.language.loading import catalogue
from dsf_sym.language.spec import serialise
from dsf_sym.language.tensor import Input
from dsf_sym.theory.analysis import root
from dsf_sym.theory.conditions import conditions
from dsf_sym.theory.features import kernel_of
from dsf_sym.theory.memory import stationary
from dsf_sym.theory.size_formulas import feature_formula, smallest_state_formula
from dsf_sym.theory.spectrum import transitions
from dsf_sym.theory.tables import has_finite_state
from dsf_sym.verdict import Question

CATALOGUE = catalogue()


def certificate(kind, about, **data):
    return header(kind, Question(about.name, "", sense="any"), about, None) | data


def test_a_mean_is_no_covariance():
    @layer(carried="u")
    def shifted(h: State, u: Scalar):
        return u + 1 + 0 * h, h

    assert stationary(shifted).status == "undecided"
    tokens = [{"u": ["1"]}, {"u": ["-1"]}]
    data = certificate("stationary", shifted, sizes={}, carried="u", constants={}, tokens=tokens)
    with pytest.raises(Rejected, match="stays I"):
        recheck(data | {"shares": ["1/2", "1/2"], "dependent": False})


@pytest.mark.parametrize("length", [2, None])
def test_heads_of_a_layer_with_a_clock_are_not_those_of_its_first_token(length):
    @layer(carried="u")
    def clock(h: State["d"], c: State, u: Vec["d"], w: Const[Vec["d"]]):
        return u, c + 1, 0 * h + u * (w * c + 1)

    data = certificate("heads", clock, sizes={"d": 2}, carried="u", length=length, generic=False)
    with pytest.raises(Rejected, match="depend on the time"):
        recheck(data | {"heads": 1, "constants": {"w": ["1", "2"]}})


def by_flag(w):
    return w


def by_sign(w):
    return w + sqrt(w * w)


@pytest.mark.parametrize(("weight", "on"), [(Flag, by_flag), (Scalar, by_sign)])
def test_weights_with_parts_of_their_own_have_no_generic_rank(weight, on):
    def two(h: State["d"], u: Vec["d"], w: Scalar, g: Const[Vec["d"]]):
        return u, u + on(w) * g * h

    two.__annotations__["w"] = Const[weight]
    shown = {"constants": {"w": ["1"], "g": ["1", "2"]}, "length": 2, "heads": 2}
    data = certificate("heads", layer(carried="u")(two), sizes={"d": 2}, carried="u", **shown)
    assert recheck(data | {"generic": False})
    with pytest.raises(Rejected, match="generic"):
        recheck(data | {"generic": True})


@pytest.mark.parametrize(("weight", "on"), [(Flag, by_flag), (Scalar, by_sign), (Scalar, exp)])
def test_a_ratio_that_a_weight_turns_off_is_endless_at_some_weights_alone(weight, on):
    def ratio(h: State, z: State, v: Scalar, k: Positive, w: Scalar):
        return h + k * v, z + k, on(w) * (h + k * v) / (z + k)

    ratio.__annotations__["w"] = Const[weight]
    found = has_finite_state(layer(ratio), constants={"w": ["1"]})
    assert found.status == "refuted"
    assert ("generic" in found.proof) == (on is exp)


def test_logarithms_that_may_depend_on_each_other_make_no_other_formula():
    formula = "n * d + n * d * (log(4) - 2 * log(2))"
    assert smallest_state_formula("linear_attention", formula).status == "undecided"
    assert "n*d, not 2*n*d," in smallest_state_formula("linear_attention", "2 * n * d").proof


def test_a_norm_is_bounded_by_the_number_that_is_claimed():
    @layer
    def doubled(h: State, x: Scalar):
        return 2 * h + x, h

    data = certificate("transitions", doubled, property="norm", of=None, sizes={})
    with pytest.raises(Rejected, match="1/2 in size"):
        recheck(data | {"at most": "1/2", "below": "5"})


def test_a_part_of_a_sphere_may_be_a_point():
    def kernel(q: Unit["n"], k: Unit["n"]):
        return 1 + q @ k

    made = kernel_of(kernel)
    assert feature_formula(made, "n + 1").status == "proved"
    positive = Domain(Interval(low=Fraction(0)), unit=True)
    for name in ("q", "k"):
        made = made.with_signal(replace(made.signal(name), domain=positive))
    # At n=1 it is the number 2.
    assert feature_formula(made, "n + 1").status == "undecided"


def test_a_root_between_two_values_of_a_flag_is_none():
    def between(x: Flag):
        return (2 * x - 1,)

    assert root(layer(between), ("0", "1")).status == "undecided"


def test_a_relation_vanishes_with_its_factors_not_with_what_they_read():
    def made(name, shown):
        @layer
        def states(S: State["n"], Z: State["n"], q: Vec["n"], k: Vec["n"], v: Scalar):
            return S + k * v, Z + exp(k @ k) * k * v, q @ S + shown * (q @ Z)

        return states.given(name=name)

    a, b = made("a", 0), made("b", 1)
    # With k = 0 at every token the layers agree.
    k = Input("past.k", ("n",))
    data = header("pairwise", Question("a", "b", sense="iff"), a, b)
    with pytest.raises(Rejected, match="not forced"):
        recheck(data | {"bound": ["k"], "r": serialise({"r": exp(k @ k)})})


def test_eigenvalues_that_turn_lie_in_no_interval():
    @layer
    def turning(h: State, g: State, x: Scalar, a: Gate, b: Gate):
        return a * h - b * g + x, b * h + a * g, h

    data = certificate("transitions", turning, property="eigenvalues", of=None, sizes={})
    with pytest.raises(Rejected, match="not shown to be real"):
        recheck(data | {"within": "(-inf, 5)"})


def test_two_axes_of_one_size_have_two_names():
    @layer
    def after(h: State["d"], v: Vec["d"], f: Vec["d"], M: Const[Mat["d", "d"]]):
        return h + f * (M @ v), h

    @layer
    def before(h: State["d"], v: Vec["d"], f: Vec["d"], M: Const[Mat["d", "d"]]):
        return h + M @ (f * v), h

    found = {x.relations for x in conditions(after, before, length=2).branches}
    assert found == {("M[d, d'] = 0",), ("f_0[d] - f_0[d'] = 0",)}


def test_what_holds_at_sizes_is_said_of_these():
    found = transitions("gla", "scalar", sizes={"n": 1, "d": 1})
    assert (found.status, found.sizes) == ("proved", {"n": 1, "d": 1})
    assert found.proof.endswith("at n=1, d=1")


def test_a_certificate_about_one_layer_claims_no_ties():
    data = transitions("linear_attention", "identity").certificate
    confirm(data, CATALOGUE)
    for key in ("given", "bridges", "domains"):
        with pytest.raises(Rejected, match="without ties"):
            confirm({**data, "claim": {**data["claim"], key: ["k = 0"]}}, CATALOGUE)


def test_a_polynomial_has_no_negative_powers():
    found = conditions(CATALOGUE["gated_deltanet"], CATALOGUE["deltanet"], length=2)
    # A copy by value: another certificate beside this one has the same row.
    data = json.loads(json.dumps(found.certificate))
    (row, *_), *_ = data["branches"][0]
    row[1][0][1] = -1
    with pytest.raises(Rejected, match="positive number"):
        recheck(data)


def test_a_lag_is_not_negative():
    data = copy.deepcopy(conditions(CATALOGUE["ssd"], CATALOGUE["linear_attention"]).never)
    data["never"]["lag"] = -1
    with pytest.raises(Rejected, match="no lag -1"):
        recheck(data)
