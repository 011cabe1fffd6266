"""SymPy matrices at concrete sizes, against the recurrence run by hand in NumPy and rationals."""

from fractions import Fraction

import numpy as np
import pytest
import sympy
from layers import bonus, gated_delta, s6

from dsf_sym import (
    Const,
    Gate,
    Real,
    Scalar,
    State,
    Vec,
    layer,
    outer,
)
from dsf_sym.derivation.derive import derive
from dsf_sym.derivation.realize import (
    hankel,
    markov,
    matrices,
    operator,
    realize,
    symbol,
    transform,
    transition,
)
from dsf_sym.errors import LanguageError, ShapeError, SizeError


@layer(start={"a": "a0"})
def cascade(
    a: State["n"], b: State, x: Scalar, g: Gate["n"], w: Const[Vec["n"]], a0: Const[Vec["n"]]
):
    a = g * a + w * b + w * x
    b = b / 2 + x
    return a, b, w @ a + b


def run(name, t, h):
    """One step by hand: the new states and the output, flattened."""
    if name == "gated_delta":
        S = t["alpha"] * (h["S"] - t["beta"] * np.outer(t["k"], t["k"] @ h["S"]))
        S = S + t["beta"] * np.outer(t["k"], t["v"])
        return {"S": S}, S.T @ t["q"]
    if name == "s6":
        new = np.exp(t["Delta"][:, None] * t["A"]) * h["h"]
        new = new + np.outer(t["Delta"] * t["x"], t["b"])
        return {"h": new}, new @ t["c"] + t["D"] * t["x"]
    if name == "bonus":
        S = t["w"][:, None] * h["S"] + np.outer(t["k"], t["v"])
        return {"S": S}, h["S"].T @ t["q"] + (t["q"] * t["u"] * t["k"]).sum() * t["v"]
    assert name == "cascade"
    a = t["g"] * h["a"] + t["w"] * h["b"] + t["w"] * t["x"]
    b = h["b"] / 2 + t["x"]
    return {"a": a, "b": b}, t["w"] @ a + b


SIZES = {"n": 2, "d": 2}
SHAPE = {"n": 2, "d": 2}
LENGTH = 4


def sample(made, seed=0):
    """Values of every symbol, and the same as arrays: constants, and tokens at each time."""
    rng = np.random.default_rng(seed)
    numbers, constants, tokens = {}, {}, [{} for _ in range(LENGTH)]
    for s in made.signals:
        if s.kind == "state":
            continue
        for time in [None] if s.kind == "constant" else range(LENGTH):
            shape = tuple(SHAPE[d] for d in s.dims)
            x = rng.uniform(0.2, 0.9, shape)
            x = -x if s.domain.interval.high == 0 else x
            target = constants if time is None else tokens[time]
            target[s.name] = x
            for index in np.ndindex(shape):
                numbers[symbol(made, s, index, time)] = float(x[index])
    return numbers, constants, tokens


def outputs(made, constants, tokens, u_name, u, start):
    h = dict(start)
    out = []
    for i, token in enumerate(tokens):
        h, y = run(made.name, {**constants, **token, u_name: u[i]}, h)
        out.append(np.ravel(y))
    return np.concatenate(out)


def zeros(made):
    return {s.name: np.zeros(tuple(SHAPE[d] for d in s.dims)) for s in made.of_kind("state")}


def numeric(matrix, numbers):
    f = sympy.lambdify(list(numbers), matrix, "numpy")
    return np.array(f(*numbers.values()), dtype=float)


ALL = [gated_delta, s6, bonus, cascade]


