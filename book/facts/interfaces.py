"""The reference: every command from its own help, every public name from its docstring."""

from __future__ import annotations

import importlib
import inspect
import re
from contextlib import suppress
from dataclasses import fields, is_dataclass

from dsf_sym.cli.app import COMMANDS

from .folders import REFERENCE
from .printed import output
from .text import block, code, page, plain

PACKAGES = ("dsf_sym", "numeric")
LONGEST_LINE = 76


def write() -> None:
    """Write the pages about commands and functions."""
    (REFERENCE / "commands.md").write_text(_commands(), encoding="utf-8")
    (REFERENCE / "python.md").write_text(_python(), encoding="utf-8")


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
        documented: dict[str, str] = {}
        for name in module.__all__:
            value = getattr(module, name)
            parts += _name(package, name, value)
            # Values of one kind share its docstring.
            said = inspect.getdoc(value) or ""
            label = _label(package, name, value)
            first = documented.setdefault(said, label)
            parts += _prose(said) if first == label else [f"See [](#{first})."]
    return page(
        "Python",
        "\n\n".join(parts),
        description="Every public name, with its signature and its docstring.",
    )


def _first(thing: object) -> str:
    return plain((inspect.getdoc(thing) or "").split("\n")[0])


def _name(package: str, name: str, value: object) -> list[str]:
    parts = [f"({_label(package, name, value)})=\n### {code(name)}"]
    if callable(value):
        with suppress(TypeError, ValueError):
            made = inspect.signature(value)
            if inspect.isclass(value):
                made = made.replace(return_annotation=inspect.Signature.empty)
            parts.append(block(_called(name, made), "python"))
    elif is_dataclass(value):
        own = ", ".join(f"{f.name}={getattr(value, f.name)}" for f in fields(value))
        parts.append(block(f"{name} = {type(value).__name__}({own})", "text"))
    return parts


def _label(package: str, name: str, value: object) -> str:
    kind = "-class" if inspect.isclass(value) else ""
    return f"python-{package}-{name}{kind}".replace("_", "-").lower()


def _called(name: str, signature: inspect.Signature) -> str:
    """The signature, an argument a line where one line is too long."""
    kept = [p.replace(annotation=_bare(p.annotation)) for p in signature.parameters.values()]
    bare = signature.replace(parameters=kept, return_annotation=_bare(signature.return_annotation))
    if len(f"{name}{bare}") <= LONGEST_LINE:
        return f"{name}{bare}"
    inside, end = re.fullmatch(r"\((.*)\)(.*)", str(bare)).groups()  # type: ignore[union-attr]
    lines = re.split(r", (?=\*|\w+(?::|=|,|$))(?![^\[(]*[\])])", inside)
    return "\n".join([f"{name}(", *(f"    {line}," for line in lines), f"){end}"])


class _Bare(str):
    """An annotation that is shown as it was written."""

    __slots__ = ()
    __repr__ = str.__str__


def _bare(annotation: object) -> object:
    return _Bare(annotation) if isinstance(annotation, str) else annotation


def _prose(text: str) -> list[str]:
    """A docstring: its paragraphs, and what is set off in it as it stands."""
    parts = []
    for part in text.split("\n\n"):
        lines = part.strip("\n").splitlines()
        own = any(line.startswith(" ") for line in lines)
        parts.append(block("\n".join(lines)) if own else plain(" ".join(lines)))
    return parts
