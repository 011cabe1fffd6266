"""Forged certificates about the transitions and states of one layer."""

import json
from dataclasses import replace

import pytest
from forging import REAL, accepted, certificate, kept, kernel, rejected, token

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
    relu,
    sqrt,
    tanh,
)
from dsf_sym.certificates.certificate import layer_from_spec
from dsf_sym.certificates.checkers import every_transition, everywhere, recheck
from dsf_sym.errors import CertificateError, Rejected
from dsf_sym.language.kernel import kernel_layer

# Weights of a normalised sum over the past.


@layer
def mean(h: State, z: State, v: Scalar, k: Gate):
    h, z = h + exp(k) * v, z + exp(k)
    return h, z, h / z


@layer
def undivided(h: State, z: State, v: Scalar, k: Gate):
    h, z = h + exp(k) * v, z + exp(k)
    return h, z, h


@layer
def of_the_past(h: State, z: State, v: Scalar, k: Gate):
    return h + exp(k) * v, z + exp(k), h / z


@layer
def with_a_constant(h: State, z: State, c: State, v: Scalar, k: Gate):
    h, z = h + exp(k) * v, z + exp(k)
    return h, z, 0 * c + c, h / z


@layer
def over_a_gap(h: State, z: State, v: Scalar, k: Unit["n"]):
    h, z = h + v / (k @ k), z + 1 / (k @ k)
    return h, z, h / z


@layer
def over_a_root(h: State, z: State, v: Scalar, k: Unit["n"]):
    w = 2 + log(k @ k)
    return h + w * v, z + w, (h + w * v) / (z + w)


def similar(q: Vec["n"], k: Vec["n"]):
    return exp(tanh(q @ k))


@pytest.mark.parametrize(
    ("made", "told", "sizes"),
    [
        (mean, "not shown to vary by less", {}),
        (undivided, "is not divided by a sum", {}),
        (of_the_past, "no sum over the past and the token", {}),
        (with_a_constant, "a state of with_a_constant is never written", {}),
        (over_a_gap, "which holds 0", {"n": 2}),
        (over_a_root, "log is not defined on all of", {"n": 2}),
        (kernel(similar), "is not divided by its sum", {"n": 1, "d": 1}),
        (kernel_layer(similar), "not shown to vary by less", {"n": 1, "d": 1}),
    ],
)
def test_weights_that_decay_otherwise(made, told, sizes):
    rejected("weights", [made], told, ratio="1/2", sizes=sizes)


def test_weights_that_decay():
    accepted("weights", [mean], "decay algebraically", ratio="1/3", sizes={})


# Transitions.


@layer
def curved(h: State["n"], x: Vec["n"]):
    return h * h + x, h


@layer
def stacked(h: State["n"], g: State["n"], x: Vec["n"]):
    return h + x, g + h, g


@layer
def two_outer(h: State["n"], k: Vec["n"], j: Vec["n"], x: Vec["n"]):
    return h + k * (k @ h) + j * (j @ h) + x, h


@layer
def scaled_after(h: State["n"], f: Gate["n"], k: Vec["n"], r: Vec["n"], x: Vec["n"]):
    return f * (h - k * (r @ h)) + x, h


@layer
def beside_a_diagonal(h: State["n"], f: Gate["n"], k: Vec["n"], r: Vec["n"], x: Vec["n"]):
    return f * h - k * (r @ h) + x, h


@layer
def turned_over(h: State["n", "n"], x: Mat["n", "n"]):
    return h.T + x, h


@layer
def divided(h: State, c: State, x: Scalar):
    return h / c + x, c + x, h


@layer
def sheared(h: State, g: State, a: Scalar, x: Scalar):
    return h + a * g + x, g, h


@layer
def rotated_three(f: State["n"], g: State["n"], h: State["n"], x: Vec["n"]):
    return g + x, h - f, -g, f


@layer
def shrinking(h: State, g: State, a: Gate, x: Scalar):
    return a * h / 2 + x, a * g / 2, h


@layer
def three(f: State, g: State, h: State, a: Gate, x: Scalar):
    return (a * g + x, a * h, a * f, f)


@layer
def four(h: State["n"], W: Const[Mat["n", "n"]], x: Vec["n"]):
    return W @ h + x, h


