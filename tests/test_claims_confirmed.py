"""Every refuted claim shown by numbers: runs of the layers and NumPy."""

from fractions import Fraction
from itertools import product

import mpmath
import numpy as np
import pytest
from test_claims import CLAIMS, chosen, last_output, transition

from dsf_sym import find
from dsf_sym.certificates.certificate import layer_from_spec
from dsf_sym.claims import settle
from dsf_sym.language.evaluate import shape_of
from dsf_sym.theory.settling import layer_of
from numeric.oracle import definition
from numeric.samples import signals as samples


def confirms(procedure, expect="refuted"):
    return pytest.mark.parametrize("name", chosen(procedure, expect))


def certified(name):
    """The arguments of a claim, the data of its certificate and the layers in it."""
    data = settle(name).verdict.certificate
    return CLAIMS[name].arguments, data, [layer_from_spec(x) for x in data["layers"]]


def given(layer, tokens, constants, sizes, number=float):
    """Tokens and constants written as texts, as arrays of one batch and head."""

    def array(x, dims):
        return np.array([number(Fraction(y)) for y in x]).reshape(shape_of(dims, sizes))

    return {
        s.name: np.stack([array(t[s.name], s.dims) for t in tokens])[None, None]
        if s.kind == "token"
        else array(constants[s.name], s.dims)[None]
        for s in layer.signals
        if s.kind != "state"
    }


def whole_transition(layer, signals):
    """Λ of the first token on all states together, from runs that start at unit states."""
    first = {n: x[:, :, :1] if layer.signal(n).kind == "token" else x for n, x in signals.items()}
    _, zero = definition(layer, first)
    single = not isinstance(zero, tuple)
    shapes = [x.shape for x in ((zero,) if single else zero)]
    ends = np.cumsum([np.prod(s) for s in shapes])

    def after(x):
        parts = [p.reshape(s) for p, s in zip(np.split(x, ends[:-1]), shapes, strict=True)]
        _, h = definition(layer, first, parts[0] if single else tuple(parts))
        return np.concatenate([y.ravel() for y in ((h,) if single else h)])

    start = after(np.zeros(ends[-1]))
    return np.array([after(x) - start for x in np.eye(ends[-1])]).T


def operator(layer, signals):
    """The matrix from the inputs to the outputs of one channel, from one impulse a token."""
    length = signals["v"].shape[2]
    many = {
        n: np.repeat(x, length, 0) if layer.signal(n).kind == "token" else x
        for n, x in signals.items()
    }
    y, _ = definition(layer, many | {"v": np.eye(length)[:, None, :, None]})
    return y[:, 0, :, 0].T


def states_needed(layer, sizes, count=20):
    """The rank of random pasts against random futures, beside a constant."""
    one, other = (samples(layer, sizes, (count, 1, 1), seed=s) for s in (1, 2))
    both = {
        n: np.concatenate(
            [np.repeat(x, count, 0), np.tile(other[n], (count, *[1] * (x.ndim - 1)))], 2
        )
        for n, x in one.items()
    }
    after = definition(layer, both)[0][:, 0, -1].reshape(count, -1)
    alone = definition(layer, other)[0][:, 0, -1].reshape(1, -1)
    table = np.vstack([alone, after])
    return np.linalg.matrix_rank(np.hstack([np.ones((len(table), 1)), table]), tol=1e-9) - 1


def kernel_table(layer, queries, keys, scalars="float64"):
    """κ(q, k) of each query and each key [N, m], from runs of one token."""
    pairs = list(product(queries, keys))
    q, k = (np.array([p[i] for p in pairs])[:, None, None] for i in (0, 1))
    y, _ = definition(layer, {"q": q, "k": k, "v": np.ones((len(pairs), 1, 1, 1))}, scalars=scalars)
    return y.reshape(len(queries), len(keys))


def determinant(rows):
    with mpmath.workdps(50):
        return abs(mpmath.det(mpmath.matrix([[mpmath.mpf(x) for x in row] for row in rows])))


IS = {
    "commuting transitions": lambda found: all(
        np.allclose(a @ b, b @ a) for a, b in product(found, found)
    ),
    "scalar transitions": lambda found: all(
        np.allclose(x, x[0, 0] * np.eye(len(x))) for x in found
    ),
    "identity transitions": lambda found: all(np.allclose(x, np.eye(len(x))) for x in found),
    "eigenvalues below 1": lambda found: all(
        np.linalg.eigvals(x).real.max() < 1 - 1e-9 for x in found
    ),
}


