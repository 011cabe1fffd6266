"""Layers derived from objectives are the catalogue's, or differ from them at a witness."""

import random
from fractions import Fraction

import numpy
import pytest

from dsf_sym import (
    Const,
    Gate,
    GradientDescent,
    Implicit,
    LeastSquares,
    Mat,
    Momentum,
    Positive,
    State,
    Unit,
    Vec,
    compare,
    derive,
    exp,
    find,
    layer,
    maximum,
    online,
    outer,
    recheck,
    relu,
    structure,
    tanh,
)
from dsf_sym import sum as total
from dsf_sym.errors import LanguageError, ShapeError, UnknownName
from dsf_sym.language.functions import concat, einsum, log, sigmoid, softplus, sqrt
from dsf_sym.language.gradient import gradient
from dsf_sym.language.tensor import Input
from numeric.oracle import definition


def settled(a, b):
    verdict = compare(a, find(b) if isinstance(b, str) else b)
    assert recheck(verdict.certificate)
    return verdict


@online(GradientDescent())
def correlation(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    """-⟨Sᵀ k, v⟩."""
    return -(k @ S @ v), q @ S


@online(GradientDescent(rate="beta"))
def recall(S: State["n", "d"], q: Vec["n"], k: Unit["n"], v: Vec["d"], beta: Gate):
    """½ ‖Sᵀ k - v‖²."""
    r = k @ S - v
    return (r @ r) / 2, q @ S


def decayed(reads):
    @online(GradientDescent(rate="beta", decay="alpha", reads=reads))
    def recall_and_forget(
        S: State["n", "d"], q: Vec["n"], k: Unit["n"], v: Vec["d"], alpha: Gate, beta: Gate
    ):
        r = k @ S - v
        return total(r * r) / 2, q @ S

    return recall_and_forget


@pytest.mark.parametrize(
    ("derived", "known"),
    [
        (correlation, "linear_attention"),
        (recall, "deltanet"),
        (decayed("decayed"), "gated_deltanet"),
    ],
)
def test_a_known_layer_follows_from_its_objective(derived, known):
    verdict = settled(derived, known)
    assert (verdict.status, verdict.sizes) == ("proved", None)


def test_a_gradient_that_reads_the_old_state_gives_another_gated_delta_rule():
    verdict = settled(decayed("old"), "gated_deltanet")
    assert (verdict.status, verdict.witness.length) == ("refuted", 2)


def test_the_implicit_step_minimises_its_objective():
    """At random states the derived new state beats its neighbours, exactly."""
    from dsf_sym.arithmetic.scalars import Rationals
    from dsf_sym.arithmetic.sparse import SparseAlgebra, from_flat
    from dsf_sym.language.evaluate import evaluate

    made, sizes, rng = find("longhorn"), {"n": 2, "d": 2}, random.Random(1)
    values = {s.name: [Fraction(rng.randint(1, 9), 4) for _ in range(4)] for s in made.signals}
    arrays = {
        s.name: from_flat((2,) * len(s.dims), values[s.name][: 2 ** len(s.dims)])
        for s in made.signals
    }
    (new,) = evaluate([made.step["S"]], arrays, SparseAlgebra(Rationals(), sizes))
    new = [new.entries.get((i, j), Fraction(0)) for i in range(2) for j in range(2)]

    def objective(x):
        k, v, beta, old = (values[name] for name in ("k", "v", "rate", "S"))
        errors = [k[0] * x[j] + k[1] * x[2 + j] - v[j] for j in range(2)]
        moved = sum((a - b) ** 2 for a, b in zip(x, old, strict=True))
        return moved + sum(b * e * e for b, e in zip(beta, errors, strict=False))

    for i in range(4):
        for step in (Fraction(1, 100), Fraction(-1, 100)):
            near = [x + step * (i == j) for j, x in enumerate(new)]
            assert objective(new) < objective(near)


def test_longhorn_and_its_diagonal_differ_and_agree_on_one_feature():
    longhorn, diagonal = find("longhorn"), find("longhorn_diagonal")
    assert settled(longhorn, diagonal).status == "refuted"
    verdict = compare(longhorn, diagonal, sizes={"n": 1, "d": 2})
    assert verdict.status == "proved"


def test_least_squares_in_closed_form_is_the_minimiser():
    forget = Fraction(9, 10)

    @online(LeastSquares(forget=forget), start={"P": "prior"})
    def least_squares(
        S: State["n", "d"],
        P: State["n", "n"],
        q: Vec["n"],
        k: Vec["n"],
        v: Vec["d"],
        prior: Const[Mat["n", "n"]],
    ):
        r = k @ S - v
        return (r @ r) / 2, q @ S

    rng = numpy.random.default_rng(0)
    n, d, length = 3, 2, 7
    tokens = {x: rng.normal(size=(1, 1, length, w)) for x, w in (("q", n), ("k", n), ("v", d))}
    y, _ = definition(least_squares, {**tokens, "prior": 2 * numpy.eye(n)[None]})
    q, k, v = (tokens[x][0, 0] for x in "qkv")
    weights = float(forget) ** numpy.arange(length)[::-1]
    normal = (k * weights[:, None]).T @ k + float(forget) ** length * numpy.eye(n) / 2
    best = numpy.linalg.solve(normal, (k * weights[:, None]).T @ v)
    assert numpy.allclose(y[0, 0, -1], q[-1] @ best)


def test_momentum_is_a_second_state():
    @online(Momentum(rate="beta", momentum="mu"))
    def heavy_ball(
        S: State["n", "d"],
        M: State["n", "d"],
        q: Vec["n"],
        k: Vec["n"],
        v: Vec["d"],
        beta: Positive,
        mu: Gate,
    ):
        r = k @ S - v
        return (r @ r) / 2, q @ S

    @layer
    def by_hand(
        S: State["n", "d"],
        M: State["n", "d"],
        q: Vec["n"],
        k: Vec["n"],
        v: Vec["d"],
        beta: Positive,
        mu: Gate,
    ):
        M = mu * M - beta * outer(k, k @ S - v)
        return S + M, M, q @ (S + M)

    assert settled(heavy_ball, by_hand).status == "proved"
    assert "identity + rank one" in str(structure(derive(heavy_ball)))


X, M = Input("x", ("n",)), Input("m", ("n", "n"))
LOSSES = [
    total(exp(X) * X),
    total(log(exp(X) + 1) * sigmoid(X)),
    total(tanh(X)) * total(sqrt(X * X + 1)),
    X @ M @ X,
    total(softplus(M @ X) / (1 + X * X)),
    einsum("i,j,ij->", X, X, M.T),
    total(outer(X, X) * M) + X.sum() * X.sum(),
]


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_the_gradient_is_that_of_torch(loss):
    torch = pytest.importorskip("torch")
    x = torch.tensor([0.3, -1.2, 0.8], dtype=torch.float64, requires_grad=True)
    m = torch.linspace(-1, 2, 9, dtype=torch.float64).reshape(3, 3)
    (wanted,) = torch.autograd.grad(value(loss, x, m), x)
    found = value(gradient(loss, X), x, m)
    assert torch.allclose(found, wanted, rtol=1e-12, atol=1e-12)


def value(graph, x, m):
    """A graph of vectors and matrices evaluated in torch, node by node."""
    import torch

    from dsf_sym.language.evaluate import evaluate

    functions = {
        "exp": torch.exp,
        "log": torch.log,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "softplus": torch.nn.functional.softplus,
        "sqrt": torch.sqrt,
        "inverse": torch.reciprocal,
    }

    class Torch:
        def number(self, number):
            return torch.tensor(float(number), dtype=torch.float64)

        def add(self, terms, dims):
            return torch.stack(torch.broadcast_tensors(*terms)).sum(0)

        def product(self, spec, left, right, dims):
            return torch.einsum(spec, left, right)

        def reindex(self, spec, arg, dims):
            source, target = spec.split("->")
            kept = "".join(c for c in target if c in source)
            moved = torch.einsum(f"{source}->{kept}", arg)
            shape = [1 if c not in source else 3 for c in target]
            return moved.reshape(shape).expand([3] * len(target))

        def function(self, node, arg):
            return functions[node.name](arg)

    (out,) = evaluate([graph], {"x": x, "m": m}, Torch())
    return out


@pytest.mark.parametrize(
    ("loss", "error", "culprit"),
    [
        (X, ShapeError, "no scalar"),
        (total(relu(X)), LanguageError, "relu has a kink"),
        (total(maximum(X, X * X)), LanguageError, "kink"),
        (total(concat(X, X)), LanguageError, "concat"),
    ],
)
def test_what_has_no_gradient_is_named(loss, error, culprit):
    with pytest.raises(error, match=culprit):
        gradient(loss, X)


def squares(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    r = k @ S - v
    return (r @ r) / 2, q @ S


def two_states(S: State["n", "d"], M: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    return squares(S, q, k, v)


def no_readout(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    return squares(S, q, k, v)[0]


def twice(S: State["n", "d"], q: Vec["n"], k: Vec["n"], p: Vec["n"], v: Vec["d"]):
    r = outer(k, k @ S - v) + outer(p, p @ S - v)
    return total(r * r) / 2, q @ S


def linear(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    return k @ S @ v, q @ S


def without_start(S: State["n", "d"], P: State["n", "n"], k: Vec["n"], v: Vec["d"]):
    r = k @ S - v
    return (r @ r) / 2, k @ S


def two_squares(S: State["n", "d"], P: State["n", "n"], k: Vec["n"], v: Vec["d"]):
    r = 2 * (k @ S) - v
    return (r @ r) / 2, k @ S


@pytest.mark.parametrize(
    ("optimiser", "loss", "error", "culprit"),
    [
        (GradientDescent(rate="beta"), squares, UnknownName, "no argument 'beta'"),
        (GradientDescent(reads="new"), squares, LanguageError, "reads='new'"),
        (GradientDescent(), two_states, LanguageError, "takes one state, not S, M"),
        (GradientDescent(), no_readout, LanguageError, "return the loss and the readout"),
        (Momentum(), squares, LanguageError, "the model and its velocity"),
        (Implicit(), linear, LanguageError, "needs a loss"),
        (LeastSquares(), squares, LanguageError, "the inverse P as two states"),
        (LeastSquares(), two_squares, LanguageError, "closed form is for"),
        (LeastSquares(), without_start, LanguageError, "P would start from 0 and stay there"),
        (Implicit(), twice, LanguageError, "does more here than scale"),
    ],
)
def test_bad_objectives_are_named(optimiser, loss, error, culprit):
    with pytest.raises(error, match=culprit):
        online(optimiser)(loss)
