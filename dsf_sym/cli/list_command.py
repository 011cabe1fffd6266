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
    from ..catalogue import catalogue

    layers = catalogue()
    if as_json:
        from ..schema import layer_data

        emit_json("list", {"layers": [layer_data(layer) for layer in layers.values()]})
        return
    from ..report import wrap

    name = max(map(len, layers), default=0)
    title = max((len(layer.title) for layer in layers.values()), default=0)
    for layer in layers.values():
        first = f"{layer.name:<{name}}  "
        lines = wrap(f"{layer.title:<{title}}  {layer.cite}".rstrip(), width(), first=first)
        if len(first) + title + 2 + len(layer.cite) > width():
            lines = wrap(layer.title, width(), first=first)
            lines += wrap(layer.cite, width(), first=" " * len(first))
        else:
            lines = [f"{first}{layer.title:<{title}}  {layer.cite}".rstrip()]
        click.echo("\n".join(lines))
