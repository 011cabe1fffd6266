"""Index terms: the normal form does not depend on names or order, and never changes a value.

Products and functions are evaluated numerically before and after, at sizes n = 2 and m = 3.
"""

import itertools
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsf_sym import (
    concat,
    diag,
    einsum,
    exp,
    eye,
    log,
    ones,
    outer,
    scale,
    sigmoid,
    softplus,
    sqrt,
    sum,
    tanh,
)
from dsf_sym.index.atoms import Atom, Form, atom_form, input_atom
from dsf_sym.index.canonical import canonical
from dsf_sym.index.terms import FormAlgebra, function_form, normalise, substitute
from dsf_sym.language.evaluate import evaluate, shape_of
from dsf_sym.language.graph import walk
from dsf_sym.language.spec import rebuild
from dsf_sym.language.tensor import Input, text

SIZES = {"n": 2, "m": 3, "p": 2}
FUNCTIONS = {
    "exp": np.exp,
    "log": np.log,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "softplus": lambda x: np.log1p(np.exp(x)),
    "sqrt": np.sqrt,
    "inverse": lambda x: 1 / x,
}


def extent(dim):
    return shape_of((dim,), SIZES)[0]


def atom_value(atom, values):
    if atom.kind == "eye":
        return np.eye(extent(atom.dims[0]))
    if atom.kind == "size":
        return np.array(float(extent(atom.name)))
    if atom.kind == "inject":
        joined, small = (extent(d) for d in atom.dims)
        offset = 0 if atom.name == "0" else extent(atom.name)
        return np.eye(joined)[:, offset : offset + small]
    if atom.kind == "function":
        return FUNCTIONS[atom.name](form_value(atom.arg, values))
    return values[atom.name]


def product_value(factors, dims, values, label_dims):
    """The factors multiplied and summed over every label of `label_dims` that is no axis."""
    order = list(label_dims)
    total = np.ones([extent(label_dims[x]) for x in order])
    for atom, labels in factors:
        axes = [order.index(x) for x in labels]
        total = np.einsum(
            total, list(range(len(order))), atom_value(atom, values), axes, list(range(len(order)))
        )
    return np.einsum(total, list(range(len(order))), [order.index(i) for i in range(len(dims))])


def form_value(form, values):
    total = np.zeros([extent(d) for d in form.dims])
    for monomial, c in form.terms.items():
        label_dims = dict(enumerate(form.dims))
        for atom, labels in monomial:
            label_dims.update(zip(labels, atom.dims, strict=True))
        total = total + float(c) * product_value(monomial, form.dims, values, label_dims)
    return total


class Floats:
    """The graph evaluated by NumPy alone: what a form must agree with."""

    def number(self, value):
        return np.array(float(value))

    def eye(self, dims):
        return np.eye(extent(dims[0]))

    def add(self, terms, dims):
        return np.sum([np.broadcast_to(t, shape_of(dims, SIZES)) for t in terms], axis=0)

    def product(self, spec, left, right, dims):
        return np.einsum(spec, left, right)

    def reindex(self, spec, arg, dims):
        source, target = spec.split("->")
        new = [c for c in target if c not in source]
        arg = np.einsum(f"{source}->{''.join(c for c in target if c in source)}", arg)
        shape = [1 if c in new else None for c in target]
        kept = iter(arg.shape)
        arg = arg.reshape([s or next(kept) for s in shape])
        return np.broadcast_to(arg, shape_of(dims, SIZES))

    def function(self, node, arg):
        return FUNCTIONS[node.name](arg)

    def concat(self, parts, axis, dims):
        return np.concatenate(parts, axis=axis)


DIMS = {"x": ("n",), "y": ("m",), "z": ("n+m",), "u": ("n",), "A": ("n", "n"), "B": ("n", "m")}
ATOMS = {name: input_atom(name, dims, unit=name == "u") for name, dims in DIMS.items()}
ATOMS["s"] = input_atom("s", ())
ATOMS["I"] = Atom("eye<n>", "eye", "I", ("n", "n"))
ATOMS["J"] = Atom("eye<n+m>", "eye", "I", ("n+m", "n+m"))
ATOMS["low"] = Atom("inject<n+m,0,n>", "inject", "0", ("n+m", "n"))
ATOMS["high"] = Atom("inject<n+m,n,m>", "inject", "n", ("n+m", "m"))
AXES = ("n", "m", "n+m")
LABELS = {
    "n": [0, -1, -2, -3],
    "m": [1, -4, -5],
    "n+m": [2, -6, -7],
}
DIM_OF = {label: dim for dim, labels in LABELS.items() for label in labels}


