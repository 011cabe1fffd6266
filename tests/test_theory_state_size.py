"""State sizes: at a length, against the ordinary rank, as heads, by formula, and by truncation."""

from fractions import Fraction

import numpy
import pytest

from dsf_sym import (
    Const,
    Gate,
    Mat,
    Scalar,
    State,
    Vec,
    attention,
    exp,
    find,
    layer,
    ones,
    outer,
    sum,
)
from dsf_sym.certificates.checkers import recheck
from dsf_sym.certificates.checkers.operators import require_linear
from dsf_sym.errors import DomainError, LanguageError, Rejected, SizeError, UnknownName
from dsf_sym.language.spec import serialise
from dsf_sym.language.tensor import Input
from dsf_sym.theory.realising import coordinates, independent, rank, realise
from dsf_sym.theory.reduction import balanced_truncation, system
from dsf_sym.theory.size_formulas import state_formula
from dsf_sym.theory.state_size import (
    embeds,
    heads,
    rank_is_state,
    state_at_length,
    state_match,
)

ONE = {"n": 1, "d": 1}
WEIGHED = {"given": {"v": "W @ u", "u": Vec["d"], "W": Const[Mat["d", "d"]]}, "carried": "u"}


@attention
def unscaled(q: Vec["n"], k: Vec["n"]):
    return exp(q @ k)


@layer
def mean(S: State["d"], c: State["1"], v: Vec["d"]):
    S, c = S + v, c + ones("1")
    return S, c, S / sum(c)


@layer
def diagonal(h: State["n"], v: Scalar, a: Const[Gate["n"]], b: Const[Vec["n"]], c: Const[Vec["n"]]):
    h = a * h + b * v
    return h, c @ h


@layer
def channels(h: State["n"], v: Vec["n"], a: Const[Gate["n"]]):
    h = a * h + v
    return h, h


