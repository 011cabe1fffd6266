"""The figures of the first chapters, drawn from what the library computes."""

from __future__ import annotations

from typing import Any

import numpy as np

import numeric

from .drawing import COLOURS, INK, axes_of, label_ends, operator, save, signals_of


def write() -> None:
    """Write every figure."""
    for draw in (unrolled, operators, memories, first_difference):
        save(draw.__name__.replace("_", "-"), draw())


def unrolled() -> Any:
    """States as circles in a row, each made from the one before and from a token."""
    figure, axes = axes_of(6.4, 2.1)
    axes.set_axis_off()
    axes.set_xlim(-0.6, 6.6)
    axes.set_ylim(-0.2, 2.2)
    arrow = {"arrowstyle": "-|>", "color": INK, "shrinkA": 12, "shrinkB": 12, "lw": 1}
    for i in range(4):
        x = 2 * i
        last = i == 3
        state = r"$\cdots$" if last else rf"$h_{{{i}}}$"
        axes.text(x, 1, state, ha="center", va="center", fontsize=12)
        if last:
            continue
        axes.annotate("", (x + 2, 1), (x, 1), arrowprops=arrow)
        axes.text(x + 1, 1.13, rf"$\Lambda_{{{i + 1}}}$", ha="center", color=COLOURS[0])
        axes.text(x, 0, rf"$u_{{{i}}}$", ha="center", va="center", fontsize=12)
        axes.annotate("", (x, 1), (x, 0), arrowprops=arrow)
        axes.text(x + 0.12, 0.45, rf"$B_{{{i}}}$", color=COLOURS[1])
        axes.text(x, 2, rf"$y_{{{i}}}$", ha="center", va="center", fontsize=12)
        axes.annotate("", (x, 2), (x, 1), arrowprops=arrow)
        axes.text(x + 0.12, 1.45, rf"$C_{{{i}}}$", color=COLOURS[2])
    return figure


def operators() -> Any:
    """The operator of three layers at the same queries and keys, for 32 tokens."""
    length, n = 32, 4
    signals = signals_of(length, n)
    rng = np.random.default_rng(1)
    gates = rng.uniform(0.6, 1, size=(1, 1, length, n))
    unit = signals["k"] / np.linalg.norm(signals["k"], axis=-1, keepdims=True)
    beta = np.full((1, 1, length), 0.9)
    shown = {
        "linear_attention": signals,
        "gla": {**signals, "alpha": gates},
        "deltanet": {"q": signals["q"], "k": unit, "beta": beta},
    }
    figure, axes = axes_of(6.6, 2.5, 3, sharey=True)
    for ax, (name, values) in zip(axes, shown.items(), strict=True):
        matrix = operator(name, values, length)
        top = np.abs(matrix).max()
        ax.imshow(np.where(matrix == 0, np.nan, matrix), cmap="PuOr", vmin=-top, vmax=top)
        for cut in range(8, length, 8):
            ax.axhline(cut - 0.5, color=INK, lw=0.4, alpha=0.6)
            ax.axvline(cut - 0.5, color=INK, lw=0.4, alpha=0.6)
        ax.set_title(name, fontsize=9)
        ax.set_xlabel("input at j")
        ax.set_xticks([0, 16, 31])
    axes[0].set_ylabel("output at i")
    return figure


def memories() -> Any:
    """How much of an input at time 0 is read at time i, under three decays."""
    length = 40
    ones = np.ones((1, 1, length, 1))
    figure, ax = axes_of(5.6, 2.6)
    ends = []
    for colour, alpha in zip(COLOURS, (1.0, 0.95, 0.8, 0.5), strict=True):
        column = operator("gla", {"q": ones, "k": ones, "alpha": alpha * ones}, length)[:, 0]
        ax.plot(range(length), column, color=colour)
        ends.append((float(column[-1]), f"α = {alpha:g}", colour))
    ax.set_xlabel("time i")
    ax.set_ylabel("weight of input 0 in output i")
    ax.set_ylim(-0.05, 1.1)
    ax.set_xlim(0, length + 6)
    label_ends(ax, length - 0.5, ends)
    return figure


def first_difference() -> Any:
    """The outputs of Gated DeltaNet and DeltaNet on the witness of their difference."""
    from dsf_sym import compare, find

    verdict = compare(find("gated_deltanet"), find("deltanet"))
    assert verdict.witness is not None
    tokens, length = verdict.witness.tokens, verdict.witness.length
    figure, ax = axes_of(5.6, 2.4)
    for colour, shift, name in zip(
        COLOURS, (-0.16, 0.16), ("gated_deltanet", "deltanet"), strict=False
    ):
        layer = find(name)
        signals = {s.name: _along(s, tokens) for s in layer.of_kind("token")}
        y, _ = numeric.run(name, **signals)
        ax.bar(np.arange(length) + shift, y[0, 0, :, -1], 0.3, color=colour, label=name)
    ax.set_xticks(range(length))
    ax.set_xlabel("token")
    ax.set_ylabel("last entry of the output")
    ax.legend(frameon=False)
    return figure


def _along(signal: Any, tokens: Any) -> Any:
    values = [[float(x) for x in token[signal.name]] for token in tokens]
    shape = (1, 1, len(tokens), *([len(values[0])] if signal.dims else []))
    return np.array(values).reshape(shape)
