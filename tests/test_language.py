"""The language: shapes and domains refused with their names, and its operations against NumPy."""

import copy
import itertools
import math
import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from dsf_sym import (
    Complex,
    Const,
    Gate,
    Mat,
    Positive,
    Real,
    Scalar,
    State,
    Unit,
    Vec,
    concat,
    diag,
    einsum,
    exp,
    eye,
    layer,
    log,
    ones,
    outer,
    polar,
    scale,
    sigmoid,
    softplus,
    sqrt,
    sum,
    tanh,
)
from dsf_sym.arithmetic.scalars import Rationals
from dsf_sym.arithmetic.sparse import Sparse, SparseAlgebra, from_flat
from dsf_sym.errors import DomainError, LanguageError, ShapeError, SizeError, UnknownName
from dsf_sym.language.domains import POSITIVE
from dsf_sym.language.evaluate import evaluate, shape_of
from dsf_sym.language.tensor import Input, lift, text

SIZES = {"n": 2, "d": 3, "m": 2}
q, k = Input("q", ("n",)), Input("k", ("n",))
v, w = Input("v", ("d",)), Input("w", ("m",))
S, P = Input("S", ("n", "d")), Input("P", ("n", "n"))
a, b = Input("a"), Input("b")
INPUTS = (q, k, v, w, S, P, a, b)


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: k * S, ["k", "[n]", "S", "[n, d]", "scale(k, S, axis='n')"]),
        (lambda: S * v, ["S", "[n, d]", "v", "[d]", "scale(v, S, axis='d')"]),
        (lambda: k * v, ["k", "[n]", "v", "[d]"]),
        (lambda: k + v, ["cannot add", "k", "[n]", "v", "[d]"]),
        (lambda: k - S, ["cannot add", "k", "[n]", "S", "[n, d]"]),
        (lambda: k / v, ["k", "[n]", "v", "[d]"]),
        (lambda: S @ k, ["cannot contract S: [n, d] with k: [n]"]),
        (lambda: v @ S, ["cannot contract v: [d] with S: [n, d]"]),
        (lambda: a @ k, ["cannot contract a: scalar with k: [n]"]),
        (lambda: k @ a, ["cannot contract k: [n] with a: scalar"]),
        (lambda: scale(v, S, axis="n"), ["v has size d", "S", "[n, d]", "has size n"]),
        (lambda: scale(k, S, axis="m"), ["S", "[n, d]", "no axis of size m"]),
        (lambda: scale(k, P), ["P", "more than one axis of size n", "axis=0 or 1"]),
        (lambda: scale(S, S), ["S", "[n, d]", "not a vector"]),
        (lambda: scale(k, S, axis=2), ["S", "no axis 2"]),
        (lambda: sum(S, "m"), ["S", "no axis of size m"]),
        (lambda: sum(P, "n"), ["P", "more than one axis of size n"]),
        (lambda: diag(S), ["diag", "S", "[n, d]"]),
        (lambda: concat(S, k), ["concat", "S: [n, d]", "k: [n]"]),
        (lambda: concat(S, P, axis=0), ["concat along axis 0", "S: [n, d]", "P: [n, n]"]),
        (lambda: concat(k, v, axis=1), ["concat along axis 1"]),
        (lambda: einsum("ij,j->i", S, k), ["einsum('ij,j->i', S, k)", "'j' is both d and n"]),
        (lambda: einsum("ii->i", S), ["'i' is both n and d"]),
        (lambda: einsum("ij,j", S, v), ['"->"']),
        (lambda: einsum("ij->i", S, v), ["one group of letters an operand"]),
        (lambda: einsum("i,j->ij", S, v), ["'i' does not name the axes of S: [n, d]"]),
        (lambda: einsum("ij->ii", S), ["output 'ii'"]),
        (lambda: einsum("ij->k", S), ["output 'k'"]),
        (lambda: einsum("iJ->i", S), ["lower-case"]),
    ],
)
def test_shapes_that_do_not_fit_are_refused_with_the_operands_and_sizes(build, named):
    with pytest.raises(ShapeError) as caught:
        build()
    for part in named:
        assert part in str(caught.value)


