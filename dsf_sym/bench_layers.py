"""Pairs of equal layers for the benchmark, as a user would write them."""

from . import Const, Gate, Scalar, State, Vec, layer, outer, scale


@layer
def factored(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate, beta: Gate):
    """The gated delta rule with Λ written out."""
    S = alpha * (S - beta * outer(k, k @ S)) + beta * outer(k, v)
    return S, q @ S


@layer
def in_turn(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate, beta: Gate):
    """The gated delta rule as decay, then correction."""
    S = alpha * S
    S = S + beta * outer(k, v - k @ S)
    return S, q @ S


@layer
def by_vectors(h: State["n"], u: Scalar, a: Const[Gate["n"]], c: Const[Vec["n"]]):
    """A constant diagonal layer with a scalar input: one new dimension a token."""
    h = scale(a, h) + u
    return h, c @ h


@layer
def by_entries(h: State["n"], u: Scalar, a: Const[Gate["n"]], c: Const[Vec["n"]]):
    """The same, entry by entry."""
    h = u + h * a
    return h, h @ c
