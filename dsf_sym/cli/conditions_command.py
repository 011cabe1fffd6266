"""`dsf conditions`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .common import (
    Ended,
    certificate_option,
    emit_json,
    find_layer,
    given_option,
    json_option,
    read_sizes,
    require_writable,
    sizes_option,
)
from .terminal import Progress, painter, width

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..theory.branches import Branch, Conditions, Point

HEADS = {
    "proved": "{a} and {b} are equal as they are",
    "conditional": "{a} and {b} are equal under conditions",
    "refuted": "{a} and {b} are equal under no condition on {on}",
    "undecided": "when {a} and {b} are equal is not fully known",
}


@click.command(
    "conditions",
    short_help="Say under which conditions two layers are equal.",
    epilog="Example: dsf conditions gated_deltanet deltanet",
)
@click.argument("a", metavar="LAYER")
@click.argument("b", metavar="LAYER")
@given_option
@click.option(
    "--on",
    default="",
    metavar="k,beta",
    help="Signals that conditions may tie; by default weights, gates and steps.",
)
@click.option(
    "--length",
    type=click.IntRange(1),
    metavar="L",
    help="Ask about L tokens, all of them given but the carried input.",
)
@sizes_option
@certificate_option
@json_option
def command(
    a: str,
    b: str,
    given: tuple[str, ...],
    on: str,
    length: int | None,
    sizes_text: str,
    certificate: Path | None,
    as_json: bool,
) -> None:
    """Say under which conditions two layers are equal.

    Relations between weights and tokens are solved for from the Markov parameters, lag by lag, and
    equality under them is then proved for all lengths. "If and only if" is said where each relation
    is shown to be forced, for all values of the signals that no condition ties. With --length, the
    ways to agree on so many tokens, in relations between the tokens.

    Exit code: 0 equal as they are, 1 under no condition, 2 bad input, 3 undecided, 4 conditional.
    """
    sizes = read_sizes(sizes_text)
    if certificate is not None:
        require_writable(certificate)
    left, right = find_layer(a), find_layer(b)
    from ..theory.conditions import conditions
    from ..verdict import EXIT

    names = [x.strip() for x in on.split(",") if x.strip()]
    with Progress(f"solving for conditions of {left.name} and {right.name}"):
        found = conditions(left, right, given=given, on=names, length=length, sizes=sizes)
    written = _write(found, certificate)
    if as_json:
        emit_json("conditions", _data(found, given, written))
    else:
        click.echo(_text(found, given, written))
    if found.status != "proved":
        raise Ended(EXIT[found.status])


def _write(found: Conditions, path: Path | None) -> str | None:
    """Write the certificate that there is no way, or those of all ways in one."""
    from ..certificates.certificate import write

    if path is None or found.certificate is None:
        return None
    write(found.certificate, path)
    return str(path)


def _data(found: Conditions, given: tuple[str, ...], written: str | None) -> dict[str, Any]:
    from ..schema import verdict_data

    return {
        "verdict": found.status,
        "a": found.a,
        "b": found.b,
        "given": list(given),
        "ties": list(found.bridges),
        "on": list(found.bound),
        "length": found.length,
        "branches": [
            {
                "sense": x.sense,
                "conditions": list(x.relations),
                "solved": list(x.solved),
                "bounded": [y for verdict in x.growths for y in verdict.conditions],
                "sizes": x.verdict.sizes,
                "proof": x.verdict.proof,
                "remains": x.verdict.remains,
                "point": None if x.point is None else _point(x, x.point),
            }
            for x in found.branches
        ],
        "beside": None if found.beside is None else verdict_data(found.beside),
        "certificate": written,
        "seconds": round(found.seconds, 6),
    }


def _text(found: Conditions, given: tuple[str, ...], written: str | None) -> str:
    from ..rendering.report import fields, plural, witness_lines, wrap

    status, on = found.status, plural(found.length or 0, "token")
    title = HEADS[status].format(a=found.a, b=found.b, on=", ".join(found.bound))
    title += f", on {on}" if found.length else ""
    lines = wrap(title, width(), first=f"{status}: ")
    lines[0] = lines[0].replace(status, painter()(status, status), 1)
    rows = [("given", "; ".join(given)), ("ties", "\n".join(found.bridges))]
    rows.append(("on", ", ".join(found.bound)))
    if found.never is not None:
        sizes = found.never.get("sizes", {})
        rows.append(("sizes", ", ".join(f"{k}={v}" for k, v in sizes.items()) or "all"))
        rows.append(("proof", _contradiction(found.never)))
    lines += ["", *fields([row for row in rows if row[1]], width())]
    for i, x in enumerate(found.branches):
        lines += ["", *_branch(x, first=i == 0)]
    if found.beside is not None:
        at = found.beside.scope
        said = (
            f"else they differ, as at {at}, on" if found.branches else f"they differ, at {at}, on"
        )
        lines += ["", said, *witness_lines(found.beside, width())]
    more = [("certificate", written or ""), ("recheck it", f"dsf recheck {written}")]
    if written:
        lines += ["", *fields(more, width())]
    return "\n".join(lines)


def _contradiction(never: Mapping[str, Any]) -> str:
    """Why the equations have no solution, from their certificate."""
    if "never" not in never:
        return "in every case a coefficient of the input has no zero: the outputs differ"
    lag = never["never"]["lag"]
    if "signal" in never["never"]:
        from ..language.spec import deserialise
        from ..language.tensor import text

        value = text(deserialise(never["never"]["value"])["value"])
        index = "".join(f"[{i}]" for i in never["never"]["index"])
        said = f"{never['never']['signal']}{index} = {value}"
        return f"a coefficient at lag {lag} vanishes only at {said}, outside the domain"
    return f"a coefficient at lag {lag} that has no zero: outputs differ"


WORDS = {"iff": "if and only if", "if": "if", "": "perhaps if"}


def _branch(x: Branch, *, first: bool) -> list[str]:
    from ..rendering.report import fields, wrap

    head = WORDS[x.sense] if first or x.sense != "iff" else "or"
    out = [head if x.relations else "always" if x.sense else "open"]
    for relation in x.relations:
        out += wrap(relation, width(), first="  ", rest="    ")
    rows = [
        ("that is", "\n".join(x.solved)),
        ("bounded", "\n".join(y for verdict in x.growths for y in verdict.conditions)),
        ("if", x.verdict.scope if x.sense and x.relations else ""),
        ("only if", x.forced_at if x.sense == "iff" else ""),
        ("proof", x.verdict.proof if x.sense else ""),
        ("point", "" if x.point is None else _point_text(_point(x, x.point))),
        ("remains", x.verdict.remains),
    ]
    return [*out, *fields([row for row in rows if row[1]], width())]


def _point(x: Branch, point: Point) -> dict[str, Any]:
    """An exact point on a branch, its signals in their shapes."""
    from ..rendering.report import shaped

    at = replace(x.verdict, sizes=point.sizes, certificate=point.certificate)
    return {
        "sizes": dict(point.sizes),
        "tokens": [shaped(at, token) for token in point.tokens],
        "weights": shaped(at, point.constants),
        "alone": point.alone,
    }


def _point_text(point: Mapping[str, Any]) -> str:
    """A line for each token, and one for the weights."""
    from ..rendering.report import value_text

    rows = [(f"token {i}", token) for i, token in enumerate(point["tokens"])]
    rows += [("weights", point["weights"])] * bool(point["weights"])
    lines = [
        f"{label}  " + "  ".join(f"{name}={value_text(x)}" for name, x in values.items())
        for label, values in rows
    ]
    return "\n".join([*lines, *["another way holds there too"] * (not point["alone"])])
