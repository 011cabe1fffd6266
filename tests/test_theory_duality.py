"""Other forms of a layer, and matrices with and without a dual as masked attention."""

import random
from fractions import Fraction

import pytest

from dsf_sym import Const, Gate, State, Vec, find, layer, outer
from dsf_sym.arithmetic.scalars import Rationals
from dsf_sym.automata.run import run
from dsf_sym.certificates.checkers import recheck
from dsf_sym.errors import LanguageError, Rejected
from dsf_sym.language.spec import serialise
from dsf_sym.language.tensor import Number
from dsf_sym.theory.duality import chunked, masked_attention, same_form


@layer
def started(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], S0: Const[Vec["n"]]):
    S = S + outer(k, v)
    return S, q @ S


@layer
def signed(h: State["d"], v: Vec["d"], a: Vec["d"]):
    h = a * h + v
    return h, h


@layer
def two(x: State["d"], y: State["d"], v: Vec["d"], a: Gate):
    return a * x + y + v, a * y + v, x


@pytest.mark.parametrize(
    "name",
    ["retnet", "ssd", "gla", "s6", "rg_lru", "linear_attention", "linear_attention_normalised"],
)
@pytest.mark.parametrize("form", ["chunked", "masked", "moved"])
def test_the_forms_of_a_diagonal_layer(name, form):
    found = same_form(name, form)
    assert found.status == "proved" and found.sizes is None
    assert recheck(found.certificate) == found.proof


@pytest.mark.parametrize("name", ["deltanet", "gated_deltanet", "kda", "dplr"])
def test_chunks_of_layers_that_are_not_diagonal(name):
    found = same_form(name, "chunked")
    assert found.status == "proved" and found.sizes is None
    with pytest.raises(LanguageError, match="rank one"):
        same_form(name, "masked")


def test_the_chunked_layer_runs_like_the_layer():
    own, rng, sizes = find("deltanet"), random.Random(0), {"n": 2, "d": 1}
    tokens = [
        {
            "q": [Fraction(rng.randint(-3, 3)) for _ in range(2)],
            "k": [Fraction(rng.randint(-3, 3), 2) for _ in range(2)],
            "v": [Fraction(rng.randint(-3, 3))],
            "beta": [Fraction(1, 2)],
            "chunk": [Fraction(i % 3 == 0)],
        }
        for i in range(7)
    ]
    ways = [run(x, tokens, {}, sizes, Rationals()) for x in (own, chunked(own).layer)]
    assert ways[0] == ways[1]


def test_a_map_that_forgets_the_start_of_the_chunk_is_rejected():
    data = same_form("gla", "chunked").certificate
    form = chunked(find("gla"))
    wrong = {"S": form.layer["S_chunk"] + Number(Fraction(0)) * form.layer["S_start"]}
    with pytest.raises(Rejected):
        recheck(data | {"maps": [{"from": 1, "to": 0, **serialise(wrong)}]})


def test_layers_without_such_a_form():
    with pytest.raises(LanguageError, match="not shown to be positive"):
        same_form(signed, "masked")
    assert same_form(signed, "chunked").status == "proved"
    with pytest.raises(LanguageError, match="enters another's step"):
        same_form(two, "chunked")
    with pytest.raises(LanguageError, match="the forms are"):
        same_form("gla", "folded")


def corner(size):
    return [[int(i == j or (i == size - 1 and j == 0)) for j in range(size)] for i in range(size)]


@pytest.mark.parametrize("size", [4, 5, 6])
def test_a_system_of_two_states_without_a_dual_of_width_two(size):
    refuted = masked_attention(corner(size), 2)
    assert refuted.status == "refuted" and "with 2 states" in refuted.proof
    assert masked_attention(corner(size), size - 1).status == "proved"
    assert masked_attention(corner(size), size - 2).status == "refuted"
    assert masked_attention(corner(size), 1, skip=True).status == "proved"
    with pytest.raises(Rejected, match="do not exceed"):
        recheck(refuted.certificate | {"width": size})
    with pytest.raises(Rejected, match="combination"):
        recheck(refuted.certificate | {"new columns": [0, 1, size - 1]})


def test_every_matrix_has_a_verdict_that_its_checker_accepts():
    rng = random.Random(0)
    for trial in range(40):
        size = 2 + trial % 4
        matrix = [
            [rng.choice((0, 0, 1, 2, -1)) if j <= i else 0 for j in range(size)]
            for i in range(size)
        ]
        for skip in (False, True):
            found = [masked_attention(matrix, w, skip=skip).status for w in range(1, size + 1)]
            assert found == sorted(found, reverse=True) and found[-1] == "proved"


def test_factors_that_were_changed_are_rejected():
    data = masked_attention([[1, 0], [2, 3]], 1).certificate
    with pytest.raises(Rejected, match="differs from the matrix"):
        recheck(data | {"Q": [["1"], ["5"]]})
    with pytest.raises(Rejected, match="not causal"):
        recheck(data | {"matrix": [["1", "1"], ["2", "3"]]})
    with pytest.raises(Rejected, match=r"C Λ"):
        recheck(data | {"matrix": [["1", "0"], ["2", "4"]]})
