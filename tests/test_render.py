"""Formulas: what is read off a form expands back to it, and prints as a person would write it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

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
    Vec,
    concat,
    einsum,
    exp,
    layer,
    outer,
    scale,
    sigmoid,
    tanh,
)
from dsf_sym.derivation.derive import derive
from dsf_sym.index.atoms import Atom, Form, atom_form, input_atom
from dsf_sym.index.terms import FormAlgebra, function_form, normalise
from dsf_sym.language.evaluate import evaluate
from dsf_sym.rendering.notation import (
    Compose,
    Diag,
    Entries,
    Kron,
    Node,
    Sum,
    Symbol,
    expand,
    shape,
)
from dsf_sym.rendering.recognise import _read, recognise
from dsf_sym.rendering.render import (
    _Printer,
    render_difference,
    render_form,
    render_operator,
    wrapped,
)


@layer
def linear_attention(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    S = S + outer(k, v)
    return S, q @ S


@layer
def scalar_gated(
    S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], log_alpha: Negative, D: Const[Scalar]
):
    S = exp(log_alpha) * S + outer(k, v)
    return S, q @ S + D * v


@layer
def kda(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate["n"], beta: Gate):
    S = scale(alpha, S)
    S = S + beta * outer(k, v - k @ S)
    return S, q @ S


@layer
def dplr(
    S: State["n", "d"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    alpha: Gate["n"],
    a: Vec["n"],
    b: Vec["n"],
):
    S = scale(alpha, S) + outer(a, b @ S) + outer(k, v)
    return S, q @ S


@layer
def s6(
    h: State["d", "n"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    Delta: Positive["d"],
    A: Const[Negative["d", "n"]],
):
    h = exp(scale(Delta, A)) * h + outer(Delta * v, k)
    return h, h @ q


@layer
def zero_order_hold(
    h: State["d", "n"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    Delta: Positive["d"],
    A: Const[Negative["d", "n"]],
):
    E = exp(scale(Delta, A))
    h = E * h + scale(v, scale(k, (E - 1) / A))
    return h, h @ q


@layer
def dense(
    h: State["n"],
    u: Vec["d"],
    M: Const[Mat["n", "n"]],
    B: Const[Mat["n", "d"]],
    C: Const[Mat["p", "n"]],
):
    h = M @ h + B @ u
    return h, C @ h


@layer
def two_reflections(
    S: State["n", "d"],
    q: Vec["n"],
    k1: Vec["n"],
    k2: Vec["n"],
    v: Vec["d"],
    alpha: Gate,
    beta_1: Gate,
    beta_2: Gate,
):
    S = alpha * S
    S = S - beta_1 * outer(k1, k1 @ S) + beta_1 * outer(k1, v)
    S = S - beta_2 * outer(k2, k2 @ S)
    return S, q @ S


@layer
def longhorn(S: State["d", "n"], q: Vec["n"], k: Vec["n"], v: Vec["d"], beta: Positive["d"]):
    e = beta / (1 + beta * (k @ k))
    S = S - scale(e, outer(S @ k, k)) + outer(e * v, k)
    return S, S @ q


@layer
def implicit(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], beta: Positive):
    e = beta / (1 + beta * (k @ k))
    S = S - e * outer(k, k @ S) + e * outer(k, v)
    return S, q @ S


@layer
def hgrn(h: State["d"], f: Gate["d"], v: Vec["d"], o: Vec["d"]):
    h = f * h + (1 - f) * v
    return h, tanh(o) * h


@layer
def rwkv7(
    S: State["d", "n"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    w: Gate["n"],
    a: Vec["n"],
    kappa: Vec["n"],
):
    S = scale(w, S) - outer(S @ kappa, a * kappa) + outer(v, k)
    return S, S @ q


@layer
def joined(
    S: State["n", "d"],
    q: Vec["n"],
    k: Vec["n"],
    v: Vec["d"],
    z: Vec["d"],
    W: Const[Mat["m", "n"]],
):
    S = S + outer(k, v)
    return S, concat(q @ S, z + v, sigmoid(W @ k))


@layer
def two_sided(
    S: State["n", "m"], M: Const[Mat["n", "n"]], N: Const[Mat["m", "m"]], k: Vec["n"], v: Vec["m"]
):
    S = M @ S @ N.T + outer(k, v)
    return S, einsum("ab,ab->", M @ S, outer(k, v))


LAYERS = [
    linear_attention,
    gla,
    scalar_gated,
    gated_delta,
    kda,
    dplr,
    s6,
    zero_order_hold,
    dense,
    two_reflections,
    longhorn,
    implicit,
    hgrn,
    rwkv7,
    joined,
    two_sided,
]


def written(made, time=None):
    """The new states and the output, as forms over the signals."""
    inputs = {
        s.name: atom_form(
            input_atom(s.name, s.dims, kind=s.kind, time=None if s.kind == "constant" else time)
        )
        for s in made.signals
    }
    *states, out = evaluate([*made.step.values(), made.output], inputs, FormAlgebra())
    return dict(zip(made.step, states, strict=True)), out


def matrices(made):
    """Λ, B, C, D by name, each with its number of row axes."""
    found = derive(made)
    out = {}
    for (row, col), form in found.Lam.items():
        out[f"Λ {row} {col}"] = form, len(found.state(row).dims)
    out |= {f"B {s}": (form, len(found.state(s).dims)) for s, form in found.B.items()}
    out |= {f"C {s}": (form, len(found.y_dims)) for s, form in (found.C or {}).items()}
    if found.D is not None:
        out["D"] = found.D, len(found.y_dims)
    return out


def nodes(node):
    """A tree's nodes."""
    yield node
    for name in node.__dataclass_fields__:
        value = getattr(node, name)
        todo = [value]
        while todo:
            x = todo.pop()
            if isinstance(x, tuple):
                todo += x
            elif isinstance(x, Node):
                yield from nodes(x)