def random_values(seed):
    rng = np.random.default_rng(seed)
    values = {name: rng.uniform(0.3, 2, shape_of(dims, SIZES)) for name, dims in DIMS.items()}
    values["u"] /= np.linalg.norm(values["u"])
    values["s"] = rng.uniform(0.3, 2)
    return values


def _factor(name):
    atom = ATOMS[name]
    return st.tuples(st.just(atom), st.tuples(*(st.sampled_from(LABELS[d]) for d in atom.dims)))


factor = st.sampled_from(sorted(ATOMS)).flatmap(_factor)
products = st.lists(factor, min_size=1, max_size=6)
lone = st.sets(st.sampled_from([x for x in DIM_OF if x < 0]), max_size=2)


def as_form(factors, unused=()):
    summed = {x: DIM_OF[x] for x in unused}
    return Form(AXES, normalise(factors, summed))


@given(products, lone, st.integers(0, 5))
def test_the_normal_form_of_a_product_has_its_value(factors, unused, seed):
    values = random_values(seed)
    used = {x for _, labels in factors for x in labels}
    label_dims = {x: DIM_OF[x] for x in {0, 1, 2} | used | unused}
    before = product_value(factors, AXES, values, label_dims)
    after = form_value(as_form(factors, unused), values)
    np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-12)


@given(products, st.randoms(use_true_random=False))
def test_the_normal_form_does_not_depend_on_names_and_order(factors, rng):
    new = {}
    for labels in LABELS.values():
        summed = [x for x in labels if x < 0]
        new.update(zip(summed, rng.sample(summed, len(summed)), strict=True))
    moved = [(atom, tuple(new.get(x, x) for x in labels)) for atom, labels in factors]
    rng.shuffle(moved)
    assert as_form(factors) == as_form(moved)


plain = st.lists(
    st.sampled_from(["x", "y", "z", "A", "B", "s"]).flatmap(_factor), min_size=1, max_size=7
)


@given(plain, st.randoms(use_true_random=False), st.integers(-40, -20))
def test_canonical_monomials_are_equal_under_any_renaming(factors, rng, base):
    labels = sorted({x for _, ls in factors for x in ls if x < 0})
    fresh = rng.sample(range(base, base + 2 * len(labels)), len(labels)) if labels else []
    new = dict(zip(labels, fresh, strict=True))
    moved = [(atom, tuple(new.get(x, x) for x in ls)) for atom, ls in factors]
    rng.shuffle(moved)
    assert canonical(factors) == canonical(moved)


@pytest.mark.parametrize("seed", range(6))
def test_symmetric_products_have_one_normal_form(seed):
    """Cycles and stars, where every summed label looks like every other."""
    rng = random.Random(seed)
    a = ATOMS["A"]
    for edges in (
        [(-1, -2), (-2, -3), (-3, -1)],
        [(-1, -2), (-2, -3), (-3, -4), (-4, -1)],
        [(-1, -2), (-2, -1), (-3, -4), (-4, -3)],
        [(-1, -2), (-1, -3), (-1, -4)],
        [(-1, -1), (-2, -2), (-1, -2)],
        [(-1, -2), (-2, -3), (-3, -1), (-4, -5), (-5, -6), (-6, -4)],
    ):
        names = sorted({x for e in edges for x in e})
        new = dict(zip(names, rng.sample(names, len(names)), strict=True))
        moved = [(a, (new[i], new[j])) for i, j in edges]
        rng.shuffle(moved)
        assert canonical([(a, e) for e in edges]) == canonical(moved)


def test_products_that_differ_have_different_normal_forms():
    a = ATOMS["A"]
    six = [(-1, -2), (-2, -3), (-3, -4), (-4, -5), (-5, -6), (-6, -1)]
    two_threes = [(-1, -2), (-2, -3), (-3, -1), (-4, -5), (-5, -6), (-6, -4)]
    assert canonical([(a, e) for e in six]) != canonical([(a, e) for e in two_threes])
    x = ATOMS["x"]
    assert as_form([(a, (-1, 0)), (x, (-1,))]) != as_form([(a, (0, -1)), (x, (-1,))])
    assert as_form([(x, (-1,)), (x, (-1,))]) != as_form([(x, (-1,)), (x, (-2,))])


