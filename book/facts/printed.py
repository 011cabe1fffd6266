"""What commands print, as chapters show it: `_facts/printed/NAME.txt`."""

from __future__ import annotations

import os
import subprocess
import sys

from dsf_sym import find
from dsf_sym.codegen import generate_cpp

from .folders import PRINTED, ROOT
from .layers import token_loop

SHOWN = {
    "taylor": ("taylor", "--radius", "2", "--tol", "0.01"),
    "conditions": ("conditions", "s6", "normalised_attention"),
}


def write() -> None:
    """Run the commands that chapters show."""
    for name, words in SHOWN.items():
        text = f"$ dsf {' '.join(words)}\n{output(*words)}"
        (PRINTED / f"{name}.txt").write_text(text, encoding="utf-8")
    (PRINTED / "deltanet-loop.txt").write_text(_loop("deltanet") + "\n", encoding="utf-8")


def _loop(name: str) -> str:
    return token_loop(generate_cpp(find(name)))


def output(*words: str) -> str:
    """What `dsf` prints, run as a reader runs it. Its exit code is an answer, not a failure."""
    script = "import sys; from dsf_sym.cli import main; main()"
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        check=False,
    )
    if not done.stdout:
        raise RuntimeError(f"dsf {' '.join(words)} printed nothing: {done.stderr}")
    return done.stdout
