"""The figures of the chapters about families of layers, drawn from what the library computes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

import numeric
from dsf_sym import Const, Negative, Positive, Scalar, State, continuous, realize
from dsf_sym.theory.taylor import polynomial, relative_error

from .drawing import COLOURS, INK, axes_of, label_ends, save

TRANSITIONS = {"zoh": "held input", "bilinear": "bilinear", "euler": "Euler"}


def write() -> None:
    """Write every figure."""
    save("taylor", taylor(), script="taylor")
    for draw in (discretisations, gates, recalls, forced_steps, roundings):
        save(draw.__name__.replace("_", "-"), draw())


def taylor() -> Any:
    """The polynomials beside the exponential, and their largest relative errors."""
    figure, (left, right) = axes_of(6.6, 2.9, 2)
    s = np.linspace(-4, 2, 121)
    left.plot(s, np.exp(s), color=INK, lw=2)
    left.text(1.35, 6.1, "$e^s$", color=INK, fontsize=11)
    exact = [Fraction(x).limit_denominator(1000) for x in s]
    for colour, degree in zip(COLOURS, (1, 2, 3, 4), strict=True):
        values = [float(polynomial(degree, x)) for x in exact]
        left.plot(s, values, color=colour, label=f"P = {degree}")
    left.axhline(0, color=INK, lw=0.5)
    left.set_ylim(-4, 8)
    left.set_xlabel("score s")
    left.legend(frameon=False, loc="upper center")
    for colour, radius in zip(COLOURS, (1, 2, 4, 8), strict=True):
        degrees = range(0, 31)
        errors = [float(relative_error(Fraction(radius), p)[1]) for p in degrees]
        right.semilogy(degrees, errors, color=colour, marker=".", lw=1)
        shown = max(p for p in degrees if errors[p] > 1e-5)
        name = f"R = {radius}" if radius == 8 else f"{radius}"
        right.text(shown + 0.5, errors[shown], name, color=colour, va="center", fontsize=8)
    right.axhline(1, color=INK, lw=0.5)
    right.set_ylim(1e-7, 1e7)
    right.set_xlabel("degree P")
    right.set_ylabel("largest relative error")
    return figure


def _rates(x: State, v: Scalar, A: Const[Negative]) -> Any:
    """The rate of one decaying number."""
    return A * x + v, x  # type: ignore[operator]


def discretisations() -> Any:
    """What a step keeps of the state, against its size, for A = -1."""
    import sympy

    figure, ax = axes_of(5.6, 2.6)
    sizes = np.linspace(0.01, 4, 100)
    ends = []
    for colour, (rule, name) in zip(COLOURS, TRANSITIONS.items(), strict=False):
        made = continuous(_rates).discretise(rule, declared=Const[Positive], name=rule)
        operator = realize(made, {}).operator(2)
        kept = sympy.simplify(operator[1, 0] / operator[0, 0])
        symbols = {str(symbol): symbol for symbol in kept.free_symbols}
        at = sympy.lambdify(symbols["Delta"], kept.subs(symbols["A"], -1))
        values = at(sizes)
        ax.plot(sizes, values, color=colour)
        ends.append((float(values[-1]), name, colour))
    ax.hlines(0, 0, sizes[-1], color=INK, lw=0.5)
    ax.hlines(-1, 0, sizes[-1], color=INK, lw=0.5, ls=":")
    ax.set_xlim(0, 4.9)
    ax.set_xlabel("step size Δ")
    ax.set_ylabel("factor Λ of the state")
    label_ends(ax, sizes[-1] + 0.05, ends)
    return figure


def gates() -> Any:
    """The decay of S6 as a gate, for three exponents."""
    figure, ax = axes_of(5.6, 2.6)
    z = np.linspace(-6, 6, 121)
    one, eye = np.ones((len(z), 1, 2, 1)), np.array([1.0, 0.0]).reshape(1, 1, 2, 1)
    for colour, a in zip(COLOURS, (0.25, 1.0, 4.0), strict=False):
        signals = {"v": one * eye, "g": one, "o": one, "z": one * z.reshape(-1, 1, 1, 1)}
        y, _ = numeric.run("qlstm_s6", a=np.array([a]), **signals)
        ax.plot(z, y[:, 0, 1, 0], color=colour, label=f"a = {a:g}")
    ax.legend(frameon=False)
    ax.set_xlabel("z")
    ax.set_ylabel("what is kept of the state")
    return figure


def recalls() -> Any:
    """How well the oldest of four keys is recalled, whose values are overwritten in turn."""
    length, keys, n, d, trials = 32, 4, 8, 8, 64
    rng = np.random.default_rng(0)
    few = rng.normal(size=(trials, 1, keys, n))
    few /= np.linalg.norm(few, axis=-1, keepdims=True)
    turns = np.arange(length) % keys
    k, q = few[:, :, turns], few[:, :, (turns + 1) % keys]
    v = rng.normal(size=(trials, 1, length, d))
    beta = np.ones((trials, 1, length))
    figure, ax = axes_of(5.8, 2.6)
    shown = {
        "linear_attention": {},
        "gated_deltanet": {"beta": beta, "alpha": 0.9 * beta},
        "deltanet": {"beta": beta},
    }
    ends = []
    # Token i asks for the key of token i + 1, which was written last at token i + 1 - keys.
    wanted = v[:, :, : length - keys + 1]
    for colour, (name, own) in zip(COLOURS, shown.items(), strict=False):
        y, _ = numeric.run(name, q=q, k=k, v=v, **own)
        wrong = np.linalg.norm(y[:, :, keys - 1 :] - wanted, axis=-1)
        mean = (wrong / np.linalg.norm(wanted, axis=-1)).mean(axis=(0, 1))
        ax.plot(range(keys, length + 1), mean, color=colour)
        ends.append((float(mean[-1]), name, colour))
    ax.set_xlim(keys, length + 9)
    ax.set_ylim(0, None)
    ax.set_xlabel("values written")
    ax.set_ylabel("error of what is recalled")
    label_ends(ax, length + 0.4, ends)
    return figure


def forced_steps() -> Any:
    """The step sizes that equality forces, Δ_i = W(a Δ_{i-1}) / a with a = -A."""
    import mpmath

    figure, ax = axes_of(5.6, 2.6)
    for colour, rate in zip(COLOURS, (0.1, 1.0, 10.0), strict=False):
        steps = [mpmath.mpf(1)]
        while len(steps) < 40:
            steps.append(mpmath.lambertw(rate * steps[-1]).real / rate)
        values = [float(step) for step in steps]
        ax.semilogy(range(40), values, color=colour, marker=".", lw=1)
        ax.text(40, values[-1], f"A = {-rate:g}", color=colour, va="center")
    ax.set_xlim(0, 46)
    ax.set_xlabel("token i")
    ax.set_ylabel("step size Δ")
    return figure


def roundings() -> Any:
    """The error of each schedule in single precision, against double precision."""
    lengths = (32, 64, 128, 256, 512)
    schedules = ("recurrent", "parallel", "chunkwise")
    rng = np.random.default_rng(0)
    top = max(lengths)
    q, k, v = (rng.normal(size=(1, 4, top, 16)) for _ in range(3))
    alpha = rng.uniform(0.9, 1, size=(1, 4, top, 16))
    whole = {"q": q, "k": k, "v": v, "alpha": alpha}
    figure, ax = axes_of(5.8, 2.6)
    ends = []
    for colour, schedule in zip(COLOURS, schedules, strict=False):
        errors = []
        for length in lengths:
            double = {name: x[:, :, :length] for name, x in whole.items()}
            single = {name: x.astype(np.float32) for name, x in double.items()}
            exact, _ = numeric.run("gla", **double)
            y, _ = numeric.run("gla", schedule=schedule, **single)
            errors.append(1e7 * np.linalg.norm(y - exact) / np.linalg.norm(exact))
        ax.semilogx(lengths, errors, color=colour, marker=".", lw=1)
        ends.append((float(errors[-1]), schedule, colour))
    ax.set_xlim(28, 1100)
    ax.set_xticks(lengths, [str(length) for length in lengths])
    ax.minorticks_off()
    ax.set_xlabel("tokens")
    ax.set_ylim(0, None)
    ax.set_ylabel("relative error, in 10⁻⁷")
    label_ends(ax, lengths[-1] * 1.08, ends)
    return figure