@confirms("contains")
def test_the_obstruction_to_containing(name):
    _, data, (a, b) = certified(name)
    sizes, table = data["sizes"], data["table"]

    def read(past, future):
        if future is None:
            return 1.0
        run = given(b, [*past, *future["tokens"]], table["constants"], sizes, number=Fraction)
        y, _ = definition(b, run, scalars="digits")
        return y[0, 0, -1].ravel()[future["output"]]

    rows = [[read(p, f) for f in table["futures"]] for p in table["pasts"]]
    # The state of b is not larger than what its outputs show.
    assert determinant(rows) > 1e-30
    kind = data["kind of obstruction"]
    drawn = [samples(a, sizes, (1, 1, 1), seed=s) for s in range(5)]
    if kind == "rank of outputs":
        assert len(whole_transition(a, drawn[0])) + 1 < len(rows)
        return
    runs = [given(b, [t], data["constants"], sizes) for t in data["tokens"]]
    assert IS[kind]([whole_transition(a, x) for x in drawn])
    assert not IS[kind]([whole_transition(b, x) for x in runs])


def endless(layer, data, size):
    """The determinant of outputs over `size` pasts and futures along the certificate's lines."""
    points = [Fraction(2) + Fraction(2 * i, size) for i in range(size)]

    def moved(which, to):
        line = data[which]
        token = {n: list(x) for n, x in data["tokens"][line["token"]].items()}
        token[line["name"]][line["entry"]] = to
        return token

    def read(s, t):
        run = given(
            layer,
            [moved("past", s), moved("future", t)],
            data["constants"],
            data["sizes"],
            number=Fraction,
        )
        return definition(layer, run, scalars="digits")[0][0, 0, -1].ravel()[data["output"]]

    return determinant([[read(s, t) for t in points] for s in points])


@confirms("finite state")
def test_no_finite_state_has_room_for_the_outputs(name):
    _, data, (layer,) = certified(name)
    assert min(endless(layer, data, size) for size in (2, 3, 4)) > 1e-35
    if layer.name == "softmax_attention":
        assert endless(find("linear_attention"), data, 4) < 1e-45


@confirms("memory")
def test_what_is_remembered(name):
    arguments, data, (layer,) = certified(name)
    sizes = data.get("sizes", {"n": 2, "d": 2})
    if data["kind"] == "weights":
        run = samples(layer_of(arguments["layer"], arguments["where"]), sizes, (1, 1, 300), seed=3)
        impulse = np.zeros_like(run["v"])
        impulse[:, :, 0] = 1
        y = definition(layer, run | {"v": impulse})[0][0, 0, :, 0]
        share = y * np.arange(1, 301)
        assert 0.02 < share.min() and share.max() < 50
    elif data["property"] == "identity":
        found = [
            whole_transition(layer, samples(layer, sizes, (1, 1, 1), seed=s)) for s in range(9)
        ]
        assert np.allclose(np.linalg.multi_dot(found), np.eye(len(found[0])))
    else:
        found = whole_transition(layer, given(layer, data["tokens"], data["constants"], sizes))
        assert np.abs(np.linalg.eigvals(found)).max() > float(Fraction(arguments["rate"]))


@confirms("heads")
def test_the_number_of_heads_is_that_of_independent_lags(name):
    arguments, data, (layer,) = certified(name)
    sizes = data["sizes"]
    none = given(layer, [{"v": ["0"] * sizes["d"]}] * 5, data["constants"], sizes)
    columns = []
    for entry in range(sizes["d"]):
        impulse = np.zeros_like(none["v"])
        impulse[0, 0, 0, entry] = 1
        columns.append(definition(layer, none | {"v": impulse})[0][0, 0])
    lags = np.stack(columns, -1).reshape(5, -1)
    assert np.linalg.matrix_rank(lags, tol=1e-9) == data["heads"] != arguments["number"]


@confirms("smallest state formula")
def test_a_formula_for_the_state_against_ranks(name):
    arguments, _, (layer,) = certified(name)
    for numbers in ((2, 2, 1), (3, 1, 2)):
        sizes = dict(zip(layer.sizes, numbers, strict=True))
        assert states_needed(layer, sizes) not in (20, eval(arguments["value"], dict(sizes)))


@confirms("smallest state")
def test_a_smallest_state_is_the_rank_of_pasts_and_futures(name):
    arguments, data, (layer,) = certified(name)
    assert states_needed(layer, data["sizes"]) == data["state"] != arguments["states"]


