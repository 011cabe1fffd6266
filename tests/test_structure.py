"""The structure of Λ: what is found, that its factors are right, and wrong ones refused."""

from dataclasses import replace

import numpy as np
import pytest
from layers import gated_delta, gla

from dsf_sym import (
    Const,
    Gate,
    Mat,
    Negative,
    Positive,
    Scalar,
    State,
    Unit,
    Vec,
    diag,
    einsum,
    exp,
    layer,
    outer,
    scale,
    sqrt,
)
from dsf_sym.derivation.blocks import Dense
from dsf_sym.derivation.derive import derive
from dsf_sym.derivation.structure import check, structure
from dsf_sym.errors import Rejected
from dsf_sym.index.forms import one, text, zero


@layer
def linear(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    S = S + outer(k, v)
    return S, q @ S


@layer
def retnet(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], gamma: Const[Gate]):
    S = gamma * S + outer(k, v)
    return S, q @ S


@layer
def ssd(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate):
    S = alpha * S + outer(k, v)
    return S, q @ S


@layer
def gla_other_axis(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate["d"]):
    S = S @ diag(alpha) + outer(k, v)
    return S, q @ S


@layer
def s6(
    h: State["d", "n"],
    x: Vec["d"],
    Delta: Positive["d"],
    b: Vec["n"],
    c: Vec["n"],
    A: Const[Negative["d", "n"]],
):
    h = exp(scale(Delta, A)) * h + outer(Delta * x, b)
    return h, h @ c


@layer
def delta(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], beta: Gate):
    S = S - beta * outer(k, k @ S) + beta * outer(k, v)
    return S, q @ S


@layer
def decay_first(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], a: Gate["n"]):
    S = scale(a, S)
    S = S - outer(k, k @ S) + outer(k, v)
    return S, q @ S


@layer
def decay_last(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], a: Gate["n"]):
    S = scale(a, S - outer(k, k @ S)) + outer(k, v)
    return S, q @ S


@layer
def rwkv7(
    S: State["n", "d"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    w: Gate["n"],
    p: Vec["n"],
    r: Vec["n"],
):
    S = scale(w, S) + outer(p, r @ S) + outer(k, v)
    return S, q @ S


@layer
def two_reflections(
    S: State["n", "d"], q: Vec["n"], k: Vec["n"], p: Vec["n"], v: Vec["d"], b: Gate, c: Gate
):
    S = S - b * outer(k, k @ S)
    S = S - c * outer(p, p @ S) + outer(p, v)
    return S, q @ S


@layer
def channel_rates(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], b: Gate["d"]):
    S = S - scale(b, outer(k, k @ S), axis="d") + outer(k, v)
    return S, q @ S


@layer
def whole_rank_one(S: State["n", "d"], x: Vec["n"], p: Const[Mat["n", "d"]], r: Mat["n", "d"]):
    S = S + p * einsum("ab,ab->", r, S) + outer(x, 0 * r.sum("n"))
    return S, S


@layer
def rnn(h: State["n"], x: Vec["d"], W: Const[Mat["n", "n"]], U: Const[Mat["n", "d"]]):
    h = W @ h + U @ x
    return h, h


@layer
def squared_weights(h: State["n"], x: Vec["n"], W: Const[Mat["n", "n"]]):
    h = W @ (W @ h) + x
    return h, h


@layer
def low_rank(
    h: State["n"], x: Scalar, a: Vec["n"], P: Const[Mat["n", "r"]], Q: Const[Mat["r", "n"]]
):
    h = a * h + P @ (Q @ h) + a * x
    return h, h


@layer
def turned(H: State["n", "n"], x: Mat["n", "n"]):
    H = H.T + x
    return H, H


@layer
def two_terms(
    S: State["n", "d"], q: Vec["n"], k: Unit["n"], v: Vec["d"], z: Scalar, w: Scalar, beta: Gate
):
    S = (1 - z + w) * (S - beta * outer(k, k @ S)) + beta * outer(k, v)
    return S, q @ S


@layer
def memoryless(s: State["n"], x: Vec["n"]):
    s = 0 * s + x
    return s, s


@layer
def scalar(s: State, a: Gate, x: Scalar):
    s = a * s + x
    return s, s


@layer
def two_memories(
    S: State["n", "d"], z: State["n"], q: Vec["n"], k: Vec["n"], v: Vec["d"], a: Gate["n"]
):
    S, z = scale(a, S) + outer(k, v), a * z + k
    return S, z, q @ S


