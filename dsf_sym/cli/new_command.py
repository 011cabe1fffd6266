"""`dsf new`."""

from __future__ import annotations

import keyword
from pathlib import Path

import click

from ..errors import DsfError
from .common import command_line, emit_json, json_option, require_writable
from .terminal import width

IMPORTED = ("Gate", "State", "Vec", "layer", "outer")
TEMPLATE = '''\
# ruff: noqa: F821
"""{name}: say what the layer does and where it is from."""

from dsf_sym import Gate, State, Vec, layer, outer


@layer
def {name}(S: State["n", "d"], q: Vec["n"], k: Vec["n"], v: Vec["d"], alpha: Gate):
    """Let the state decay, then write the value v under the key k."""
    # S is the state; the others are signals of the token, and Gate is a number in (0, 1].
    # Weights are Const[Vec["n"]], Const[Gate], ...; more words: dir(dsf_sym).
    S = alpha * S + outer(k, v)  # k @ S is a vector ["d"], outer(k, v) a matrix ["n", "d"]
    return S, q @ S  # the new state, then the output
'''


@click.command(
    "new",
    short_help="Write a layer file to start from.",
    epilog="Example: dsf new my_layer",
)
@click.argument("name")
@click.option("--force", is_flag=True, help="Overwrite the file if it exists.")
@json_option
def command(name: str, force: bool, as_json: bool) -> None:
    """Write a layer file to start from.

    NAME is the layer's name; the file is NAME.py in this folder, or the path NAME if that ends
    in .py.
    """
    path = Path(name if name.endswith(".py") else f"{name}.py")
    if not path.stem.isidentifier() or keyword.iskeyword(path.stem):
        raise DsfError(f"{path.stem!r} cannot name a layer: take letters, digits and underscores")
    if path.stem in IMPORTED:
        raise DsfError(f"{path.stem!r} is a name that the file imports; take another one")
    require_writable(path, force=force)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(TEMPLATE.format(name=path.stem), encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    words = command_line("dsf", "check", str(path))
    if as_json:
        emit_json("new", {"file": str(path), "layer": path.stem})
    else:
        from ..rendering.report import fields

        click.echo("\n".join(fields([("wrote", str(path)), ("next", words)], width(), indent="")))
