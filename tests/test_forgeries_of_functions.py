"""Forged certificates about outputs, functions of numbers and formulas in sizes."""

from dataclasses import replace

import pytest
from forging import REAL, accepted, certificate, inside, kept, kernel, rejected, token

from dsf_sym import (
    Const,
    Flag,
    Gate,
    Mat,
    Negative,
    Positive,
    Scalar,
    State,
    Unit,
    Vec,
    exp,
    layer,
    outer,
    relu,
    sqrt,
)
from dsf_sym.certificates.checkers import parts, recheck
from dsf_sym.errors import Rejected
from dsf_sym.language.kernel import kernel_layer
from dsf_sym.language.spec import serialise
from dsf_sym.language.tensor import Input

# Bounds of outputs.


def products(q: Vec["n"], k: Vec["n"]):
    return q @ k


def exponentials(q: Vec["n"], k: Vec["n"]):
    return exp(q @ k)


@layer
def parabola(x: Scalar):
    return (x * x - x,)


@layer
def saddle(x: Scalar, y: Scalar):
    return (x * x + y * y - x * y,)


@layer
def wave(x: Scalar):
    return (exp(x) - 1 - x,)


def shown(low, high, *values, **more):
    return {"inside": f"[{low}, {high}]", "sizes": {}, **more}


@pytest.mark.parametrize(
    ("made", "told", "data"),
    [
        (kept, "has a state; signs is about", shown(0, "inf", method="signs")),
        (parabola, "no method 'trust'", shown(0, "inf", method="trust")),
        (kernel(products), "is no mean of values", shown(0, 1, method="ranges")),
        (kernel_layer(products), "weights are not shown to have", shown(0, 1, method="ranges")),
        (kernel_layer(exponentials), "its values are not shown", shown(0, 1, method="ranges")),
        (saddle, "no polynomial in one number", shown(0, "inf", method="roots")),
        (wave, "no polynomial in one number", shown(0, "inf", method="roots")),
        (parabola, "is not positive on", shown(0, "inf", method="roots")),
        (inside(parabola, 0, 1, "x"), "is not positive on", shown(0, 1, method="roots")),
        (parabola, "do not tell", shown(0, "inf", method="signs")),
        (parabola, "the domain is not bounded", shown(0, "inf", method="parts")),
        (parabola, "is shown to lie in", shown(0, 1, method="ranges")),
    ],
)
def test_bounds_that_outputs_leave(made, told, data):
    rejected("bounds", [made], told, **data)


def test_parts_of_a_domain_are_boxes_and_not_too_many(monkeypatch):
    @layer
    def flagged(x: Flag):
        return (x,)

    rejected("bounds", [flagged], "do not fill a box", **shown(0, 1, method="parts"))
    unit = inside(parabola, 0, 1, "x")
    accepted("bounds", [unit], "on each of", **shown(-1, 1, method="parts"))
    monkeypatch.setattr(parts, "MOST_PARTS", 9)
    rejected("bounds", [unit], "9 parts of the domain", **shown(0, 1, method="parts"))


@layer
def zero_where_unset(x: Flag):
    return (x + 3 * x * x,)


@layer
def zero(x: Scalar):
    return (0 * x,)


@layer
def zero_beside(x: Gate["n"], f: Flag["n"]):
    return (f * x,)


@pytest.mark.parametrize("method", ["signs", "roots", "parts", "ranges"])
@pytest.mark.parametrize("made", [zero_where_unset, zero, zero_beside])
def test_an_output_of_zero_is_an_output(made, method):
    data = {"inside": "[1/8, inf)", "method": method, "sizes": {"n": 2}}
    with pytest.raises(Rejected):
        recheck(certificate("bounds", made, **data))


# Orders of a difference.


@layer
def exact(h: State, v: Scalar, D: Positive):
    h = exp(D) * h + v
    return h, h


@layer
def first_order(h: State, v: Scalar, D: Positive):
    h = (1 + D) * h + v
    return h, h


@layer
def with_another(h: State, z: State, v: Scalar, D: Positive):
    h = (1 + D) * h + v
    return h, z + 1, h + z


@layer
def with_a_branch(h: State, v: Scalar, D: Positive):
    h = relu(D) * h + v
    return h, h