@confirms("smallest continuous state")
def test_a_continuous_state_is_the_rank_of_derivatives(name):
    arguments, data, (layer,) = certified(name)
    past = given(layer, data["past"], data["constants"], data["sizes"])
    futures = [given(layer, x, data["constants"], data["sizes"]) for x in data["futures"]]

    def after(moved):
        runs = [{n: np.concatenate([moved[n], x[n]], 2) for n in x} for x in futures]
        return np.concatenate([definition(layer, x)[0][0, 0, -1].ravel() for x in runs])

    rows = []
    for token, size in ((n, past[n].size) for n in past):
        for step in 1e-4 * np.eye(size):
            step = step.reshape(past[token].shape)
            up, down = (after(past | {token: past[token] + s * step}) for s in (1, -1))
            rows.append((up - down) / 2e-4)
    sizes = np.linalg.svd(np.array(rows), compute_uv=False)
    assert (sizes > 1e-7 * sizes[0]).sum() > arguments["states"]


@confirms("finitely many features")
def test_a_kernel_of_no_finite_rank(name):
    _, _, (layer,) = certified(name)
    points = np.arange(1, 8)[:, None] / 4
    assert determinant(kernel_table(layer, points, -points, "digits")) > 1e-30
    squared = kernel_table(square(), points, -points, "digits")
    assert determinant(squared) < 1e-40


def square():
    """The kernel (1 + q·k)², which has finitely many features."""
    (name,) = chosen("feature count", "refuted")
    return certified(name)[2][0]


@pytest.mark.parametrize(
    "name", chosen("feature count", "refuted") + chosen("feature formula", "refuted")
)
def test_features_are_counted_by_the_rank_of_a_kernel_matrix(name):
    arguments, _, (layer,) = certified(name)
    rng = np.random.default_rng(4)
    for m in [arguments["sizes"]["m"]] if "sizes" in arguments else [2, 3]:
        table = kernel_table(layer, *rng.normal(size=(2, 20, m)))
        stated = arguments.get("are") or eval(arguments["value"], {"m": m})
        assert np.linalg.matrix_rank(table, tol=1e-9) not in (20, stated)


@confirms("state at every length")
def test_states_at_a_length_by_the_ranks_of_corner_blocks(name):
    arguments, _, (layer,) = certified(name)
    assert (arguments["parts"], arguments["skip"]) == (2, False)
    for length in (3, 5, 7):
        run = samples(layer, {"n": 3, "d": 1}, (1, 1, length), seed=length)
        matrix = operator(layer, run)
        ranks = [np.linalg.matrix_rank(matrix[i:, : i + 1], tol=1e-12) for i in range(length)]
        assert max(ranks) > length // 2


@confirms("transitions")
def test_a_transition_that_is_not_diagonal(name):
    arguments, data, (layer,) = certified(name)
    assert arguments["what"] == "diagonal"
    found = whole_transition(layer, given(layer, data["tokens"], data["constants"], data["sizes"]))
    assert np.abs(found - np.diag(np.diag(found))).max() > 0.1


@confirms("radius")
def test_an_eigenvalue_that_is_not_below_the_radius(name):
    arguments, data, (layer,) = certified(name)
    found = whole_transition(layer, given(layer, data["tokens"], data["constants"], data["sizes"]))
    assert np.abs(np.linalg.eigvals(found)).max() >= int(arguments["below"])


@confirms("embeds")
def test_padding_changes_the_outputs(name):
    verdict = settle(name).verdict
    layers = [layer_from_spec(x) for x in verdict.certificate["layers"]]
    a, b = (last_output(x, verdict.witness, verdict.sizes) for x in layers)
    assert np.abs(a - b).max() > 1e-6


@confirms("zeros of powers")
def test_an_exponential_sum_without_the_zero(name):
    arguments, _, (layer,) = certified(name)
    assert arguments["inside"] == "(1, inf)"
    a = np.concatenate([np.linspace(1.01, 4, 300), np.linspace(4, 40, 100)])
    powers = {n: float(base) ** a[None, None] for n, base in arguments["bases"].items()}
    y = definition(layer, powers)[0].ravel()
    assert (np.sign(y) == np.sign(y[0])).all() and y[0] != 0
    at_one = definition(
        layer, {n: float(x) * np.ones((1, 1, 1)) for n, x in arguments["bases"].items()}
    )
    assert at_one[0].item() == 0


