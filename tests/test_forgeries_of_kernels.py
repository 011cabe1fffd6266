"""Forged certificates about kernels, their features and sums over the past."""

from dataclasses import replace

import pytest
from forging import accepted, kept, kernel, rejected

from dsf_sym import Const, Flag, Gate, Scalar, Unit, Vec, concat, cos, exp, ones, tanh
from dsf_sym.language.kernel import kernel_layer
from dsf_sym.language.spec import serialise
from dsf_sym.language.tensor import Input

# Kernels.


def squares(q: Vec["n"], k: Vec["n"]):
    return (1 + q @ k) * (1 + q @ k)


def quotient(q: Scalar, k: Scalar):
    return q * k / (1 + q * q)


def mixed(q: Scalar, k: Scalar):
    return q * k / (2 + cos(q * k))


def bounded(q: Vec["n"], k: Vec["n"]):
    return tanh(q @ k)


def flags(q: Flag, k: Flag):
    return q * k


def difference(q: Scalar, k: Scalar):
    return q * k * k - q * q * k


def weighed(q: Scalar, k: Scalar, w: Const[Scalar]):
    return w * q * k


def uneven(q: Vec["n"], k: Scalar):
    return (q @ q) * k


PAIRS = {"pairs": {"q": "k"}, "expanded": False}
TERMS, ENTRIES = {"method": "terms"}, {"method": "coefficients", "sizes": {"d": 1}}


def applied(made, function):
    """The kernel with a function of the key's signal as the entry of the cache."""
    return replace(made, step={n: function(x) if n == "k_j" else x for n, x in made.step.items()})


@pytest.mark.parametrize(
    ("made", "told", "data"),
    [
        (kernel(squares), "91 features are more than 80", ENTRIES | {"sizes": {"n": 12, "d": 1}}),
        (kernel(quotient), "have different denominators", ENTRIES),
        (kernel(mixed), "together|no product of parts", ENTRIES),
        (kernel(flags), "q has finitely many values", ENTRIES),
        (kernel(difference), "not symmetric", ENTRIES),
        (kernel(weighed), "a coefficient holds w", ENTRIES),
        (kernel(weighed), "w is not shown to be positive", TERMS | {"expanded": True}),
        (kernel(bounded), "reads query and key together", TERMS),
        (applied(kernel(squares), exp), "is not a signal of the key's token", TERMS),
        (kernel(uneven), "differ in shape", TERMS),
        (kernel(squares), "does not pair", TERMS | {"pairs": {"k": "q"}}),
        (kernel(squares), "no method 'trust'", {"method": "trust", "sizes": {}}),
        (kept, "is no sum over the past", TERMS),
    ],
)
def test_kernels_that_are_not_shown_to_be_positive_definite(made, told, data):
    rejected("positive definite", [made], told, **PAIRS | data)


def exponentials(q: Vec["n"], k: Vec["n"]):
    return exp(q @ k)


def numbers(q: Scalar, k: Scalar):
    return q * k


def of_three(q: Vec["n"], k: Vec["n"], w: Const[Scalar]):
    return w * (q @ k)


def vanishing(q: Vec["n"], k: Vec["n"]):
    return (q @ k) - (q @ k)


def of_flags(q: Flag["n"], k: Flag["n"]):
    return q @ k


def of_one(q: Vec["n"], k: Vec["n"]):
    return exp(q @ q) + 0 * (q @ k)


def uneven_squares(q: Vec["n"], k: Vec["n"]):
    return (q @ q) * (q @ k)


def one_sided(q: Unit["n"], k: Vec["n"]):
    return q @ k


def self_read(made):
    """The kernel times a function of the query token's own key."""
    own = Input("k", ("n",))
    return replace(made, output=replace(made.output, left=made.output.left * (own @ own)))