def test_sizes_are_told_apart_by_name_even_where_they_are_equal():
    """At n = d NumPy multiplies a vector into the wrong axis of a matrix without a word."""
    with pytest.raises(ShapeError, match=r"S: \[n, d\]"):
        _ = k * S
    with pytest.raises(ShapeError, match=r"cannot contract S \+ .*: \[n, d\] with q: \[n\]"):

        @layer
        def transposed(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
            S = S + outer(k, v)
            return S, S @ q


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: k**True, "neither a tensor nor a number"),
        (lambda: k**1j, "Complex"),
        (lambda: k[0], "cannot be indexed"),
        (lambda: list(k), "cannot be indexed or unpacked"),
        (lambda: 1 if a else 2, "may not branch"),
        (lambda: 1 if a == 0 else 2, r"<a: scalar> cannot be compared with 0"),
        (lambda: 1 if a != 0.5 else 2, "cannot be compared"),
        (lambda: max(a, 0), r"maximum\(x, y\)"),
        (lambda: 1 if a >= 0 else 2, "cannot be compared"),
        (lambda: len(k), r'sum\(ones\("n"\)\)'),
        (lambda: k.__setitem__(0, a), "cannot be indexed"),
        (lambda: Complex(a, a) == 0, "cannot be compared"),
        (lambda: k @ outer(k, k).sum(), r"cannot contract"),
        (lambda: k @ v, r"outer\(k, v\)"),
        (lambda: a + "b", "neither a tensor nor a number"),
        (lambda: a * True, "neither a tensor nor a number"),
        (lambda: a * float("inf"), "not a finite number"),
        (lambda: a * float("nan"), "not a finite number"),
        (lambda: a + None, "neither a tensor nor a number"),
    ],
)
def test_what_has_no_meaning_is_refused(build, message):
    with pytest.raises(LanguageError, match=message):
        build()


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda k: math.exp(k), TypeError),
        (lambda k: np.exp(k), TypeError),
        (lambda k: k.shape[0], AttributeError),
        (lambda k: not_imported(k), NameError),
    ],
)
def test_what_python_refuses_in_a_step_gets_a_note_on_symbols(build, error):
    def step(k: Vec["n"]):
        return (build(k),)

    with pytest.raises(error) as caught:
        layer(step)
    assert any("functions of dsf_sym" in note for note in caught.value.__notes__)


def test_symbols_are_told_apart_by_identity_in_sets_and_copies():
    assert len({k, q, k, Complex(k), Complex(k)}) == 4
    assert k in [q, k] and q not in (k, v)
    twin = copy.copy(k)
    assert twin is not k and twin.name == k.name and repr(twin) == repr(k)
    assert not hasattr(k, "shape") and not hasattr(k, "__len_hint__")


@pytest.mark.parametrize(
    ("build", "shown"),
    [
        (lambda: sum(S * S), "sum(S * S)"),
        (lambda: einsum("ab,bc->ca", P, S), "einsum('ab,bc->ca', P, S)"),
        (lambda: einsum("a,b->ba", k, v), "einsum('a,b->ba', k, v)"),
        (lambda: a * b, "a * b"),
        (lambda: q @ k, "q @ k"),
        (lambda: q @ S, "q @ S"),
        (lambda: k / sqrt(sum(ones("n"))), "k / sqrt(sum(ones('n')))"),
    ],
)
def test_expressions_are_written_as_they_would_be_typed(build, shown):
    assert text(build()) == shown


def test_polar_takes_the_modulus_and_the_angle():
    z = polar(2, a)
    assert text(z.re) == "2 * cos(a)" and text(z.im) == "2 * sin(a)"


def test_division_by_the_number_zero():
    with pytest.raises(DomainError, match="a / 0"):
        _ = a / 0


def test_numbers_are_exact():
    assert lift(0.1).value == Fraction(1, 10)
    assert lift(np.float64(0.1)).value == Fraction(1, 10)
    assert lift(Fraction(2, 3)).value == Fraction(2, 3)
    assert (np.float64(0.5) * a).left.value == Fraction(1, 2)


def test_an_array_of_numpy_is_no_tensor():
    with pytest.raises(LanguageError, match="ndarray"):
        _ = np.ones(2) * k


