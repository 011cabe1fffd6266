"""What the commands share: options, sizes, layers, output paths, and JSON."""

from __future__ import annotations

import importlib
import json
import math
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import DsfError, SizeError
from .terminal import error_text

if TYPE_CHECKING:
    from ..language.layer import Layer

FORMAT = 1
LONGEST_TIMEOUT = 1e7
F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Session:
    """One run of `dsf`: what was typed, the command that it names, and whether it wants JSON."""

    arguments: list[str]
    command: str = ""
    as_json: bool = False


class Ended(Exception):
    """A command is done, with an exit code other than 0."""

    def __init__(self, code: int) -> None:
        self.code = code


def _seconds(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= LONGEST_TIMEOUT:
        raise click.UsageError(f"--timeout {value!r}: write a positive number of seconds")
    return seconds


def _note_json(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
    session: Session = ctx.find_object(Session) or Session([])
    session.as_json = value
    session.command = ctx.info_name or ""
    return value


def json_option(command: F) -> F:
    """`--json`."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        is_eager=True,
        callback=_note_json,
        help="Print JSON; its schema is dsf_sym/schema/output.json.",
    )(command)


def timeout_option(command: F) -> F:
    """`--timeout`."""
    return click.option(
        "--timeout",
        callback=_seconds,
        metavar="SECONDS",
        help="Give up a decision after this time: it is then undecided.",
    )(command)


def sizes_option(command: F) -> F:
    """`--sizes`."""
    return click.option(
        "--sizes",
        "sizes_text",
        metavar="n=2,d=2",
        default="",
        help="Sizes to decide at where no proof holds for all; 2 each by default.",
    )(command)


def given_option(command: F) -> F:
    """`--given`."""
    return click.option(
        "--given",
        multiple=True,
        metavar="TIE",
        help='A tie on signals, such as "k = 1 - alpha" or "gla.alpha = 1"; may be repeated.',
    )(command)


def two_layers(command: F) -> F:
    """A and B, and `--given`."""
    return click.argument("a")(click.argument("b")(given_option(command)))


def certificate_option(command: F) -> F:
    """`--certificate`."""
    return click.option(
        "--certificate",
        type=click.Path(path_type=Path),
        metavar="OUT.json",
        help="Write what proves the answer to a new file.",
    )(command)


def read_sizes(text: str) -> dict[str, int]:
    """The sizes in `n=2,d=2`; SizeError for anything else."""
    sizes: dict[str, int] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, equals, value = (x.strip() for x in part.partition("="))
        if not equals or not name.isidentifier():
            raise SizeError(f"--sizes {part!r}: write NAME=NUMBER, as in n=2,d=2")
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()) or len(digits) > 9 or int(value) < 1:
            raise SizeError(
                f"--sizes {part!r}: a size is a whole number of at least 1 and below a thousand "
                "million"
            )
        if name in sizes:
            raise SizeError(f"--sizes {text!r}: {name} is given twice")
        sizes[name] = int(value)
    return sizes


def find_layer(reference: str) -> Layer:
    """The layer of the catalogue or file; UnknownName or LoadError otherwise."""
    from ..language.loading import find

    return find(reference)


def numeric_part(name: str = "") -> ModuleType:
    """The package `numeric` or a part of it, which is no dependency of this one."""
    try:
        return importlib.import_module(f"numeric.{name}" if name else "numeric")
    except ImportError as error:
        if (error.name or "").startswith("numeric."):
            raise
        raise DsfError(
            f"running code needs {error.name}: pip install 'dsf-workbench[fast]' brings NumPy"
        ) from None


def require_writable(path: Path, *, force: bool = False) -> None:
    """Refuse a path that exists or cannot be written, before any work is done for it."""
    try:
        if path.is_dir():
            raise DsfError(f"{path} is a folder; name a file")
        if path.exists() and not force:
            raise DsfError(f"{path} exists already; choose another name or remove it")
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise DsfError(f"{path} cannot be written: {error.strerror}") from None


def command_line(*words: str) -> str:
    """A command as one would type it."""
    import shlex

    return " ".join(word if word.isupper() else shlex.quote(word) for word in words)


def emit_json(command: str, data: Mapping[str, Any]) -> None:
    """Print the answer of a command as JSON."""
    answer = {"format": FORMAT, "command": command, **data}
    click.echo(json.dumps(answer, ensure_ascii=False, indent=2))


def fail(session: Session, kind: str, message: str, code: int) -> int:
    """Print an error on stderr, as JSON on stdout too where that was asked for; its exit code."""
    sys.stdout.flush()
    click.echo(error_text(message), err=True)
    if session.as_json or "--json" in session.arguments:
        words = [word for word in session.arguments if not word.startswith("-")]
        command = session.command or (words[0] if words else "")
        emit_json(command, {"error": {"kind": kind, "message": message}})
    return code
