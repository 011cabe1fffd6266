"""`check` and `relate`: the relation of every kind, the nearest layers, several processes."""

import json
from dataclasses import replace

import pytest
from layers import gated, leaky, summing

from dsf_sym import Const, Gate, Mat, State, Vec, check, layer, outer, scale, sum, tanh
from dsf_sym.automata import closure
from dsf_sym.caching import Cache
from dsf_sym.certificates.checkers import recheck
from dsf_sym.cli import run
from dsf_sym.errors import SizeError
from dsf_sym.relating import PAIRS_FOR_A_PROCESS, Ask, every_pair, relate
from dsf_sym.relation import KINDS
from dsf_sym.rendering.relations import summary


@layer
def wide(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], f: Gate["n"]):
    S = scale(f, S) + outer(k, v)
    return S, q @ S


@layer
def fixed(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], a: Const[Gate["n"]]):
    S = scale(a, S) + outer(k, v)
    return S, q @ S


@layer
def renamed(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], g: Gate):
    S = g * S + outer(k, v)
    return S, q @ S


@layer
def total(s: State["n"], k: Vec["n"]):
    return s + k, sum(s + k)


OTHERS = [fixed, summing, wide, leaky, renamed, total]


@pytest.fixture(scope="module")
def report():
    return check(gated, OTHERS)


def test_each_layer_gets_the_strongest_relation_that_is_proved(report):
    assert {r.b: r.kind for r in report.relations} == {
        "leaky": "equal",
        "renamed": "equivalent",
        "summing": "contains",
        "wide": "contained in",
        "fixed": "incomparable",
        "total": "not compared",
    }
    kinds = [KINDS.index(r.kind) for r in report.relations]
    assert kinds == sorted(kinds) and report.decided
    assert report.counts().startswith("6 layers: 1 equal, 1 equivalent, 1 contains")


def test_every_relation_but_what_is_undecided_carries_certificates(report):
    for r in report.relations:
        asked = [v for v in (r.equal, r.contains, r.contained) if v is not None]
        assert len(asked) == {"equal": 1, "not compared": 0}.get(r.kind, 3)
        for verdict in asked:
            if verdict.status != "undecided":
                recheck(verdict.certificate)
    (fixed_to,) = report.of_kind("incomparable")
    assert summary(fixed_to).endswith(
        "does not contain it (scalar transitions); not contained in it (constant transitions)"
    )
    (contained,) = report.of_kind("contained in")
    assert summary(contained) == "f = alpha, for all sizes"


def test_a_relation_told_from_the_other_layer_turns_the_containments_round(report):
    (r,) = report.of_kind("contains")
    assert r.flipped.kind == "contained in" and (r.flipped.a, r.flipped.b) == (r.b, r.a)
    assert r.flipped.flipped == r


def test_the_nearest_layer_differs_latest_and_has_a_formula_and_a_tie(report):
    names = [found.verdict.question.b for found in report.nearest]
    assert names == ["renamed", "summing"]
    nearest = report.nearest[1]
    assert nearest.length == 2
    assert list(nearest.terms) == [1] and nearest.removed_by == (("alpha = 1",),)
    text = report.text()
    assert "Nearest: renamed" in text and "Next: summing" in text
    assert "  lag 1  α_1 (k_0·q_1) v_0 − (k_0·q_1) v_0" in text
    assert max(map(len, text.splitlines())) <= 80


def test_equality_alone_asks_for_no_containment():
    found = check(gated, OTHERS, ask=Ask(containment=False))
    assert {r.kind for r in found.relations} == {"equal", "different", "not compared"}
    assert all(r.contains is None and r.contained is None for r in found.relations)


def test_a_tie_that_shapes_force_is_a_condition():
    @layer
    def spread(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate["n"]):
        S = scale(alpha, S) + outer(k, v)
        return S, q @ S

    (r,) = check(gated, [spread], ask=Ask(containment=False)).relations
    assert r.kind == "equal if" and r.conditions == ("spread.alpha is gated's alpha, repeated",)
    (r,) = check(gated, [spread]).relations
    assert r.kind == "contained in"


def test_a_decision_that_takes_too_long_is_undecided_and_not_kept(tmp_path):
    ask = Ask(timeout=1e-6, cache=Cache(tmp_path / "kept"))
    (found,) = check(gated, [summing], ask=ask).relations
    assert found.kind == "undecided" and "stopped after" in summary(found)
    assert not list(tmp_path.rglob("*.json"))


def test_a_pair_that_needs_more_memory_than_there_is_stays_undecided(monkeypatch, tmp_path):
    """The proof for all sizes needs none; a size that is none is an error all the same."""
    same = replace(gated, name="same")
    monkeypatch.setattr(closure, "_memory", lambda: 1000)
    ask = Ask({"n": 3}, cache=Cache(tmp_path))
    kinds = {r.b: r for r in check(gated, [same, summing], ask=ask).relations}
    assert kinds["same"].kind == "equal" and kinds["summing"].kind == "contains"
    assert kinds["summing"].equal.status == "undecided"
    assert "about 0.0 GiB" in kinds["summing"].equal.proof
    monkeypatch.undo()
    (r,) = check(gated, [summing], ask=ask).relations
    assert r.equal.status == "refuted"
    for sizes in ({"n": 0}, {"z": 2}):
        with pytest.raises(SizeError):
            relate([(gated, summing)], Ask(sizes))


def test_a_layer_without_a_state_space_form_is_checked_by_differences():
    @layer
    def folded(h: State["d"], v: Vec["d"], W: Const[Mat["d", "d"]]):
        h = tanh(W @ h + v)
        return h, h

    (r,) = check(folded, [leaky]).relations
    assert r.kind == "different" and r.contains.status == "undecided"
    assert "not affine" in r.contains.proof


def test_processes_change_nothing_but_the_time(tmp_path):
    pairs = (every_pair([gated, leaky, summing]) * PAIRS_FOR_A_PROCESS)[: 2 * PAIRS_FOR_A_PROCESS]
    told = []
    ask = Ask(containment=False, cache=Cache(tmp_path))
    several = relate(pairs, ask, processes=2, progress=lambda *x: told.append(x))
    assert [(r.a, r.b) for r in several.relations] == [(a.name, b.name) for a, b in pairs]
    assert told == [(i, len(pairs)) for i in range(len(pairs) + 1)]
    assert several == relate(pairs, Ask(containment=False))
    assert len(list(tmp_path.rglob("*.json"))) == 3 and not list(tmp_path.rglob("*.partial"))


def test_relations_of_named_layers(capsys):
    names = ["gla", "scalar_gated", "linear_attention"]
    assert run(["relations", *names]) == 0
    shown = capsys.readouterr().out
    assert "gla\n  contains      linear_attention, scalar_gated\n" in shown
    assert run(["relations", *names, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["relations"]
    assert [(r["a"], r["relation"], r["b"]) for r in rows] == [
        ("gla", "contains", "scalar_gated"),
        ("gla", "contains", "linear_attention"),
        ("scalar_gated", "contains", "linear_attention"),
    ]
