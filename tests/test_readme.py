"""README.md: its commands and Python are run, and what it shows is what they print.

A line of three dots stands for lines left out (other layers of the catalogue), and spaces count as
one, because columns are as wide as the longest name. `python tests/test_readme.py` writes the
outputs of the commands anew where they differ.
"""

import contextlib
import doctest
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dsf_sym.cli import run
from dsf_sym.cli.app import COMMANDS

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language):
    return [text for kind, text in FENCE.findall(README.read_text()) if kind == language]


def printed(command):
    """What a command prints, both streams, in the current folder."""
    words = shlex.split(command)
    assert words[0] == "dsf"
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        run(words[1:])
    return shown.getvalue()


def session(block):
    """A console block as its commands print it."""
    commands = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
    return "".join(f"$ {command}\n{printed(command)}" for command in commands)


@contextlib.contextmanager
def clone(folder):
    """A folder with what the commands read, to run them in."""
    shutil.copytree(ROOT / "examples", folder / "examples", dirs_exist_ok=True)
    kept, columns = Path.cwd(), os.environ.get("COLUMNS")
    os.chdir(folder)
    os.environ["COLUMNS"] = "80"
    try:
        yield
    finally:
        os.chdir(kept)
        os.environ.pop("COLUMNS")
        if columns is not None:
            os.environ["COLUMNS"] = columns


def squeezed(text):
    return "".join(" ".join(line.split()) + "\n" for line in text.splitlines())


def elided(block):
    """A pattern for what a block shows."""
    parts = [re.escape(part) for part in re.split(r"^\.\.\.\n", squeezed(block), flags=re.M)]
    return re.compile(r"(?:.*\n)*?".join(parts))


@pytest.mark.parametrize("block", blocks("console"), ids=lambda block: block.splitlines()[0])
def test_commands_print_what_is_shown(block, tmp_path):
    with clone(tmp_path):
        out = session(block)
    assert elided(block).fullmatch(squeezed(out)), out


def test_lines_left_out_do_not_hide_a_change():
    assert elided("a\n  ...\nc  d\n").fullmatch("a\nb\nb\nc d\n")
    assert not elided("a\n...\nc\n").fullmatch("a\nb\nd\n")
    assert not elided("a\nc\n").fullmatch("a\nb\nc\n")


def test_the_python_session_gives_what_is_shown(tmp_path):
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner()
    sessions = [text for text in blocks("python") if ">>>" in text]
    assert sessions
    with clone(tmp_path):
        for text in sessions:
            runner.run(parser.get_doctest(text, {}, "README", str(README), 0))
    assert runner.summarize(verbose=False).failed == 0


def test_the_layer_shown_is_the_example():
    assert (ROOT / "examples" / "my_layer.py").read_text() in blocks("python")


def test_the_examples_of_the_help_run(tmp_path, capsys):
    with clone(tmp_path):
        run(["compare", "examples/my_layer.py", "gla", "--certificate", "proof.json"])
        for name in COMMANDS:
            capsys.readouterr()
            run([name, "--help"])
            example = re.search(r"^  Example: dsf (.*)$", capsys.readouterr().out, re.MULTILINE)
            assert example, name
            assert run(shlex.split(example[1])) in (0, 1, 4), example[1]


def test_the_make_targets_exist():
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    commands = [shlex.split(line, comments=True) for x in blocks("sh") for line in x.splitlines()]
    targets = [command for command in commands if command[0] == "make"]
    assert targets
    for command in targets:
        done = subprocess.run(["make", "-n", *command[1:]], cwd=ROOT, capture_output=True)
        assert done.returncode == 0, done.stderr


def test_the_modules_that_are_run_take_their_options():
    commands = [shlex.split(line, comments=True) for x in blocks("sh") for line in x.splitlines()]
    modules = [command for command in commands if command[0] == "python"]
    assert modules
    for command in modules:
        # The same on a short sequence.
        words = [*command[1:-1], "256"] if "--length" in command else command[1:]
        done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_files_that_are_linked_exist():
    for target in re.findall(r"\]\(([^)#]+)\)", README.read_text()):
        assert (ROOT / target).exists()


def _rewritten(found):
    """A block as its commands print it, or as it stands where that is what they print."""
    kind, block = found.groups()
    if kind != "console" or elided(block).fullmatch(squeezed(out := session(block))):
        return found[0]
    return f"```console\n{out}```"


def _write(folder):
    with clone(folder):
        text = FENCE.sub(_rewritten, README.read_text())
    README.write_text(text)


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        _write(Path(name))
    sys.exit()
