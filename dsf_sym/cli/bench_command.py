"""`dsf bench`."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

import click

from .common import emit_json, json_option, numeric_part


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
    type=click.FloatRange(1),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="symbolic: time for each length of SymPy's unrolling.",
)
@click.option(
    "--layer", "layers", multiple=True, metavar="NAME", help="code: this layer; may be repeated."
)
@click.option(
    "--length",
    "lengths",
    multiple=True,
    type=click.IntRange(1),
    help="code: this many tokens; may be repeated. 512, 2048, 8192 by default, and more to fit.",
)
@click.option(
    "--rounds", type=click.IntRange(1), default=7, show_default=True, help="code: turns of each."
)
@click.option(
    "--threads", type=click.IntRange(1), default=2, show_default=True, help="code: torch's threads."
)
@json_option
def command(
    what: str,
    largest: int,
    limit: float,
    layers: tuple[str, ...],
    lengths: tuple[int, ...],
    rounds: int,
    threads: int,
    as_json: bool,
) -> None:
    """Measure the search beside unrolling, or generated code beside other people's.

    symbolic: the search and the exact check of two equal layers at growing state sizes, then gated
    delta at 4 states unrolled in SymPy, token by token, to the length that the theorem needs.

    code: generated torch code and the pure-torch code of the packages in the extra `peers`, all
    taking turns, then time and memory against the length. What does not agree with the definition
    is not timed, and what is missing is named.
    """
    if what == "code":
        _code(layers, lengths, rounds, threads, as_json)
    else:
        _symbolic(largest, limit, as_json)


def _code(
    layers: tuple[str, ...], lengths: tuple[int, ...], rounds: int, threads: int, as_json: bool
) -> None:
    bench = numeric_part("bench")
    bench.torch.set_num_threads(threads)
    layers, grown = layers or bench.LAYERS, lengths or bench.GROWTH
    data: dict[str, Any] = {"threads": threads, "load": os.getloadavg()[0]}
    data |= {"timings": [], "absent": [], "growth": []}
    if not as_json:
        click.echo(f"torch on {threads} threads, load {data['load']:.1f}, medians of {rounds}")
    for row in bench.compare(layers, lengths or bench.LENGTHS, rounds=rounds):
        kind = "timings" if isinstance(row, bench.Timing) else "absent"
        data[kind].append(asdict(row))
        if not as_json:
            click.echo(_timing(row) if kind == "timings" else _absent(row))
    one = len(set(grown)) == 1
    if not as_json and not one:
        click.echo("\ngenerated code alone       time L^     ms at most  memory L^  MiB at most")
    for row in () if one else bench.growth(layers, grown, rounds=min(rounds, 3)):
        powers = {"power_of_time": row.power_of_time, "power_of_memory": row.power_of_memory}
        data["growth"].append(asdict(row) | powers)
        if not as_json:
            click.echo(
                f"{row.layer:<16} {_way(row.backward):<8} {row.power_of_time:>7.2f}"
                f"  {row.milliseconds[-1]:>13.1f}  {row.power_of_memory:>9.2f}"
                f"  {row.mebibytes[-1]:>11.1f}"
            )
    if as_json:
        emit_json("bench", data)


def _way(backward: bool) -> str:
    return "both" if backward else "forward"


def _timing(row: Any) -> str:
    return (
        f"{row.layer:<16} {row.length:>5} {_way(row.backward):<8} {row.milliseconds:>9.2f} ms"
        f" {row.ratio:>7.2f}  {row.contender}"
    )


def _absent(row: Any) -> str:
    return f"{row.layer:<16} not timed: {row.contender}: {row.reason}"


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
