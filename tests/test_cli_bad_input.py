"""Bad input: one `error:` line or paragraph on stderr, exit code 2, no traceback, nothing lost."""

import json
from importlib import import_module
from pathlib import Path

import pytest

from dsf_sym.certificates.certificate import read
from dsf_sym.cli import run

MY_LAYER = str(Path(__file__).parent.parent / "examples" / "my_layer.py")


@pytest.fixture
def refused(capsys, monkeypatch):
    """Run a command that must be refused and return the message in one line."""
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments):
        code = run([str(a) for a in arguments])
        out, err = capsys.readouterr()
        assert code == 2, (code, out, err)
        assert out == ""
        assert err.startswith("error: ")
        assert "Traceback" not in err
        assert all(len(line) <= 80 for line in err.splitlines())
        return " ".join(err.split())

    return call


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("compare", "gal", "gla"), "did you mean gla"),
        (("compare", "gla"), "missing argument 'B'"),
        (("compar", "gla", "gla"), "did you mean compare"),
        (("compare", "gla", "retnet", "--frobnicate"), "--frobnicate"),
        (("compare", "gla", "retnet", "--sizes", "n=0"), "at least 1"),
        (("compare", "gla", "retnet", "--sizes", "n=-1"), "at least 1"),
        (("compare", "gla", "retnet", "--sizes", "n=x"), "whole number"),
        (("compare", "gla", "retnet", "--sizes", "n"), "NAME=NUMBER"),
        (("compare", "gla", "retnet", "--sizes", "n=2,n=3"), "given twice"),
        (("compare", "gla", "retnet", "--sizes", "n=1e3"), "whole number"),
        (("compare", "gla", "retnet", "--sizes", "m=3"), "no size 'm'"),
        (("compare", "deltanet", "gla", "--sizes", "n=30000,d=30000"), "GiB"),
        (("check", MY_LAYER, "--sizes", "m=3"), "no size 'm'"),
        (("check", "--against", "gla", MY_LAYER), "missing argument 'LAYER'"),
        (("check", MY_LAYER, "--against", "gal"), "did you mean gla"),
        (("check", MY_LAYER, "--against"), "requires an argument"),
        (("compare", "gla", "retnet", "--timeout", "0"), "positive number"),
        (("compare", "gla", "retnet", "--timeout", "nan"), "positive number"),
        (("compare", "gla", "retnet", "--timeout", "inf"), "positive number"),
        (("compare", "gla", "retnet", "--timeout", "soon"), "positive number"),
        (("compare", "gla", "retnet", "--given", "alhpa = 1"), "did you mean alpha"),
        (("compare", "gla", "retnet", "--given", "alpha = alhpa"), "did you mean alpha"),
        (("compare", "gla", "retnet", "--given", "alpha"), "SIGNAL = EXPRESSION"),
        (("compare", "gla", "retnet", "--given", "other.alpha = 1"), "neither layer"),
        (("compare", "gla", "retnet", "--given", "alpha = 2"), "must lie in (0, 1]"),
        (("compare", "gla", "retnet", "--given", "k = 1 +"), "expected here"),
        (("minimal", "nowhere.py"), "does not exist"),
        (("show", f"{MY_LAYER}:error_writr"), "did you mean error_writer"),
        (("recheck", "nowhere.json"), "no such file"),
        (("new", "not-a-name"), "cannot name a layer"),
        (("new", "lambda"), "cannot name a layer"),
        (("new", "layer"), "that the file imports"),
        (("new", "nowhere/fresh.py"), "cannot be written"),
    ],
)
def test_the_message_says_what_is_wrong(refused, arguments, said):
    assert said in refused(*arguments)


@pytest.mark.parametrize(
    "code",
    [
        "__import__('os').system('touch planted')",
        "().__class__.__bases__[0]",
        "eval(\"open('planted', 'w')\")",
        "exec(open('planted', 'w'))",
        "(lambda: open('planted', 'w'))()",
        "[x for x in open('planted', 'w')]",
        "alpha if open('planted', 'w') else 1",
        "f'{1}'",
        "alpha.__class__",
    ],
)
def test_code_in_a_tie_is_parsed_and_never_evaluated(refused, tmp_path, monkeypatch, code):
    monkeypatch.chdir(tmp_path)
    refused("compare", "gla", "retnet", "--given", f"alpha = {code}")
    assert not list(tmp_path.iterdir())


