"""The figures of the chapters about normalisers, sizes of states and memory."""

from __future__ import annotations

from typing import Any

import numpy as np

import numeric
from dsf_sym import find
from dsf_sym.theory.reduction import balanced_truncation

from .drawing import COLOURS, axes_of, label_ends, operator, save, signals_of
from .folders import BOOK

LENGTH = 64


def write() -> None:
    """Write every figure."""
    save("decays", decays(), script="decays")
    for draw in (coefficient_sums, collapses, corner, corner_values, caches, truncations, spectra):
        save(draw.__name__.replace("_", "-"), draw())


def _of_s6(length: int, n: int, *, least: float = 0.0) -> dict[str, Any]:
    """Tokens and weights of one channel of S6, its steps at random, none below `least`."""
    steps = np.random.default_rng(3).gamma(1.0, 0.1, size=(1, 1, length, 1)) + least
    weights = {"A": -np.ones((1, 1, n)), "D": np.zeros((1, 1))}
    return signals_of(length, n) | {"Delta": steps, **weights}


def coefficient_sums() -> Any:
    """The outputs of four layers for the value 1 at every token: the sums of their coefficients."""
    n = 8
    signals = {name: np.abs(x) for name, x in signals_of(LENGTH, n).items()}
    eta = np.exp(np.random.default_rng(2).normal(size=(1, 1, LENGTH)))
    s6 = _of_s6(LENGTH, n)
    shown = {
        "softmax_attention": signals,
        "linear_attention": signals,
        "normalised_attention": {**signals, "eta": eta},
        "s6": {**s6, **signals},
    }
    figure, ax = axes_of(5.8, 2.6)
    ends = []
    for colour, (name, values) in zip(COLOURS, shown.items(), strict=True):
        y, _ = numeric.run(name, v=np.ones((1, 1, LENGTH, 1)), **values)
        ax.semilogy(range(1, LENGTH + 1), y[0, 0, :, 0], color=colour, lw=1)
        ends.append((float(y[0, 0, -1, 0]), name, colour))
    ax.set_xlim(0, LENGTH * 1.45)
    ax.set_xticks(range(0, LENGTH + 1, 16))
    ax.set_xlabel("tokens")
    ax.set_ylabel("sum of coefficients")
    label_ends(ax, LENGTH + 1.5, ends)
    return figure


def collapses() -> Any:
    """How far apart the tokens of a deep stack of softmax attention stay, for four skips."""
    length, width, depth, seeds = 32, 16, 24, 8
    figure, ax = axes_of(5.8, 2.6)
    for colour, skip in zip(COLOURS, (0.0, 0.3, 1.0, 3.0), strict=True):
        apart = np.array([_spread(length, width, depth, skip, seed) for seed in range(seeds)])
        mean = np.exp(np.log(apart).mean(axis=0))
        ax.semilogy(range(depth + 1), mean, color=colour, marker=".", lw=1)
        ax.text(depth + 0.5, mean[-1], f"λ = {skip:g}", color=colour, va="center")
    ax.set_xlim(0, depth + 4)
    ax.set_xlabel("layers")
    ax.set_ylabel("distance from their mean")
    return figure