def test_the_sum_over_an_unused_label_is_its_size():
    values = random_values(0)
    for label, size in ((-1, 2), (-4, 3), (-6, 5)):
        form = as_form([(ATOMS["s"], ())], {label})
        np.testing.assert_allclose(
            form_value(form, values), size * values["s"] * np.ones((2, 3, 5))
        )


x, k, u = Input("x", ("n",)), Input("k", ("n",)), Input("u", ("n",))
y, w = Input("y", ("m",)), Input("w", ("p",))
A, B = Input("A", ("n", "n")), Input("B", ("n", "m"))
s, t, r = Input("s"), Input("t"), Input("r")
z, o = Input("z", ("n+m",)), Input("o", ("m+p",))
INPUTS = (x, k, u, y, w, A, B, s, t, r, z, o)


def inputs(seed, low=0.3):
    rng = np.random.default_rng(seed)
    values = {i.name: rng.uniform(low, 2, shape_of(i.dims, SIZES)) for i in INPUTS}
    values["u"] /= np.linalg.norm(values["u"])
    return values


def form_of(tensor):
    forms = {i.name: atom_form(input_atom(i.name, i.dims, unit=i is u)) for i in INPUTS}
    return evaluate([tensor], forms, FormAlgebra())[0]


def float_of(tensor, seed):
    return evaluate([tensor], inputs(seed), Floats())[0]


def check_value(tensor):
    form = form_of(tensor)
    for seed in range(3):
        np.testing.assert_allclose(
            form_value(form, inputs(seed)),
            float_of(tensor, seed),
            rtol=1e-9,
            atol=1e-12,
            err_msg=text(tensor),
        )