CASES = [
    (lambda: q + k - 2 * q, lambda x: x["q"] + x["k"] - 2 * x["q"]),
    (lambda: a * S + b, lambda x: x["a"] * x["S"] + x["b"]),
    (lambda: 3 - k, lambda x: 3 - x["k"]),
    (lambda: S / 4, lambda x: x["S"] / Fraction(4)),
    (lambda: k / b, lambda x: x["k"] / x["b"]),
    (lambda: 2 / k, lambda x: 2 / x["k"]),
    (lambda: k**3, lambda x: x["k"] ** 3),
    (lambda: b**-2, lambda x: 1 / x["b"] ** 2),
    (lambda: k**0, lambda x: x["k"] * 0 + 1),
    (lambda: q @ S, lambda x: x["q"] @ x["S"]),
    (lambda: S @ v, lambda x: x["S"] @ x["v"]),
    (lambda: S.T @ q, lambda x: x["S"].T @ x["q"]),
    (lambda: q @ P @ k, lambda x: x["q"] @ x["P"] @ x["k"]),
    (lambda: q @ P.T @ k, lambda x: x["q"] @ x["P"].T @ x["k"]),
    (lambda: outer(k, v), lambda x: np.multiply.outer(x["k"], x["v"])),
    (lambda: outer(S, k), lambda x: np.multiply.outer(x["S"], x["k"])),
    (lambda: outer(a, k), lambda x: x["a"] * x["k"]),
    (lambda: scale(k, S), lambda x: x["k"][:, None] * x["S"]),
    (lambda: scale(v, S), lambda x: x["S"] * x["v"][None, :]),
    (lambda: scale(k, S, axis="n"), lambda x: x["k"][:, None] * x["S"]),
    (lambda: scale(k, P, axis=0), lambda x: x["k"][:, None] * x["P"]),
    (lambda: scale(k, P, axis=1), lambda x: x["k"][None, :] * x["P"]),
    (lambda: diag(k) @ S, lambda x: x["k"][:, None] * x["S"]),
    (lambda: diag(k), lambda x: np.diag(x["k"])),
    (lambda: eye("n") @ S, lambda x: x["S"]),
    (lambda: eye("n") - outer(k, k), lambda x: np.eye(2, dtype=int) - np.outer(x["k"], x["k"])),
    (lambda: ones("n", "d") * a, lambda x: np.ones((2, 3), dtype=int) * x["a"]),
    (lambda: 2 * ones("n") + k, lambda x: 2 + x["k"]),
    (lambda: sum(S), lambda x: x["S"].sum()),
    (lambda: sum(S, "n"), lambda x: x["S"].sum(axis=0)),
    (lambda: S.sum("d"), lambda x: x["S"].sum(axis=1)),
    (lambda: sum(P, 1), lambda x: x["P"].sum(axis=1)),
    (lambda: sum(eye("n")), lambda x: np.eye(2, dtype=int).sum()),
    (lambda: concat(k, v), lambda x: np.concatenate([x["k"], x["v"]])),
    (lambda: concat(k, w, v, q), lambda x: np.concatenate([x[i] for i in "kwvq"])),
    (lambda: concat(S, P, axis=1), lambda x: np.concatenate([x["S"], x["P"]], axis=1)),
    (lambda: concat(S, P.T @ S, axis=0), lambda x: np.concatenate([x["S"], x["P"].T @ x["S"]])),
    (lambda: concat(0 * k, v), lambda x: np.concatenate([0 * x["k"], x["v"]])),
    (lambda: einsum("ii->", P), lambda x: np.trace(x["P"])),
    (lambda: einsum("ii->i", P), lambda x: np.diagonal(x["P"])),
    (lambda: einsum("ij->ji", S), lambda x: x["S"].T),
    (lambda: einsum("i,j,ij->", k, v, S), lambda x: x["k"] @ x["S"] @ x["v"]),
    (lambda: einsum("i,i,ij->j", k, q, S), lambda x: (x["k"] * x["q"]) @ x["S"]),
    (lambda: einsum("i,j->j", k, v), lambda x: x["k"].sum() * x["v"]),
    (lambda: einsum("ij,jk,kl->li", P, P, S), lambda x: (x["P"] @ x["P"] @ x["S"]).T),
    (lambda: einsum("ab,ab,a->b", S, S, k), lambda x: x["k"] @ (x["S"] * x["S"])),
    (lambda: einsum("ij,kk->ikj", S, P), lambda x: _ikj(x)),
]


