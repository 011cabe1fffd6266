"""What `dsf bench code` asks of `numeric`, and how it is printed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from ..errors import DsfError
from .common import emit_json, numeric_part, require_writable

ACCOUNT = """\
limit       the larger of bytes / bandwidth and operations / peak, in float32, both
            measured in turn with what is timed
bytes       forward: every signal is read once, the outputs are written; with
            backward signals are read twice and their adjoints written, outputs
            written and their adjoints read
operations  those of the step as written (dsf check), {function} for an elementary
            function; with backward {adjoint} times as many
columns     milliseconds, of the processor where one thread is used; times the limit,
            times our first, error
"""


@dataclass(frozen=True)
class Plan:
    """What is to be measured; no layers, lengths or batches stand for the usual ones.

    limit: seconds that a pass may take. processes: those that share a sequence, 1 for none.
    """

    layers: tuple[str, ...]
    lengths: tuple[int, ...]
    batches: tuple[int, ...]
    rounds: int
    threads: int
    limit: float
    processes: int
    plot: Path | None
    as_json: bool

    def say(self, line: str = "") -> None:
        """Print a line where no JSON is wanted."""
        if not self.as_json:
            click.echo(line)


def code(plan: Plan) -> None:
    """Measure and print, part by part."""
    if plan.plot is not None:
        require_writable(plan.plot, force=True)
    bench, limits, growth = map(numeric_part, ("bench", "limits", "growth"))
    bench.require_peers(plan.layers)
    bench.torch.set_num_threads(plan.threads)
    os.environ["OMP_NUM_THREADS"] = str(plan.threads)
    probes = limits.Probes()
    machine = limits.measure(probes)
    load = os.getloadavg()[0]
    plan.say(f"at best {machine}; load {load:.1f}; medians of {plan.rounds}\n")
    plan.say(ACCOUNT.format(function=limits.FUNCTION, adjoint=limits.ADJOINT))
    data: dict[str, Any] = {"threads": plan.threads, "load": load, "rounds": plan.rounds}
    data |= {"machine": {"bandwidth": machine.bandwidth, "peak": machine.peak}}
    layers = plan.layers or bench.LAYERS
    timings = _timings(plan, bench, probes, layers, data)
    compiled = growth.compiled(layers)
    _growth(plan, growth, compiled, data)
    _decoding(plan, growth, compiled, data)
    if plan.processes > 1 and compiled:
        _shared(plan, bench, compiled, data)
    if plan.plot is not None:
        numeric_part("bench_plot").plot(timings, plan.plot)
        plan.say(f"\nwrote {plan.plot}")
    if plan.as_json:
        emit_json("bench", data)


def _way(backward: bool) -> str:
    return "with backward" if backward else "forward"


def _timings(
    plan: Plan, bench: Any, probes: Any, layers: Sequence[str], data: dict[str, Any]
) -> list[Any]:
    data |= {"timings": [], "absent": []}
    rows = []
    shown = None
    lengths, batches = plan.lengths or bench.LENGTHS, plan.batches or bench.BATCHES
    options = {"probes": probes, "rounds": plan.rounds, "limit": plan.limit}
    for row in bench.compare(layers, lengths, batches, **options):
        if isinstance(row, bench.Absent):
            data["absent"].append(asdict(row))
            plan.say(f"{row.layer}: not timed: {row.contender}: {row.reason}")
            continue
        rows.append(row)
        data["timings"].append(asdict(row) | {"times_limit": row.times_limit})
        heading = (row.layer, row.batch, row.length, row.backward)
        if heading != shown:
            shown = heading
            moved, done = row.bytes / 1e6, row.operations / 1e6
            plan.say(f"{row.layer}, B = {row.batch}, L = {row.length}, {_way(row.backward)}:")
            plan.say(f"  {moved:.3g} MB, {done:.3g} MFLOP, limit {row.limit:.3g} ms")
            plan.say(f"  at {row.machine}")
        plan.say(
            f"  {row.milliseconds:>10.3f} {row.times_limit:>8.1f} {row.ratio:>8.2f}"
            f" {row.error:>8.0e}  {row.contender}"
        )
    return rows


def _growth(plan: Plan, growth: Any, layers: Sequence[str], data: dict[str, Any]) -> None:
    data["growth"] = []
    lengths = sorted(set(plan.lengths or growth.LENGTHS))
    if len(lengths) < 2 or not layers:
        return
    plan.say("\ncompiled kernels, one head: seconds = a L^b, and MiB beyond what they return")
    plan.say(f"{'':<32} {'a':>9} {'b':>6}   seconds and MiB at L = {lengths[0]} ... {lengths[-1]}")
    for row in growth.growth(layers, lengths, rounds=min(plan.rounds, 3)):
        a, b = row.fit
        data["growth"].append(asdict(row) | {"coefficient": a, "exponent": b})
        held = [x for x in (row.mebibytes[0], row.mebibytes[-1]) if x is not None]
        memory = ", ".join(f"{x:.1f} MiB" for x in held) or "not told"
        plan.say(
            f"{row.layer:<18} {_way(row.backward):<13} {a:>9.1e} {b:>6.2f}"
            f"   {row.seconds[0]:.1e}, {row.seconds[-1]:.1e}"
        )
        plan.say(f"{'':<52}{memory}")


def _decoding(plan: Plan, growth: Any, layers: Sequence[str], data: dict[str, Any]) -> None:
    data["decoding"] = []
    if not layers:
        return
    plan.say("\none token of one head, microseconds     kernel  numeric.run")
    for row in growth.decoding(layers):
        data["decoding"].append(asdict(row))
        plan.say(f"{row.layer:<36} {row.kernel:>9.1f} {row.run:>12.1f}")


def _shared(plan: Plan, bench: Any, layers: Sequence[str], data: dict[str, Any]) -> None:
    local = numeric_part("sequence_parallel.local")
    data["sequence"] = []
    options: dict[str, Any] = {"signals": bench.long_signals, "processes": plan.processes}
    options |= {"backend": "cpp", "rounds": min(plan.rounds, 3)}
    length = max(plan.lengths) if plan.lengths else 1_000_000
    plan.say(
        f"\none sequence, L = {length}, one process and {plan.processes}, a thread each: seconds"
    )
    plan.say(f"{'':<46} {'one':>7} {plan.processes:>7} {'ratio':>6}")
    for layer in layers:
        for variant, backward in (("relay", False), ("relay", True), ("associative", False)):
            way = {"variant": variant, "backward": backward}
            try:
                found = local.compare(layer, length, **way, **options)
            except DsfError as error:
                contender = f"{plan.processes} processes, {variant}, {_way(backward)}"
                data["absent"].append(asdict(bench.Absent(layer, contender, str(error))))
                plan.say(f"{layer}: not timed: {contender}: {error}")
                continue
            data["sequence"].append(asdict(found) | {"ratio": found.ratio})
            same = "equal bits" if found.equal else f"{found.error:.0e} apart"
            plan.say(
                f"{layer:<18} {variant:<12} {_way(backward):<14} {found.one:>7.3f}"
                f" {found.several:>7.3f} {found.ratio:>6.2f}  {same}"
            )
