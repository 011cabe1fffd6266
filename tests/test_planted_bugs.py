"""Bugs that people write, planted one at a time: each refuted, each witness confirmed by NumPy.

The loops below are written by hand and know nothing of the library; a witness that it finds
is run through both of them.
"""

from fractions import Fraction

import numpy as np
import pytest

from dsf_sym import (
    Const,
    Gate,
    Negative,
    Positive,
    Scalar,
    State,
    Vec,
    exp,
    layer,
    outer,
    scale,
)
from dsf_sym.automata.run import outputs_on
from dsf_sym.certificates.checkers import recheck
from dsf_sym.deciding.decide import compare


def delta_loop(S, t):
    n, d = S.shape
    new = np.zeros((n, d))
    for i in range(n):
        for j in range(d):
            stored = sum(t["k"][m] * S[m, j] for m in range(n))
            new[i, j] = t["alpha"] * (S[i, j] - t["beta"] * t["k"][i] * stored)
            new[i, j] += t["beta"] * t["k"][i] * t["v"][j]
    return new, np.array([sum(t["q"][i] * new[i, j] for i in range(n)) for j in range(d)])


@layer
def right_delta(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate, beta: Gate):
    S = alpha * (S - beta * outer(k, k @ S)) + beta * outer(k, v)
    return S, q @ S


DELTA_BUGS = {
    "decay after the write": (
        lambda S, q, k, v, a, b, o: a * (S - b * o(k, k @ S) + b * o(k, v)),
        1,
    ),
    "dropped gate": (lambda S, q, k, v, a, b, o: S - b * o(k, k @ S) + b * o(k, v), 2),
    "state reset": (lambda S, q, k, v, a, b, o: b * o(k, v), 2),
    "written under q": (lambda S, q, k, v, a, b, o: a * (S - b * o(q, q @ S)) + b * o(q, v), 1),
    "wrong sign": (lambda S, q, k, v, a, b, o: a * (S + b * o(k, k @ S)) + b * o(k, v), 2),
    "wrong sign of the write": (
        lambda S, q, k, v, a, b, o: a * (S - b * o(k, k @ S)) - b * o(k, v),
        1,
    ),
    "beta outside the bracket": (
        lambda S, q, k, v, a, b, o: a * b * (S - o(k, k @ S)) + b * o(k, v),
        2,
    ),
    "beta only on the write": (lambda S, q, k, v, a, b, o: a * (S - o(k, k @ S)) + b * o(k, v), 2),
    "beta only on the correction": (
        lambda S, q, k, v, a, b, o: a * (S - b * o(k, k @ S)) + o(k, v),
        1,
    ),
    "gate on the correction only": (
        lambda S, q, k, v, a, b, o: S - a * b * o(k, k @ S) + b * o(k, v),
        2,
    ),
    "corrected before the decay": (
        lambda S, q, k, v, a, b, o: a * S - b * o(k, k @ S) + b * o(k, v),
        2,
    ),
}


def gla_loop(S, t):
    n, d = S.shape
    new = np.array(
        [[t["alpha"][i] * S[i, j] + t["k"][i] * t["v"][j] for j in range(d)] for i in range(n)]
    )
    return new, np.array([sum(t["q"][i] * new[i, j] for i in range(n)) for j in range(d)])


@layer
def right_gla(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate["n"]):
    S = scale(alpha, S) + outer(k, v)
    return S, q @ S


def rows(a, S):
    return a[:, None] * S


GLA_BUGS = {
    "decay after the write": (lambda S, q, k, v, a, o, by: by(a, S + o(k, v)), 1),
    "dropped gate": (lambda S, q, k, v, a, o, by: S + o(k, v), 2),
    "gate squared": (lambda S, q, k, v, a, o, by: by(a * a, S) + o(k, v), 2),
    "state reset": (lambda S, q, k, v, a, o, by: o(k, v), 2),
    "written under q": (lambda S, q, k, v, a, o, by: by(a, S) + o(q, v), 1),
    "wrong sign": (lambda S, q, k, v, a, o, by: o(k, v) - by(a, S), 2),
    "write scaled by one minus the gate": (
        lambda S, q, k, v, a, o, by: by(a, S) + o((1 - a) * k, v),
        1,
    ),
}