def _ikj(x):
    out = np.zeros((2, 2, 3), dtype=object)
    for i, m, j in itertools.product(range(2), range(2), range(3)):
        out[i, m, j] = x["S"][i, j] * x["P"][m, m]
    return out


def _arrays(seed):
    rng = random.Random(seed)
    out = {}
    for x in INPUTS:
        shape = shape_of(x.dims, SIZES)
        values = [
            Fraction(rng.choice([-3, -2, -1, 1, 2, 3]), rng.choice([1, 2, 3]))
            for _ in range(int(np.prod(shape)))
        ]
        out[x.name] = np.array(values, dtype=object).reshape(shape)
    return out


def _sparse(x):
    return from_flat(x.shape, list(x.flat))


def _dense(x: Sparse):
    return np.array(x.flat(Fraction(0)), dtype=object).reshape(x.shape)


@pytest.mark.parametrize("case", range(len(CASES)))
def test_every_operation_agrees_with_numpy_on_rational_arrays(case):
    build, expected = CASES[case]
    for seed in range(3):
        x = _arrays(seed)
        tensor = build()
        values = {name: _sparse(array) for name, array in x.items()}
        (got,) = evaluate([tensor], values, SparseAlgebra(Rationals(), SIZES))
        want = np.asarray(expected(x), dtype=object)
        assert shape_of(tensor.dims, SIZES) == want.shape, text(tensor)
        assert got.shape == want.shape
        assert (_dense(got) == want).all(), text(tensor)


def test_functions_of_rational_arrays_are_exact_or_refused():
    algebra = SparseAlgebra(Rationals(), {"n": 2})
    zero = Sparse((2,), {})
    four = from_flat((2,), [Fraction(4), Fraction(1, 9)])
    for f, at_zero in [(exp, 1), (sigmoid, Fraction(1, 2)), (tanh, 0), (sqrt, 0)]:
        (got,) = evaluate([f(k)], {"k": zero}, algebra)
        assert got.flat(Fraction(0)) == [at_zero] * 2
    (got,) = evaluate([sqrt(k)], {"k": four}, algebra)
    assert got.flat(Fraction(0)) == [2, Fraction(1, 3)]
    for f in (exp, log, softplus):
        with pytest.raises(Exception, match="not rational"):
            evaluate([f(k)], {"k": four}, algebra)


def test_a_size_without_a_value_is_named():
    with pytest.raises(SizeError, match="size m has no value"):
        shape_of(("n", "n+m"), {"n": 2})


def test_a_step_that_returns_one_value_is_refused():
    with pytest.raises(LanguageError, match="returned one value; it must return new S, output"):

        @layer
        def only_state(S: State["n"], v: Vec["n"]):
            return S + v


def test_a_step_that_returns_too_many_values_is_refused():
    with pytest.raises(LanguageError, match="3 values; it must return new S, output"):

        @layer
        def too_many(S: State["n"], v: Vec["n"]):
            return S, S, v


def test_a_new_state_of_another_shape_is_refused():
    with pytest.raises(ShapeError, match=r"state S is \[n, d\], its new value .* is \[d, n\]"):

        @layer
        def turned(S: State["n", "d"], k: Vec["n"], v: Vec["d"]):
            return S.T + outer(v, k), k @ S


