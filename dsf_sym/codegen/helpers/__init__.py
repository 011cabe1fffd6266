"""The functions that generated modules call: code that is linted here, and copied as text."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent


@cache
def helpers(target: str, library: str) -> dict[str, str]:
    """The text of every helper of a target, by name.

    target: "numpy" or "torch"; library: the name it is imported by, which the helpers that both
    spell alike are written with too.
    """
    own = _definitions(_HERE / f"of_{target}.py")
    both = _definitions(_HERE / "of_both.py")
    return own | {name: text.replace("np.", f"{library}.") for name, text in both.items()}


def _definitions(path: Path) -> dict[str, str]:
    text = path.read_text("utf-8")
    return {
        node.name: f"{ast.get_source_segment(text, node)}\n"
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