@layer
def cascade(a: State["n"], b: State["n"], x: Vec["n"], W: Const[Mat["n", "n"]]):
    new = a / 2 + W @ b
    return new, b / 3 + x, new


@layer
def ring(a: State["n"], b: State["n"], x: Vec["n"]):
    return b + x, a, a


FOUND = [
    (linear, "identity", "identity"),
    (retnet, "scalar times identity", "gamma * identity"),
    (ssd, "scalar times identity", "alpha * identity"),
    (gla, "diagonal along n", "diagonal(alpha) along n"),
    (gla_other_axis, "diagonal along d", "diagonal(alpha) along d"),
    (s6, "diagonal entry by entry", "diagonal(exp(A Delta)) entry by entry"),
    (delta, "identity plus rank one along n", "identity + rank one along n"),
    (
        gated_delta,
        "scalar times identity plus rank one along n",
        "alpha * (identity + rank one) along n",
    ),
    (
        decay_first,
        "diagonal along n plus rank one along n",
        "(identity + rank one) * diagonal(a) along n",
    ),
    (
        decay_last,
        "diagonal along n plus rank one along n",
        "diagonal(a) * (identity + rank one) along n",
    ),
    (rwkv7, "diagonal along n plus rank one along n", "diagonal(w) + rank one along n"),
    (two_reflections, "identity plus rank 2 along n", "identity + rank 2 along n"),
    (channel_rates, "identity plus rank one along n", "identity + rank one along n"),
    (whole_rank_one, "identity plus rank one along n and d", "identity + rank one along n and d"),
    (rnn, "dense along n", "dense along n"),
    (squared_weights, "dense along n", "dense along n"),
    (low_rank, "diagonal along n plus rank r along n", "diagonal(a) + rank r along n"),
    (turned, "dense along n and n", "dense along n and n"),
    (
        two_terms,
        "scalar times identity plus rank one along n",
        "(1 + w - z) * (identity + rank one) along n",
    ),
    (memoryless, "zero", "zero"),
    (scalar, "scalar times identity", "a * identity"),
]


@pytest.mark.parametrize(("made", "kind", "words"), FOUND, ids=lambda x: getattr(x, "name", ""))
def test_kind_and_words(made, kind, words):
    found = structure(derive(made))
    assert found.kind == kind
    assert str(found) == words


def test_factors_of_the_gated_delta_rule():
    found = structure(derive(gated_delta))
    (block,) = found.blocks.values()
    (term,) = block.outers
    assert text(block.factor) == "alpha" and block.diagonal == one(("n", "d"))
    assert term.axes == (0,) and term.inner == () and block.rank == 1
    assert text(term.left) == "k" and text(term.right) == "-beta k"
    assert block.diagonal_axes == () and text(block.scale) == "alpha"


def test_sides_of_a_factor():
    assert structure(derive(decay_last)).blocks["S", "S"].side == "left"
    assert structure(derive(decay_first)).blocks["S", "S"].side == "right"
    assert structure(derive(rwkv7)).blocks["S", "S"].factor is None


def test_merged_terms_have_the_rank_of_the_matrix():
    n, d = 5, 2
    rng = np.random.default_rng(0)
    k, p = rng.normal(size=n), rng.normal(size=n)
    reflect = (np.eye(n) - 0.3 * np.outer(p, p)) @ (np.eye(n) - 0.7 * np.outer(k, k))
    assert np.linalg.matrix_rank(np.kron(reflect - np.eye(n), np.eye(d))) == 2 * d
    assert structure(derive(two_reflections)).blocks["S", "S"].rank == 2


def test_terms_with_a_common_side_are_one():
    @layer
    def shared(h: State["n"], x: Vec["n"], a: Vec["n"], b: Vec["n"], c: Vec["n"], e: Vec["n"]):
        h = h + a * (x @ h) + a * (b @ h) + b * (e @ h) + c * (e @ h)
        return h, h

    found = structure(derive(shared)).blocks["h", "h"]
    assert found.rank == 2
    assert {(text(t.left), text(t.right)) for t in found.outers} == {("a", "b + x"), ("b + c", "e")}


def test_low_rank_is_split_at_its_inner_size():
    (term,) = structure(derive(low_rank)).blocks["h", "h"].outers
    assert term.inner == ("r",) and term.left.dims == ("n", "r")
    assert (text(term.left), text(term.right)) == ("P", "Q")


