"""Verdicts and sheets as text and LaTeX."""

from pathlib import Path

import pytest

from dsf_sym import (
    Const,
    Gate,
    Mat,
    Scalar,
    State,
    Vec,
    attention,
    check,
    compare,
    exp,
    find,
    layer,
    outer,
    tanh,
)
from dsf_sym.rendering.report import by_terms, fields, verdict_text, wrap
from dsf_sym.rendering.sheet import latex_form, sheet, signal_rows, title_lines

MY_LAYER = str(Path(__file__).parent.parent / "examples" / "my_layer.py")


def balanced(text):
    return all(text.count(a) == text.count(b) for a, b in ("{}", "()")) and text.count(
        r"\begin"
    ) == text.count(r"\end")


@pytest.mark.parametrize(
    ("a", "b", "sign"),
    [("gated_deltanet", MY_LAYER, "="), ("gla", "retnet", "="), ("s6", "gla", r"\neq")],
)
def test_a_verdict_is_latex_in_a_notebook(a, b, sign):
    verdict = compare(find(a), find(b))
    shown = verdict._repr_latex_()
    assert shown.startswith("$") and shown.endswith("$")
    assert sign in shown and verdict.status in shown and balanced(shown)


def test_a_report_tells_the_latest_difference_first():
    report = check(find(MY_LAYER), ["linear_attention", "deltanet", "gated_deltanet"])
    assert [r.b for r in report.relations] == ["gated_deltanet", "deltanet", "linear_attention"]
    assert [x.verdict for x in report.nearest] == list(report.verdicts[1:])
    assert report.decided and report.of_kind("equal") == [report.relations[0]]
    assert str(report) == report.text()


def test_layers_of_one_name_are_told_apart():
    verdict = compare(find("gla"), find("linear_attention").given(name="gla"))
    from dsf_sym.rendering.report import verdict_text

    assert "gla (first) and gla (second) differ" in verdict_text(verdict)


def test_values_are_shown_in_the_shape_of_their_signal():
    @layer
    def mixing(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], W: Const[Mat["n", "n"]]):
        S = W @ S + outer(k, v)
        return S, q @ S

    text = check(mixing, ["linear_attention"]).text()
    assert "W=((" in text and "k=(" in text


def test_text_is_wrapped_to_the_width():
    assert wrap("a bb ccc dddd", 7, first="x: ") == ["x: a bb", "   ccc", "   dddd"]
    assert all(len(line) <= 10 for line in wrap("x" * 99, 10, first="  "))
    assert wrap(by_terms("a b + c d − e f"), 8) == ["a b", "+ c d", "− e f"]
    assert fields([("a", "1"), ("long", "2\n3"), ("none", "")], 40) == [
        "  a     1",
        "  long  2",
        "        3",
    ]


def test_the_sheet_of_a_layer_with_two_states_names_the_blocks():
    @layer
    def late(P: State["n", "d"], S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
        return P + S, outer(k, v), q @ (P + S)

    made = sheet(late)
    assert [symbol for symbol, _ in made.form] == [
        "Λ_i[P,P]",
        "Λ_i[P,S]",
        "B_i[S]",
        "C_i[P]",
        "D_i",
    ]
    from dsf_sym import derive

    assert balanced(latex_form(derive(late))) and r"\Lambda_i^{(P,S)}" in latex_form(derive(late))


def test_the_sheet_of_a_step_that_is_not_affine_says_so_and_still_has_costs():
    @layer
    def folded(h: State["d"], v: Vec["d"], W: Const[Mat["d", "d"]]):
        h = tanh(W @ h + v)
        return h, h

    lines = " ".join(line.strip() for line in sheet(folded).lines())
    assert "no state-space form: the new h is not affine in its state: tanh(W @ h + v)" in lines
    assert "2 d^2 + d FLOPs" in lines and "structure" not in lines


def test_what_nothing_reads_is_noted_and_a_layer_may_have_no_state():
    @layer
    def product(q: Vec["n"], k: Vec["n"], v: Vec["d"], idle: Gate, w: Const[Scalar]):
        return (w * (q @ k) * v,)

    @attention
    def kernel(q: Vec["n"], k: Vec["n"], f: Gate):
        return exp(q @ k)

    found = sheet(product)
    assert found.notes == ("nothing reads idle",) and found.structure == "no state"
    assert "no state; input u = v [d]" in found.input
    assert found.lines(200)[-1].endswith("; 1 parameter")
    assert sheet(kernel).notes[-1] == "nothing reads f"
    assert not any("nothing reads" in note for note in sheet(find("mlstm")).notes)


def test_signals_without_a_partner_are_named_with_a_tie_that_gives_them_one():
    @layer
    def renamed(S: State["n", "d"], r: Vec["n"], k: Vec["n"], v: Vec["d"]):
        S = S + outer(k, v)
        return S, r @ S

    summing = find("linear_attention")
    said = " ".join(verdict_text(compare(renamed, summing)).split())
    assert "r of renamed and q of linear_attention have no partner; ties" in said
    assert '--given "q = r"' in said
    verdict = compare(renamed, summing, given=["q = r"])
    assert verdict.status == "proved"
    other = compare(find("gated_deltanet"), find("deltanet"))
    assert "no partner" not in verdict_text(verdict) + verdict_text(other)


def test_the_paper_s_names_stand_beside_the_signals():
    rows = [line.split() for line in signal_rows(find("s6"))]
    assert ["q", "C", "token", "[n]", "real"] in rows
    assert title_lines(find("s6"), "s6")[0] == "s6: S6 (Mamba)"
