"""`dsf check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .asking import ask_options, counting, show_notes
from .common import Ended, command_line, emit_json, find_layer
from .terminal import Progress, painter, width

if TYPE_CHECKING:
    from ..relating import Ask

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
    short_help="Say what a layer is, and how it stands to others.",
    epilog="Example: dsf check examples/my_layer.py --against gla deltanet",
)
@click.argument("layer", metavar="LAYER")
@click.option(
    "--against",
    multiple=True,
    metavar="NAME...",
    help="Compare with these layers only; the catalogue by default.",
)
@ask_options
def command(
    layer: str, against: tuple[str, ...], ask: Ask, processes: int | None, as_json: bool
) -> None:
    """Say what a layer is, and how it stands to others.

    Prints the state-space form of LAYER, usually a file, and for each layer of the catalogue
    whether LAYER equals it, contains it or is contained in it. Give LAYER before --against.

    Exit code: 0 all equalities decided, 2 bad input, 3 one is undecided.
    """
    found = find_layer(layer)
    from ..checking import check, others_of
    from ..deciding.decide import complete_sizes
    from ..rendering.report import wrap
    from ..rendering.sheet import sheet, title_lines

    others = others_of(found, against or None)
    complete_sizes([found, *others], ask.sizes)
    with Progress(f"checking {found.name}") as progress:
        tell = counting(progress, f"checking {found.name}")
        made = sheet(found)
        if not as_json:
            head = [*title_lines(found, layer, width()), "", *made.lines(width()), ""]
            progress.say("\n".join(head))
        report = check(found, others, ask=ask, processes=processes, progress=tell)
    show_notes(report.notes)
    if as_json:
        from ..schema import explanation_data, layer_data, relation_data, sheet_data

        data = {
            "layer": layer_data(found),
            **sheet_data(made),
            "relations": [relation_data(r) for r in report.relations],
            "nearest": [explanation_data(x) for x in report.nearest],
        }
        emit_json("check", data)
    else:
        lines = [report.text(width(), painter())]
        if any(v.witness for v in report.verdicts):
            sizes = ",".join(f"{name}={size}" for name, size in ask.sizes.items())
            at = ["--sizes", sizes] if sizes else []
            words = command_line("dsf", "compare", layer, "NAME", *at)
            more = f"Each difference in full: {words}"
            if ask.containment:
                more += "; each map and obstruction: --sense contains"
            lines += ["", *wrap(more, width())]
        click.echo("\n".join(lines))
    if not report.decided:
        raise Ended(UNDECIDED)