@pytest.mark.parametrize("made", LAYERS, ids=lambda made: made.name)
def test_trees_expand_back_and_no_layer_needs_index_notation(made):
    states, out = written(made)
    forms = {f"new {s}": (form, 1) for s, form in states.items()}
    forms |= {"y": (out, min(1, len(out.dims)))} | matrices(made)
    for name, (form, rows) in forms.items():
        tree = _read(form, rows, False)
        assert expand(tree) == form, name
        assert shape(tree) == (form.dims[:rows], form.dims[rows:]), name
        assert not any(isinstance(node, Entries) for node in nodes(tree)), name


GOLDEN = {
    (linear_attention, "Λ S S"): ("I_n ⊗ I_d", r"I_n \otimes I_d"),
    (linear_attention, "B S"): ("k_i ⊗ I_d", r"k_i \otimes I_d"),
    (linear_attention, "C S"): ("q_iᵀ ⊗ I_d", r"q_i^\top \otimes I_d"),
    (gla, "Λ S S"): ("diag(α_i) ⊗ I_d", r"\operatorname{diag}(\alpha_i) \otimes I_d"),
    (scalar_gated, "Λ S S"): ("exp(log α_i) I_n ⊗ I_d", r"e^{\log \alpha_i} I_n \otimes I_d"),
    (scalar_gated, "D"): ("D I_d", "D I_d"),
    (gated_delta, "Λ S S"): (
        "α_i (I − β_i k_i k_iᵀ) ⊗ I_d",
        r"\alpha_i\,(I - \beta_i k_i k_i^\top) \otimes I_d",
    ),
    (gated_delta, "B S"): ("β_i k_i ⊗ I_d", r"\beta_i k_i \otimes I_d"),
    (kda, "Λ S S"): (
        "(I − β_i k_i k_iᵀ) diag(α_i) ⊗ I_d",
        r"(I - \beta_i k_i k_i^\top) \operatorname{diag}(\alpha_i) \otimes I_d",
    ),
    (dplr, "Λ S S"): (
        "(diag(α_i) + a_i b_iᵀ) ⊗ I_d",
        r"(\operatorname{diag}(\alpha_i) + a_i b_i^\top) \otimes I_d",
    ),
    (s6, "Λ h h"): (
        "diag(exp(Δ_i ⊙ A))",
        r"\operatorname{diag}\!\big(e^{\Delta_i \odot A}\big)",
    ),
    (s6, "B h"): ("diag(Δ_i) ⊗ k_i", r"\operatorname{diag}(\Delta_i) \otimes k_i"),
    (s6, "C h"): ("I_d ⊗ q_iᵀ", r"I_d \otimes q_i^\top"),
    (zero_order_hold, "B h"): (
        "diag((exp(Δ_i ⊙ A) − 1) ⊘ A) (I_d ⊗ k_i)",
        r"\operatorname{diag}\!\big((e^{\Delta_i \odot A} - 1) \oslash A\big)\,(I_d \otimes k_i)",
    ),
    (dense, "Λ h h"): ("M", "M"),
    (two_reflections, "Λ S S"): (
        "α_i (I − β_{2,i} k_{2,i} k_{2,i}ᵀ)(I − β_{1,i} k_{1,i} k_{1,i}ᵀ) ⊗ I_d",
        r"\alpha_i\,(I - \beta_{2,i} k_{2,i} k_{2,i}^\top)"
        r"(I - \beta_{1,i} k_{1,i} k_{1,i}^\top) \otimes I_d",
    ),
    (longhorn, "Λ S S"): (
        "I_d ⊗ I_n − diag(β_i/(1 + ‖k_i‖² β_i)) ⊗ k_i k_iᵀ",
        r"I_d \otimes I_n - \operatorname{diag}\left(\frac{\beta_i}"
        r"{1 + \lVert k_i \rVert^{2} \beta_i}\right) \otimes k_i k_i^\top",
    ),
    (implicit, "Λ S S"): (
        "(I − (β_i/(1 + β_i ‖k_i‖²)) k_i k_iᵀ) ⊗ I_d",
        r"\left(I - \frac{\beta_i}{1 + \beta_i \lVert k_i \rVert^{2}} k_i k_i^\top\right)"
        r" \otimes I_d",
    ),
    (hgrn, "B h"): ("diag(1 − f_i)", r"\operatorname{diag}(1 - f_i)"),
    (hgrn, "C h"): ("diag(tanh(o_i))", r"\operatorname{diag}(\tanh(o_i))"),
    (rwkv7, "Λ S S"): (
        "I_d ⊗ (diag(w_i) − (a_i ⊙ κ_i) κ_iᵀ)",
        r"I_d \otimes (\operatorname{diag}(w_i) - (a_i \odot \kappa_i) \kappa_i^\top)",
    ),
    (joined, "C S"): (
        "q_iᵀ ⊗ [I_d; 0; 0]",
        r"q_i^\top \otimes \begin{pmatrix} I_d \\ 0 \\ 0 \end{pmatrix}",
    ),
    (two_sided, "Λ S S"): ("M ⊗ N", r"M \otimes N"),
}