@pytest.mark.parametrize("made", ALL, ids=lambda made: made.name)
def test_operator_is_the_response_to_unit_inputs(made):
    numbers, constants, tokens = sample(made)
    u_name = derive(made).carried
    got = numeric(operator(made, SIZES, LENGTH), numbers)
    shape = np.shape(tokens[0][u_name])
    width = int(np.prod(shape))
    assert got.shape[1] == LENGTH * width
    for column in range(got.shape[1]):
        u = np.zeros((LENGTH, width))
        u[column // width, column % width] = 1.0
        u = u.reshape((LENGTH, *shape))
        want = outputs(made, constants, tokens, u_name, u, zeros(made))
        np.testing.assert_allclose(got[:, column], want, atol=1e-12)


@pytest.mark.parametrize("made", ALL, ids=lambda made: made.name)
def test_matrices_step_the_recurrence(made):
    numbers, constants, tokens = sample(made)
    r = realize(made, SIZES)
    u_name = r.space.carried
    state = numeric(r.start(), numbers)
    hand = zeros(made)
    for name, first in made.start.items():
        hand[name] = constants[first]
    for i, token in enumerate(tokens):
        lam, b, c, d = (numeric(m, numbers) for m in r.matrices(i))
        R, E = (numeric(m, numbers) for m in r.old_readout(i))
        u = np.ravel(token[u_name])[:, None]
        old, state = state, lam @ state + b @ u
        hand, y = run(made.name, {**constants, **token}, hand)
        flat = np.concatenate([np.ravel(hand[s.name]) for s in r.space.states])
        np.testing.assert_allclose(state[:, 0], flat, atol=1e-12)
        np.testing.assert_allclose((c @ state + d @ u)[:, 0], np.ravel(y), atol=1e-12)
        np.testing.assert_allclose((R @ old + E @ u)[:, 0], np.ravel(y), atol=1e-12)


def test_names_and_entries():
    lam, b, c, d = matrices(derive(gated_delta), {"n": 2, "d": 1})
    alpha, beta, k0, k1, q0, q1 = (
        symbol(gated_delta, gated_delta.signal(name[0] if name[1:] in ("_0", "_1") else name), at)
        for name, at in [
            ("alpha", ()),
            ("beta", ()),
            ("k_0", (0,)),
            ("k_1", (1,)),
            ("q_0", (0,)),
            ("q_1", (1,)),
        ]
    )
    assert [x.name for x in (alpha, beta, k0, k1, q0)] == ["alpha", "beta", "k_0", "k_1", "q_0"]
    k = sympy.Matrix([k0, k1])
    assert (lam - alpha * (sympy.eye(2) - beta * k * k.T)).expand() == sympy.zeros(2, 2)
    assert b == beta * k and c == sympy.Matrix([[q0, q1]]) and d == sympy.zeros(1, 1)
    names = {x.name for m in matrices(derive(s6), SIZES, 3) for x in m.free_symbols}
    assert names == {
        *("Delta_3_0", "Delta_3_1", "b_3_0", "b_3_1", "c_3_0", "c_3_1", "D_0", "D_1"),
        *("A_0_0", "A_0_1", "A_1_0", "A_1_1"),
    }


def test_assumptions_follow_domains():
    gate = symbol(gated_delta, gated_delta.signal("alpha"), ())
    key = symbol(gated_delta, gated_delta.signal("k"), (0,))
    rate = symbol(s6, s6.signal("A"), (0, 0))
    assert gate.is_positive and key.is_real and key.is_positive is None and rate.is_negative


def test_names_that_could_be_confused_are_kept_apart():
    @layer
    def unclear(h: State["n"], k: Vec["n"], k_0: Scalar, a: Gate):
        h = a * h + k * k_0
        return h, h

    vector, number = unclear.signal("k"), unclear.signal("k_0")
    assert symbol(unclear, vector, (0,)) != symbol(unclear, number, ())
    (_, b, _, _) = matrices(derive(unclear, "k"), {"n": 2})
    assert b == symbol(unclear, number, ()) * sympy.eye(2)


@pytest.mark.parametrize("made", ALL, ids=lambda made: made.name)
def test_markov_hankel_and_transition_are_parts_of_the_operator(made):
    whole = operator(made, SIZES, LENGTH)
    r = realize(made, SIZES)
    y, u = int(np.prod(r.output_shape)), int(np.prod(r.input_shape))
    numbers, _, _ = sample(made)
    for i in range(LENGTH):
        for j in range(LENGTH):
            block = whole[i * y : (i + 1) * y, j * u : (j + 1) * u]
            got = numeric(markov(made, SIZES, i, j), numbers)
            np.testing.assert_allclose(numeric(block, numbers), got, atol=1e-12)
            _, _, c, d = r.matrices(i)
            if j <= i:
                formula = c * transition(made, SIZES, i, j) * r.matrices(j)[1]
                formula = formula + d if i == j else formula
                np.testing.assert_allclose(numeric(formula, numbers), got, atol=1e-12)
    for i in range(1, LENGTH):
        assert hankel(made, SIZES, i, LENGTH) == whole[i * y :, : i * u]
    assert transition(made, SIZES, 2, 2) == sympy.eye(r.order)
    assert transition(made, SIZES, 2, 0) == r.matrices(2)[0] * r.matrices(1)[0]


def test_hankel_rank_is_bounded_by_the_state():
    numbers = sample(gated_delta)[0]
    h = numeric(hankel(gated_delta, SIZES, 2, LENGTH), numbers)
    assert h.shape == (4, 4) and np.linalg.matrix_rank(h) == 4


def rationals(made, length, seed=3):
    rng = np.random.default_rng(seed)
    out = {}
    for s in made.signals:
        if s.kind != "state":
            shape = tuple(SHAPE[d] for d in s.dims)
            for time in [None] if s.kind == "constant" else [None, *range(length)]:
                for index in np.ndindex(shape):
                    x = Fraction(int(rng.integers(1, 12)), 13)
                    x = -x if s.domain.interval.high == 0 else x
                    out[symbol(made, s, index, time)] = sympy.Rational(x.numerator, x.denominator)
    return out


@pytest.mark.parametrize("made", [gated_delta, bonus, cascade], ids=lambda made: made.name)
def test_the_operator_does_not_change_with_the_basis(made):
    numbers = rationals(made, LENGTH)
    small = {"n": 2, "d": 1}
    before = realize(made, small)
    n = before.order
    constant = sympy.Matrix(n, n, lambda i, j: (i + 1) * (i == j) + 2 * (j == i + 1) - (i == j + 2))
    token = next(s for s in made.of_kind("token") if s.domain.interval.low == 0)
    gate = symbol(made, token, (0,) * len(token.dims))
    moving = sympy.eye(n) * (1 + gate) + sympy.Matrix(
        n, n, lambda i, j: gate**2 if j == i + 1 else 0
    )
    want = before.operator(LENGTH).xreplace(numbers)
    for T in (constant, moving, constant * moving):
        after = transform(made, small, T)
        assert after.operator(LENGTH).xreplace(numbers) == want
        assert after.transform(constant).operator(LENGTH).xreplace(numbers) == want
        _, b, c, d = after.matrices(2)
        markov_0 = (c * b + d).xreplace(numbers)
        assert markov_0 == before.markov(2, 2).xreplace(numbers)
    # The matrices do change, so the law is not empty.
    assert after.matrices(2)[0].xreplace(numbers) != before.matrices(2)[0].xreplace(numbers)


def test_start_and_remainder_follow_the_basis():
    T = sympy.Matrix([[1, 2, 0], [0, 1, 0], [1, 0, 3]])
    r = realize(cascade, SIZES)
    assert r.transform(T).start() == T * r.start()
    assert [x.name for x in r.start()[:2]] == ["a0_0", "a0_1"] and r.start()[2] == 0

    @layer
    def affine(h: State["n"], x: Vec["n"], w: Const[Vec["n"]]):
        h = h / 2 + x + w
        return h, h + w

    free = realize(derive(affine, "x"), {"n": 2}).remainder()
    w = sympy.Matrix([symbol(affine, affine.signal("w"), (i,)) for i in range(2)])
    assert free == (w, 2 * w)


def test_a_layer_that_reads_no_new_state_has_an_operator():
    @layer
    def old(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], beta: Gate):
        return S - beta * outer(k, k @ S) + beta * outer(k, v), q @ S

    r = realize(old, {"n": 2, "d": 1})
    with pytest.raises(LanguageError, match="no C and D"):
        r.matrices()
    q = sympy.Matrix([[symbol(old, old.signal("q"), (i,), 1) for i in range(2)]])
    beta = symbol(old, old.signal("beta"), (), 0)
    k = sympy.Matrix([symbol(old, old.signal("k"), (i,), 0) for i in range(2)])
    want = sympy.zeros(2, 2)
    want[1, 0] = (q * k * beta)[0]
    assert r.operator(2).expand() == want.expand()