def formula(text):
    n = Input("n", ())
    return {"value": serialise({"value": text(n)}), "equal": True}


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (kernel(of_three), "no function of one query and one key"),
        (kernel(numbers), "no function of two vectors of any size"),
        (kernel(of_flags), "fill no open set"),
        (self_read(kernel(squares)), "reads more than one vector of a token"),
        (kernel(of_one), "has the factor exp"),
        (kernel(uneven_squares), "is no function of q·k"),
        (kernel(vanishing), "vanishing is 0"),
        (kernel(one_sided), "one of query and key is of norm 1"),
        (kept, "is no sum over the past"),
    ],
)
def test_kernels_without_a_formula_of_their_features(made, told):
    rejected("feature formula", [made], told, **formula(lambda n: n))


def test_a_formula_of_features():
    right = formula(lambda n: 1 + n + n * (n + 1) / 2)
    accepted("feature formula", [kernel(squares)], "and no fewer", **right)


RAYS = {"rays": {"query": "q", "key": "k", "others": {}}}


def with_a_factor(q: Vec["n"], k: Vec["n"], w: Const[Scalar]):
    return w * exp(q @ k)


def with_a_token(q: Vec["n"], k: Vec["n"], f: Gate):
    return f * exp(q @ k)


def by_a_weight(q: Vec["n"], k: Vec["n"], w: Const[Scalar]):
    return exp(w * (q @ k))


@pytest.mark.parametrize(
    ("made", "told", "data"),
    [
        (kernel(with_a_factor), "the factor w", RAYS),
        (kernel(by_a_weight), "a factor of unknown sign", RAYS),
        (kernel(squares), "a sum of", RAYS),
        (
            kernel(with_a_token),
            "f = 2 is outside",
            {"rays": {**RAYS["rays"], "others": {"f": "2"}}},
        ),
        (
            kernel(exponentials),
            "not square",
            {"sizes": {"n": 1}, "constants": {}, "queries": [], "keys": []},
        ),
        (kept, "is no sum over the past", RAYS),
    ],
)
def test_tables_of_a_kernel(made, told, data):
    accepted("kernel rank", [kernel(exponentials)], "no finite number of features", **RAYS)
    rejected("kernel rank", [made], told, **data)


def test_states_at_every_length():
    softmax = kernel_layer(exponentials)
    data = {"carried": "v", "skip": True, "causal": True, "parts": 1, "add": -1, **RAYS}
    accepted("operator at every length", [softmax], "at every length", **data)
    rejected("operator at every length", [softmax], "the formula is", **data | {"add": 0})
    twice = replace(softmax, output=softmax.output + softmax.output)
    rejected("operator at every length", [twice], "with one number each", **data)
    rejected("operator at every length", [kept], "no sum over the past", **data | {"carried": "x"})


def of_numbers(q: Scalar, k: Scalar):
    return q * k


def in_two_parts(other):
    """The sum in which some entries of the values have another kernel, a function of q k."""
    made = kernel(of_numbers)
    qk = made.signal("q").tensor * made.signal("k_j").tensor
    weight = concat(qk * ones("n"), other(qk) * ones("m"))
    parts = {s.name: replace(s, dims=("n+m",)) for s in made.signals if s.name in ("v", "v_j")}
    signals = tuple(parts.get(s.name, s) for s in made.signals)
    step = {**made.step, "v_j": parts["v"].tensor}
    return replace(made, signals=signals, step=step, output=weight * parts["v_j"].tensor)


def test_every_entry_of_the_values_has_its_kernel():
    sizes = {"n": 1, "m": 1}
    rejected(
        "positive definite",
        [in_two_parts(lambda x: -x)],
        "all entries of its values alike",
        **PAIRS | ENTRIES | {"sizes": sizes},
    )
    point = {"q": ["1"], "k": ["1"], "v": ["0", "0"]}
    data = {"count": 1, "queries": [point], "keys": [point], "constants": {}, "bits": 64}
    accepted("feature count", [in_two_parts(lambda x: x)], "needs 1 features", sizes=sizes, **data)
    made = in_two_parts(lambda x: x * x)
    rejected("feature count", [made], "all entries of its values alike", sizes=sizes, **data)
