"""The derived Λ, B, C, D against recurrences written out by hand in NumPy."""

from fractions import Fraction

import numpy as np
import pytest
from layers import bonus, gated_delta, gla, s6

from dsf_sym import (
    Const,
    Gate,
    Positive,
    Real,
    Scalar,
    State,
    Vec,
    concat,
    einsum,
    exp,
    layer,
    outer,
    sigmoid,
)
from dsf_sym.arithmetic.sparse import SparseAlgebra, from_flat
from dsf_sym.derivation.derive import derive
from dsf_sym.errors import LanguageError, NotAffine, UnknownName
from dsf_sym.index.atoms import atom_form
from dsf_sym.index.forms import (
    at_time,
    coefficient,
    diagonal,
    diagonal_of,
    entries,
    expression,
    eye_atom,
    signal_atom,
    signal_forms,
    text,
)
from dsf_sym.index.terms import FormAlgebra, contract
from dsf_sym.language.evaluate import evaluate, shape_of

SIZES = {"n": 3, "d": 2, "m": 4, "r": 2}


@layer(start={"S": "S0"})
def chained(
    S: State["n", "d"],
    z: State["n"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    a: Gate,
    S0: Const[Real["n", "d"]],
):
    z = a * z + k
    S = S + outer(z, v)
    return S, z, q @ S


@layer
def joined(h: State["n+m"], x: Vec["n"], p: Vec["m"], a: Gate, w: Vec["n+m"]):
    h = a * h + concat(x, p)
    return h, w @ h


@layer
def recomputed(
    S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Scalar, beta: Gate
):
    y = alpha * (q @ S) - alpha * beta * (q @ k) * (k @ S) + beta * (q @ k) * v
    return alpha * (S - beta * outer(k, k @ S)) + beta * outer(k, v), y


@layer
def twice(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Scalar):
    return alpha * S + outer(k, v), q @ (outer(k, v) + alpha * S)


@layer
def delay(a: State["n"], b: State["n"], x: Vec["n"], c: Const[Vec["n"]]):
    return x, a, x + 2 * a + c * b


@layer
def trace(H: State["n", "n"], x: Vec["n"], g: Scalar):
    H = g * H.T + outer(x, x) * einsum("ii->", H) + outer(x, sigmoid(x))
    return H, einsum("ii->", H)


@layer
def constant_drive(h: State["n"], a: Gate["n"], w: Const[Vec["n"]], c: Vec["n"]):
    h = a * h + (1 - a) * w
    return h, c @ h


@layer
def affine(h: State["n"], x: Vec["n"], a: Gate, w: Const[Vec["n"]], z: Scalar):
    h = a * h + w * x + w
    return h, h + z * w


@layer
def number(s: State, a: Gate, x: Scalar):
    s = a * s + x
    return s, s


def by_hand(name, h, t):
    """The new states and the output of one step, in plain NumPy."""
    if name in ("gated_delta", "recomputed"):
        S = h["S"]
        S = t["alpha"] * (S - t["beta"] * np.outer(t["k"], t["k"] @ S))
        S = S + t["beta"] * np.outer(t["k"], t["v"])
        return {"S": S}, S.T @ t["q"]
    if name == "gla":
        S = np.diag(t["alpha"]) @ h["S"] + np.outer(t["k"], t["v"])
        return {"S": S}, S.T @ t["q"]
    if name == "twice":
        S = t["alpha"] * h["S"] + np.outer(t["k"], t["v"])
        return {"S": S}, S.T @ t["q"]
    if name == "s6":
        decay = np.exp(t["Delta"][:, None] * t["A"])
        new = decay * h["h"] + (t["Delta"] * t["x"])[:, None] * t["b"][None, :]
        return {"h": new}, new @ t["c"] + t["D"] * t["x"]
    if name == "bonus":
        S = np.diag(t["w"]) @ h["S"] + np.outer(t["k"], t["v"])
        return {"S": S}, h["S"].T @ t["q"] + (t["q"] * t["u"] * t["k"]).sum() * t["v"]
    if name == "chained":
        z = t["a"] * h["z"] + t["k"]
        S = h["S"] + np.outer(z, t["v"])
        return {"S": S, "z": z}, S.T @ t["q"]
    if name == "joined":
        new = t["a"] * h["h"] + np.concatenate([t["x"], t["p"]])
        return {"h": new}, (t["w"] * new).sum()
    if name == "delay":
        return {"a": t["x"], "b": h["a"]}, t["x"] + 2 * h["a"] + t["c"] * h["b"]
    if name == "trace":
        sig = 1 / (1 + np.exp(-t["x"]))
        H = t["g"] * h["H"].T + np.outer(t["x"], t["x"]) * np.trace(h["H"]) + np.outer(t["x"], sig)
        return {"H": H}, np.trace(H)
    if name == "constant_drive":
        new = t["a"] * h["h"] + (1 - t["a"]) * t["w"]
        return {"h": new}, t["c"] @ new
    if name == "affine":
        new = t["a"] * h["h"] + t["w"] * (t["x"] + 1)
        return {"h": new}, new + t["z"] * t["w"]
    assert name == "number"
    new = t["a"] * h["s"] + t["x"]
    return {"s": new}, new


def value(form, values, sizes=SIZES):
    """A form as a NumPy array, term by term: written apart from the library's own evaluation."""

    def of(atom):
        if atom.kind == "eye":
            return np.eye(*shape_of(atom.dims, sizes))
        if atom.kind == "size":
            return np.array(float(sizes[atom.name]))
        if atom.kind == "inject":
            big, small = shape_of(atom.dims, sizes)
            return np.eye(big, small, k=-shape_of((atom.name,), sizes)[0])
        if atom.arg is None:
            return values[atom.key]
        x = value(atom.arg, values, sizes)
        known = {"exp": np.exp, "inverse": np.reciprocal, "sigmoid": lambda x: 1 / (1 + np.exp(-x))}
        return known[atom.name](x)

    shape = shape_of(form.dims, sizes)
    total = np.zeros(shape)
    for monomial, c in form.terms.items():
        operands = [np.ones(n) for n in shape]
        subscripts = [[i] for i in range(len(shape))]
        for atom, labels in monomial:
            operands.append(of(atom))
            subscripts.append([label if label >= 0 else 20 - label for label in labels])
        operands.append(np.array(float(c)))
        subscripts.append([])
        flat = [x for pair in zip(operands, subscripts, strict=True) for x in pair]
        total = total + np.einsum(*flat, list(range(len(shape))))
    return total


def draw(made, rng):
    """Random values of all signals, inside (0, 1) where a domain bounds them."""
    out = {}
    for s in made.signals:
        x = rng.uniform(0.2, 0.9, shape_of(s.dims, SIZES))
        if s.domain.interval.low is None:
            x = -x if s.domain.interval.high is not None else rng.normal(size=x.shape)
        out[s.name] = x
    return out


def act(matrix, x):
    """A matrix with the axes of `x` last, applied to x."""
    return np.tensordot(matrix, x, axes=x.ndim)


EXPECTED = {
    "gated_delta": ("v", ()),
    "gla": ("v", ("k",)),
    "s6": ("x", ()),
    "bonus": ("v", ("k",)),
    "chained": ("k", ()),
    "joined": (None, ()),
    "recomputed": ("v", ()),
    "twice": ("v", ("k",)),
    "delay": ("x", ()),
    "trace": (None, ()),
    "constant_drive": (None, ()),
    "affine": (None, ()),
    "number": ("x", ()),
}
LAYERS = [
    gated_delta,
    gla,
    s6,
    bonus,
    chained,
    joined,
    recomputed,
    twice,
    delay,
    trace,
    constant_drive,
    affine,
    number,
]


@pytest.mark.parametrize("made", LAYERS, ids=lambda made: made.name)
def test_form_computes_the_step(made):
    space = derive(made)
    assert (space.carried, space.alternatives) == EXPECTED[made.name]
    check_step(space, made)


@pytest.mark.parametrize(
    ("made", "carried"), [(gla, "k"), (bonus, "k"), (joined, "x"), (affine, "x"), (trace, "x")]
)
def test_another_input_computes_the_same_step(made, carried):
    space = derive(made, carried)
    assert space.carried == carried
    check_step(space, made)


def check_step(space, made):
    rng = np.random.default_rng(0)
    for _ in range(3):
        t = draw(made, rng)
        old = {s.name: t[s.name] for s in space.states}
        new, y = by_hand(made.name, old, t)
        u = np.array(1.0) if space.u is None else t[space.u.name]
        for s in space.states:
            got = act(value(space.B[s.name], t), u) + value(space.free[s.name], t)
            np.testing.assert_allclose(got, value(space.offset[s.name], t), atol=1e-12)
            for c in space.states:
                if (s.name, c.name) in space.Lam:
                    got = got + act(value(space.Lam[s.name, c.name], t), old[c.name])
            np.testing.assert_allclose(got, new[s.name], atol=1e-12)
        got = act(value(space.E, t), u) + value(space.free_old, t)
        got = got + sum(act(value(R, t), old[name]) for name, R in space.R.items())
        np.testing.assert_allclose(got, y, atol=1e-12)
        if space.C is not None:
            got = act(value(space.D, t), u) + value(space.free_output, t)
            got = got + sum(act(value(C, t), new[name]) for name, C in space.C.items())
            np.testing.assert_allclose(got, y, atol=1e-12)


def spelled(made, spec, *names):
    parts = []
    for name in names:
        known = [s.name for s in made.signals]
        parts.append(atom_form(signal_atom(made.signal(name)) if name in known else eye_atom(name)))
    groups, out = spec.split("->")
    size = {}
    for group, part in zip(groups.split(","), parts, strict=True):
        size |= dict(zip(group, part.dims, strict=True))
    pairs = list(zip(parts, groups.split(","), strict=True))
    return contract(pairs, out, tuple(size[c] for c in out))


def test_gated_delta_as_the_paper_prints_it():
    space = derive(gated_delta)
    identity = spelled(gated_delta, ",ac,bd->abcd", "alpha", "n", "d")
    rank_one = spelled(gated_delta, ",,a,c,bd->abcd", "alpha", "beta", "k", "k", "d")
    assert space.Lam["S", "S"] == identity - rank_one
    assert space.B["S"] == spelled(gated_delta, ",a,bc->abc", "beta", "k", "d")
    assert space.C == {"S": spelled(gated_delta, "b,ac->abc", "q", "d")}
    assert not space.D and not space.reads_old and not space.notes


def test_learned_start_and_several_states():
    space = derive(chained)
    assert [s.name for s in space.states] == ["S", "z"] and space.layer.start == {"S": "S0"}
    assert set(space.Lam) == {("S", "S"), ("S", "z"), ("z", "z")}
    assert set(space.C) == {"S"}


def test_old_readout_through_an_invertible_diagonal():
    space = derive(bonus)
    assert space.reads_old and space.R == {"S": spelled(bonus, "b,ac->abc", "q", "d")}
    assert text(space.C["S"]) == "1/(w) q"
    assert "excludes zero" in space.notes[0]


@pytest.mark.parametrize(("domain", "found"), [(Gate, True), (Positive, True), (Scalar, False)])
def test_old_readout_needs_a_decay_without_zero(domain, found):
    @layer
    def old(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], a: domain):
        return a * S + outer(k, v), q @ S

    space = derive(old)
    assert space.reads_old and (space.C is not None) == found == (space.D is not None)
    if not found:
        assert "may have a zero entry" in space.notes[0]