@layer
def twice(S: State["n", "d"], R: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    S, R = S + outer(k, v), R + outer(k, v)
    return S, R, q @ S + q @ R


@layer
def squared(S: State["d"], v: Vec["d"]):
    S = S + v * v
    return S, S


@layer
def shifted(S: State["d"], v: Vec["d"]):
    S = S + v + 1
    return S, S


@pytest.mark.parametrize("length", [2, 3, 4, 5])
def test_softmax_needs_half_of_the_length_and_all_but_one_with_causal_coefficients(length):
    def needs(number, **options):
        return state_at_length("softmax_attention", length, number, sizes=ONE, **options).status

    assert needs(length // 2) == "proved"
    assert needs(length // 2 + 1) == "undecided"
    assert needs((length + 1) // 2, skip=False) == "proved"
    assert needs(length - 1, causal=True) == "proved"
    assert needs(length, causal=True) == "undecided"


def test_the_rank_of_the_value_weights_is_a_factor():
    sizes = {"n": 1, "d": 2}
    both = state_at_length("softmax_attention", 4, 4, sizes=sizes, **WEIGHED)
    assert both.status == "proved" and recheck(both.certificate) == both.proof
    one = {"W": ["1", "2", "2", "4"]}
    low = state_at_length("softmax_attention", 4, 2, sizes=sizes, constants=one, **WEIGHED)
    high = state_at_length("softmax_attention", 4, 3, sizes=sizes, constants=one, **WEIGHED)
    assert (low.status, high.status) == ("proved", "undecided")


def test_a_block_of_lower_rank_is_rejected():
    data = state_at_length("softmax_attention", 4, 2, sizes=ONE).certificate
    with pytest.raises(Rejected, match="rank 3"):
        recheck(data | {"states": 3})
    with pytest.raises(Rejected, match="rank 0"):
        recheck(data | {"states": 0})
    with pytest.raises(Rejected, match="weights"):
        recheck(data | {"carried": "k"})
    with pytest.raises(SizeError, match="at least 2"):
        state_at_length("softmax_attention", 1, 1)


def test_only_what_is_linear_in_the_input_has_an_operator():
    require_linear(find("gla"), "v")
    with pytest.raises(Rejected, match="not linear"):
        require_linear(squared, "v")
    with pytest.raises(Rejected, match="not linear"):
        require_linear(find("gla"), "alpha")
    with pytest.raises(Rejected, match="free of v"):
        require_linear(shifted, "v")


def test_the_ordinary_rank_is_no_bound_on_the_state():
    found = rank_is_state(mean, 4, sizes={"d": 1})
    assert found.status == "refuted" and "rank 4 and 1 states" in found.proof
    data = found.certificate
    assert recheck(data) == found.proof
    with pytest.raises(Rejected, match="not the block"):
        recheck(data | {"C": [[["2"]], *data["C"][1:]]})
    with pytest.raises(Rejected, match="do not fit"):
        recheck(data | {"states": 2})
    with pytest.raises(Rejected, match="has rank 4"):
        recheck(data | {"rank": 3})


def test_a_realisation_gives_the_operator_back():
    rng = numpy.random.default_rng(0)
    for length, size in ((3, 1), (4, 2)):
        draw = rng.integers(-2, 3, size=(length * size, length * size))
        operator = [
            [Fraction(int(x)) if j // size <= i // size else Fraction(0) for j, x in enumerate(row)]
            for i, row in enumerate(draw)
        ]
        form = realise(operator, length)
        lam, b, c = (numpy.array(getattr(form, x), dtype=float) for x in ("Lam", "B", "C"))
        for j in range(length):
            reached = b[j]
            for i in range(j, length):
                reached = reached if i == j else lam[i] @ reached
                block = draw[i * size : (i + 1) * size, j * size : (j + 1) * size]
                assert numpy.allclose(c[i] @ reached, block)


def test_rank_and_coordinates():
    columns = [[Fraction(x) for x in c] for c in ([1, 2], [2, 4], [0, 1])]
    assert independent(columns) == [0, 2]
    assert coordinates([columns[0], columns[2]], [Fraction(3), Fraction(7)]) == [3, 1]
    assert rank([[Fraction(0)]]) == 0


def test_the_number_of_heads_of_a_constant_system():
    rates = {"a": ["1/2", "1/3"]}
    assert heads(channels, 2, length=4, constants=rates).status == "proved"
    assert heads(channels, 1, length=1, constants=rates).status == "proved"
    refuted = heads(channels, 1, length=4, constants=rates)
    assert refuted.status == "refuted"
    with pytest.raises(Rejected, match="span 2 dimensions"):
        recheck(refuted.certificate | {"heads": 1})
    same = {"a": ["1/2", "1/2"]}
    assert heads(channels, 1, length=4, constants=same).status == "proved"


def test_the_smallest_state_as_a_formula():
    grid = [{"n": 1, "d": 1}, {"n": 2, "d": 1}, {"n": 1, "d": 2}, {"n": 2, "d": 2}]
    own = state_formula("linear_attention", grid[:2])
    assert own.upper and str(own.formula) == "n d"
    fitted = state_formula(twice, grid)
    assert not fitted.upper and str(fitted.formula) == "n d"
    assert state_formula(twice, grid[:2]).formula is None


def test_the_state_that_matches_a_cache():
    match = ("linear_attention_normalised", "softmax_attention", "n")
    found = state_match(*match, "L * (m + d) / (d + 1)")
    assert found.status == "proved" and recheck(found.certificate) == found.proof
    assert state_match(*match, "L * (m + d) / d").status == "undecided"
    other = serialise({"value": Input("L", ()) * Input("m", ())})
    for changed, why in (({"value": other}, "differ by"), ({"size": "m"}, "a size of")):
        with pytest.raises(Rejected, match=why):
            recheck(found.certificate | changed)
    pair = [find("linear_attention_normalised"), find("gla")]
    other = {"layers": [x.spec for x in pair], "hashes": [x.hash for x in pair]}
    with pytest.raises(Rejected, match="none of gla"):
        recheck(found.certificate | other)


@pytest.mark.parametrize(
    ("which", "pad", "status"),
    [
        ("gla", {"q": "0", "k": "0", "alpha": "1"}, "proved"),
        ("s6", {"q": "0", "k": "0", "A": "-1"}, "proved"),
        (unscaled, {"q": "0", "k": "0"}, "proved"),
        ("softmax_attention", {"q": "0", "k": "0"}, "refuted"),
        ("linear_attention_normalised", {"q": "0", "k": "0"}, "refuted"),
    ],
)
def test_a_layer_inside_the_next_size_by_padding(which, pad, status):
    assert embeds(which, pad, sizes=ONE).status == status


def test_padding_names_what_is_missing():
    with pytest.raises(LanguageError, match="alpha also has an axis"):
        embeds("gla", {"q": "0", "k": "0"})
    with pytest.raises(UnknownName, match="v has no axis"):
        embeds("gla", {"q": "0", "k": "0", "alpha": "1", "v": "0"})


def test_balanced_truncation_keeps_its_bound():
    weights = {"a": ["1/2", "1/3", "9/10", "1/10"], "b": ["1", "2", "1", "1"]}
    weights["c"] = ["1", "1", "-1", "3"]
    for order in (1, 2, 3):
        found = balanced_truncation(diagonal, order, sizes={"n": 4}, constants=weights)
        assert 0.1 * found.bound < found.measured <= found.bound
        assert list(found.hankel) == sorted(found.hankel, reverse=True)
    a, b, r, e = system(diagonal, sizes={"n": 4}, constants=weights)
    assert numpy.allclose(r @ b, sum_of(weights, power=1)) and numpy.allclose(e, [[5.0]])
    assert a.shape == (4, 4)


def sum_of(weights, *, power):
    a, b, c = ([float(Fraction(x)) for x in weights[n]] for n in "abc")
    return numpy.array([[numpy.dot(numpy.power(a, power) * b, c)]])


def test_truncation_refuses_what_it_has_no_bound_for():
    with pytest.raises(DomainError, match="at least 1"):
        balanced_truncation(channels, 1, constants={"a": ["1", "1/2"]})
    with pytest.raises(DomainError, match="has 2 states"):
        balanced_truncation(channels, 3, constants={"a": ["1/2", "1/2"]})
    with pytest.raises(LanguageError, match="besides its input"):
        balanced_truncation("gla", 1)


@pytest.mark.parametrize("name", ["s4", "s4d"])
def test_channels_of_their_own_are_heads_whatever_functions_their_decays_are(name):
    assert heads(name, 2, generic=True, sizes={"n": 2, "d": 2}).status == "proved"
    assert heads(name, 3, generic=True, sizes={"n": 2, "d": 2}).status == "refuted"
