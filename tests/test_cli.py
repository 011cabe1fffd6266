"""The commands: what they print, and their exit codes."""

import json
import re
from pathlib import Path

import pytest

from dsf_sym import catalogue, find
from dsf_sym.checking import others_of
from dsf_sym.cli import run
from dsf_sym.cli.app import COMMANDS

ROOT = Path(__file__).parent.parent
MY_LAYER = str(ROOT / "examples" / "my_layer.py")
EVERY_RELATION = ("gated_deltanet", "deltanet", "kda", "gla", "s6", "softmax_attention")
"""Layers that my layer stands to in all ways."""

DEEP = '''
from dsf_sym import Gate, State, Vec, layer, outer

@layer
def late(S: State["n", "d"], P: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    """Writes arrive one step late."""
    return outer(k, v), P + S, q @ (P + S)

@layer
def very_late(
    R: State["n", "d"], S: State["n", "d"], P: State["n", "d"],
    q: Vec["n"], k: Vec["n"], v: Vec["d"],
):
    """Writes arrive two steps late."""
    return outer(k, v), R, P + S, q @ (P + S)
'''


@pytest.fixture
def dsf(capsys, monkeypatch):
    """Run a command and return its exit code, stdout and stderr; lines fit the width."""
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments):
        code = run([str(a) for a in arguments])
        out, err = capsys.readouterr()
        if "--json" not in arguments:
            assert all(len(line) <= 80 for line in (out + err).splitlines())
        return code, out, err

    return call


def test_equal_layers_are_proved_with_sense_sizes_and_proof(dsf):
    code, out, err = dsf("compare", MY_LAYER, "gated_deltanet")
    assert (code, err) == (0, "")
    assert out.startswith("proved: error_writer = gated_deltanet\n")
    assert "the same output for all tokens, weights and lengths" in out
    assert "sizes  all" in out


def test_different_layers_are_refuted_with_both_outputs(dsf):
    code, out, _ = dsf("compare", MY_LAYER, "deltanet", "--sizes", "n=2,d=1")
    assert code == 1
    assert out.startswith("refuted: error_writer and deltanet differ\n")
    assert "n=2, d=1" in out
    assert "token 0  q=(" in out and "token 1  q=(" in out
    assert "y_1 of error_writer" in out and "y_1 of deltanet" in out


def test_a_forced_tie_makes_the_answer_conditional_and_is_printed(dsf):
    code, out, _ = dsf("compare", "gla", "retnet")
    assert code == 4
    assert out.startswith("conditional:")
    assert "gla.alpha is retnet's alpha, repeated" in out


def test_a_tie_that_was_asked_for_is_proved_and_printed(dsf):
    code, out, _ = dsf("compare", "gated_deltanet", "deltanet", "--given", "alpha = 1")
    assert code == 0
    assert "given  alpha = 1" in out


def test_a_decision_that_runs_out_of_time_is_undecided(dsf, tmp_path):
    file = tmp_path / "deep.py"
    file.write_text(DEEP)
    code, out, _ = dsf(
        "compare", f"{file}:late", f"{file}:very_late", "--timeout", "0.05", "--sizes", "n=24,d=24"
    )
    assert code == 3
    assert out.startswith("undecided:")
    assert "stopped after 0.05 s" in out and "--timeout" in out


def test_check_tells_every_layer_of_the_catalogue_equal_ones_first(dsf):
    code, out, _ = dsf("check", MY_LAYER)
    _, listed, _ = dsf("list")
    assert code == 0
    table = " ".join(out.split("for all lengths:\n\n")[1].split("\n\n")[0].split())
    assert table.startswith("equal gated_deltanet: for all sizes contains deltanet: alpha = 1,")
    names = {line.split()[0] for line in listed.splitlines() if not line.startswith(" ")}
    assert names <= set(re.findall(r"\w+", table))
    assert "token 1  " in out and "dsf compare" in out


def test_check_against_takes_every_name_up_to_the_next_option(dsf):
    _, out, _ = dsf("check", MY_LAYER, "--against", "gla", "retnet", "--json")
    assert {r["b"] for r in json.loads(out)["relations"]} == {"gla", "retnet"}
    _, out, _ = dsf("check", MY_LAYER, "--against", "gla", "--sizes", "n=1,d=1", "--json")
    (relation,) = json.loads(out)["relations"]
    assert relation["equal"]["sizes"] == {"n": 1, "d": 1}


