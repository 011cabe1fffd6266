"""`dsf show`."""

from __future__ import annotations

import click

from .common import emit_json, find_layer, json_option
from .terminal import width


@click.command(
    "show",
    short_help="Show a layer: signals, state-space form, structure, costs.",
    epilog="Example: dsf show gla --latex",
)
@click.argument("layer", metavar="LAYER")
@click.option("--latex", is_flag=True, help="Print the state-space form as LaTeX, and no more.")
@json_option
def command(layer: str, latex: bool, as_json: bool) -> None:
    """Show a layer: signals, state-space form, structure, costs and reference."""
    found = find_layer(layer)
    if latex:
        from ..rendering.sheet import latex_of

        text = latex_of(found)
        if as_json:
            emit_json("show", {"layer": found.name, "latex": text})
        else:
            click.echo(text)
        return
    from ..rendering.sheet import reference, sheet, signal_rows, title_lines

    made = sheet(found)
    if as_json:
        from ..schema import layer_data, sheet_data

        origin = {"reference": reference(found), "printed_in": [m.source for m in found.matrices]}
        emit_json("show", {"layer": layer_data(found), **sheet_data(made), **origin})
        return
    from ..rendering.report import fields

    rows = [
        ("reference", reference(found)),
        ("also", "\n".join(f"Λ, B, C, D as printed in {m.source}" for m in found.matrices)),
        ("ties", "\n".join(found.ties)),
    ]
    blocks = [
        title_lines(found, layer, width()),
        signal_rows(found, width()),
        made.lines(width()),
        fields(rows, width()),
    ]
    click.echo("\n\n".join("\n".join(block) for block in blocks if block))
