"""Small layers that several tests use; nothing here needs more than the core."""

from __future__ import annotations

from dsf_sym import (
    Const,
    Gate,
    Negative,
    Positive,
    Real,
    Scalar,
    State,
    Unit,
    Vec,
    concat,
    exp,
    layer,
    outer,
    scale,
    sigmoid,
    softplus,
    sqrt,
    sum,
)


@layer
def gated_delta(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate, beta: Gate):
    S = alpha * (S - beta * outer(k, k @ S)) + beta * outer(k, v)
    return S, q @ S


@layer
def gated_delta_transposed(
    H: State["d", "n"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate, beta: Gate
):
    """The same with the memory stored the other way round."""
    H = alpha * (H - beta * outer(H @ k, k)) + beta * outer(v, k)
    return H, H @ q


@layer
def gated_delta_in_two(
    S: State["n", "d"],
    R: State["n", "d"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    alpha: Gate,
    beta: Gate,
):
    """The same with the memory split into two parts that are only ever read together."""
    S = alpha * (S - beta * outer(k, k @ S)) + beta * outer(k, v) / 3
    R = alpha * (R - beta * outer(k, k @ R)) + beta * outer(k, v) * 2 / 3
    return S, R, q @ (S + R)


@layer
def gla(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate["n"]):
    S = scale(alpha, S) + outer(k, v)
    return S, q @ S


@layer
def scalar_gated(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate):
    S = alpha * S + outer(k, v)
    return S, q @ S


@layer
def unit_delta(S: State["n", "d"], q: Vec["n"], k: Unit["n"], v: Vec["d"], beta: Gate):
    S = S - beta * outer(k, k @ S) + beta * outer(k, v)
    return S, q @ S


@layer
def unit_delta_normalised(S: State["n", "d"], q: Vec["n"], k: Unit["n"], v: Vec["d"], beta: Gate):
    """The same where the key has unit norm, and only there."""
    S = S - beta * outer(k, k @ S) / (k @ k) + beta * outer(k, v)
    return S, q @ S


# One state of one number.


@layer
def half(h: State["1"], u: Vec["1"]):
    return h / 2 + u, h


@layer
def third(h: State["1"], u: Vec["1"]):
    return h / 3 + u, h


# Gains, starts and functions of weights.


@layer
def gain_in(S: State["n"], v: Vec["n"], g: Const[Real["n"]], alpha: Gate):
    S = alpha * S + g * v
    return S, S


@layer
def gain_out(S: State["n"], v: Vec["n"], g: Const[Real["n"]], alpha: Gate):
    S = alpha * S + v
    return S, g * S


@layer
def gain_over(S: State["n"], v: Vec["n"], g: Const[Positive["n"]], alpha: Gate):
    S = alpha * S + v / g
    return S, g * g * S


@layer
def learned_decay(S: State["n"], v: Vec["n"], a: Const[Negative]):
    S = exp(a) * S + exp(2 * a) * v
    return S, S


@layer
def learned_decay_out(S: State["n"], v: Vec["n"], a: Const[Negative]):
    S = exp(a) * S + v
    return S, exp(a) * exp(a) * S


@layer(start={"S": "S0"})
def learned_start(S: State["n"], S0: Const[Vec["n"]], v: Vec["n"], alpha: Gate):
    S = alpha * S + v
    return S, S


@layer(start={"S": "S0"})
def learned_start_twice(S: State["n"], S0: Const[Vec["n"]], v: Vec["n"], alpha: Gate):
    """Starts at the same constant, written with a memory of twice the size of the read-out."""
    S = alpha * S + v
    return S, (S + S) / 2


@layer
def no_start(S: State["n"], v: Vec["n"], alpha: Gate):
    S = alpha * S + v
    return S, S


# Gates through functions.


@layer
def sigmoid_gate(S: State["n"], v: Vec["n"], x: Real):
    S = sigmoid(x) * S + v
    return S, S


@layer
def sigmoid_gate_other(S: State["n"], R: State["n"], v: Vec["n"], x: Real):
    """1 / (1 + exp(-x)) in place of sigmoid, and a memory in two parts."""
    S = S / (1 + exp(-x)) + v / 2
    R = (1 - sigmoid(-x)) * R + v / 2
    return S, R, S + R


@layer
def exp_gate(S: State["n"], v: Vec["n"], x: Real):
    S = exp(-softplus(x)) * S + v
    return S, S


@layer
def exp_gate_plain(S: State["n"], v: Vec["n"], x: Real):
    S = exp(-exp(x)) * S + v
    return S, S


@layer
def one_minus_sigmoid(S: State["n"], v: Vec["n"], x: Real):
    S = (1 - sigmoid(x)) * S + v
    return S, S


@layer
def root_gate(S: State["n"], v: Vec["n"], x: Positive):
    S = S / sqrt(1 + x) + v
    return S, S


@layer
def root_gate_other(S: State["n"], R: State["n"], v: Vec["n"], x: Positive):
    S = sqrt(1 + x) / (1 + x) * S + v / 2
    R = R / sqrt(1 + x) + v / 2
    return S, R, S + R


# Several states, joined states.


@layer
def two_memories(S: State["n"], R: State["m"], v: Vec["n"], w: Vec["m"], alpha: Gate, beta: Gate):
    S, R = alpha * S + v, beta * R + w
    return S, R, concat(S, R)


@layer
def joined_memory(S: State["n+m"], v: Vec["n"], w: Vec["m"], alpha: Gate):
    S = alpha * S + concat(v, w)
    return S, S


# A unit-norm signal of size 1 is +1 or -1.


@layer
def after_minus(S: State["n"], k: Unit["n"], v: Scalar):
    """Shows at a +1 what it took in at every -1: zero on sequences of one sign."""
    return S + (1 - k) / 2 * v, (1 + k) / 2 * S


@layer
def nothing(S: State["n"], k: Unit["n"], v: Scalar):
    return S + (1 - k) / 2 * v, 0 * S


@layer
def sum_of_products(S: State["n"], k: Unit["n"], v: Scalar):
    """k_i times the sum of k_j v: at size 1 no sum of v."""
    S = S + k * v
    return S, sum(k * S) * k


@layer
def gated(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate):
    S = alpha * S + outer(k, v)
    return S, q @ S


@layer
def summing(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    S = S + outer(k, v)
    return S, q @ S


@layer
def leaky(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate):
    S = S - (1 - alpha) * S + outer(k, v)
    return S, q @ S


@layer
def s6(
    h: State["d", "n"],
    x: Vec["d"],
    Delta: Positive["d"],
    b: Vec["n"],
    c: Vec["n"],
    A: Const[Negative["d", "n"]],
    D: Const[Vec["d"]],
):
    h = exp(scale(Delta, A)) * h + outer(Delta * x, b)
    return h, h @ c + D * x


@layer
def bonus(
    S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], w: Gate["n"], u: Const[Vec["n"]]
):
    y = q @ (S + outer(u * k, v))
    return scale(w, S) + outer(k, v), y


PAIRS = {
    "all sizes": (gated_delta, gated_delta_transposed),
    "at sizes": (gated_delta, gated_delta_in_two),
    "constants": (gain_in, gain_out),
    "generators": (sigmoid_gate, sigmoid_gate_other),
    "roots": (root_gate, root_gate_other),
    "unit norm": (unit_delta, unit_delta_normalised),
    "a bridge": (gla, scalar_gated),
    "rational witness": (gated_delta, scalar_gated),
    "ball witness": (exp_gate, exp_gate_plain),
    "two letters": (after_minus, nothing),
}
SIZES = {"two letters": {"n": 1}}
