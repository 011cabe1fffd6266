"""`dsf list`."""

from __future__ import annotations

import click

from .common import emit_json, json_option
from .terminal import width


@click.command(
    "list",
    short_help="List the layers of the catalogue.",
    epilog="Example: dsf list",
)
@json_option
def command(as_json: bool) -> None:
    """List the layers of the catalogue."""
    from ..language.loading import catalogue

    layers = catalogue()
    if as_json:
        from ..schema import layer_data

        emit_json("list", {"layers": [layer_data(layer) for layer in layers.values()]})
        return
    from ..rendering.report import wrap

    name = max(map(len, layers), default=0)
    for layer in layers.values():
        given = f", given {'; '.join(layer.ties)}" if layer.ties else ""
        lines = wrap(f"{layer.title}{given}", width(), first=f"{layer.name:<{name}}  ")
        click.echo("\n".join(lines))
