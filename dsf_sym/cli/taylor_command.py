"""`dsf taylor`."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

from ..errors import DomainError
from .common import F, emit_json, json_option
from .terminal import width

if TYPE_CHECKING:
    from ..theory.taylor import Approximation


def _number(context: click.Context, parameter: click.Parameter, value: str) -> Fraction:
    text = value.strip()
    digits = text.replace("/", "").replace(".", "").replace("e", "").replace("-", "")
    try:
        if len(text) > 40 or not digits.isdigit() or abs(int(text.partition("e")[2] or 0)) > 300:
            raise ValueError(text)
        number = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise DomainError(
            f"--{parameter.name} {value!r}: write a number, as 2, 0.01 or 1/3"
        ) from None
    if number <= 0:
        raise DomainError(f"--{parameter.name} {value}: the number is positive")
    return number


def _count(default: int, name: str, text: str) -> Callable[[F], F]:
    limits = click.IntRange(1, 10**6)
    return click.option(name, type=limits, default=default, show_default=True, help=text)


@click.command(
    "taylor",
    short_help="Bound softmax attention by a polynomial kernel.",
    epilog="Example: dsf taylor --radius 2 --tol 0.01",
)
@click.option("--radius", required=True, callback=_number, metavar="R", help="Bound on |q·k|.")
@click.option(
    "--tol", required=True, callback=_number, metavar="EPS", help="Relative error of e^(q·k)."
)
@_count(8, "--features", "Entries of q and k.")
@_count(8, "--values", "Entries of v.")
@_count(256, "--length", "Tokens of the rows that are measured.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of these rows.")
@json_option
def command(
    radius: Fraction,
    tol: Fraction,
    features: int,
    values: int,
    length: int,
    seed: int,
    as_json: bool,
) -> None:
    """Bound softmax attention by a polynomial kernel.

    e^(q·k) is replaced by its Taylor polynomial on |q·k| <= R: the degree that Lagrange's bound
    guarantees, the smallest true one, and the state that they need. The bounds hold for every
    length.
    """
    from ..theory.taylor import lagrange, measured, relative_error, smallest_degree, taylor

    degrees = {
        name: smallest_degree(radius, tol, f) for name, f in _errors(lagrange, relative_error)
    }
    rows = {name: taylor(radius, degree) for name, degree in degrees.items()}
    seen = {name: measured(row, length, seed=seed) for name, row in rows.items()}
    if as_json:
        data = {name: _data(row, features, values, seen[name]) for name, row in rows.items()}
        asked = {"radius": str(radius), "tol": str(tol), "features": features, "values": values}
        emit_json("taylor", {**asked, "length": length, "seed": seed, **data})
        return
    click.echo(_text(radius, tol, features, values, length, rows, seen))


def _errors(guaranteed: Any, smallest: Any) -> list[tuple[str, Any]]:
    return [("guaranteed", guaranteed), ("smallest", smallest)]


def _data(row: Approximation, features: int, values: int, seen: float) -> dict[str, Any]:
    return {
        "degree": row.degree,
        "bound": _up(row.bound),
        "error": _up(row.error),
        "weights": None if row.weights is None else _up(row.weights),
        "sharp": None if row.sharp is None else _up(row.sharp),
        "measured": seen,
        "positive": row.positive,
        "features": row.features(features),
        "state": row.state(features, values),
    }


def _text(
    radius: Fraction,
    tol: Fraction,
    features: int,
    values: int,
    length: int,
    rows: dict[str, Approximation],
    seen: dict[str, float],
) -> str:
    from ..rendering.report import wrap
    from ..theory.taylor import negative_point

    title = f"e^s by its Taylor polynomial on |s| <= {radius}, to a relative error of {tol}"
    table = [
        ("", "by the bound", "smallest"),
        ("degree P", *(str(r.degree) for r in rows.values())),
        ("Lagrange's bound on the error", *(_up(r.bound) for r in rows.values())),
        ("largest error", *(_up(r.error) for r in rows.values())),
        ("weights, 2ε/(1−ε)", *(_optional(r.weights) for r in rows.values())),
        ("weights, sharp in ε", *(_optional(r.sharp) for r in rows.values())),
        (f"weights, seen at length {length}", *(f"{seen[name]:.2e}" for name in rows)),
        ("positive everywhere", *("yes" if r.positive else "no" for r in rows.values())),
        (f"features, C({features}+P, P)", *(f"{r.features(features)}" for r in rows.values())),
        (f"state, times {values}+1", *(f"{r.state(features, values)}" for r in rows.values())),
    ]
    wide = [max(len(row[i]) for row in table) for i in range(3)]
    lines = [
        "  "
        + row[0].ljust(wide[0])
        + "".join(f"  {c.rjust(w)}" for c, w in zip(row[1:], wide[1:], strict=True))
        for row in table
    ]
    notes = [
        "The errors are relative and rounded upwards. The weights are a row of attention: its ℓ₁ "
        "distance from softmax's, at every length; an output is off by at most that times the "
        "largest norm of a value."
    ]
    odd = sorted({r.degree for r in rows.values() if not r.positive})
    notes += [
        f"T_{p} has a root between {negative_point(p)} and 0, as for every odd P." for p in odd
    ]
    return "\n".join(
        [*wrap(title, width()), "", *lines, "", *(x for n in notes for x in wrap(n, width()))]
    )


def _optional(x: Fraction | None) -> str:
    return "none" if x is None else _up(x)


def _up(x: Fraction, digits: int = 3) -> str:
    """A positive number in decimals, rounded upwards."""
    power = math.floor(math.log10(x)) if x > Fraction(1, 10**300) else -300
    mantissa = math.ceil(x * Fraction(10) ** (digits - 1 - power))
    if mantissa >= 10**digits:
        mantissa, power = -(-mantissa // 10), power + 1
    text = str(mantissa)
    return f"{text[0]}.{text[1:]}e{power:+03d}"
