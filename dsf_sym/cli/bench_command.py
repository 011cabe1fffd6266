"""`dsf bench`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click

from .bench_code import Plan, code
from .common import F, emit_json, json_option


def _count(name: str, default: int, text: str) -> Callable[[F], F]:
    return click.option(name, type=click.IntRange(1), default=default, show_default=True, help=text)


@click.command(
    "bench",
    short_help="Measure the search, and generated code beside others.",
    epilog="Example: dsf bench symbolic --largest 17 --limit 1",
)
@click.argument("what", type=click.Choice(["symbolic", "code"]))
@click.option(
    "--largest",
    type=click.IntRange(5),
    default=1025,
    show_default=True,
    help="symbolic: leave out state sizes above this one.",
)
@click.option(
    "--limit",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="symbolic: time for each length of SymPy's unrolling, 120 by default. code: leave out a "
    "pass of a contender that would take longer, 10 by default; the turns of one end there.",
)
@click.option(
    "--layer", "layers", multiple=True, metavar="NAME", help="code: this layer; may be repeated."
)
@click.option(
    "--length",
    "lengths",
    multiple=True,
    type=click.IntRange(1),
    help="code: this many tokens; may be repeated. 512 to 32768 by default; growth to 10^6.",
)
@click.option(
    "--batch",
    "batches",
    multiple=True,
    type=click.IntRange(1),
    help="code: this many sequences; may be repeated. 1 and 4 by default.",
)
@_count("--rounds", 7, "code: turns of each.")
@_count("--threads", 2, "code: threads of each.")
@_count("--processes", 2, "code: processes that share the longest sequence; 1 for none.")
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="code: draw times against lengths, as SVG, PNG or PDF.",
)
@json_option
def command(
    what: str,
    largest: int,
    limit: float | None,
    layers: tuple[str, ...],
    lengths: tuple[int, ...],
    batches: tuple[int, ...],
    rounds: int,
    threads: int,
    processes: int,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Measure the search beside unrolling, or generated code beside other people's.

    symbolic: the search and the exact check of two equal layers at growing state sizes, then gated
    delta at 4 states unrolled in SymPy, token by token, to the length that the theorem needs.

    code: generated NumPy, torch and compiled code, the pure-torch code of the packages in the extra
    `peers` and torch's softmax attention, all taking turns, beside the limit that the machine sets;
    how compiled code grows with the length; one token at a time; and one sequence on several
    processes. What does not agree with the definition is not timed, and what is missing is named.
    """
    if what == "code":
        own = 10.0 if limit is None else limit
        code(Plan(layers, lengths, batches, rounds, threads, own, processes, plot, as_json))
    else:
        _symbolic(largest, 120.0 if limit is None else limit, as_json)


def _symbolic(largest: int, limit: float, as_json: bool) -> None:
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