def test_an_argument_without_a_declaration_is_refused():
    with pytest.raises(LanguageError, match="bare: argument v needs an annotation"):

        @layer
        def bare(S: State["n"], v):
            return S + v, S


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: Vec["n", "d"].check("k"), r"k: Vec\['n', 'd'\] needs 1 size"),
        (lambda: Mat["n"].check("k"), "needs 2 sizes"),
        (lambda: Vec.check("k"), 'needs 1 size: Vec\\["n"\\]'),
        (lambda: Unit.check("k"), "needs 1 size"),
        (lambda: Scalar["n"].check("k"), "needs 0 size"),
        (lambda: Vec["0"], "'0' is not a size"),
        (lambda: Vec["-1"], "'-1' is not a size"),
        (lambda: Vec["n*m"], "is not a size"),
        (lambda: Vec[2], "2 is not a size"),
        (lambda: Vec["n+"], "is not a size"),
        (lambda: Const[State["n"]], "kind of signal inside"),
        (lambda: Const["n"], "kind of signal inside"),
    ],
)
def test_declarations_that_say_nothing_are_refused(declare, message):
    with pytest.raises(LanguageError, match=message):
        declare()


@pytest.mark.parametrize("start", ["v", "wide"])
def test_a_start_that_is_no_constant_of_the_state_s_shape_is_refused(start):
    with pytest.raises(ShapeError, match=f"starts from {start}.*must be a constant"):

        @layer(start={"S": start})
        def begins(S: State["n"], v: Vec["n"], wide: Const[Real["n", "n"]]):
            return S + v + wide @ v, S


def test_a_start_of_no_state_is_refused():
    with pytest.raises(UnknownName, match="no state 'R'"):

        @layer(start={"R": "S0"})
        def begins(S: State["n"], v: Vec["n"], S0: Const[Vec["n"]]):
            return S + v, S + S0


def _over(build, declaration):
    """A layer whose output is v times `build(x)`, x a signal of the given kind."""

    def step(S: State["p"], v: Vec["p"], x):
        return S + v, build(x) * v

    step.__annotations__["x"] = declaration
    return layer(step)


@pytest.mark.parametrize(
    ("build", "domain", "named"),
    [
        (lambda x: 1 / x, Real, ["division by x", "lies in real", "Positive, Gate"]),
        (lambda x: 1 / (1 - x), Gate, ["division by 1 - x", "lies in [0, 1)"]),
        (lambda x: 1 / (x - 2), Positive, ["lies in (-2, inf)"]),
        (lambda x: sum(1 / x), Vec["n"], ["division by x"]),
        (lambda x: 1 / (x @ x), Vec["n"], ["division by", "lies in [0, inf)"]),
        (lambda x: sum(1 / x), Unit["n"], ["division by x", "lies in [-1, 1]"]),
        (lambda x: 1 / log(x), Positive, ["division by log(x)"]),
        (lambda x: 1 / tanh(x), Real, ["lies in (-1, 1)"]),
        (lambda x: x**-2, Real, ["division by"]),
        (lambda x: 1 / (sigmoid(x) - 1 + sigmoid(x)), Real, ["lies in (-1, 1)"]),
        (lambda x: log(x), Real, ["log(x)", "positive argument", "lies in real"]),
        (lambda x: log(1 - x), Gate, ["lies in [0, 1)"]),
        (lambda x: sqrt(x), Real, ["sqrt(x)", "not negative", "lies in real"]),
        (lambda x: sqrt(x - 1), Gate, ["lies in (-1, 0]"]),
        (lambda x: sum(log(eye("n") @ x)), Positive["n"], ["log"]),
        (lambda x: 1 / sqrt(x @ x), Vec["n"], ["division by sqrt", "[0, inf)"]),
    ],
)
def test_an_operation_undefined_on_the_domain_is_refused_and_shows_the_domain(build, domain, named):
    with pytest.raises(DomainError) as caught:
        _over(build, domain)
    for part in named:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("build", "domain"),
    [
        (lambda x: 1 / x, Positive),
        (lambda x: 1 / x, Gate),
        (lambda x: 1 / (1 + x), Gate),
        (lambda x: 1 / (1 + x * x), Real),
        (lambda x: 1 / (1 + x @ x), Vec["n"]),
        (lambda x: 1 / (x @ x), Unit["n"]),
        (lambda x: 1 / exp(x), Real),
        (lambda x: 1 / softplus(x), Real),
        (lambda x: 1 / (1 + exp(-x)), Real),
        (lambda x: 1 / (1 + tanh(x)), Real),
        (lambda x: log(1 - sigmoid(x)), Real),
        (lambda x: log(1 + exp(x)), Real),
        (lambda x: 1 / sqrt(x * x + 1e-6), Real),
        (lambda x: 1 / sqrt(x @ x + 1e-5), Vec["n"]),
        (lambda x: log(sqrt(2 * x)), Gate),
    ],
)
def test_an_operation_defined_on_the_whole_domain_is_accepted(build, domain):
    assert _over(build, domain).output.dims == ("p",)


