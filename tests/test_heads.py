"""A layer repeated along a new size: the graph, the double entry, and what sharing changes."""

import numpy as np
import pytest

from dsf_sym import (
    Const,
    Gate,
    Mat,
    State,
    Unit,
    Vec,
    catalogue,
    compare,
    concat,
    derive,
    diag,
    einsum,
    exp,
    eye,
    heads,
    layer,
    minimal,
    outer,
    recheck,
    structure,
)
from dsf_sym.derivation.double_entry import check_matrices
from dsf_sym.errors import DomainError, LanguageError, UnknownName
from dsf_sym.language.kernel import KernelLayer
from numeric import samples
from numeric.oracle import definition

CATALOGUE = {name: x for name, x in catalogue().items() if "multi_head" not in name}
LINEAR = CATALOGUE["linear_attention"]
B, H, L = 2, 3, 4


@layer(start={"S": "S0"})
def mixed(
    S: State["n", "d"],
    z: State["n+d"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    alpha: Gate,
    w: Const[Vec["n"]],
    S0: Const[Mat["n", "d"]],
):
    """Every kind of node, with terms and parts that some heads share."""
    S = (eye("n") - outer(k, w)) @ S + diag(k) @ outer(w, v) + alpha * S + 2
    z = exp(-alpha) * z + concat(k, v) + concat(w, 3 * v)
    return S, z, concat(k.sum() * w + 1, q @ S) + z


def side_by_side(base, shared):
    """Outputs of the layer on every head apart, and of the layer with heads, on the same values."""
    wide = heads(base, "h", shared=shared)
    sizes = dict.fromkeys(base.sizes, 2) | {"n": 3}
    apart = samples.signals(base, sizes, (B, H, L), seed=1)
    together = {}
    for s in base.signals:
        if s.kind == "state":
            continue
        x, axis = apart[s.name], 1 if s.kind == "token" else 0
        if s.name in shared:
            x = np.repeat(np.take(x, [0], axis), H, axis)
            apart[s.name], together[s.name] = x, np.take(x, [0], axis)
        elif s.kind == "token":
            together[s.name] = np.moveaxis(x, 1, 2)[:, None]
        else:
            together[s.name] = x[None]
    ours, _ = definition(wide, together)
    theirs, _ = definition(base, apart)
    return ours, np.moveaxis(theirs, 1, 2)[:, None]


FINITE = [name for name, x in CATALOGUE.items() if not isinstance(x, KernelLayer)]


@pytest.mark.parametrize("name", FINITE)
def test_every_layer_computes_head_by_head(name):
    ours, theirs = side_by_side(CATALOGUE[name], ())
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize(
    "shared",
    [(), ("w",), ("k", "v", "alpha"), ("q",), ("v", "w"), ("S", "S0", "k", "v", "w", "alpha")],
)
def test_every_kind_of_node_with_and_without_sharing(shared):
    ours, theirs = side_by_side(mixed, shared)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("name", sorted(n for n, x in CATALOGUE.items() if x.matrices))
def test_the_double_entry_of_every_layer_holds_for_its_heads(name):
    entries = check_matrices(heads(CATALOGUE[name], "heads"))
    assert entries and all(e.proved for e in entries), [str(e) for e in entries]


@pytest.mark.parametrize("shared", [("k",), ("v",), ("k", "v"), ("k", "v", "S"), ("q",)])
def test_the_double_entry_holds_for_shared_signals(shared):
    assert all(e.proved for e in check_matrices(heads(LINEAR, "h", shared=shared)))


def test_heads_without_a_transition_between_them_are_told_from_mixed_ones():
    wide = heads(LINEAR, "h")
    shown = wide.matrices[0]
    broken = wide.as_printed_in("a wrong source")(_mixing(shown))
    assert not all(e.proved for e in check_matrices(broken))


def _mixing(shown):
    def build(q, k):
        ones_h = einsum("abcdef->da", shown.Lam)
        return shown.Lam, shown.B, shown.C, einsum("ab,cd->acbd", ones_h, eye("d"))

    build.__name__ = f"heads({LINEAR.name}, 'h')"
    return build


def test_other_written_forms_get_heads():
    wide = heads(CATALOGUE["rwkv4"], "h")
    assert wide.others
    for source, other in wide.others:
        assert source and {s.dims[0] for s in other.signals if s.dims} == {"h"}


def test_attention_without_a_finite_state_has_heads_too():
    wide = heads(CATALOGUE["softmax_attention"], "h")
    ((_, other),) = wide.others
    assert wide.output.dims == ("h", "d") and type(wide) is type(CATALOGUE["softmax_attention"])
    assert compare(wide, other).status == "proved"


def test_multi_head_linear_attention_is_separable():
    wide = catalogue()["multi_head_linear_attention"]
    assert wide.output.dims == ("h", "d") and wide.signal("q").dims == ("h", "n")
    assert str(structure(derive(wide))) == "identity"
    assert minimal(wide, {"h": 2, "n": 2, "d": 1}).found == 4


def test_two_layers_that_are_equal_are_equal_on_every_head():
    a, b = heads(CATALOGUE["hgrn2"], "h"), heads(CATALOGUE["gla"], "h")
    verdict = compare(a, b, given=["k = 1 - alpha"])
    assert verdict.status == "proved" and not verdict.sizes
    assert recheck(verdict.certificate)


def test_grouped_queries_need_one_state_for_all_heads():
    each = heads(LINEAR, "h", shared=("k", "v"), name="each")
    once = heads(LINEAR, "h", shared=("k", "v", "S"), name="once")
    assert each.signal("S").dims == ("h", "n", "d") and once.signal("S").dims == ("n", "d")
    verdict = compare(each, once, sizes={"h": 2, "n": 2, "d": 1})
    assert verdict.status == "proved" and recheck(verdict.certificate)
    assert minimal(each, {"h": 2, "n": 2, "d": 1}).found == 2


def test_shared_keys_are_told_from_keys_of_each_head():
    ours, theirs = heads(LINEAR, "h", shared=("k",)), LINEAR
    assert compare(ours, heads(theirs, "h", shared=("v",))).status != "proved"


@layer
def unit_keys(S: State["n", "d"], k: Unit["n"], v: Vec["d"]):
    """Keys of unit norm."""
    S = S + outer(k, v)
    return S, k @ S


def message(kind, *args, **options):
    with pytest.raises(kind) as caught:
        heads(*args, **options)
    return str(caught.value)


def test_a_size_of_the_layer_is_no_size_of_heads():
    assert "the layer has that size already" in message(LanguageError, LINEAR, "n")
    assert "no name" in message(LanguageError, LINEAR, "2")
    assert "no name" in message(LanguageError, LINEAR, "h+n")


def test_a_shared_state_needs_shared_signals():
    said = message(LanguageError, LINEAR, "h", shared=("k", "S"))
    assert "the state S is shared, and its step reads v" in said


def test_a_state_and_its_start_are_shared_together():
    assert "S starts from S0; share both" in message(LanguageError, mixed, "h", shared=("S0",))


def test_unknown_signals_get_the_nearest():
    assert "did you mean" in message(UnknownName, LINEAR, "h", shared=("kk",))


def test_unit_vectors_are_refused_unless_shared():
    assert "k has unit norm" in message(DomainError, unit_keys, "h")
    assert heads(unit_keys, "h", shared=("k",)).signal("k").dims == ("n",)
