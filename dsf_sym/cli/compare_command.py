"""`dsf compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..deciding.limits import OutOfTime, timed_out, within
from .common import (
    Ended,
    certificate_option,
    command_line,
    emit_json,
    find_layer,
    json_option,
    read_sizes,
    require_writable,
    sizes_option,
    timeout_option,
    two_layers,
)
from .terminal import Progress, painter, width

if TYPE_CHECKING:
    from ..verdict import Verdict


@click.command(
    "compare",
    short_help="Prove or refute that two layers are equal.",
    epilog='Example: dsf compare gated_deltanet deltanet --given "alpha = 1"',
)
@two_layers
@click.option(
    "--sense",
    type=click.Choice(["equal", "contains"]),
    default="equal",
    show_default=True,
    help="contains: is every B an A, for some weights and a map of tokens?",
)
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="STATE=EXPR",
    help="A step map to check: a state of one layer over the states of the other; one for each.",
)
@click.option(
    "--through",
    metavar="C",
    help="Map both layers onto this third one, which proves them equal.",
)
@sizes_option
@certificate_option
@timeout_option
@json_option
def command(
    a: str,
    b: str,
    given: tuple[str, ...],
    sense: str,
    maps: tuple[str, ...],
    through: str | None,
    sizes_text: str,
    certificate: Path | None,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Prove or refute that two layers are equal.

    Equal means: the same output for all tokens, weights and lengths. With --sense contains: every B
    is an A. A and B are layers: names from `dsf list`, files, or FILE:NAME.

    Exit code: 0 proved, 1 refuted, 2 bad input, 3 undecided, 4 conditional.
    """
    sizes = read_sizes(sizes_text)
    if certificate is not None:
        require_writable(certificate)
    if sense == "contains" and given:
        raise click.UsageError(
            "--given is for --sense equal: containment finds the ties of A's signals itself"
        )
    if sense == "contains" and (maps or through):
        raise click.UsageError("--map and --through are for --sense equal")
    if maps and through:
        raise click.UsageError("--map gives the map that --through searches for: leave one out")
    left, right = find_layer(a), find_layer(b)
    third = None if through is None else find_layer(through)
    from ..certificates.certificate import write
    from ..deciding.contain import contains
    from ..deciding.decide import compare

    def decide() -> Verdict:
        if sense == "contains":
            return contains(left, right, sizes=sizes)
        return compare(left, right, given=given, sizes=sizes, maps=maps, through=third)

    with Progress(f"comparing {left.name} with {right.name}"):
        try:
            verdict = within(timeout, decide)
        except OutOfTime:
            verdict = timed_out(
                left, right, seconds=timeout or 0.0, given=given, sizes=sizes, sense=sense
            )
    written = None
    if certificate is not None and verdict.certificate is not None:
        write(verdict.certificate, certificate)
        written = str(certificate)
    if as_json:
        from ..schema import verdict_data

        emit_json("compare", verdict_data(verdict, written))
    else:
        from ..rendering.report import fields, verdict_text

        click.echo(verdict_text(verdict, width(), painter()))
        if written is not None:
            files = [word for word in (a, b) if ".py" in word]
            flags = [word for file in files for word in ("--layer", file)]
            rows = [
                ("certificate", written),
                ("recheck it", command_line("dsf", "recheck", written, *flags)),
            ]
            click.echo("\n" + "\n".join(fields(rows, width())))
        elif certificate is not None:
            click.echo(f"\nNothing is decided, so {certificate} is not written.")
    if verdict.exit_code:
        raise Ended(verdict.exit_code)
