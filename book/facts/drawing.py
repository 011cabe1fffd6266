"""What figures share: axes in the colours of the page, and layers that are run on signals."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

import numeric

from .folders import FIGURES

INK = "#010203"
# No metadata: a page is not a place for RDF.
PLAIN = dict.fromkeys(("Creator", "Date", "Format", "Type"))
LINE_HEIGHT = 1.25
COLOURS = ("#2f7fd1", "#c8642b", "#2f9e6e", "#a55bb5")


def axes_of(width: float, height: float, columns: int = 1, **options: Any) -> tuple[Any, Any]:
    """A figure and its axes, in inches."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    inks = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    mpl.rcParams.update(
        dict.fromkeys(inks, INK)
        | {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
        | {"svg.fonttype": "none"}
    )
    figure, axes = pyplot.subplots(1, columns, figsize=(width, height), **options)
    figure.set_layout_engine("constrained")
    return figure, axes


def label_ends(ax: Any, x: float, ends: Sequence[tuple[float, str, str]]) -> None:
    """Write (height, text, colour) of lines beside their ends at x, moved apart to be read.

    The limits of the axes are those that the figure will have.
    """
    figure = ax.figure
    figure.draw_without_rendering()
    points = 72 / figure.dpi
    least = LINE_HEIGHT * ax.xaxis.label.get_size()
    wanted = [points * float(ax.transData.transform((x, y))[1]) for y, _, _ in ends]
    lowest = points * float(ax.bbox.y0) + least / 2
    for i, place in enumerate(_apart(wanted, least, lowest)):
        y, text, colour = ends[i]
        ax.annotate(
            text,
            (x, y),
            xytext=(0, place - wanted[i]),
            textcoords="offset points",
            color=colour,
            va="center",
            annotation_clip=False,
        )


def _apart(wanted: Sequence[float], least: float, lowest: float) -> list[float]:
    """Places that are at least so far apart, near the wanted ones and in their order.

    Those that are too near to each other stand around their common middle, none below the lowest.
    """
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    groups: list[list[int]] = []

    def middle(group: list[int]) -> float:
        half = least * (len(group) - 1) / 2
        return max(sum(wanted[i] for i in group) / len(group), lowest + half)

    for i in order:
        groups.append([i])
        while len(groups) > 1:
            low, high = groups[-2:]
            near = least * (len(low) + len(high)) / 2
            if middle(high) - middle(low) >= near:
                break
            groups[-2:] = [low + high]
    placed = [0.0] * len(wanted)
    for group in groups:
        first = middle(group) - least * (len(group) - 1) / 2
        for k, i in enumerate(group):
            placed[i] = first + k * least
    return placed


def save(name: str, figure: Any, *, script: str = "") -> None:
    """Write a figure; script: what a page with it loads."""
    import matplotlib as mpl
    from matplotlib import pyplot

    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata=PLAIN)
    pyplot.close(figure)
    text = _short(_own_names(name, buffer.getvalue().replace(INK, "currentColor")))
    if script:
        text = text.replace("<svg ", f'<svg data-script="{script}" ', 1)
    (FIGURES / f"{name}.svg").write_text(text, encoding="utf-8")


def _short(text: str) -> str:
    """The drawing with its places to a hundredth of a point."""
    return re.sub(r' (?:d|x|y)="[^"]*"', lambda at: re.sub(r"(\.\d\d)\d+", r"\1", at[0]), text)


def _own_names(name: str, text: str) -> str:
    """The drawing with names of its own for its parts: a page may have more than one drawing."""
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', text))

    def renamed(match: re.Match[str]) -> str:
        return f' id="{name}-{match[1]}"' if match[1] in used else ""

    text = re.sub(r' id="([^"]+)"', renamed, text)
    return re.sub(r'(href="|url\()#', rf"\g<1>#{name}-", text)


def signals_of(length: int, n: int, *, seed: int = 0) -> dict[str, Any]:
    """Queries and keys at random, for one head."""
    rng = np.random.default_rng(seed)
    shape = (1, 1, length, n)
    return {"q": rng.normal(size=shape), "k": rng.normal(size=shape)}


def operator(name: str, signals: dict[str, Any], length: int) -> Any:
    """The matrix from inputs to outputs, one column an impulse; a batch carries all impulses."""
    v = np.eye(length).reshape(length, 1, length, 1)
    wide = {k: np.repeat(x, length, axis=0) for k, x in signals.items()}
    y, _ = numeric.run(name, v=v, **wide)
    return y[:, 0, :, 0].T
