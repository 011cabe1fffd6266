"""`dsf bench`."""

from __future__ import annotations

from dataclasses import asdict

import click

from .common import emit_json, json_option


@click.command(
    "bench",
    short_help="Measure how the search grows, beside unrolling.",
    epilog="Example: dsf bench symbolic --largest 17 --limit 1",
)
@click.argument("what", type=click.Choice(["symbolic"]))
@click.option(
    "--largest",
    type=click.IntRange(5),
    default=1025,
    show_default=True,
    help="Leave out state sizes above this one.",
)
@click.option(
    "--limit",
    type=click.FloatRange(1),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="Time for each length of SymPy's unrolling.",
)
@json_option
def command(what: str, largest: int, limit: float, as_json: bool) -> None:
    """Measure how the search grows, beside unrolling.

    symbolic: the search and the exact check of two equal layers at growing state sizes, then gated
    delta at 4 states unrolled in SymPy, token by token, to the length that the theorem needs.
    """
    from ..bench import SIZES, symbolic, unrolled

    sizes = tuple(m for m in SIZES if m * m + 1 <= largest)
    rows, lengths = [], []
    if not as_json:
        click.echo("two equal layers        states   search s    check s   peak MiB")
    for row in symbolic(sizes):
        rows.append(row)
        if not as_json:
            click.echo(
                f"{row.name:<22}  {row.states:>6}  {row.search:>9.3f}  {row.check:>9.3f}"
                f"  {row.memory:>9.0f}"
            )
    if not as_json:
        click.echo("\ngated delta, 4 states   tokens   expand s  simplify s    ours s     ratio")
    for length in unrolled(limit):
        lengths.append(length)
        if not as_json:
            ratio = "" if length.ratio is None else f"{length.ratio:.0f}"
            click.echo(
                f"{'':<22}  {length.steps:>6}  {_seconds(length.expand):>9}"
                f"  {_seconds(length.simplify):>10}  {length.ours:>8.3f}  {ratio:>8}"
            )
    if as_json:
        data = {
            "search": [asdict(row) for row in rows],
            "unrolled": [asdict(x) | {"ratio": x.ratio} for x in lengths],
            "limit": limit,
        }
        emit_json("bench", data)
        return
    if lengths[-1].ratio is None:
        least = limit / lengths[-1].ours
        click.echo(f"\nat {lengths[-1].steps} tokens SymPy is more than {least:.0f} times slower")


def _seconds(x: float | None) -> str:
    return "> limit" if x is None else f"{x:.3f}"