@layer
def with_a_pole(h: State, v: Scalar, D: Positive):
    h = h / D + v
    return h, h


@layer
def rooted(h: State, v: Scalar, D: Positive):
    h = sqrt(1 + D) * h + v
    return h, h


POINT = token(h="1", v="1", D="1", z="1")


def test_the_order_of_a_difference():
    data = {"sizes": {}, "order": 2, "in": "D", "point": POINT, "bits": 64}
    accepted("series", [exact, first_order], "differ at order 2", **data)
    for other, told, change in (
        (first_order, "the order is between 0 and 12", {"order": 13}),
        (first_order, "the order is between 0 and 12", {"order": -1}),
        (first_order, "in a token or weight", {"in": "h"}),
        (first_order, "differs below order 3", {"order": 3}),
        (first_order, "not shown to differ at order 1", {"order": 1}),
        (first_order, "h needs 1 entries", {"point": POINT | {"h": ["1", "2"]}}),
        (first_order, "outside|D", {"point": POINT | {"D": ["-1"]}}),
        (with_another, "have different states", {}),
        (with_a_branch, "relu has no power series", {}),
        (rooted, "sqrt is not expanded", {}),
        (with_a_pole, "a denominator vanishes where the signal does", {}),
    ):
        rejected("series", [exact, other], told, **data | change)


# Sizes of states as formulas, and outputs without a finite state.