def test_an_output_path_is_refused_before_the_work_starts(refused, tmp_path, monkeypatch):
    def never(*_, **__):
        raise AssertionError("the work has started")

    monkeypatch.setattr("dsf_sym.deciding.decide.compare", never)
    monkeypatch.setattr(import_module("dsf_sym.deciding.minimal"), "minimal", never)
    kept = tmp_path / "kept.json"
    kept.write_text("mine")
    for path, said in (
        (kept, "exists"),
        (tmp_path, "folder"),
        (tmp_path / "none" / "c.json", "cannot be written"),
        (kept / "c.json", "cannot be written"),
        (tmp_path / ("x" * 300), "cannot be written"),
    ):
        assert said in refused("compare", "gla", "retnet", "--certificate", path)
        assert said in refused("minimal", "gla", "--certificate", path)
    assert kept.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [kept]


def test_a_file_that_is_no_certificate_is_unreadable(refused, tmp_path):
    file = tmp_path / "c.json"
    for text in ("", "{}", "[]", "null", '{"format": 1}', '{"format": 1, "kind": "difference"}'):
        file.write_text(text)
        refused("recheck", file)
    file.write_bytes(b"\xff\xfe")
    refused("recheck", file)
    refused("recheck", tmp_path)


@pytest.fixture
def certificate(tmp_path, capsys):
    """A function that writes the certificate of a comparison and returns its path."""

    def make(*arguments):
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.json"
        run(["compare", *arguments, "--certificate", str(file)])
        capsys.readouterr()
        return file

    return make


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["claim"]["bridges"].clear(), "the claim says ties none"),
        (lambda c: c["claim"].update(given=[]), "the certificate defines"),
        (lambda c: c["claim"].update(given=["k = nothing"]), "do not fit"),
        (lambda c: c["claim"].update(sense="contains"), "sense"),
        (lambda c: c["layers"][0].update(name="softmax"), "softmax"),
    ],
)
def test_a_claim_that_does_not_fit_the_catalogue_is_rejected(capsys, certificate, change, said):
    file = certificate("gla", "retnet", "--given", "k = q")
    assert run(["recheck", str(file)]) == 0
    data = read(file)
    change(data)
    file.write_text(json.dumps(data))
    capsys.readouterr()
    assert run(["recheck", str(file)]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("rejected:") and said in out


def test_a_certificate_about_another_definition_is_rejected(capsys, certificate, tmp_path):
    file = certificate(MY_LAYER, "deltanet")
    other = tmp_path / "other.py"
    other.write_text(Path(MY_LAYER).read_text().replace("alpha * S", "alpha * S + S"))
    assert run(["recheck", str(file), "--layer", MY_LAYER]) == 0
    assert run(["recheck", str(file), "--layer", str(other)]) == 1
    assert "another definition" in " ".join(capsys.readouterr().out.split())


def test_a_definition_changed_inside_a_certificate_is_rejected(capsys, certificate):
    file = certificate("gla", "retnet")
    data = read(file)
    data["layers"][0]["signals"][-1]["high"] = "2"
    file.write_text(json.dumps(data))
    capsys.readouterr()
    assert run(["recheck", str(file)]) == 1


def test_no_file_that_a_certificate_names_is_run(capsys, certificate, tmp_path):
    trap = tmp_path / "derivations" / "gla.py"
    trap.parent.mkdir()
    trap.write_text(f"open({str(tmp_path / 'planted')!r}, 'w')")
    file = certificate("gla", "retnet")
    data = read(file)
    data["claim"]["sources"] = [str(trap), str(trap)]
    file.write_text(json.dumps(data))
    run(["recheck", str(file)])
    assert not (tmp_path / "planted").exists()


def test_several_files_are_all_reported(capsys, certificate, tmp_path):
    good, bad = certificate("gla", "retnet"), tmp_path / "bad.json"
    bad.write_text("{")
    capsys.readouterr()
    assert run(["recheck", str(bad), str(good)]) == 2
    out, err = capsys.readouterr()
    assert "accepted" in out and str(good) in "".join(out.split())
    assert err.startswith("error: ")


def test_json_errors_are_json_too(capsys):
    assert run(["compare", "gal", "gla", "--json"]) == 2
    out, err = capsys.readouterr()
    data = json.loads(out)
    assert data["command"] == "compare" and data["error"]["kind"] == "UnknownName"
    assert err.startswith("error: ")


def test_an_unexpected_error_keeps_its_traceback(capsys, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("a fault")

    monkeypatch.setattr("dsf_sym.deciding.decide.compare", broken)
    assert run(["compare", "gla", "retnet"]) == 70
    err = capsys.readouterr().err
    assert "Traceback" in err and "a fault" in err and "fault of dsf" in " ".join(err.split())
