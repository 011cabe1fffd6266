"""Layers that are told by what they learn: one step of an optimiser a token."""

from dsf_sym import (
    Gate,
    GradientDescent,
    Implicit,
    Positive,
    State,
    Unit,
    Vec,
    layer,
    online,
    outer,
)


@online(GradientDescent(rate="beta"))
def recall(S: State["n", "d"], q: Vec["n"], k: Unit["n"], v: Vec["d"], beta: Gate):
    """The loss is half the squared error of what is recalled under the key."""
    error = k @ S - v
    return (error @ error) / 2, q @ S


@online(GradientDescent(rate="beta", decay="alpha"))
def forgetful(S: State["n", "d"], q: Vec["n"], k: Unit["n"], v: Vec["d"], alpha: Gate, beta: Gate):
    """The same loss, with weight decay; the gradient is taken at the decayed memory."""
    error = k @ S - v
    return (error @ error) / 2, q @ S


@online(Implicit(rate="beta"))
def cautious(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], beta: Positive):
    """The same loss, and the step that is best after it is taken."""
    error = k @ S - v
    return (error @ error) / 2, q @ S


@layer
def safe_rate(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], beta: Positive):
    """A delta rule of rate β / (1 + β k·k)."""
    S = S - beta / (1 + beta * (k @ k)) * outer(k, k @ S - v)
    return S, q @ S