@pytest.mark.parametrize(("made", "which"), GOLDEN, ids=lambda x: getattr(x, "name", x))
def test_matrices_read_as_a_person_writes_them(made, which):
    form, rows = matrices(made)[which]
    shown = tuple(render_operator(form, rows, style) for style in ("text", "latex"))
    assert shown == GOLDEN[made, which]


STEPS = {
    gated_delta: (
        "α_i (I − β_i k_i k_iᵀ) S_{i-1} + β_i k_i v_iᵀ",
        "α_i S_{i-1}ᵀ (q_i − β_i (k_iᵀ q_i) k_i) + β_i (k_iᵀ q_i) v_i",
    ),
    gla: ("diag(α_i) S_{i-1} + k_i v_iᵀ", "S_{i-1}ᵀ (α_i ⊙ q_i) + (k_iᵀ q_i) v_i"),
    s6: (
        "exp(Δ_i ⊙ A) ⊙ h_{i-1} + (Δ_i ⊙ v_i) k_iᵀ",
        "(exp(Δ_i ⊙ A) ⊙ h_{i-1}) q_i + (k_iᵀ q_i) Δ_i ⊙ v_i",
    ),
    hgrn: (
        "f_i ⊙ h_{i-1} + v_i ⊙ (1 − f_i)",
        "tanh(o_i) ⊙ (f_i ⊙ h_{i-1} + v_i ⊙ (1 − f_i))",
    ),
    dense: ("M h_{i-1} + B u_i", "C (M h_{i-1} + B u_i)"),
    joined: ("S_{i-1} + k_i v_iᵀ", "[S_{i-1}ᵀ q_i + (k_iᵀ q_i) v_i; v_i + z_i; σ(W k_i)]"),
    rwkv7: (
        "S_{i-1} (diag(w_i) − κ_i (a_i ⊙ κ_i)ᵀ) + v_i k_iᵀ",
        "S_{i-1} (q_i ⊙ w_i − (a_iᵀ (κ_i ⊙ q_i)) κ_i) + (k_iᵀ q_i) v_i",
    ),
    two_sided: ("M S_{i-1} Nᵀ + k_i v_iᵀ", "k_iᵀ M² S_{i-1} Nᵀ v_i + (k_iᵀ M k_i) ‖v_i‖²"),
}