def test_several_states():
    found = structure(derive(two_memories))
    assert found.pattern == "block diagonal"
    assert found.kind == "block diagonal: S diagonal along n, z diagonal along n"
    found = structure(derive(cascade))
    assert (found.pattern, found.order) == ("block triangular", ("b", "a"))
    assert str(found.blocks["a", "b"]) == "dense along n" and ("b", "a") not in found.blocks
    assert structure(derive(ring)).pattern == "full"


def with_block(found, **changes):
    ((key, block),) = found.blocks.items()
    return replace(found, blocks={key: replace(block, **changes)})


def test_wrong_structures_are_rejected():
    space = derive(gated_delta)
    found = structure(space)
    check(found, space)
    (block,) = found.blocks.values()
    (term,) = block.outers
    wrong = [
        with_block(found, outers=()),
        with_block(found, outers=(term, term)),
        with_block(found, outers=(replace(term, axes=(1,)),)),
        with_block(found, outers=(replace(term, right=term.right.times(-1)),)),
        with_block(found, factor=None),
        with_block(found, diagonal=zero(("n", "d"))),
        with_block(found, diagonal=block.factor),
        with_block(found, dense=(Dense((0,), space.Lam["S", "S"]),)),
        replace(found, blocks={}),
    ]
    for candidate in wrong:
        with pytest.raises(Rejected, match="gated_delta: the structure of Λ from S to S"):
            check(candidate, space)


@pytest.mark.parametrize(("right", "wrong"), [(decay_first, "left"), (decay_last, "right")])
def test_the_factor_on_the_wrong_side_is_rejected(right, wrong):
    space = derive(right)
    with pytest.raises(Rejected):
        check(with_block(structure(space), side=wrong), space)


def test_the_structure_of_another_layer_is_rejected():
    with pytest.raises(Rejected):
        check(structure(derive(delta)), derive(gated_delta))
    with pytest.raises(Rejected):
        check(structure(derive(gla)), derive(gla_other_axis))
    with pytest.raises(Rejected):
        check(structure(derive(ring)), derive(cascade))


YES, NO = True, False
FAMILIES = [
    (linear, YES, YES, YES),
    (retnet, YES, YES, YES),
    (ssd, NO, YES, YES),
    (gla, NO, YES, YES),
    (s6, NO, YES, YES),
    (delta, NO, NO, YES),
    (gated_delta, NO, NO, YES),
    (decay_first, NO, NO, NO),
    (rwkv7, NO, NO, NO),
    (rnn, YES, YES, NO),
    (turned, YES, YES, YES),
    (memoryless, YES, YES, YES),
    (cascade, YES, YES, NO),
    (ring, YES, YES, YES),
]


@pytest.mark.parametrize(
    ("made", "constant", "commuting", "symmetric"), FAMILIES, ids=lambda x: getattr(x, "name", "")
)
def test_families(made, constant, commuting, symmetric):
    found = structure(derive(made))
    assert found.constant_in_time.holds is constant
    assert found.commuting.holds is commuting
    assert found.symmetric.holds is symmetric


def test_reasons():
    found = structure(derive(gated_delta))
    assert found.constant_in_time.reason.startswith("Λ reads alpha, beta, k")
    assert "n=2, d=2" in found.commuting.reason and not found.commuting
    assert "for all sizes" in structure(derive(gla)).commuting.reason


def test_what_cannot_be_told_is_none():
    @layer
    def hidden(h: State["n"], x: Positive):
        # The factor is 1 for positive x, which the normal form does not see.
        h = (sqrt(x * x) / x) * h + x
        return h, h

    found = structure(derive(hidden)).constant_in_time
    assert found.holds is None and "sampled tokens gave the same" in found.reason


def test_a_pair_of_states_that_turn_together_is_a_complex_diagonal():
    from dsf_sym import Complex, ones, polar

    def pair(turned):
        @layer
        def turning(a: State["n"], b: State["n"], v: Vec["n"], r: Const[Vec["n"]], phi: Scalar):
            h = polar(exp(r), phi * ones("n")) * Complex(a, b)
            return h.re + v, h.im if turned else -h.im, h.re

        return structure(derive(turning))

    found = pair(True)
    assert found.kind == "complex diagonal: a + i b"
    assert str(found).endswith("along n of a + i b") and found.commuting
    assert pair(False).complex_diagonal is None