@layer
def outer_sum(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    S = S + outer(k, v)
    return S, q @ S


@layer
def gated_sum(S: State["n", "d"], q: Vec["n"], k: Gate["n"], v: Vec["d"]):
    S = S + outer(k, v)
    return S, q @ S


@layer
def begun(S: State["n", "d"], S0: Const[Mat["n", "d"]], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    S = S + outer(k, v)
    return S, q @ S


@layer
def unit_sum(S: State["n"], q: Vec["n"], k: Unit["n"]):
    return S + k, q @ S


@layer
def half_read(S: State["n"], R: State["n"], q: Vec["n"], k: Vec["n"]):
    return S + k, R + k, q @ S


@pytest.mark.parametrize(
    ("made", "told", "change"),
    [
        (replace(begun, start={"S": "S0"}), "does not start from 0", {}),
        (outer_sum, "not read once", {"past": {"q": None, "k": None, "v": None}}),
        (outer_sum, "a sum of 0 products", {"past": {"q": "0", "k": "0", "v": None}}),
        (outer_sum, "do not pair", {"past": {"q": "0", "k": None, "v": "1"}}),
        (gated_sum, "has no unit vectors", {}),
        (
            unit_sum,
            "no past has the output 0",
            {"past": {"q": "0", "k": None}, "future": {"q": None, "k": None}},
        ),
        (half_read, "the state has 2", {"past": {"q": "0", "k": None}}),
    ],
)
def test_sizes_of_states(made, told, change):
    data = {"past": {"q": "0", "k": None, "v": None}, "future": {"q": None, "k": "0", "v": "0"}}
    right = {"value": serialise({"value": Input("n", ()) * Input("d", ())}), "equal": True}
    accepted("state formula", [outer_sum], "n*d entries", **data | right)
    rejected("state formula", [made], told, **data | right | change)


@layer
def ratio(h: State, z: State, v: Scalar, k: Positive):
    return h + k * v, z + k, (h + k * v) / (z + k)


@layer
def root_ratio(h: State, z: State, v: Scalar, k: Positive):
    w = sqrt(k)
    return h + w * v, z + w, (h + w * v) / (z + w)


@layer
def pole_ratio(h: State, z: State, v: Scalar, k: Negative):
    w = exp(1 / k)
    return h + w * v, z + w, (h + w * v) / (z + w)


@layer
def unread(h: State, z: State, v: Scalar, k: Positive):
    return h + k * v, z + k, h + k * v


@pytest.mark.parametrize(
    ("made", "told", "low", "high"),
    [
        (root_ratio, "is no exp or log", "2", "4"),
        (pole_ratio, "is not shown to have a value all along", "-4", "-2"),
        (unread, "one Cauchy kernel", "2", "4"),
        (ratio, "does not range over the numbers from 4 to 2", "4", "2"),
        (ratio, "outside|lies", "-2", "4"),
    ],
)
def test_outputs_that_are_not_shown_to_need_an_endless_state(made, told, low, high):
    ends = {"name": "k", "entry": 0, "between": [low, high]}
    data = {"sizes": {}, "constants": {}, "output": 0}
    data |= {"tokens": [token(v="2", k=low), token(v="-2", k=low)]}
    data |= {"past": {"token": 0, **ends}, "future": {"token": 1, **ends}}
    rejected("endless tables", [made], told, **data)


def test_a_table_of_no_state_at_all():
    table = {"constants": {}, "pasts": [], "futures": [], "bits": 64}
    rejected("table", [kept], "a state of -1 entries", sizes={}, states=-1, table=table)


@layer
def of_two_sizes(h: State["n"], g: State["m"], x: Vec["n"], y: Vec["m"]):
    return h + x, g + y, h


@layer
def of_one_number(h: State["1"], x: Vec["1"]):
    return h + x, h


def test_a_size_is_a_positive_number():
    """No n and m are 1 - m and m, and the states of n + m entries have two at least."""
    value = {"value": serialise({"value": 1 - Input("m", ())}), "size": "n"}
    rejected("state match", [of_two_sizes, of_one_number], "not shown to be positive", **value)


# Functions of numbers.


@layer
def least(e: Scalar, t: Scalar):
    return (e - t,)


@layer
def alone(t: Scalar):
    return (t,)


@layer
def of_vectors(e: Vec["n"], t: Scalar):
    return (e - t,)


@layer
def nothing(e: Scalar, t: Scalar):
    return (e - e + 0 * t,)


@layer
def nested(e: Scalar, t: Scalar):
    return (exp(e) - t,)


READS = {"e": ["exp", 1], "t": ["taylor", 1]}
DEGREES = {"reads": READS, "strict": False, "slope": False, "degrees": ["even", "odd"]}


@pytest.mark.parametrize(
    ("made", "told", "change"),
    [
        (kept, "no function of numbers alone", {"reads": {"h": ["exp", 1], "x": ["exp", 1]}}),
        (of_vectors, "no function of numbers alone", {}),
        (nothing, "no polynomial in its signals, or is 0", {}),
        # A value for exp(e) would be taken in place of the exponential of e.
        (nested, "no polynomial", {"reads": READS | {"exp(e)": ["taylor", 1], "e": ["sign", 0]}}),
        # At degree 0 this power is 0.
        (alone, "other than 0", {"strict": True, "reads": {"t": ["power", -1]}, "steps": []}),
        (least, "is not shown to be not negative", {"steps": []}),
        (least, "degrees are even or odd", {"degrees": []}),
        (least, "are not those of the claim", {"degree": -1, "point": "1"}),
        (least, "are not those of the claim", {"degree": 1, "point": "0"}),
        (least, "are not those of the claim", {"degree": 1, "point": "-1"}),
        (least, "not shown to be negative", {"degree": 1, "point": "1"}),
    ],
)
def test_signs_at_every_degree(made, told, change):
    rejected("sign at every degree", [made], told, **DEGREES | {"steps": ["derive"]} | change)


@pytest.mark.parametrize(
    ("made", "told", "change"),
    [
        (least, "is 0 at every a", {"bases": {"e": "2", "t": "2"}}),
        (nested, "no polynomial", {"bases": {"e": "1", "exp(e)": "2", "t": "1"}}),
        (least, "a base is not positive", {"bases": {"e": "-1", "t": "2"}}),
        (least, "the signs change 1 times", {"zeros": []}),
        (least, "a zero of order 1", {"zeros": ["1"]}),
    ],
)
def test_zeros_of_powers(made, told, change):
    data = {"bases": {"e": "3", "t": "2"}, "zeros": ["0"], "inside": REAL}
    accepted("zeros of powers", [least], "at 0, and there alone", **data)
    rejected("zeros of powers", [made], told, **data | change)


@layer
def cubic(x: Scalar):
    return (x * x * x - 2,)


@layer
def hyperbola(x: Positive):
    return (1 / x - 2,)


@layer
def two_numbers(x: Scalar, y: Scalar):
    return (x - y,)


@pytest.mark.parametrize(
    ("made", "told", "between"),
    [
        (kept, "no function of one number", ["1", "2"]),
        (two_numbers, "no function of one number", ["1", "2"]),
        (hyperbola, "not shown to be continuous", ["1/4", "2"]),
        (cubic, "one sign", ["2", "3"]),
        (cubic, "does not lie between", ["2", "1"]),
        (parabola, "the sign at 1 is not certain", ["1", "2"]),
    ],
)
def test_roots(made, told, between):
    rejected("root", [made], told, between=between)


def without_layers(kind, told, **data):
    with pytest.raises(Rejected, match=told):
        claim = {"claim": {"where": []}, "layers": [], "hashes": []}
        recheck({"kind": kind, **claim, **data})


def test_signs_of_exponential_polynomials():
    kind, terms = "sign of an exponential polynomial", {"0": ["1"]}
    for told, data in (
        ("-1 is not positive", {"point": "-1"}),
        ("0 is not positive", {"point": "0"}),
        ("not shown to be negative", {"point": "1"}),
        ("negative at 0", {"terms": {"0": ["-1", "1"]}, "steps": ["derive"]}),
        ("not shown to be positive", {"terms": {"0": ["0"]}, "steps": []}),
    ):
        without_layers(kind, told, **{"terms": terms, **data})


MASKED = {
    "matrix": [["1", "0"], ["1", "1"]],
    "width": 1,
    "skip": False,
    "Q": [["1"], ["1"]],
    "K": [["1"], ["1"]],
    "mask": ["1", "1"],
}


@pytest.mark.parametrize(
    ("told", "change"),
    [
        ("not square", {"matrix": [["1", "0"]]}),
        ("not square", {"matrix": []}),
        ("or the width not positive", {"width": 0}),
        ("not causal", {"matrix": [["1", "1"], ["1", "1"]]}),
        ("do not fit the matrix", {"mask": ["1"]}),
        ("do not fit the matrix", {"Q": [["1"]]}),
        ("have not the width 1", {"K": [["1"], ["1", "1"]]}),
        ("differs from the matrix at 1, 0", {"mask": ["1", "2"]}),
        ("do not lie in one run", {"matrix": [["1", "0"], ["0", "1"]], "new columns": [0, 1]}),
        ("do not exceed the width", {"new columns": [0, 0]}),
        ("a combination of those before it", {"new columns": [0, 1]}),
        ("do not fit the state", {"states": {"count": 2, "Lam": [], "B": [], "C": []}}),
        (
            "C Λ ... B differs",
            {"states": {"count": 1, "Lam": [[["0"]]] * 2, "B": [[["1"]]] * 2, "C": [[["1"]]] * 2}},
        ),
    ],
)
def test_matrices_that_are_no_masked_attention(told, change):
    without_layers("masked attention", told, **MASKED | change)


# Gaussian means, growth and lengths.


@layer
def of_a_state(h: State, w: Scalar):
    return h + w, h


@layer
def mean_of_one(x: Scalar, w: Scalar):
    return (x + w,)


@layer
def still_reads(x: Scalar, w: Scalar):
    return (x + 0 * w + w - w,)


@layer
def the_mean(x: Scalar):
    return (x,)


@layer
def mean_of_gate(x: Scalar, w: Gate):
    return (x + w,)


@layer
def tenth(x: Scalar, w: Scalar):
    out = x
    for _ in range(9):
        out = out * w
    return (out,)


@pytest.mark.parametrize(
    ("made", "stated", "told"),
    [
        (of_a_state, the_mean, "of_a_state has a state"),
        (mean_of_one, still_reads, "reads w, over which the mean is taken"),
        (mean_of_gate, the_mean, "does not take all real values"),
        (tenth, the_mean, "more than 8 factors w"),
    ],
)
def test_gaussian_means(made, stated, told):
    accepted("gaussian mean", [mean_of_one, the_mean], "the mean of", over="w")
    rejected("gaussian mean", [made, stated], told, over="w")


def test_a_growth_reads_tokens_and_weights_alone():
    data = {"sum": serialise({"sum": Input("h", ()) * Input("h", ())})}
    rejected("growth", [kept], "reads what is no token or weight", **data)