@pytest.mark.parametrize(
    ("made", "told", "data"),
    [
        (curved, "not affine in the states", {"property": "eigenvalues", "within": REAL}),
        (stacked, "no complex number", {"property": "norm", "at most": "1"}),
        (two_outer, "Λ of h is", {"property": "eigenvalues", "within": "[1, inf)"}),
        (scaled_after, "no symmetric matrix times", {"property": "eigenvalues", "within": REAL}),
        (beside_a_diagonal, "neither symmetric", {"property": "eigenvalues", "within": REAL}),
        (turned_over, "Λ of h is", {"property": "eigenvalues", "within": "[1, 1]"}),
        (turned_over, "is not diagonal", {"property": "diagonal"}),
        (
            divided,
            "Λ of h are known|no bounds",
            {"property": "eigenvalues", "within": REAL, "of": "h"},
        ),
        (rotated_three, "turns with more than one", {"property": "norm", "at most": "1"}),
        (kept, "radius are shown at sizes", {"property": "radius", "at most": "1"}),
        (kept, "has no state x", {"property": "eigenvalues", "within": "[1, 1]", "of": "x"}),
        (sheared, "not shown to be normal", {"property": "norm", "at most": "1", "sizes": {}}),
        (shrinking, "may be 1/4 in size", {"property": "norm", "at most": "1/4", "sizes": {}}),
        (shrinking, "a radius of 0", {"property": "radius", "at most": "0", "sizes": {}}),
        (shrinking, "a radius of -1", {"property": "radius", "below": "-1", "sizes": {}}),
        (
            three,
            "blocks of one and two states",
            {"property": "radius", "at most": "1", "sizes": {}},
        ),
        (four, "more than 4 states", {"property": "radius", "at most": "1", "sizes": {"n": 5}}),
        (
            shrinking,
            "eigenvalues beyond 1/4 are not excluded",
            {"property": "eigenvalues", "within": "(-inf, 1/4]", "sizes": {}},
        ),
        (sheared, "are not all diagonal", {"property": "diagonal", "sizes": {}}),
        (
            shrinking,
            "the transition is diagonal",
            {
                "property": "diagonal",
                "sizes": {},
                "constants": {},
                "tokens": [{"a": ["1"], "x": ["1"]}],
            },
        ),
        (kept, "not an interval", {"property": "eigenvalues", "within": "0, 1"}),
        (kept, "an end that is not a number", {"property": "eigenvalues", "within": "[0, one]"}),
        (kept, "holds no number", {"property": "eigenvalues", "within": "[1, 0]"}),
        (kept, "no property of transitions", {"property": "spectrum"}),
    ],
)
def test_transitions_without_the_property(made, told, data):
    rejected("transitions", [made], told, **{"of": None, **data})


def test_a_size_written_as_a_number_is_at_least_1():
    @layer
    def fixed(h: State["1"], x: Vec["1"]):
        return h + x, h

    data = certificate("transitions", fixed, property="identity", of=None)
    assert "is the identity" in recheck(data)
    spec = json.loads(json.dumps(fixed.spec).replace('["1"]', '["0"]'))
    made = layer_from_spec(spec)
    with pytest.raises(Rejected, match="has a size of 0"):
        recheck({**data, "layers": [spec], "hashes": [made.hash]})


def test_what_a_checker_is_not_made_for_is_refused():
    """Every error of a definition or of its sizes is a refusal."""
    data = certificate("weights", kernel(similar), ratio="1/2", sizes={})
    with pytest.raises(CertificateError, match=r"size \w has no value"):
        recheck(data)


@layer
def weighed_by_a_state(h: State, c: State, h0: Const[Scalar], x: Scalar):
    return c * h + x, 0 * c + 1, h


def test_the_first_transition_meets_the_start():
    """With c = 0 on the first token Λ is 0 there, and h0 is forgotten."""
    data = {"of": "h", "property": "eigenvalues", "within": "[1, 1]"}
    accepted("transitions", [weighed_by_a_state], "lies in [1, 1]", **data)
    made = replace(weighed_by_a_state, start={"h": "h0"})
    rejected("transitions", [made], "are shown to lie in \\[0, 1\\]|shown to lie", **data)


def test_identities_that_are_too_long_are_not_written_out(monkeypatch):
    data = {"of": None, "sizes": {"n": 2}}
    accepted("transitions", [scaled_diagonal], "commute", property="commuting", **data)
    monkeypatch.setattr(everywhere, "MOST_TERMS", 0)
    rejected("transitions", [scaled_diagonal], "of more than 0", property="commuting", **data)
    monkeypatch.setattr(every_transition, "LONGEST_ENTRY", 0)
    rejected("transitions", [scaled_diagonal], "too long", property="commuting", **data)


