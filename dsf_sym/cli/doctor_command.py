"""`dsf doctor`."""

from __future__ import annotations

from dataclasses import asdict

import click

from .common import emit_json, json_option, numeric_part


@click.command(
    "doctor",
    short_help="Say what is installed and what is skipped.",
    epilog="Example: dsf doctor --require numpy",
)
@click.option(
    "--require",
    multiple=True,
    metavar="NAME",
    help="Fail where this library is missing; may be repeated.",
)
@json_option
def command(require: tuple[str, ...], as_json: bool) -> None:
    """Say what is installed and what is skipped.

    Exit code: 0 all that is required is there, 2 something required is missing.
    """
    parts = numeric_part("doctor").doctor(require)
    if as_json:
        emit_json("doctor", {"parts": [asdict(part) for part in parts]})
        return
    from ..rendering.report import wrap
    from .terminal import width

    for part in parts:
        click.echo("\n".join(wrap(str(part), width())))