SAME = {
    "distributes": ((x + k) @ A @ x, x @ A @ x + k @ A @ x),
    "transposes": (x @ A.T, A @ x),
    "trace": (sum(eye("n") * A), einsum("ii->", A)),
    "identity": (eye("n") @ A @ eye("n"), A),
    "identity squared": (eye("n") * eye("n"), eye("n")),
    "size": (sum(eye("n")) * s, sum(ones("n")) * s),
    "size of a product": (sum(ones("n", "m")), sum(ones("n")) * sum(ones("m"))),
    "size of a sum": (sum(concat(ones("n"), ones("m"))), sum(ones("n")) + sum(ones("m"))),
    "diagonal": (diag(x) @ A, scale(x, A, axis=0)),
    "diagonal twice": (diag(x) @ diag(k), diag(x * k)),
    "unit norm": ((u @ u) * x, x),
    "unit norm twice": (outer(u, u) @ outer(u, u), outer(u, u)),
    "reflection": ((eye("n") - 2 * outer(u, u)) @ (eye("n") - 2 * outer(u, u)), eye("n")),
    "concat": (concat(x, y) @ concat(k, y), x @ k + y @ y),
    "concat sum": (sum(concat(x, y)), sum(x) + sum(y)),
    "concat adds": (concat(x, y) + concat(k, y), concat(x + k, 2 * y)),
    "concat times": (concat(x, y) * concat(k, y), concat(x * k, y * y)),
    "concat twice": (concat(concat(x, y), w), concat(x, concat(y, w))),
    "concat thrice": (concat(x, y, w), concat(x, concat(y, w))),
    "concat twice, product": (
        concat(concat(x, y), w) @ concat(k, concat(y, w)),
        x @ k + y @ y + w @ w,
    ),
    "concat of a joined signal": (concat(z, w) @ concat(x, concat(y, w)), z @ concat(x, y) + w @ w),
    "concat of matrices": (concat(A, B, axis=1) @ concat(x, y), A @ x + B @ y),
    "concat with a zero": (sum(concat(0 * x, y)), sum(y)),
    "exp of a sum": (exp(s + t), exp(s) * exp(t)),
    "exp of a difference": (exp(s - t) * exp(t), exp(s)),
    "exp of zero": (exp(0 * s), 1 + 0 * s),
    "exp and its inverse": (exp(s) * exp(-s), 1 + 0 * s),
    "exp over exp": (1 / exp(s), exp(-s)),
    "exp halves": (exp(s / 2) * exp(s / 2), exp(s)),
    "exp thirds": (exp(s / 3) * exp(s / 3) * exp(s / 3), exp(s)),
    "exp power": (exp(s) ** 3, exp(3 * s)),
    "exp of a vector": (exp(x + k), exp(x) * exp(k)),
    "exp at a scalar": (exp(s * ones("n")) * x, exp(s) * x),
    "exp of log": (exp(log(s)), s),
    "exp of twice log": (exp(2 * log(s)), s * s),
    "exp of minus log": (exp(-log(s)), 1 / s),
    "half a log and back": (exp(log(s) / 2) * exp(-log(s) / 2), 1 + 0 * s),
    "exp of log, vector": (exp(log(x)) @ k, x @ k),
    "log of exp": (log(exp(s)), s),
    "log of exp, sum": (log(exp(s + t)), s + t),
    "log of exp, vector": (sum(log(exp(x))), sum(x)),
    "sigmoid": (sigmoid(s) + sigmoid(-s), 1 + 0 * s),
    "sigmoid of a difference": (sigmoid(s - t) + sigmoid(t - s), 1 + 0 * s),
    "sigmoid by exp": (1 / (1 + exp(-s)), sigmoid(s)),
    "sigmoid by exp, vector": (1 / (1 + exp(-x)), sigmoid(x)),
    "sigmoid times exp": (exp(s) * sigmoid(-s), sigmoid(s)),
    "exp times sigmoid": (exp(-s) * sigmoid(s), 1 - sigmoid(s)),
    "exp squared times sigmoid": (exp(2 * s) * sigmoid(s), exp(s) * (exp(s) - sigmoid(s))),
    "tanh": (tanh(s), 2 * sigmoid(2 * s) - 1),
    "tanh is odd": (tanh(-s), -tanh(s)),
    "softplus": (softplus(s), s + softplus(-s)),
    "exp of softplus": (exp(softplus(s)), 1 + exp(s)),
    "exp of minus softplus": (exp(-softplus(s)), sigmoid(-s)),
    "exp of softplus, vector": (exp(softplus(x)), 1 + exp(x)),
    "root": (sqrt(1 + s) * sqrt(1 + s), 1 + s),
    "root, vector": (sqrt(x) @ sqrt(x), sum(x)),
    "inverse": (s / s, 1 + 0 * s),
    "inverse of an inverse": (1 / (1 / s), s),
    "inverse of a product": (1 / (s * t), (1 / s) / t),
    "inverse of a multiple": (1 / (3 * s), (1 / s) / 3),
    "inverse of a multiple sum": (1 / (2 * s + 2 * t), 1 / (s + t) / 2),
    "cancels": ((s + t) / (s + t), 1 + 0 * s),
    "cancels a square": ((s * s + s * t) / (s + t), s),
    "cancels entry by entry": (x / x, ones("n")),
    "cancels under a sum": (x @ (1 / x), sum(ones("n"))),
    "exp cancels under a sum": (exp(x) @ exp(-x), sum(ones("n"))),
    "sums entry by entry": (sum(x / x), sum(ones("n"))),
    "under the identity": (scale(x, eye("n"), axis=0), scale(x, eye("n"), axis=1)),
}


@pytest.mark.parametrize("name", SAME)
def test_equal_expressions_have_one_normal_form(name):
    left, right = SAME[name]
    for seed in range(3):
        np.testing.assert_allclose(
            float_of(left, seed), float_of(right, seed), rtol=1e-9, atol=1e-12
        )
    check_value(left)
    check_value(right)
    assert form_of(left) == form_of(right)


