"""A picture of `dsf bench code`: time against length, with the limit, for one sequence."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from dsf_sym.errors import DsfError

from .bench import Timing


def plot(timings: Sequence[Timing], path: Path) -> None:
    """Write the picture, of the type that the name ends with; DsfError without matplotlib."""
    try:
        from matplotlib import colormaps
        from matplotlib.figure import Figure
    except ImportError:
        raise DsfError(
            f"{path}: pictures need matplotlib: pip install 'dsf-workbench[experiments]' brings it"
        ) from None
    layers = list(dict.fromkeys(row.layer for row in timings))
    # One colour for a contender in every panel.
    inks = dict(
        zip(
            dict.fromkeys(row.contender for row in timings),
            cycle(colormaps["tab20"].colors),
            strict=False,
        )
    )
    figure = Figure(figsize=(9, 3 * len(layers)), layout="constrained")
    axes = figure.subplots(len(layers), 2, squeeze=False, sharex=True)
    least = min(row.batch for row in timings)
    for line, layer in zip(axes, layers, strict=True):
        for axis, backward in zip(line, (False, True), strict=True):
            rows = [
                r for r in timings if (r.layer, r.backward, r.batch) == (layer, backward, least)
            ]
            for contender in dict.fromkeys(r.contender for r in rows):
                own = [(r.length, r.milliseconds) for r in rows if r.contender == contender]
                axis.loglog(
                    *zip(*own, strict=True),
                    color=inks[contender],
                    marker="o",
                    markersize=3,
                    label=contender,
                )
            limits = sorted({(r.length, r.limit) for r in rows})
            if limits:
                axis.loglog(*zip(*limits, strict=True), "k--", label="limit")
            axis.set_title(f"{layer}, {'with backward' if backward else 'forward'}", fontsize=9)
            axis.legend(fontsize=6)
        line[0].set_ylabel(f"ms, B = {least}")
    for axis in axes[-1]:
        axis.set_xlabel("tokens")
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise DsfError(f"{path} cannot be written: {error}") from None


__all__ = ["plot"]