def skip_loop(S, t):
    new = np.zeros(S.shape)
    for i in range(S.shape[0]):
        for j in range(S.shape[1]):
            new[i, j] = t["alpha"] * S[i, j] + t["k"][i] * t["v"][j]
    return new, np.array([t["q"] @ new[:, j] + t["D"] * t["v"][j] for j in range(S.shape[1])])


@layer
def right_skip(
    S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate, D: Const[Scalar]
):
    S = alpha * S + outer(k, v)
    return S, q @ S + D * v


SKIP_BUGS = {
    "dropped skip": (lambda S, k, v, a, o: a * S + o(k, v), lambda q, S, v, D: q @ S, 1),
    "wrong sign of the skip": (
        lambda S, k, v, a, o: a * S + o(k, v),
        lambda q, S, v, D: q @ S - D * v,
        1,
    ),
    "skip twice": (lambda S, k, v, a, o: a * S + o(k, v), lambda q, S, v, D: q @ S + 2 * D * v, 1),
    "skip inside the memory": (
        lambda S, k, v, a, o: a * S + o(k, v),
        lambda q, S, v, D: D * (q @ S) + v,
        1,
    ),
    "decay after the write": (
        lambda S, k, v, a, o: a * (S + o(k, v)),
        lambda q, S, v, D: q @ S + D * v,
        1,
    ),
    "dropped gate": (lambda S, k, v, a, o: S + o(k, v), lambda q, S, v, D: q @ S + D * v, 2),
    "state reset": (lambda S, k, v, a, o: o(k, v), lambda q, S, v, D: q @ S + D * v, 2),
}


def s6_loop(h, t):
    new = np.zeros(h.shape)
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            new[i, j] = np.exp(t["Delta"][i] * t["A"][i, j]) * h[i, j]
            new[i, j] += t["Delta"][i] * t["k"][j] * t["v"][i]
    return new, np.array([new[i] @ t["q"] + t["D"][i] * t["v"][i] for i in range(h.shape[0])])