def test_the_number_one_as_input():
    @layer
    def clock(h: State["n"], a: Gate["n"], w: Const[Vec["n"]]):
        h = a * h + (1 - a) * w
        return h, h

    r = realize(clock, {"n": 2})
    assert r.space.carried is None and r.operator(3).shape == (6, 3)


def test_refusals():
    r = realize(cascade, SIZES)
    with pytest.raises(ShapeError, match="the state has 3 entries"):
        r.transform(sympy.eye(2))
    with pytest.raises(LanguageError, match="det T = 0"):
        r.transform(sympy.ones(3, 3))
    gate = symbol(cascade, cascade.signal("g"), (0,))
    with pytest.raises(LanguageError, match="at a time only"):
        r.transform(sympy.eye(3) * gate).matrices()
    with pytest.raises(SizeError, match="at least 1"):
        r.operator(0)
    with pytest.raises(SizeError, match="inside the length"):
        r.hankel(4, 4)
    with pytest.raises(SizeError, match="size n has no value"):
        realize(cascade, {})
    with pytest.raises(SizeError, match="at least 1"):
        realize(cascade, {"n": 0})


def test_concatenated_states():
    from dsf_sym import concat

    @layer
    def joined(h: State["n+d"], x: Vec["n"], p: Vec["d"], a: Gate, M: Const[Real["n+d", "n+d"]]):
        h = a * (M @ h) + concat(x, p)
        return h, h

    b = matrices(derive(joined, "p"), {"n": 1, "d": 2})[1]
    assert b == sympy.Matrix([[0, 0], [1, 0], [0, 1]])
