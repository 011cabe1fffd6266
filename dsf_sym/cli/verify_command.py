"""`dsf verify`."""

from __future__ import annotations

from dataclasses import asdict

import click

from .common import Ended, emit_json, find_layer, json_option, numeric_part
from .terminal import Progress

FAILED = 1


@click.command(
    "verify",
    short_help="Hold generated code against the definition.",
    epilog="Example: dsf verify gla",
)
@click.argument("layer", metavar="LAYER")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the signals drawn.")
@json_option
def command(layer: str, seed: int, as_json: bool) -> None:
    """Hold generated code against the definition.

    Every schedule: equal on fractions where the layer is rational in its free gates, within the
    budget of 50 digits in floating point, the same when the state is handed over, and gradients.

    Exit code: 0 verified, 1 a check failed, 2 bad input.
    """
    found = find_layer(layer)
    with Progress(f"verifying {found.name}"):
        report = numeric_part().verify(found, seed=seed)
    if as_json:
        rows = [asdict(row) | {"passed": row.passed} for row in report.rows]
        without = [{"schedule": s, "reason": why} for s, why in report.without]
        data = {"layer": found.name, "verified": report.passed, "checks": rows}
        emit_json("verify", data | {"without": without, "skipped": list(report.skipped)})
    else:
        from ..rendering.report import wrap
        from .terminal import width

        for line in str(report).splitlines():
            indent = " " * (len(line) - len(line.lstrip()))
            click.echo("\n".join(wrap(line.strip(), width(), first=indent)) if line else "")
    if not report.passed:
        raise Ended(FAILED)