@layer
def scaled_diagonal(h: State["n"], f: Gate["n"], x: Vec["n"]):
    return f * h + x, h


# The smallest continuous state.


@layer
def flagged(h: State, x: Flag):
    h = h + x
    return h, h


@layer
def rectified(h: State, x: Scalar):
    h = relu(x)
    return 0 * h + h, h


@layer
def two_sums(h: State, g: State, x: Scalar):
    return h + x, g + x, h + g


@pytest.mark.parametrize(
    ("made", "told", "past", "futures"),
    [
        (kept, "to be a past and futures", [], [["0"]]),
        (kept, "to be a past and futures", ["0"], []),
        (kept, "to be a past and futures", ["0"], [[]]),
        (flagged, "does not lie inside an interval", ["1"], [["0"]]),
        (rectified, "relu has no derivative at 0", ["0"], [["1"]]),
        (two_sums, "rank 1, the state has 2", ["1", "2"], [["0"], ["1", "2"]]),
    ],
)
def test_a_state_that_is_not_the_smallest_continuous_one(made, told, past, futures):
    data = {"past": [{"x": [x]} for x in past], "sizes": {}, "constants": {}, "bits": 64}
    data["futures"] = [[{"x": [x]} for x in future] for future in futures]
    rejected("smallest continuous state", [made], told, **data)


# Operators, their states and heads.


@layer(carried="u")
def summed(h: State, u: Scalar, a: Positive):
    h = a * h + u
    return h, h


@layer(carried="u")
def started(h: State, h0: Const[Scalar], u: Scalar, a: Positive):
    h = a * h + u
    return h, h


@layer(carried="u")
def shared(h: State, z: State, u: Scalar, a: Positive):
    h, z = h + a * u, z + exp(u)
    return h, z, h / z


@layer(carried="u")
def weights_only(h: State, w: Const[Scalar], u: Scalar):
    h = exp(w) * h + u
    return h, h


BLOCK = {
    "sizes": {},
    "constants": {},
    "carried": "u",
    "skip": False,
    "states": 1,
    "past": [token(a="1")],
    "futures": [[token(a="1")]],
}


def test_a_block_of_an_operator():
    accepted("operator rank", [summed], "needs 1 states at least", **BLOCK)
    for made, told, change in (
        (summed, "a past and futures of at least one token", {"past": []}),
        (summed, "a past and futures of at least one token", {"futures": []}),
        (summed, "a past and futures of at least one token", {"futures": [[]]}),
        (summed, "not shown to have rank 2", {"states": 2}),
        (summed, "not shown to have rank 0", {"states": 0}),
        (weights_only, "w is no token", {"carried": "w"}),
        (replace(started, start={"h": "h0"}), "does not start at 0", {"constants": token(h0="1")}),
        (shared, "the denominator of shared reads u", {}),
    ):
        rejected("operator rank", [made], told, **BLOCK | change)


REALISED = {
    "sizes": {},
    "constants": {},
    "carried": "u",
    "states": 1,
    "tokens": [token(a="1"), token(a="2")],
    "Lam": [[["1"]], [["2"]]],
    "B": [[["1"]], [["1"]]],
    "C": [[["1"]], [["1"]]],
}


@layer(carried="u")
def exponential(h: State, u: Scalar, a: Positive):
    h = exp(a) * h + u
    return h, h


def test_matrices_that_realise_an_operator():
    accepted("realisation", [summed], "rank 2 and 1 states", **REALISED)
    for made, told, change in (
        (summed, "do not fit the state", {"C": [[["1", "0"]], [["1"]]]}),
        (summed, "do not fit the state", {"C": [[["1"]]]}),
        (summed, "is not the block of the operator at 1, 0", {"Lam": [[["1"]], [["1"]]]}),
        (summed, "the operator has rank 2", {"rank": 1}),
        (exponential, "not rational at these tokens", {}),
    ):
        rejected("realisation", [made], told, **REALISED | change)