@layer
def right_s6(
    h: State["d", "n"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    Delta: Positive["d"],
    A: Const[Negative["d", "n"]],
    D: Const[Vec["d"]],
):
    h = exp(scale(Delta, A)) * h + outer(Delta * v, k)
    return h, h @ q + D * v


S6_BUGS = {
    "wrong sign of the exponent": (
        lambda h, k, v, s, A, e, o, by: e(-by(s, A)) * h + o(s * v, k),
        2,
    ),
    "no step size on the input": (lambda h, k, v, s, A, e, o, by: e(by(s, A)) * h + o(v, k), 1),
    "no step size in the decay": (lambda h, k, v, s, A, e, o, by: e(A) * h + o(s * v, k), 2),
    "Euler for the decay": (lambda h, k, v, s, A, e, o, by: (1 + by(s, A)) * h + o(s * v, k), 2),
    "dropped decay": (lambda h, k, v, s, A, e, o, by: h + o(s * v, k), 2),
    "decay after the write": (lambda h, k, v, s, A, e, o, by: e(by(s, A)) * (h + o(s * v, k)), 1),
    "state reset": (lambda h, k, v, s, A, e, o, by: 0 * h + o(s * v, k), 2),
    "zero-order hold on the input": (
        lambda h, k, v, s, A, e, o, by: e(by(s, A)) * h + (e(by(s, A)) - 1) / A * o(v, k),
        1,
    ),
}


def make_delta(step):
    @layer
    def gated_delta(
        S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate, beta: Gate
    ):
        S = step(S, q, k, v, alpha, beta, outer)
        return S, q @ S

    def loop(S, t):
        S = step(S, t["q"], t["k"], t["v"], t["alpha"], t["beta"], np.outer)
        return S, t["q"] @ S

    return right_delta, gated_delta, delta_loop, loop


def make_gla(step):
    @layer
    def gla(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate["n"]):
        S = step(S, q, k, v, alpha, outer, scale)
        return S, q @ S

    def loop(S, t):
        S = step(S, t["q"], t["k"], t["v"], t["alpha"], np.outer, rows)
        return S, t["q"] @ S

    return right_gla, gla, gla_loop, loop


def make_skip(step, readout):
    @layer
    def scalar_gated(
        S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate, D: Const[Scalar]
    ):
        S = step(S, k, v, alpha, outer)
        return S, readout(q, S, v, D)

    def loop(S, t):
        S = step(S, t["k"], t["v"], t["alpha"], np.outer)
        return S, readout(t["q"], S, t["v"], t["D"])

    return right_skip, scalar_gated, skip_loop, loop


def make_s6(step, skip=True):
    @layer
    def s6(
        h: State["d", "n"],
        q: Vec["n"],
        k: Vec["n"],
        v: Vec["d"],
        Delta: Positive["d"],
        A: Const[Negative["d", "n"]],
        D: Const[Vec["d"]],
    ):
        h = step(h, k, v, Delta, A, exp, outer, scale)
        return h, h @ q + D * v if skip else h @ q

    def loop(h, t):
        h = step(h, t["k"], t["v"], t["Delta"], t["A"], np.exp, np.outer, rows)
        return h, h @ t["q"] + (t["D"] * t["v"] if skip else 0)

    return right_s6, s6, s6_loop, loop


CASES = {}
for name, (step, length) in DELTA_BUGS.items():
    CASES[f"gated delta: {name}"] = (*make_delta(step), length)
for name, (step, length) in GLA_BUGS.items():
    CASES[f"GLA: {name}"] = (*make_gla(step), length)
for name, (step, readout, length) in SKIP_BUGS.items():
    CASES[f"scalar gate: {name}"] = (*make_skip(step, readout), length)
for name, (step, length) in S6_BUGS.items():
    CASES[f"S6: {name}"] = (*make_s6(step), length)
CASES["S6: dropped skip"] = (
    *make_s6(lambda h, k, v, s, A, e, o, by: e(by(s, A)) * h + o(s * v, k), skip=False),
    1,
)


# Square sizes: one size name for both axes, where a transposed readout has the right shape.


@layer
def square_delta(
    S: State["n", "n"], q: Vec["n"], k: Vec["n"], v: Vec["n"], alpha: Gate, beta: Gate
):
    S = alpha * (S - beta * outer(k, k @ S)) + beta * outer(k, v)
    return S, q @ S


@layer
def square_delta_transposed(
    S: State["n", "n"], q: Vec["n"], k: Vec["n"], v: Vec["n"], alpha: Gate, beta: Gate
):
    S = alpha * (S - beta * outer(k, k @ S)) + beta * outer(k, v)
    return S, q @ S.T


@layer
def square_gla(S: State["n", "n"], q: Vec["n"], k: Vec["n"], v: Vec["n"], alpha: Gate["n"]):
    S = scale(alpha, S, axis=0) + outer(k, v)
    return S, q @ S


@layer
def square_gla_other_axis(
    S: State["n", "n"], q: Vec["n"], k: Vec["n"], v: Vec["n"], alpha: Gate["n"]
):
    S = scale(alpha, S, axis=1) + outer(k, v)
    return S, q @ S


@layer
def square_gla_transposed(
    S: State["n", "n"], q: Vec["n"], k: Vec["n"], v: Vec["n"], alpha: Gate["n"]
):
    S = scale(alpha, S, axis=0) + outer(k, v)
    return S, S @ q


def swapped(loop):
    return lambda S, t: loop(S, {**t, "k": t["q"], "q": t["k"]})


for name, right, loop in [
    ("gated delta", right_delta, delta_loop),
    ("GLA", right_gla, gla_loop),
    ("scalar gate", right_skip, skip_loop),
    ("S6", right_s6, s6_loop),
]:
    wrong = right.given(k="q", q="k")
    CASES[f"{name}: k and q swapped"] = (right, wrong, loop, swapped(loop), 2)


def transposed(loop):
    def other(S, t):
        S, _ = loop(S, t)
        return S, S @ t["q"]

    return other


def other_axis(S, t):
    S = S * t["alpha"][None, :] + np.outer(t["k"], t["v"])
    return S, t["q"] @ S


CASES["gated delta: transposed readout"] = (
    *(square_delta, square_delta_transposed, delta_loop, transposed(delta_loop)),
    1,
)
CASES["GLA: transposed readout"] = (
    *(square_gla, square_gla_transposed, gla_loop, transposed(gla_loop)),
    1,
)
CASES["GLA: gate along the other axis"] = (
    *(square_gla, square_gla_other_axis, gla_loop, other_axis),
    2,
)


def arrays(layer_, values, sizes):
    out = {}
    for s in layer_.signals:
        if s.name in values:
            shape = [sizes[d] for d in s.dims]
            flat = np.array([float(x) for x in values[s.name]])
            out[s.name] = flat.reshape(shape) if shape else float(flat[0])
    return out


def outputs(layer_, loop, tokens, constants, sizes):
    (state,) = layer_.of_kind("state")
    S = np.zeros([sizes[d] for d in state.dims])
    fixed = arrays(layer_, constants, sizes)
    out = []
    for token in tokens:
        S, y = loop(S, {**fixed, **arrays(layer_, token, sizes)})
        out.append(np.array(y))
    return out


@pytest.mark.parametrize("name", CASES)
def test_a_planted_bug_is_refuted_by_a_witness_that_numpy_confirms(name):
    right, wrong, right_loop, wrong_loop, length = CASES[name]
    verdict = compare(right, wrong)
    assert verdict.status == "refuted"
    witness, sizes = verdict.witness, verdict.sizes
    assert witness.length == length
    recheck(verdict.certificate)
    ours = outputs(right, right_loop, witness.tokens, witness.constants, sizes)
    theirs = outputs(right, wrong_loop, witness.tokens, witness.constants, sizes)
    for y, z in zip(ours[:-1], theirs[:-1], strict=True):
        np.testing.assert_allclose(y, z, atol=1e-12)
    assert np.abs(ours[-1] - theirs[-1]).max() > 1e-9
    for shown, values in zip(witness.outputs, (ours[-1], theirs[-1]), strict=True):
        np.testing.assert_allclose([as_float(x) for x in shown], values, rtol=1e-9, atol=1e-12)


def as_float(shown):
    """The number of an exact or a ball output as text."""
    if shown.startswith("["):
        middle = shown[1:].split(" +/-")[0]
        return 0.0 if middle.startswith("+/-") else float(middle)
    return float(Fraction(shown)) if "/" in shown else float(shown)


@pytest.mark.parametrize("name", CASES)
def test_the_right_step_by_hand_agrees_with_the_library(name):
    """The loops that confirm the bugs are themselves right: random tokens, no bug planted."""
    right, wrong, right_loop, wrong_loop, _ = CASES[name]
    sizes = {"n": 2, "d": 2} if "d" in right.sizes else {"n": 2}
    rng = np.random.default_rng(0)

    def value(s):
        low, high = s.domain.interval.low, s.domain.interval.high
        x = Fraction(int(rng.integers(1, 8)), 8)
        return -x if high == 0 else x if low is not None else x - Fraction(1, 2)

    def draw(kind):
        return {
            s.name: [value(s) for _ in range(int(np.prod([sizes[d] for d in s.dims], dtype=int)))]
            for s in right.of_kind(kind)
        }

    tokens, constants = [draw("token") for _ in range(4)], draw("constant")
    (a, b), scalars = outputs_on([right, wrong], tokens, constants, sizes, 128)
    for got, layer_, loop in ((a, right, right_loop), (b, wrong, wrong_loop)):
        want = outputs(layer_, loop, tokens, constants, sizes)
        for y, z in zip(got, want, strict=True):
            np.testing.assert_allclose([as_float(scalars.show(x)) for x in y], z, atol=1e-12)


@pytest.mark.parametrize(
    "same",
    [
        (right_delta, make_delta(lambda S, q, k, v, a, b, o: a * S - b * o(k, a * (k @ S) - v))[1]),
        (right_gla, make_gla(lambda S, q, k, v, a, o, by: o(k, v) + by(a, S))[1]),
        (right_s6, make_s6(lambda h, k, v, s, A, e, o, by: o(v * s, k) + h * e(by(s, A)))[1]),
    ],
)
def test_a_rewritten_step_is_no_bug(same):
    assert compare(*same).status == "proved"