NEAR = [
    *(s, t, s + t, s - t, t - s, s * t, s / t, t / s, s * s, 2 * s, s / 2, -s, 1 / s, 1 + s),
    *(exp(s), exp(-s), exp(2 * s), exp(s / 2), exp(s) + exp(t), exp(s + t), exp(s * t), exp(s) / 2),
    *(log(s), log(2 * s), log(s + t), log(s * t), log(s) + log(t), 2 * log(s), log(1 + exp(s))),
    *(exp(log(s) / 2), exp(-log(s) / 2), exp(log(s) * log(t)), exp(log(s + t)), exp(t * log(s))),
    *(exp(log(s) / 2) * exp(-log(s) / 2), exp(log(s) * 3 / 2) * exp(-log(s) / 2)),
    *(sigmoid(s), sigmoid(-s), sigmoid(2 * s), sigmoid(s + t), sigmoid(s) * sigmoid(t)),
    *(
        sigmoid(s) * exp(s),
        sigmoid(s) * exp(2 * s),
        sigmoid(s) * exp(-2 * s),
        sigmoid(2 * s) * exp(s),
    ),
    *(sigmoid(s) * exp(t), sigmoid(s) ** 2, exp(s) * sigmoid(s) * sigmoid(-s)),
    *(
        tanh(s),
        tanh(-s),
        tanh(s / 2),
        softplus(s),
        softplus(-s),
        softplus(2 * s),
        exp(2 * softplus(s)),
    ),
    *(exp(softplus(s)), exp(-softplus(s)), exp(softplus(s) / 2), exp(s * softplus(t))),
    *(sqrt(s), sqrt(s) * sqrt(t), sqrt(s * t), sqrt(s + t), sqrt(s) ** 3, sqrt(s * s), 1 / sqrt(s)),
    *(
        1 / (s + t),
        1 / (1 + s),
        s / (s + t),
        t / (s + t),
        s * s / (s + t),
        s / (1 + s),
        1 / (2 + 2 * s),
    ),
    *(1 / (1 + exp(s)), 1 / (2 + exp(s)), 1 / (1 + 2 * exp(s)), 1 / (1 + exp(s) * exp(t))),
    *(1 / (1 + exp(s) + exp(t)), s * t / (s + s * t), 1 / (s * t + t), s / (s * t + t)),
    # Sums inside functions: entry by entry and of the whole are two things.
    *(sum(x), x @ x, x @ k, sum(x) * sum(x), sum(x) * sum(k), sum(x / k), sum(x) / sum(k)),
    *(exp(sum(x)), sum(exp(x)), exp(sum(log(x))), exp(sum(log(x) / 2)), exp(2 * sum(log(x)))),
    *(log(sum(exp(x))), sum(log(exp(x))), log(sum(x)), sum(log(x)), log(sum(exp(x) * exp(k)))),
    *(exp(sum(softplus(x))), sum(exp(softplus(x))), 1 + exp(sum(x)), 1 + sum(exp(x))),
    *(1 / (1 + sum(exp(x))), 1 / (1 + exp(sum(x))), sigmoid(-sum(x)), sum(1 / (1 + exp(x)))),
    *(sum(sigmoid(-x)), 1 / sum(x), sum(1 / x), 1 / (x @ x), sum(x * x / (x * x))),
    *(x @ (1 / x), exp(x) @ exp(-x), sum(x / x) * s, (x @ k) / (x @ x), sqrt(x) @ sqrt(k)),
    *(
        sqrt(x @ x),
        sqrt(x) @ sqrt(x),
        sqrt(sum(x)),
        u @ u,
        u @ x,
        sum(u),
        sum(u * u * u),
        sum(u) ** 2,
    ),
    *((u @ x) * (u @ x), x @ A @ x, x @ A @ k, k @ A @ x, einsum("ii->", A), einsum("ij->", A)),
    *(einsum("ij,ij->", A, A), einsum("ij,ji->", A, A), einsum("ii,i->", A, x), u @ A @ u),
    *(sum(ones("n")), sum(ones("m")), sum(ones("n", "n")), sum(ones("n+m")), sum(eye("n")) + s),
    *(
        sum(sigmoid(A - A.T)),
        sum(sigmoid(A.T - A)),
        sum(sigmoid(A) - sigmoid(A.T)),
        sum(exp(A) * exp(A.T)),
    ),
    *(
        concat(x, y) @ concat(k, y),
        sum(concat(x, y)),
        sum(exp(concat(x, y))),
        sum(exp(x)) + sum(exp(y)),
    ),
    *(sum(concat(concat(x, y), w) * concat(x, concat(y, w))), x @ x + y @ y + w @ w, y @ y + w @ w),
    *(
        concat(concat(x, k), x) @ concat(x, concat(k, x)),
        concat(concat(x, k), k) @ concat(k, concat(x, x)),
    ),
    *(2 * (x @ x) + k @ k, 3 * (x @ k), concat(z, w) @ concat(x, o), z @ z, z @ concat(x, y)),
]