def test_heads_at_weights_where_they_can_be_counted():
    data = {"sizes": {}, "carried": "u", "length": 2, "generic": False, "heads": 1}
    data["constants"] = token(w="1")
    accepted("heads", [weights_only], "is 1 heads", **data | {"generic": True})
    rejected("heads", [weights_only], "not rational at these weights", **data)
    rejected("heads", [summed], "tokens besides its input", **data)
    rejected("heads", [weights_only], "tokens besides its input", **data | {"length": 0})


# What inputs of unit covariance do.


@layer
def two_numbers(x: Scalar, y: Scalar):
    return (x - y,)


@layer(carried="u")
def walk(h: State, u: Scalar):
    h = u
    return 0 * h + u, h


@layer(carried="u")
def fed_back(h: State, u: Scalar, a: Gate):
    return h * u + u, h


SIGNS = {"tokens": [token(u="1"), token(u="-1")], "shares": ["1/2", "1/2"], "dependent": False}


@pytest.mark.parametrize(
    ("made", "told", "change"),
    [
        (walk, "has no state or no input h", {"carried": "h"}),
        (two_numbers, "has no state or no input x", {"carried": "x"}),
        (fed_back, "the transition reads u", {}),
        (walk, "the covariance of u is not I", SIGNS | {"tokens": [token(u="2"), token(u="-2")]}),
        (walk, "the mean of u is not 0", SIGNS | {"tokens": [token(u="1"), token(u="2")]}),
        (walk, "no distribution", SIGNS | {"shares": ["1/2"]}),
        (walk, "no distribution", SIGNS | {"shares": ["3/2", "-1/2"]}),
        (walk, "stays I", SIGNS),
    ],
)
def test_covariances(made, told, change):
    rejected("stationary", [made], told, **{"sizes": {}, "carried": "u", "constants": {}} | change)


# What one layer has and another cannot be made into.


@layer
def begun_at(h: State, h0: Const[Scalar], x: Scalar):
    h = h + x
    return h, h


@layer
def read_before(h: State, w: Const[Scalar], x: Scalar):
    return h + x, h + w * x


@layer
def with_flags(h: State, e: Flag, f: Flag, x: Scalar):
    h = h + e * f * x
    return h, h


PLAIN = {"sizes": {}, "constants": token(h0="0")}
TABLE = {
    "constants": token(h0="0"),
    "pasts": [[token(x="0")], [token(x="1")]],
    "futures": [None, {"tokens": [token(x="0")], "output": 0}],
    "bits": 64,
}


@pytest.mark.parametrize(
    ("a", "b", "kind", "count", "told"),
    [
        (kept, begun_at, "readout of the new state", 1, "does not start at zero"),
        (read_before, begun_at, "readout of the old state", 12, "does not start at zero"),
        (with_flags, begun_at, "one direction", 3, "a token branches in too many ways"),
        (kept, begun_at, "one direction", 2, "needs 3 tokens, not 2"),
        (kept, kept, "trust", 2, "no obstruction is called 'trust'"),
    ],
)
def test_obstructions(a, b, kind, count, told):
    data = {"kind of obstruction": kind, "tokens": [token(x="1")] * count, "table": TABLE}
    b = replace(b, start={"h": "h0"}) if b is begun_at else b
    rejected("obstruction", [a, b], told, **PLAIN | data)


def test_reductions_of_a_state():
    table = TABLE | {"constants": {}}
    data = {"sizes": {}, "state": 1, "reduction": None, "table": table}
    accepted("minimality", [kept], "has 1 entries", **data)
    rejected(
        "minimality", [kept], "the reduction has 1 states, the claim is 2", **data | {"state": 2}
    )
    rows = {"reachable": [{"0": "1", "1": "1"}, {"1": "1"}], "observable": [{"0": "1"}]}
    rejected("minimality", [kept], "is not 0 at the pivot of another", **data | {"reduction": rows})


@layer
def root_of_the_past(h: State, x: Positive):
    return x * h + 1, sqrt(h)


def test_orders_of_tokens():
    data = {"sizes": {}, "constants": {}, "tokens": [token(x=x) for x in ("2", "3", "1")]}
    rejected("order", [root_of_the_past], "not run on the same numbers", **data, order=[1, 0])
    rejected("order", [root_of_the_past], "is not one of the tokens", **data, order=[0, 0])


def test_a_reduction_is_of_affine_layers():
    data = {"sizes": {"n": 1}, "state": 1, "reduction": None, "table": {}}
    rejected("minimality", [curved], "is not affine in its state", **data)