@pytest.mark.parametrize("made", STEPS, ids=lambda made: made.name)
def test_steps_and_outputs_in_text(made):
    states, out = written(made)
    (new,) = states.values()
    assert (render_form(new, "text"), render_form(out, "text")) == STEPS[made]


def test_a_step_in_latex_and_without_time():
    states, _ = written(gated_delta)
    assert render_form(states["S"]) == (
        r"\alpha_i\,(I - \beta_i k_i k_i^\top) S_{i-1} + \beta_i k_i v_i^\top"
    )
    assert render_form(states["S"], "text", time=False) == "α (I − β k kᵀ) S + β k vᵀ"
    with pytest.raises(ValueError, match="style"):
        render_form(states["S"], "html")


def unrolled(made, steps):
    """The output at the last of so many steps from a zero state."""
    state = {s.name: Form(s.dims, {}) for s in made.of_kind("state")}
    for time in range(steps):
        inputs = {
            s.name: atom_form(
                input_atom(s.name, s.dims, kind=s.kind, time=None if s.kind == "constant" else time)
            )
            for s in made.signals
        }
        roots = [*made.step.values(), made.output]
        *new, out = evaluate(roots, inputs | state, FormAlgebra())
        state = dict(zip(made.step, new, strict=True))
    return out


def test_differences_name_their_times():
    delta = gated_delta.given(alpha=1)
    linear = linear_attention.given(k="k")
    assert render_difference(unrolled(delta, 2), "text") == (
        "β_0 (k_0·q_1) v_0 + β_1 (k_1·q_1) v_1 − β_0 β_1 (k_0·k_1)(k_1·q_1) v_0"
    )
    assert render_difference(unrolled(delta, 2)) == (
        r"\beta_0\,(k_0 \cdot q_1) v_0 + \beta_1\,(k_1 \cdot q_1) v_1"
        r" - \beta_0 \beta_1\,(k_0 \cdot k_1)(k_1 \cdot q_1) v_0"
    )
    change = unrolled(delta, 2) - unrolled(gated_delta.given(beta=1), 2)
    assert render_difference(change - change, "text") == "0"
    assert render_difference(unrolled(linear, 1), "text") == "(k_0·q_0) v_0"
    assert render_difference(unrolled(gla, 2), "text") == ("(k_1·q_1) v_1 + (k_0ᵀ (α_1 ⊙ q_1)) v_0")
    assert render_difference(unrolled(dense, 3), "text") == "C B u_2 + C M B u_1 + C M² B u_0"


def test_long_text_breaks_before_outer_signs():
    shown = wrapped(render_difference(unrolled(gated_delta, 3), "text"), width=60, indent=2)
    lines = shown.split("\n")
    assert len(lines) > 3
    assert all(len(line) <= 72 for line in lines)
    assert all(line.startswith(("  + ", "  − ")) for line in lines[1:])
    assert wrapped("a + b") == "a + b"


ALGEBRA = FormAlgebra()


def signal(name, *dims, kind="token"):
    return atom_form(input_atom(name, dims, kind=kind))


def both(form):
    return render_form(form, "text"), render_form(form)


def test_names():
    assert both(signal("log_alpha")) == ("log α_i", r"\log \alpha_i")
    assert both(signal("Delta", "d")) == ("Δ_i", r"\Delta_i")
    assert both(signal("x_k2", "d")) == ("x_{k,2,i}", "x_{k,2,i}")
    assert both(signal("lambda_", "d")) == ("λ_i", r"\lambda_i")
    assert both(signal("W_out", "n", "m", kind="constant")) == ("W_{out}", r"W_{\mathrm{out}}")
    assert both(signal("decay", kind="state")) == ("decay_{i-1}", r"\mathrm{decay}_{i-1}")


def scalar(value):
    return ALGEBRA.number(Fraction(value))


def test_numbers_zero_and_identity():
    k = signal("k", "n")
    assert both(Form(("n",), {})) == ("0", "0")
    assert both(scalar("-2/3")) == ("−2/3", r"-\tfrac{2}{3}")
    assert both(k.times(Fraction(1, 2))) == ("(1/2) k_i", r"\tfrac{1}{2} k_i")
    assert both(k.times(Fraction(-1))) == ("−k_i", "-k_i")
    assert both(ALGEBRA.eye(("n", "n")).times(Fraction(3))) == ("3 I_n", "3 I_n")
    # A sum over an axis that nothing else has leaves its size.
    ones = ALGEBRA.reindex("->a", scalar(1), ("n",))
    assert both(ALGEBRA.product("a,a->", ones, ones, ())) == ("n", "n")
    assert both(ALGEBRA.product("a,a->", ones, k, ())) == ("1_nᵀ k_i", r"\mathbf{1}_n^\top k_i")