@pytest.mark.parametrize("seed", range(2))
def test_no_two_expressions_of_different_value_have_one_normal_form(seed):
    tensors = [e for e in NEAR if not e.dims]
    forms = [form_of(e) for e in tensors]
    values = [float(float_of(e, seed)) for e in tensors]
    confused = [
        (text(a), text(b))
        for (a, f, p), (b, g, q) in itertools.combinations(
            zip(tensors, forms, values, strict=True), 2
        )
        if f == g and not np.isclose(p, q, rtol=1e-9)
    ]
    assert not confused


@pytest.mark.parametrize("at", range(len(NEAR)))
def test_the_normal_form_of_an_expression_has_its_value(at):
    check_value(NEAR[at])


def test_the_pool_of_expressions_has_equal_and_different_ones():
    values = [float(float_of(e, 0)) for e in NEAR if not e.dims]
    equal = [np.isclose(p, q, rtol=1e-9) for p, q in itertools.combinations(values, 2)]
    assert 10 < np.sum(equal) < len(equal) / 10


# Random expressions of three sizes, built by the language.


def build(rng, depth, dims):
    if depth == 0:
        return rng.choice([i for i in INPUTS if i.dims == dims] or [ones(*dims) if dims else s])
    kind = rng.randrange(8)
    other = rng.choice([("n",), ("m",)])
    if kind == 0:
        return build(rng, depth - 1, dims) + build(rng, depth - 1, dims)
    if kind == 1:
        return build(rng, depth - 1, dims) * build(rng, depth - 1, rng.choice([dims, ()]))
    if kind == 2:
        return exp(build(rng, depth - 1, dims) * rng.choice([-1, Fraction(-1, 2), Fraction(1, 2)]))
    if kind == 3:
        return rng.choice([sigmoid, tanh, softplus])(build(rng, depth - 1, dims))
    if kind == 4:
        positive = exp(build(rng, depth - 1, dims) / 4)
        return rng.choice([lambda e: 1 / e, log, sqrt, lambda e: 1 / (1 + e)])(positive)
    if kind == 5 and len(dims) < 2:
        return sum(build(rng, depth - 1, (*dims, *other)), len(dims))
    if kind == 6 and dims:
        return outer(build(rng, depth - 1, dims[:1]), build(rng, depth - 1, dims[1:]))
    if kind == 7 and len(dims) <= 1:
        return build(rng, depth - 1, (*dims, *other)) @ build(rng, depth - 1, other)
    return -build(rng, depth - 1, dims)


@pytest.mark.parametrize("seed", range(150))
def test_random_expressions_keep_their_value(seed):
    rng = random.Random(seed)
    tensor = build(rng, rng.choice([2, 3, 3, 4]), rng.choice([(), ("n",), ("n", "m")]))
    if len(walk(tensor)) > 60:
        return
    want = float_of(tensor, seed)
    if not np.isfinite(want).all() or np.abs(want).max() > 1e12:
        return
    form = form_of(tensor)
    if len(form.terms) <= 400:
        np.testing.assert_allclose(form_value(form, inputs(seed)), want, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    "name", ["reflection", "concat", "exp of a sum", "sigmoid", "root, vector"]
)
def test_substitution_is_evaluation_at_another_input(name):
    tensor = SAME[name][0]
    atom = input_atom("x", ("n",))
    by_form = substitute(form_of(tensor), {atom: form_of(A @ k)})
    assert by_form == form_of(rebuild([tensor], {"x": A @ k})[0])


def test_a_state_and_a_signal_of_one_name_are_two_atoms():
    assert input_atom("S", (), kind="state") != input_atom("S", (), kind="token")
    assert input_atom("S", (), time=1) != input_atom("S", (), time=2)


def test_a_function_at_a_rational_point_is_its_value_only_where_that_is_exact():
    one = Form((), {(): Fraction(1)})
    assert function_form("log", one) == Form((), {})
    assert function_form("exp", Form((), {})) == one
    assert function_form("sqrt", one) == one
    assert function_form("exp", one).terms.keys() != one.terms.keys()