def _spread(length: int, width: int, depth: int, skip: float, seed: int) -> list[float]:
    """The distance of rows of unit mean square from their mean, layer by layer."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(length, width))
    apart = []
    for _ in range(depth + 1):
        x = x / np.sqrt((x**2).mean(axis=-1, keepdims=True))
        apart.append(float(np.linalg.norm(x - x.mean(axis=0)) / np.linalg.norm(x)))
        q, k, v = (
            (x @ rng.normal(size=(width, width)) / np.sqrt(width))[None, None] for _ in range(3)
        )
        y, _ = numeric.run("softmax_attention", q=q, k=k, v=v)
        x = y[0, 0] + skip * x
    return apart


def corner() -> Any:
    """An operator, and the block of it that leads from the past to the future."""
    length, cut = 16, 8
    matrix = operator("softmax_attention", signals_of(length, 4), length)
    figure, ax = axes_of(3.4, 2.9)
    ax.imshow(np.where(matrix == 0, np.nan, matrix), cmap="Blues", vmin=-0.2, vmax=1)
    left, right, top, bottom = -0.5, cut - 0.5, cut - 0.5, length - 0.5
    around = [left, right, right, left, left], [top, top, bottom, bottom, top]
    ax.plot(*around, color=COLOURS[1], lw=2)
    ax.text(length - 0.5, 3, "from the past\nto the future", color=COLOURS[1], ha="right")
    ax.set_xlabel("input at j")
    ax.set_ylabel("output at i")
    ax.set_xticks([0, cut, length - 1])
    ax.set_yticks([0, cut, length - 1])
    return figure


def corner_values() -> Any:
    """The singular values of that block, for softmax attention and for layers with a state."""
    figure, ax = axes_of(5.8, 2.8)
    half = LENGTH // 2
    shown = [("softmax_attention", 4, 1.0), ("softmax_attention", 4, 0.25)]
    shown += [("linear_attention", 8, 1.0), ("linear_attention", 16, 1.0)]
    for colour, (name, n, size) in zip(COLOURS, shown, strict=True):
        signals = {key: size * x for key, x in signals_of(LENGTH, n).items()}
        block = operator(name, signals, LENGTH)[half:, :half]
        values = np.linalg.svd(block, compute_uv=False)
        values = values[values > 1e-13 * values[0]] / values[0]
        what = f"scores times 1/{1 / size**2:g}" if size < 1 else f"n = {n}"
        ax.semilogy(
            range(1, len(values) + 1),
            values,
            color=colour,
            marker=".",
            lw=1,
            label=f"{name}, {what}",
        )
    ax.set_ylim(1e-13, 2)
    ax.set_xlabel("singular value")
    ax.set_ylabel("relative size")
    ax.legend(frameon=False, fontsize=8, loc="lower right")
    return figure


def caches() -> Any:
    """How many numbers softmax attention and linear attention keep, against the length."""
    d, m = 64, 64
    figure, ax = axes_of(5.8, 2.6)
    lengths = np.array([2**p for p in range(4, 15)])
    ax.loglog(lengths, lengths * (m + d), color=COLOURS[0])
    ax.text(
        lengths[-1] * 1.15, lengths[-1] * (m + d), "keys and values", color=COLOURS[0], va="center"
    )
    for colour, n in zip(COLOURS[1:], (16, 64, 1024), strict=True):
        kept = np.full(len(lengths), n * (d + 1))
        ax.loglog(lengths, kept, color=colour)
        ax.text(lengths[-1] * 1.15, kept[0], f"state, n = {n}", color=colour, va="center")
        ax.plot(n * (d + 1) / (m + d), kept[0], "o", color=colour)
    ax.set_xlim(lengths[0], lengths[-1] * 8)
    ax.set_xlabel("tokens L")
    ax.set_ylabel("numbers kept")
    return figure


def truncations() -> Any:
    """The gain of the error of a cut system, and the bound on it, against the states kept."""
    figure, ax = axes_of(5.8, 2.6)
    size, poles = 12, 12
    constants = {
        "f": [f"{p}/{poles + 1}" for p in range(1, poles + 1)],
        "c": [f"{(-1) ** p}/{p + 1}" for p in range(size)],
    }
    made = find(f"{BOOK}/examples/modes.py:modes")
    orders = range(1, size)
    cut = [balanced_truncation(made, n, constants=constants, sizes={"n": size}) for n in orders]
    largest = cut[0].hankel[0]
    ax.semilogy(orders, [x.bound / largest for x in cut], color=COLOURS[1], marker=".", lw=1)
    ax.semilogy(orders, [x.measured / largest for x in cut], color=COLOURS[0], marker=".", lw=1)
    ax.text(7.2, cut[6].bound / largest * 3, "bound", color=COLOURS[1])
    ax.text(
        6.8,
        cut[6].measured / largest / 8,
        "largest gain of the error",
        color=COLOURS[0],
        ha="right",
    )
    ax.set_xlabel(f"states kept of {size}")
    ax.set_ylabel("relative error")
    return figure


def decays() -> Any:
    """Products of transitions against the time that has passed, for three kinds of memory."""
    length = 2048
    i = np.arange(length)
    rng = np.random.default_rng(0)
    figure, ax = axes_of(5.8, 2.8)
    s6 = np.exp(-np.cumsum(_of_s6(length, 1, least=0.01)["Delta"][0, 0, :, 0]))
    scores = rng.uniform(-1, 1, size=(length, 4)), rng.uniform(-1, 1, size=(length, 4))
    weights = np.tril(np.exp(scores[0] @ scores[1].T))
    sums = weights.sum(axis=1)
    eta = np.exp(rng.uniform(-1, 1, size=length))
    shown = (s6 / s6[0], sums[0] / sums, eta[0] / eta)
    at = np.unique(np.geomspace(1, length, 240).astype(int)) - 1
    for colour, kept in zip(COLOURS, shown, strict=False):
        ax.loglog(i[at] + 1, kept[at], color=colour, lw=1)
    ax.text(70, 1e-5, "s6", color=COLOURS[0], ha="right")
    ax.text(200, 2e-2, "softmax_attention", color=COLOURS[1])
    ax.text(200, 12, "normalised_attention", color=COLOURS[2])
    ax.set_ylim(1e-6, 100)
    ax.set_xlabel("tokens since, i + 1")
    ax.set_ylabel("what is left of the state")
    return figure


def spectra() -> Any:
    """The transitions of one layer, with its normaliser behind the readout and inside them."""
    rng = np.random.default_rng(4)
    eta = np.exp(rng.normal(size=LENGTH) * 0.7)
    inside = eta[:-1] / eta[1:]
    figure, ax = axes_of(5.8, 2.4)
    ax.plot([0, LENGTH], [1, 1], color=COLOURS[0], lw=1.5)
    ax.semilogy(range(1, LENGTH), inside, color=COLOURS[1], marker=".", lw=0.7)
    ax.text(LENGTH + 1, 1, "normaliser\nin the readout", color=COLOURS[0], va="center")
    ax.text(LENGTH + 1, inside.max(), "normaliser in\nthe transition", color=COLOURS[1], va="top")
    ax.set_xlim(0, LENGTH * 1.32)
    ax.set_xticks(range(0, LENGTH + 1, 16))
    ax.set_xlabel("token i")
    ax.set_ylabel("eigenvalue of Λ")
    return figure