def test_functions():
    x, v = signal("x"), signal("v", "n")
    one = scalar(1)
    assert both(function_form("softplus", x)) == ("softplus(x_i)", r"\operatorname{softplus}(x_i)")
    assert both(function_form("sqrt", one + x)) == ("√(1 + x_i)", r"\sqrt{1 + x_i}")
    assert both(function_form("sigmoid", v)) == ("σ(v_i)", r"\sigma(v_i)")
    assert both(function_form("tanh", v)) == ("tanh(v_i)", r"\tanh(v_i)")
    inverse = function_form("inverse", one + x)
    step = ALGEBRA.product(",->", signal("beta"), inverse, ())
    quotient = ALGEBRA.product(",a->a", step, v, ("n",))
    assert both(quotient) == ("(β_i/(1 + x_i)) v_i", r"\frac{\beta_i}{1 + x_i} v_i")
    both_logs = ALGEBRA.product(",->", signal("log_a"), x, ())
    assert both(both_logs) == ("(log a_i) x_i", r"(\log a_i) x_i")


def test_functions_of_matrices_are_marked_where_they_could_be_misread():
    M, v = signal("M", "n", "m"), signal("v", "m")
    product = ALGEBRA.product("ab,b->a", function_form("exp", M), v, ("n",))
    assert both(product) == ("exp⊙(M_i) v_i", r"\exp_{\odot}(M_i) v_i")
    square = signal("A", "n", "n")
    scaled = ALGEBRA.product("ab,b->ab", square, signal("a", "n"), ("n", "n"))
    # ⊙ would not say which axis is meant.
    assert both(scaled)[0] == "A_i diag(a_i)"
    assert both(function_form("exp", scaled))[0] == "exp⊙(A_i diag(a_i))"


def test_powers_norms_traces_and_products():
    a, k, M = signal("a"), signal("k", "n"), signal("M", "n", "n", kind="constant")
    MM = ("n", "n")
    square = ALGEBRA.product(",->", a, a, ())
    norm = ALGEBRA.product("a,a->", k, k, ())
    assert both(square) == ("a_i²", "a_i^{2}")
    assert both(ALGEBRA.product(",->", norm, norm, ()))[0] == "‖k_i‖⁴"
    assert both(ALGEBRA.reindex("aa->", M, ()))[0] == "tr(M)"
    twice = ALGEBRA.product("ab,bc->ac", M, M, ("n", "n"))
    assert both(twice) == ("M²", "M^{2}")
    cube = ALGEBRA.product("ab,ab->ab", M, ALGEBRA.product("ab,ab->ab", M, M, MM), MM)
    total = ALGEBRA.reindex("ab->a", cube, ("n",))
    assert both(total)[0] == "(M ⊙ M ⊙ M) 1_n"
    assert expand(_read(total, 1, False)) == total
    assert both(ALGEBRA.product("ab,ba->", M, signal("N", "n", "n"), ())) == (
        "tr(N_i M)",
        r"\operatorname{tr}(N_i M)",
    )


def test_parentheses():
    k, A = Symbol(input_atom("k", ("n",))), Symbol(input_atom("A", ("n", "n")))
    show = _Printer("text", True).whole
    total = Sum((A, Diag(k)))
    assert show(Compose((total, k))) == "(A_i + diag(k_i)) k_i"
    assert show(Compose((Kron((A, A)), Kron((k, A))))) == "(A_i ⊗ A_i)(k_i ⊗ A_i)"
    assert show(Kron((total, Compose((A, A))))) == "(A_i + diag(k_i)) ⊗ A_i²"


