"""`dsf recheck`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..deciding.limits import OutOfTime, within
from ..errors import DsfError, Rejected
from .common import Ended, emit_json, find_layer, json_option, timeout_option
from .terminal import Progress, error_text, painter, width

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..language.layer import Layer

EXIT = {"accepted": 0, "rejected": 1, "unreadable": 2, "undecided": 3}
ROLE = {"accepted": "proved", "rejected": "refuted", "undecided": "undecided"}


@dataclass
class Result:
    """What became of one file."""

    file: str
    status: str
    kind: str = ""
    proves: str = ""
    reason: str = ""
    definitions: dict[str, str | None] = field(default_factory=dict)
    claim: dict[str, Any] = field(default_factory=dict)


@click.command(
    "recheck",
    short_help="Verify certificates with independent checkers.",
    epilog="Example: dsf recheck proof.json --layer examples/my_layer.py",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--layer",
    "references",
    multiple=True,
    metavar="LAYER",
    help="A layer of the claim, such as my_layer.py, to hold against the certificate.",
)
@timeout_option
@json_option
def command(
    files: tuple[str, ...], references: tuple[str, ...], timeout: float | None, as_json: bool
) -> None:
    """Verify certificates with independent checkers.

    The claim is checked anew from the definitions that the certificate carries. They are also
    compared with those of the catalogue, and of the layers given by --layer: a certificate about
    another definition is rejected. No file that a certificate names is run.

    Exit code: 0 all accepted, 1 one is rejected, 2 one cannot be read, 3 out of time.
    """
    named = {layer.name: layer for layer in map(find_layer, references)}
    results = []
    for file in files:
        with Progress(f"checking {file}"):
            result = _recheck(file, named, timeout)
        results.append(result)
        if result.status == "unreadable":
            click.echo(error_text(result.reason), err=True)
        elif not as_json:
            click.echo(_text(result))
    if as_json:
        emit_json("recheck", {"files": [vars(result) for result in results]})
    codes = {EXIT[result.status] for result in results} - {0}
    if codes:
        raise Ended(min(codes))


def _recheck(file: str, named: Mapping[str, Layer], timeout: float | None) -> Result:
    from ..certificates.certificate import read
    from ..deciding.originals import catalogued, confirm, missing

    result = Result(file, "accepted")
    try:
        data = read(Path(file))
        result.kind = str(data.get("kind", ""))
        found = {**catalogued(data), **named}
        absent = missing(data, found)
        result.claim = dict(data["claim"])
        for name in result.claim["layers"]:
            own = found[name].source if name in named else "catalogue"
            result.definitions[name] = None if name in absent else own
        result.proves = within(timeout, lambda: _proved(data))
        if not absent:
            confirm(data, found)
    except Rejected as error:
        result.status, result.reason, result.proves = "rejected", str(error), ""
    except OutOfTime:
        result.status, result.reason = "undecided", f"stopped after {timeout:g} s"
    except DsfError as error:
        reason = str(error)
        result.reason = reason if file in reason else f"{file}: {reason}"
        result.status = "unreadable"
    return result


def _proved(data: Mapping[str, Any]) -> str:
    """What each of the certificates of a file proves."""
    from ..certificates.checkers import recheck

    alone = {key: value for key, value in data.items() if key != "also"}
    return "\n".join([recheck(alone), *map(_proved, data.get("also", ()))])


def _text(result: Result) -> str:
    from ..rendering.report import SENSES, fields, wrap

    head = wrap(result.file, width(), first=f"{result.status}: ")
    head[0] = head[0].replace(
        result.status, painter()(result.status, ROLE.get(result.status, "")), 1
    )
    sense = result.claim["sense"]
    rows = [
        ("proves", result.proves),
        ("because", result.reason),
        # In other words it is a question, and what is proved is the answer.
        ("sense", f"{sense}: {SENSES[sense]}" if sense in SENSES else ""),
        ("asked", "" if sense in SENSES else sense),
        ("given", "\n".join(map(str, result.claim["given"]))),
        ("ties", "\n".join(map(str, result.claim["bridges"]))),
        ("domains", "\n".join(map(str, result.claim["domains"]))),
        ("where", "\n".join(map(str, result.claim.get("where", ())))),
        ("kind", result.kind),
        ("layers", _definitions(result) if result.status == "accepted" else ""),
    ]
    return "\n".join([*head, *fields(rows, width())])


def _definitions(result: Result) -> str:
    absent = [name for name, source in result.definitions.items() if source is None]
    if not absent:
        return "the definitions are those of " + " and ".join(
            "the catalogue" if source == "catalogue" else _short(source)
            for source in dict.fromkeys(result.definitions.values())
        )
    return (
        f"checked only against the definitions in the certificate itself, with its names and ties "
        f"taken on trust: {' and '.join(absent)} not found (--layer FILE names it)"
    )


def _short(source: str | None) -> str:
    path = Path(source or "")
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
