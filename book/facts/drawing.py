"""What figures share: axes in the colours of the page, and layers that are run on signals."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

import numeric

from .folders import FIGURES

INK = "#010203"
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
    )
    figure, axes = pyplot.subplots(1, columns, figsize=(width, height), **options)
    figure.set_layout_engine("constrained")
    return figure, axes


def save(name: str, figure: Any, *, script: str = "") -> None:
    """Write a figure; script: what a page with it loads."""
    import matplotlib as mpl
    from matplotlib import pyplot

    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    pyplot.close(figure)
    text = buffer.getvalue().replace(INK, "currentColor")
    if script:
        text = text.replace("<svg ", f'<svg data-script="{script}" ', 1)
    (FIGURES / f"{name}.svg").write_text(text, encoding="utf-8")


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
