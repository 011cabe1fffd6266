"""`dsf check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .common import (
    Ended,
    command_line,
    emit_json,
    find_layer,
    json_option,
    read_sizes,
    sizes_option,
    timed_out,
    timeout_option,
)
from .limits import OutOfTime, within
from .terminal import Progress, painter, width

if TYPE_CHECKING:
    from ..language.layer import Layer
    from ..verdict import Verdict

UNDECIDED = 3


class Against(click.Command):
    """A command whose `--against` takes every name up to the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write `--against a b` as `--against a --against b`."""
        out: list[str] = []
        inside = False
        for arg in args:
            if arg.startswith("-"):
                inside = arg == "--against"
                out += [] if inside else [arg]
            elif inside:
                out += ["--against", arg]
            else:
                out.append(arg)
        if args and args[-1] == "--against":
            out.append("--against")
        return super().parse_args(ctx, out)


@click.command(
    "check",
    cls=Against,
    short_help="Say what a layer is, and which others it equals.",
    epilog="Example: dsf check examples/my_layer.py --against gla deltanet",
)
@click.argument("layer", metavar="LAYER")
@click.option(
    "--against",
    multiple=True,
    metavar="NAME...",
    help="Compare with these layers only; the catalogue by default.",
)
@sizes_option
@timeout_option
@json_option
def command(
    layer: str, against: tuple[str, ...], sizes_text: str, timeout: float | None, as_json: bool
) -> None:
    """Say what a layer is, and which others it equals.

    Prints the state-space form of LAYER, usually a file, and compares it with every layer of the
    catalogue. Give LAYER before --against.

    Exit code: 0 all decided, 2 bad input, 3 something is undecided.
    """
    sizes = read_sizes(sizes_text)
    found = find_layer(layer)
    others = [find_layer(name) for name in against] if against else None
    from ..checking import check
    from ..deciding.decide import compare
    from ..rendering.report import wrap
    from ..rendering.sheet import sheet, title_lines

    with Progress(f"checking {found.name}") as progress:

        def decide(a: Layer, b: Layer, at: dict[str, int]) -> Verdict:
            progress.label = f"comparing {a.name} with {b.name}"
            try:
                return within(timeout, lambda: compare(a, b, sizes=at))
            except OutOfTime:
                return timed_out(a, b, (), at, timeout or 0.0)

        report = check(found, others, sizes, decide=decide)
        progress.label = f"deriving {found.name}"
        made = sheet(found)
    if as_json:
        from ..schema import layer_data, sheet_data, verdict_data

        verdicts = [verdict_data(v) for v in report.verdicts]
        data = {"layer": layer_data(found), **sheet_data(made), "verdicts": verdicts}
        emit_json("check", data)
    else:
        lines = [*title_lines(found, layer, width()), "", *made.lines(width()), ""]
        lines.append(report.text(width(), painter()))
        more = [v for v in report.verdicts if v.witness and v is not report.closest]
        if more:
            at = ["--sizes", sizes_text.replace(" ", "")] if sizes else []
            words = command_line("dsf", "compare", layer, "NAME", *at)
            lines += ["", *wrap(f"The other differences: {words}", width())]
        click.echo("\n".join(lines))
    if not report.decided:
        raise Ended(UNDECIDED)
