"""One of many layers side by side, found by structure, and code that takes the others as heads."""

import pytest
from codegen_layers import EXTRA

from dsf_sym import Const, Mat, State, Vec, concat, einsum, find, heads, layer, outer
from dsf_sym.codegen import generate
from dsf_sym.codegen.side_by_side import one_of_many
from dsf_sym.deciding.decide import compare

INNER = ["linear_attention", "gated_deltanet", "gla", "ssd", "rwkv6", "longhorn"]


@pytest.mark.parametrize("name", INNER)
def test_one_of_the_heads_is_the_layer(name):
    own = find(name)
    size, one = one_of_many(heads(own, "h"))
    assert size == "h"
    assert {s.name: s.dims for s in one.signals} == {s.name: s.dims for s in own.signals}
    assert compare(one, own).status == "proved"


def test_shared_signals_stay_as_they_are():
    own = find("ssd")
    shared = heads(own, "h", shared=("q", "A"))
    size, one = one_of_many(shared)
    assert size == "h" and compare(one, own).status == "proved"
    text = generate(shared, "numpy")
    assert "q = np.repeat(q, h_size, 1)" in text and "A = np.repeat(A, h_size, 0)" in text
    assert "v = _merged(v, 1, 3)" in text and "D = _merged(D, 0, 1)" in text


def _each(k, v):
    return einsum("hn,hd->hnd", k, v)


def _read(q, S):
    return einsum("hn,hnd->hd", q, S)


@layer
def talking(
    S: State["h", "n", "d"],
    q: Mat["h", "n"],
    k: Mat["h", "n"],
    v: Mat["h", "d"],
    w: Const[Mat["h", "h"]],
):
    """The output of every head is a mixture of all."""
    S = S + _each(k, v)
    return S, w @ _read(q, S)


@layer
def summed_over_heads(
    S: State["h", "n", "d"], q: Mat["h", "n"], k: Mat["h", "n"], v: Mat["h", "d"]
):
    """Every head adds the sum of all reads."""
    S = S + _each(k, v)
    y = _read(q, S)
    return S, y + outer((0 * q).sum("n") + 1, y.sum("h"))


@layer
def joined(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    """Two halves of the same axis."""
    S = S + outer(k, v)
    return S, concat(q @ S, v)


@pytest.mark.parametrize("made", [talking, summed_over_heads, joined], ids=lambda x: x.name)
def test_what_mixes_heads_is_refused(made):
    assert one_of_many(made) is None


def test_channels_of_one_number_are_no_heads():
    # The states of S6 and of an elementwise layer are those of a layer of numbers for each channel.
    for each in (find("s6"), find("s4d"), find("mingru"), EXTRA["learned_start"]):
        assert one_of_many(each) is None
