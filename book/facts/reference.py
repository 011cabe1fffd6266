"""The reference: every command from its own help, every public name from its docstring."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from pathlib import Path

from dsf_sym.cli.app import COMMANDS

from .folders import BOOK, FACTS, REFERENCE
from .layers import LayerFacts
from .printed import output
from .text import block, code, layer_link, page, plain, table

PACKAGES = ("dsf_sym", "numeric")


def write(found: Sequence[LayerFacts]) -> None:
    """Write the pages about commands and functions, and the bibliography."""
    (REFERENCE / "commands.md").write_text(_commands(), encoding="utf-8")
    (REFERENCE / "python.md").write_text(_python(), encoding="utf-8")
    (REFERENCE / "bibliography.md").write_text(_bibliography(found), encoding="utf-8")
    entries = dict.fromkeys([*(facts.bibtex for facts in found)])
    own = (BOOK / "sources.bib").read_text(encoding="utf-8")
    text = "\n\n".join([*entries, own.strip()])
    (FACTS / "bibliography.bib").write_text(text + "\n", encoding="utf-8")


def _commands() -> str:
    parts = ["## What commands are there?", block(output("--help"), "text")]
    for name in COMMANDS:
        parts += [f"(command-{name})=\n## dsf {name}", block(output(name, "--help"), "text")]
    return page(
        "Commands",
        "\n\n".join(parts),
        description="What each command of dsf prints for --help.",
    )


def _python() -> str:
    parts = []
    for package in PACKAGES:
        module = importlib.import_module(package)
        parts += [f"## What is in {code(package)}?", _first(module), ""]
        for name in module.__all__:
            parts += _name(package, name, getattr(module, name))
    return page(
        "Python",
        "\n\n".join(parts),
        description="Every public name, with its signature and its docstring.",
    )


def _first(thing: object) -> str:
    return plain((inspect.getdoc(thing) or "").split("\n")[0])


def _name(package: str, name: str, value: object) -> list[str]:
    label = f"python-{package}-{name}".replace("_", "-").lower()
    kind = "-class" if inspect.isclass(value) else ""
    parts = [f"({label}{kind})=\n### {code(name)}"]
    try:
        parts.append(block(f"{name}{inspect.signature(value)}", "python"))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        pass
    head, _, rest = (inspect.getdoc(value) or "").partition("\n")
    parts.append(plain(head))
    if rest.strip():
        parts.append(block(rest.strip("\n"), "text"))
    return parts


def _bibliography(found: Sequence[LayerFacts]) -> str:
    rows = [
        [layer_link(facts.name, facts.title), f"{{cite:t}}`{facts.layer.cite}`"]
        for facts in found
        if facts.layer.cite
    ]
    own = _keys(BOOK / "sources.bib")
    others = "\n".join(f"- {{cite:t}}`{key}`" for key in own)
    body = f"""
## Where are the layers from?

{table(["layer", "reference"], rows)}

## What else does the book lean on?

{others}
"""
    return page("Bibliography", body, description="Every source, and the layers that it is for.")


def _keys(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.split("{")[1].rstrip(",") for line in lines if line.startswith("@")]