def test_check_of_a_catalogue_layer_leaves_itself_out():
    others = others_of(find("gla"), None)
    assert [x.name for x in others] == [name for name in catalogue() if name != "gla"]


def test_check_says_which_layers_it_cannot_compare(dsf, tmp_path):
    file = tmp_path / "total.py"
    file.write_text(
        "from dsf_sym import Scalar, State, Vec, layer, sum\n"
        "@layer\n"
        'def total(s: State["n"], k: Vec["n"]):\n'
        "    return s + k, sum(s + k)\n"
    )
    code, out, _ = dsf("check", file, "--against", "gla")
    assert code == 0
    assert "not compared  gla: " in out and "different outputs" in out


def test_certificates_are_written_and_accepted(dsf, tmp_path):
    for layer, expected in (("gated_deltanet", 0), ("deltanet", 1)):
        file = tmp_path / f"{layer}.json"
        code, out, _ = dsf("compare", MY_LAYER, layer, "--certificate", file)
        assert code == expected
        assert "dsf recheck" in out
        code, out, _ = dsf("recheck", file)
        assert code == 0
        assert "checked only against the definitions" in " ".join(out.split())
        assert "error_writer not found" in " ".join(out.split())
        code, out, _ = dsf("recheck", file, "--layer", MY_LAYER)
        assert code == 0
        assert "the definitions are those of" in out


def test_minimal_gives_the_number_and_a_certificate(dsf, tmp_path):
    file = tmp_path / "minimal.json"
    code, out, _ = dsf("minimal", "gla", "--certificate", file)
    assert code == 0
    assert out.startswith("proved: the smallest state of gla has 4 entries\n")
    code, out, _ = dsf("recheck", file)
    assert code == 0


def test_explain_names_the_tie_that_removes_the_difference(dsf):
    code, out, _ = dsf("explain", "gated_deltanet", "deltanet")
    assert code == 0
    assert "alpha = 1" in out


def test_show_prints_signals_form_structure_and_costs(dsf):
    code, out, _ = dsf("show", "gated_deltanet")
    assert code == 0
    for part in ("alpha", "(0, 1]", "Λ", "structure", "FLOPs", "yang2025gated"):
        assert part in out
    code, out, _ = dsf("show", "gated_deltanet", "--latex")
    assert code == 0
    assert r"\Lambda" in out


def test_new_writes_a_layer_that_check_accepts(dsf, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = dsf("new", "fresh")
    assert code == 0
    assert "dsf check fresh.py" in out
    code, out, _ = dsf("check", "fresh.py", "--equal-only")
    assert code == 0
    assert "equal " in out
    (tmp_path / "fresh.py").write_text("mine")
    code, _, err = dsf("new", "fresh")
    assert code == 2 and "exists" in err
    assert (tmp_path / "fresh.py").read_text() == "mine"
    assert dsf("new", "fresh", "--force")[0] == 0
    assert "@layer" in (tmp_path / "fresh.py").read_text()
    assert not list(tmp_path.glob(".*"))


def test_help_names_every_command(dsf):
    code, out, _ = dsf("--help")
    assert code == 0
    for name in COMMANDS:
        assert f"  {name} " in out
        code, text, _ = dsf(name, "--help")
        assert code == 0 and text.startswith(f"Usage: dsf {name}") and "\\b" not in text
    assert dsf()[0] == 2


@pytest.mark.parametrize("columns", [40, 200])
def test_no_line_is_longer_than_the_terminal(dsf, capsys, monkeypatch, tmp_path, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    tie = "alpha = 1 / (1 + beta * beta + (beta + beta) * (beta + beta) + beta * beta * beta)"
    for arguments in (
        ("check", MY_LAYER, "--against", *EVERY_RELATION),
        ("show", "gated_deltanet"),
        ("list",),
        ("compare", "s6", "ssd"),
        ("compare", "gated_deltanet", "deltanet", "--given", tie),
        ("compare", "gated_deltanet", "deltanet", "--given", "alpha = " + "beta*" * 60 + "beta"),
        ("compare", "gated_deltanet", "deltanet", "--given", "alpha = " + "beta*" * 60 + "bet"),
        ("compare", "gated_deltanet", "deltanet", "--given", "alpha = " + "beta*" * 60 + "[1]"),
        ("explain", "gla", "deltanet"),
        ("minimal", "s6"),
    ):
        run(list(arguments))
        out, err = capsys.readouterr()
        longest = max((out + err).splitlines(), key=len)
        assert len(longest) <= min(columns, 80), longest
