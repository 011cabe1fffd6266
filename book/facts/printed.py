"""What commands print, as chapters show it: `_facts/printed/NAME.txt`."""

from __future__ import annotations

import io
import os
from contextlib import chdir, redirect_stderr, redirect_stdout

from dsf_sym import find
from dsf_sym.cli import run
from dsf_sym.codegen import generate_cpp, generate_cuda

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
    shown = find("deltanet")
    for target, kernels in (("cpp", generate_cpp(shown)), ("cuda", generate_cuda(shown))):
        text = token_loop(kernels) + "\n"
        (PRINTED / f"deltanet-{target}.txt").write_text(text, encoding="utf-8")


def output(*words: str) -> str:
    """What `dsf` prints, in a terminal of 80 columns. Its exit code is an answer, not a failure."""
    os.environ["COLUMNS"] = "80"
    said, told = io.StringIO(), io.StringIO()
    with redirect_stdout(said), redirect_stderr(told), chdir(ROOT):
        run(list(words))
    if not said.getvalue():
        raise RuntimeError(f"dsf {' '.join(words)} printed nothing: {told.getvalue()}")
    return said.getvalue()