def test_old_readout_of_rank_one_and_of_zero_transitions_stays_old():
    @layer
    def rank_one(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], beta: Gate):
        return S - beta * outer(k, k @ S) + outer(k, v), q @ S

    space = derive(rank_one)
    assert space.C is None and space.D is None and set(space.R) == {"S"}
    assert "inverse is not sought" in space.notes[0]

    @layer
    def shift(p: State["n"], x: Vec["n"], w: Const[Vec["n"]]):
        return x, x + w * p

    space = derive(shift)
    assert space.reads_old and space.C is None and "its Λ is zero" in space.notes[0]


def test_recomputed_new_state_is_recognised():
    assert not derive(twice).reads_old
    space = derive(recomputed)
    assert space.reads_old and space.C == derive(gated_delta).C and not space.D


def test_a_state_inside_a_longer_sum_is_recognised():
    @layer
    def summed(h: State["n"], x: Vec["n"], a: Scalar, D: Const[Vec["n"]]):
        h = a * h + x
        return h, D * x + h - 2 * x

    space = derive(summed)
    assert not space.reads_old and text(space.C["h"]) == "1" and text(space.D) == "-2 + D"


def test_memoryless_state_used_twice_is_not_a_readout():
    @layer
    def square(s: State["n"], x: Vec["n"]):
        s = 2 * x
        return s, s * s

    space = derive(square)
    assert space.C == {} and space.carried is None and not space.reads_old
    assert text(space.free_output + space.D) == "4 x x"