@layer
def gated(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate, beta: Gate):
    S = alpha * S + beta * outer(k, v)
    return S, q @ S


@layer
def unit(S: State["n", "d"], q: Vec["n"], k: Unit["n"], v: Vec["d"]):
    S = S + outer(k, v)
    return S, q @ S


@pytest.mark.parametrize(
    ("tie", "message"),
    [
        ({"alpha": 2}, r"alpha must lie in \(0, 1\], the tie lies in \[2, 2\]"),
        ({"alpha": 0}, r"the tie lies in \[0, 0\]"),
        ({"alpha": "1 - beta"}, r"the tie lies in \[0, 1\)"),
        ({"alpha": "beta + alpha"}, r"the tie lies in \(0, 2\]"),
        ({"alpha": "k @ q"}, "the tie lies in real"),
        ({"alpha": "exp(beta)"}, "must lie in"),
        ({"alpha": "log(beta) / 2"}, "must lie in"),
        ({"alpha": "1 / (1 - beta)"}, "division by"),
        ({"alpha": "1 / (q @ k)"}, "division by"),
    ],
)
def test_a_tie_that_leaves_the_domain_is_refused(tie, message):
    with pytest.raises(DomainError, match=message):
        gated.given(**tie)


@pytest.mark.parametrize(
    "tie", [1, "beta", "1/2", "beta * beta", "1 / (1 + beta)", "exp(-beta)", "sigmoid(q @ k)"]
)
def test_a_tie_inside_the_domain_is_accepted(tie):
    tied = gated.given(alpha=tie)
    assert "alpha" not in [s.name for s in tied.signals]
    assert tied.ties


@pytest.mark.parametrize("tie", ["q", "2 * k", "k + q", "1"])
def test_a_unit_norm_signal_takes_no_tie_that_may_have_another_norm(tie):
    with pytest.raises(DomainError, match="k has unit norm, and the tie is not known to"):
        unit.given(k=tie)


def test_a_unit_norm_signal_can_be_renamed_to_another():
    assert unit.given(k="e", e=Unit["n"]).signal("e").domain.unit
    with pytest.raises(DomainError, match="unit norm"):
        unit.given(k="e", e=Vec["n"])


@pytest.mark.parametrize(
    ("tie", "kind", "message"),
    [
        ({"kk": "q"}, UnknownName, "no signal 'kk'; did you mean k"),
        ({"k": "qq"}, UnknownName, "no signal 'qq'; did you mean q"),
        ({"k": "v"}, ShapeError, r"k is \[n\], the tie is \[d\]"),
        ({"alpha": "k"}, ShapeError, r"alpha is scalar, the tie is \[n\]"),
        ({"S": "outer(k, v)"}, LanguageError, "S is a state"),
    ],
)
def test_a_tie_that_does_not_fit_names_the_signal(tie, kind, message):
    with pytest.raises(kind, match=message):
        gated.given(**tie)


def test_a_scalar_tie_is_repeated_to_the_signal_s_shape():
    assert gated.given(k="beta").output.dims == ("d",)


def test_ties_are_simultaneous():
    swapped = gated.given(k="q", q="k")
    assert {s.name for s in swapped.signals} == {s.name for s in gated.signals}
    assert swapped.hash != gated.hash
    assert swapped.given(k="q", q="k").hash == gated.hash


def test_a_layer_has_each_signal_once_whatever_a_tie_adds():
    """The other layer of a comparison may know a signal of the same name with another domain."""
    elsewhere = replace(gated.signal("beta"), domain=POSITIVE)
    tied = gated.tie({"alpha": 1 / (1 + gated["beta"])}, {"beta": elsewhere})
    assert [s.name for s in tied.signals].count("beta") == 1
    assert tied.signal("beta").domain == gated.signal("beta").domain
