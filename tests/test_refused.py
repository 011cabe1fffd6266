"""Layers that are not affine in their state are refused, with the term that breaks it."""

from dataclasses import replace

import pytest

from dsf_sym import (
    Const,
    Gate,
    Mat,
    Positive,
    Scalar,
    State,
    Vec,
    catalogue,
    compare,
    contains,
    derive,
    exp,
    layer,
    maximum,
    outer,
    sigmoid,
    tanh,
)
from dsf_sym.errors import NotAffine

CATALOGUE = catalogue()


@layer
def lstm(
    c: State["d"],
    y: State["d"],
    f: Vec["d"],
    g: Vec["d"],
    o: Vec["d"],
    v: Vec["d"],
    U: Const[Mat["d", "d"]],
    W: Const[Mat["d", "d"]],
):
    """The gates read the last output; f, g, o and v are what the token adds to them."""
    c = sigmoid(f + U @ y) * c + sigmoid(g + W @ y) * tanh(v + W @ y)
    y = sigmoid(o + U @ y) * tanh(c)
    return c, y, y


@layer
def gru(h: State["d"], z: Vec["d"], v: Vec["d"], U: Const[Mat["d", "d"]]):
    """The update gate reads the state."""
    z = sigmoid(z + U @ h)
    h = (1 - z) * h + z * v
    return h, h


@layer
def gru_candidate(h: State["d"], z: Gate["d"], v: Vec["d"], U: Const[Mat["d", "d"]]):
    """The gate reads the token only, and the candidate still reads the state."""
    h = (1 - z) * h + z * tanh(v + U @ h)
    return h, h


@layer
def gru_without_sigmoid(h: State["d"], z: Vec["d"], v: Vec["d"], U: Const[Mat["d", "d"]]):
    """A gate that is linear in the state, times the state."""
    h = (z + U @ h) * h + v
    return h, h


@layer
def qlstm_with_tanh(h: State["d"], v: Vec["d"], f: Gate["d"], g: Gate["d"], o: Gate["d"]):
    """The qLSTM of its reference: gates of the token, and a tanh on what is read."""
    h = f * h + g * tanh(v)
    return h, o * tanh(h)


@layer
def mlstm(
    S: State["n", "d"],
    z: State["n"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    f: Gate,
    g: Scalar,
):
    """Divided by the state's own size where that is above 1."""
    S, z, one = f * S + exp(g) * outer(k, v), f * z + exp(g) * k, 1
    return S, z, (q @ S) / maximum(abs(q @ z), one)


@layer
def normalised_state(
    S: State["n", "d"], last: State, q: Vec["n"], k: Vec["n"], v: Vec["d"], eta: Positive
):
    """Normalised attention with Λ = η_{i-1} / η_i: the last η is a state, and multiplies one."""
    S = last / eta * S + outer(k, v) / eta
    return S, eta, q @ S


REFUSED = [
    (lstm, "the new c", "sigmoid(f + U @ y) reads the state"),
    (gru, "the new h", "sigmoid(z + U @ h) reads the state"),
    (gru_candidate, "the new h", "tanh(v + U @ h) reads the state"),
    (gru_without_sigmoid, "the new h", "multiplies z + U @ h by h, and both read the state"),
    (qlstm_with_tanh, "the output", "tanh(f * h + g * tanh(v)) reads the state"),
    (mlstm, "the output's denominator", "relu(q @ (f * z + exp(g) * k)) reads the state"),
    (normalised_state, "the new S", "multiplies last / eta by S, and both read the state"),
]


@pytest.mark.parametrize(("made", "where", "term"), REFUSED, ids=[r[0].name for r in REFUSED])
def test_refused_with_the_term(made, where, term):
    for ask in (derive, lambda x: contains(x, CATALOGUE["mingru"])):
        with pytest.raises(NotAffine) as caught:
            ask(made)
        assert str(caught.value).startswith(f"{made.name}: {where} ") and term in str(caught.value)


@pytest.mark.parametrize("made", [r[0] for r in REFUSED], ids=[r[0].name for r in REFUSED])
def test_compared_all_the_same(made):
    assert compare(made, made).status == "proved"
    verdict = compare(made, replace(made, output=2 * made.output))
    assert verdict.status == "refuted" and verdict.certificate["kind"] == "difference"


def test_without_its_last_tanh_the_qlstm_is_in_the_catalogue():
    @layer
    def linear_readout(h: State["d"], v: Vec["d"], f: Gate["d"], g: Gate["d"], o: Gate["d"]):
        h = f * h + g * tanh(v)
        return h, o * h

    given = ["qlstm.v = tanh(v)"]
    assert compare(linear_readout, CATALOGUE["qlstm"], given=given).status == "proved"


def test_with_gates_of_the_token_alone_the_gru_is_in_the_catalogue():
    @layer
    def token_gate(h: State["d"], z: Vec["d"], v: Vec["d"]):
        z = sigmoid(z)
        h = (1 - z) * h + z * v
        return h, h

    given = ["mingru.f = sigmoid(-z)"]
    assert compare(token_gate, CATALOGUE["mingru"], given=given).status == "proved"
