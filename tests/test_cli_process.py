"""`dsf` as a process: imports, interrupts, colour, progress, pipes."""

import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAIN = "from dsf_sym.cli import main; main()"
SLOW = '''
from dsf_sym import State, Vec, layer, outer

@layer
def slow(P: State["n", "d"], S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    """Writes arrive one step late; in two halves."""
    return P + S, outer(k, v), q @ (P + S)

@layer
def split(P: State["n", "d"], S: State["n", "d"], R: State["n", "d"],
          q: Vec["n"], k: Vec["n"], v: Vec["d"]):
    return P + S, outer(k, v) / 2, R + S, q @ (P + R + 2 * S)
'''


def environment(**more):
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm", **more}


def in_terminal(arguments, send=None, after="", **more):
    """Run in a pseudo-terminal; return the exit code and everything that appeared.

    send: a signal for when the text `after` has appeared.
    """
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments],
        stdin=child, stdout=child, stderr=child, env=environment(**more), cwd=ROOT,
        # Processes that a shell put in the background ignore interrupts, and so do theirs.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    os.close(child)
    shown = b""
    while True:
        if send is not None and after.encode() in shown:
            process.send_signal(send)
            send = None
        if not select.select([parent], [], [], 120)[0]:
            process.kill()
            pytest.fail(f"nothing more appeared in two minutes after {shown.decode()[-300:]!r}")
        try:
            part = os.read(parent, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(parent)
    return process.wait(timeout=60), shown.decode()


@pytest.fixture
def slow(tmp_path):
    """Arguments of a comparison that takes far longer than a test may."""
    file = tmp_path / "slow.py"
    file.write_text(SLOW)
    return ["compare", f"{file}:slow", f"{file}:split", "--sizes", "n=24,d=24"]


def imported(command):
    code = f"import sys\nfrom dsf_sym.cli import run\nrun({command!r})\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), cwd=ROOT
    )
    return set(done.stdout.splitlines()[-1].split())


def test_no_command_loads_what_it_does_not_need():
    heavy = {"sympy", "numpy", "flint", "mpmath", "torch", "cupy"}
    assert not imported(["--help"]) & (heavy | {"dsf_sym.deciding.decide", "derivations"})
    assert not imported(["compare", "--help"]) & (heavy | {"dsf_sym.deciding.decide"})
    assert not imported(["list"]) & heavy
    assert "sympy" not in imported(["check", "examples/my_layer.py"])


def test_an_interrupt_ends_with_one_line_and_leaves_nothing_behind(slow, tmp_path):
    out = tmp_path / "c.json"
    code, shown = in_terminal(
        [*slow, "--certificate", str(out)], send=signal.SIGINT, after="comparing slow with split"
    )
    assert code == 130, shown
    assert shown.rsplit("\r", 2)[1:] == ["interrupted", "\n"]
    assert [p.name for p in tmp_path.iterdir()] == ["slow.py"]


def test_an_interrupt_ends_every_process(tmp_path):
    file = tmp_path / "slow.py"
    file.write_text(SLOW)
    others = [f"{file}:split"] * 12
    arguments = ["check", f"{file}:slow", "--sizes", "n=24,d=24", "--no-cache", "--processes", "2"]
    # The terminal closes, and the reading ends, when the last process that holds it has ended.
    code, shown = in_terminal(
        [*arguments, "--against", *others], send=signal.SIGINT, after="checking slow: 0 of 12 pairs"
    )
    assert code == 130, shown
    assert shown.rsplit("\r", 2)[1:] == ["interrupted", "\n"]


def test_progress_shows_in_a_terminal_past_two_seconds_and_is_wiped(slow):
    code, shown = in_terminal([*slow, "--timeout", "3.2"])
    assert code == 3
    assert "\rcomparing slow with split, " in shown
    after = shown.rsplit("\r", 2)[-1]
    assert "comparing" not in after.split("undecided")[0]


def test_colour_only_in_a_terminal_that_wants_it():
    arguments = ["compare", "gla", "deltanet"]
    assert "\x1b[" in in_terminal(arguments)[1]
    assert "\x1b[" not in in_terminal(arguments, NO_COLOR="1")[1]
    assert "\x1b[" not in in_terminal(arguments, TERM="dumb")[1]
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *arguments], capture_output=True, env=environment(), cwd=ROOT
    )
    assert b"\x1b[" not in done.stdout + done.stderr


def test_a_terminal_without_greek_gets_escapes_and_no_traceback():
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "show", "gla"],
        capture_output=True, env=environment(PYTHONIOENCODING="latin-1"), cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == b""
    assert b"\\u039b_i" in done.stdout


def test_a_reader_that_leaves_early_is_no_error():
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, "list"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), cwd=ROOT,
    ) as process:  # fmt: skip
        process.stdout.close()
        assert process.stderr.read() == b""