def test_unused_and_driven_by_nothing():
    @layer
    def still(s: State["n"], x: Vec["n"], g: Gate):
        s = g * s
        return s, s

    space = derive(still)
    assert space.carried is None and not space.B["s"] and "u is the number 1" in space.notes[0]


def test_remainder_is_shown_and_never_dropped():
    space = derive(affine, "x")
    assert text(space.free["h"]) == "w" and text(space.free_output) == "w z"
    assert any("not linear in x" in note for note in space.notes)


def test_skip_of_another_signal_stays_in_the_remainder():
    @layer
    def skip(h: State["n"], x: Vec["n"], z: Vec["n"], a: Gate):
        h = a * h + x
        return h, h + z

    space = derive(skip)
    assert space.carried == "x" and text(space.free_output) == "z"


def test_bilinear_input_is_said():
    space = derive(gated_delta, "k")
    assert any("also reads it" in note for note in space.notes)
    check_step(space, gated_delta)


def test_declared_input():
    @layer(carried="k")
    def keyed(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
        S = S + outer(k, v)
        return S, q @ S

    assert (derive(keyed).carried, derive(keyed).alternatives) == ("k", ("v",))
    assert derive(keyed, "v").carried == "v"


def test_refusals():
    @layer
    def squared(S: State["n"], x: Vec["n"]):
        return S * S + x, x

    @layer
    def gate_reads_state(S: State["n"], x: Vec["n"]):
        return sigmoid(S) + x, x

    with pytest.raises(NotAffine, match=r"S \* S"):
        derive(squared)
    with pytest.raises(NotAffine, match=r"sigmoid\(S\)"):
        derive(gate_reads_state)
    with pytest.raises(LanguageError, match="S is a state"):
        derive(gla, "S")
    with pytest.raises(LanguageError, match="A is a constant"):
        derive(s6, "A")
    with pytest.raises(UnknownName):
        derive(gla, "value")


class Rationals:
    def number(self, x):
        return Fraction(x)

    def is_zero(self, x):
        return x == 0

    def function(self, name, x):
        assert name == "inverse"
        return 1 / x


@pytest.mark.parametrize("made", [gated_delta, bonus, chained, joined], ids=lambda made: made.name)
def test_entries_agree_with_numpy_and_expression_with_form(made):
    rng = np.random.default_rng(1)
    floats, table = {}, {}
    for s in made.signals:
        shape = shape_of(s.dims, SIZES)
        draws = [Fraction(int(x), 7) for x in rng.integers(1, 7, size=int(np.prod(shape)))]
        floats[s.name] = np.array([float(x) for x in draws]).reshape(shape)
        table[s.name] = from_flat(shape, draws)
    space = derive(made)
    forms = [*space.Lam.values(), *space.B.values(), *space.C.values(), space.D, space.E]
    for form in forms:
        got = entries(form, table, SparseAlgebra(Rationals(), SIZES))
        assert got.shape == shape_of(form.dims, SIZES)
        flat = [float(x) for x in got.flat(Fraction(0))]
        np.testing.assert_allclose(flat, value(form, floats).ravel(), atol=1e-12)
        graph = expression(form)
        if graph is not None:
            assert evaluate([graph], signal_forms(made), FormAlgebra()) == [form]
    assert (made is joined) == any(expression(form) is None for form in forms)


def test_coefficient_leaves_other_powers_in_the_rest():
    @layer
    def powers(h: State["n"], x: Vec["n"], k: Vec["n"]):
        return h, x * k + x * x + exp(x) * k + (x @ k) * x + 3 * k

    (form,) = evaluate([powers.output], signal_forms(powers), FormAlgebra())
    linear, rest = coefficient(form, signal_atom(powers.signal("k")))
    assert linear.dims == ("n", "n") and len(linear.terms) == 4 and text(rest) == "x x"
    linear, rest = coefficient(form, signal_atom(powers.signal("x")))
    assert len(linear.terms) == 1 and len(rest.terms) == 4


def test_diagonal_and_time():
    vector = atom_form(signal_atom(gla.signal("alpha")))
    assert diagonal_of(diagonal(vector)) == vector
    assert diagonal_of(derive(gated_delta).Lam["S", "S"]) is None
    first, second = at_time(vector, 0), at_time(vector, 1)
    assert first != second and at_time(vector, 0) == first
    timed = derive(s6).at(4)
    keys = {a.key for a in timed.Lam["h", "h"].atoms() if a.kind in ("token", "constant")}
    assert keys == {"Delta@4", "A"}


def test_identities_have_one_normal_form():
    eye = atom_form(eye_atom("n"))
    w = atom_form(signal_atom(gla.signal("alpha")))
    dims = ("n", "n")
    at_row = contract([(w, "a"), (eye, "ab")], "ab", dims)
    assert at_row == contract([(w, "b"), (eye, "ab")], "ab", dims)
    assert at_row == contract([(w, "a"), (eye, "ba")], "ab", dims)
    assert at_row == contract([(w, "a"), (eye, "ab"), (eye, "ba")], "ab", dims)
    chain = contract([(eye, "ab"), (eye, "bc"), (w, "c")], "abc", ("n",) * 3)
    assert chain == contract([(eye, "ca"), (eye, "cb"), (w, "a")], "abc", ("n",) * 3)