def test_what_has_no_matrix_notation_is_given_by_entries():
    T = signal("T", "n", "n", "n")
    k = signal("k", "n")
    form = ALGEBRA.product("abc,c->ab", T, k, ("n", "n"))
    assert both(form) == (
        "[Σ_c T_{i,abc} k_{i,c}]_{a,b}",
        r"\Big[\sum_c T_{i,abc} k_{i,c}\Big]_{a,b}",
    )
    swap = ALGEBRA.product("ad,bc->abcd", *[ALGEBRA.eye(("n", "n"))] * 2, ("n",) * 4)
    assert render_operator(swap, 2, "text") == "[δ_{ad} δ_{bc}]_{ab,cd}"
    trace = ALGEBRA.reindex("aab->b", signal("T", "n", "n", "d"), ("d",))
    scaled = trace + ALGEBRA.product(",a->a", signal("x"), trace, ("d",))
    assert render_form(scaled, "text") == "(1 + x_i) [Σ_b T_{i,bba}]_{a}"
    letters = ALGEBRA.product("abc,c->ab", signal("a", "n", "n", "n"), k, ("n", "n"))
    assert render_form(letters, "text") == "[Σ_d a_{i,bcd} k_{i,d}]_{b,c}"


POOL = [
    input_atom(name, dims, kind=kind)
    for name, dims, kind in [
        ("a", ("n",), "token"),
        ("b", ("n",), "token"),
        ("v", ("d",), "token"),
        ("M", ("n", "n"), "constant"),
        ("N", ("n", "n"), "token"),
        ("W", ("d", "n"), "constant"),
        ("S", ("n", "d"), "state"),
        ("T", ("n", "n", "d"), "token"),
        ("alpha", (), "token"),
        ("J", ("n+d", "n"), "constant"),
        ("x", (), "token"),
    ]
] + [
    Atom("eye<n>", "eye", "I", ("n", "n")),
    Atom("eye<d>", "eye", "I", ("d", "d")),
    Atom("inject<n+d,0,n>", "inject", "0", ("n+d", "n")),
    Atom("inject<n+d,n,d>", "inject", "n", ("n+d", "d")),
]
SHAPES = [
    (),
    ("n",),
    ("n", "d"),
    ("n", "n"),
    ("n", "d", "n", "d"),
    ("n", "n", "n", "n"),
    ("n", "d", "d"),
    ("d", "d", "n"),
    ("n+d",),
    ("n+d", "n"),
]


def random_form(rng, dims, depth=0):
    """A sum of random products, with functions of random forms in them."""
    total = Form(dims, {})
    for _ in range(rng.randint(1, 4)):
        factors, summed = [], []
        for _ in range(rng.randint(0, 4)):
            atom = rng.choice(POOL)
            if atom.kind == "inject" and "n+d" not in dims:
                continue
            if depth == 0 and rng.random() < 0.15:
                inner = rng.choice([(), ("n",), ("n", "d")])
                arg = random_form(rng, inner, 1) + Form(inner, {(): Fraction(5, 7)})
                name = rng.choice(["exp", "sigmoid", "softplus", "inverse", "sqrt"])
                found = function_form(name, arg)
                if len(found.terms) != 1 or len(next(iter(found.terms))) != 1:
                    continue
                ((atom, _),) = next(iter(found.terms))
            labels = []
            for size in atom.dims:
                known = [i for i, d in enumerate(dims) if d == size]
                known += [label for label, d in summed if d == size]
                if not known or rng.random() < 0.2:
                    summed.append((-1 - len(summed), size))
                    known = [summed[-1][0]]
                labels.append(rng.choice(known))
            factors.append((atom, tuple(labels)))
        c = Fraction(rng.choice(["1", "1", "-1", "2", "1/2", "-3"]))
        for monomial, x in normalise(factors, {}).items():
            total = total + Form(dims, {monomial: x * c})
    return total


@pytest.mark.parametrize("seed", range(120))
def test_random_forms_expand_back(seed):
    rng = random.Random(seed)
    form = random_form(rng, rng.choice(SHAPES))
    rows = len(form.dims) // 2 if len(form.dims) > 1 else len(form.dims)
    tree = _read(form, rows, False)
    assert expand(tree) == form
    assert recognise(form, rows) == tree
    for style in ("text", "latex"):
        assert render_operator(form, rows, style)
        assert render_form(form, style)
        assert render_difference(form, style)


SCRIPT = """
from test_render import LAYERS, matrices, unrolled
from dsf_sym.rendering.render import _Printer, render_difference, render_operator
for made in LAYERS:
    for form, rows in matrices(made).values():
        print(render_operator(form, rows), render_operator(form, rows, "text"))
    print(render_difference(unrolled(made, 2)))
"""


def test_output_does_not_depend_on_the_hash_seed():
    shown = set()
    for seed in ("0", "1", "4242"):
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)},
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            check=True,
        )
        shown.add(run.stdout)
    assert len(shown) == 1