@confirms("masked attention")
def test_a_matrix_of_few_states_whose_completions_have_a_larger_rank(name):
    arguments, data, _ = certified(name)
    matrix = np.array(arguments["matrix"], float)
    made, x = data["states"], []
    lam, b, c = (np.array(made[n]).astype(float) for n in ("Lam", "B", "C"))
    for i, j in product(range(len(matrix)), repeat=2):
        steps = [lam[t] for t in range(i, j, -1)]
        x.append(
            (c[i] @ np.linalg.multi_dot([np.eye(len(b[j])), *steps, b[j]])).item() if j <= i else 0
        )
    assert np.allclose(np.reshape(x, matrix.shape), matrix)
    # All masks between row 1 and row 5 differ from 0, so they are a scaling of rows and columns.
    assert matrix[-1, 0] != 0
    rng = np.random.default_rng(5)
    for size in 10.0 ** rng.uniform(-2, 2, 200):
        above = np.triu(size * rng.normal(size=matrix.shape), 1)
        assert np.linalg.matrix_rank(matrix + above) > arguments["width"] == made["count"]


@confirms("spectrum is invariant")
def test_equal_outputs_with_other_eigenvalues(name):
    _, data, (a, b) = certified(name)
    run = samples(b, data["sizes of tokens"], (1, 1, 6), seed=6)
    left, right = (definition(x, run)[0] for x in (a, b))
    assert np.allclose(left, right, rtol=1e-10)
    point = given(b, data["tokens"], data["constants"], data["sizes of tokens"])
    traces = []
    for x in (a, b):
        known = {n: point[n] for n in point if n in {s.name for s in x.signals}}
        traces.append(np.trace(transition(x, known, data["sizes of tokens"], data["of"])))
    assert abs(traces[0] - traces[1]) > 1e-3


@confirms("sign at every degree")
def test_a_taylor_polynomial_that_is_not_positive(name):
    arguments, data, (layer,) = certified(name)
    ((signal, (function, sign)),) = arguments["reads"].items()
    assert function == "taylor" and arguments["degrees"] == "odd"
    for degree, x in ((data["degree"], int(data["point"])), (3, 2), (5, 3)):
        terms = np.cumprod([1, *(int(sign) * x / np.arange(1, degree + 1))])
        y, _ = definition(layer, {signal: terms.sum().reshape(1, 1, 1)})
        assert y.item() <= 0


@confirms("rank is state")
def test_a_full_rank_with_one_state(name):
    _, data, (layer,) = certified(name)
    run = given(layer, data["tokens"], data["constants"], data["sizes"])
    matrix = operator(layer, run)
    assert np.linalg.matrix_rank(matrix) == data["rank"] > data["states"]
    below = [np.linalg.matrix_rank(matrix[i:, :i], tol=1e-12) for i in range(1, len(matrix))]
    assert max(below) == data["states"]


@confirms("positive definite")
def test_a_negative_quadratic_form(name):
    _, data, (layer,) = certified(name)
    (query,) = data["pairs"]
    points = np.array([[float(Fraction(x)) for x in p[query]] for p in data["points"]])
    c = np.array([float(Fraction(x)) for x in data["weights"]])
    assert c @ kernel_table(layer, points, points) @ c < -1


@confirms("conditions")
def test_layers_that_differ_wherever_their_relations_may_hold(name):
    """The first token wants Δ = 1 and D = 0; the second then wants e^A = 1, and A is negative."""
    arguments = CLAIMS[name].arguments
    ssd, attention = (layer_of(arguments[x]) for x in "ab")
    assert (ssd.name, attention.name) == ("ssd", "linear_attention")
    run = samples(ssd, {"n": 2, "d": 2}, (1, 1, 2), seed=7)
    y = definition(attention, run)[0]

    def gap(steps, rate, skip):
        weights = {"Delta": np.full((1, 1, 2), steps), "A": np.array([rate]), "D": np.array([skip])}
        return np.abs(definition(ssd, run | weights)[0] - y).max()

    assert min(gap(0.9, -0.5, 0.0), gap(1.1, -0.5, 0.0), gap(1.0, -0.5, 0.1)) > 1e-3
    best = [gap(1.0, -rate, 0.0) / (1 - np.exp(-rate)) for rate in 10.0 ** np.arange(-6, 2)]
    assert min(best) > 1e-3 and np.ptp(best) < 1e-6
    assert gap(1.0, 0.0, 0.0) < 1e-12
