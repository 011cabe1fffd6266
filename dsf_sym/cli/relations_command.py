"""`dsf relations`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .asking import ask_options, counting, show_notes
from .common import Ended, emit_json, find_layer
from .terminal import Progress, painter, width

if TYPE_CHECKING:
    from ..relating import Ask


@click.command(
    "relations",
    short_help="Say how every two layers stand to each other.",
    epilog="Example: dsf relations gla hgrn2 linear_attention",
)
@click.argument("names", metavar="[LAYER]...", nargs=-1)
@ask_options
def command(names: tuple[str, ...], ask: Ask, processes: int | None, as_json: bool) -> None:
    """Say how every two layers stand to each other.

    For every pair of the layers, of the whole catalogue where none is named: whether they are
    equal, and which contains the other. `dsf compare` shows what proves it.

    Exit code: 0 all equalities decided, 2 bad input, 3 one is undecided.
    """
    from ..language.loading import catalogue

    layers = [find_layer(x) for x in dict.fromkeys(names)] if names else [*catalogue().values()]
    twice = {x.name for x in layers if [y.name for y in layers].count(x.name) > 1}
    if twice:
        raise click.UsageError(f"several layers are called {min(twice)}; rename one")
    from ..relating import every_pair, relate
    from ..verdict import EXIT

    with Progress("relating") as progress:
        tell = counting(progress, f"relating {len(layers)} layers")
        found = relate(every_pair(layers), ask, processes=processes, progress=tell)
    show_notes(found.notes)
    listed = [layer.name for layer in layers]
    if as_json:
        from ..schema import relation_data

        rows = [relation_data(r) for r in found.relations]
        emit_json("relations", {"layers": listed, "relations": rows})
    else:
        from ..rendering.relations import pairs_lines

        click.echo("\n".join(pairs_lines(listed, found.relations, width(), painter())))
    if any(r.equal is not None and r.equal.status == "undecided" for r in found.relations):
        raise Ended(EXIT["undecided"])
