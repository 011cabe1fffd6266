"""`dsf conditions`."""

from __future__ import annotations

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
    from ..theory.conditions import Branch, Conditions

EXIT = {"proved": 0, "refuted": 1, "undecided": 3, "conditional": 4}
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
@sizes_option
@certificate_option
@json_option
def command(
    a: str,
    b: str,
    given: tuple[str, ...],
    on: str,
    sizes_text: str,
    certificate: Path | None,
    as_json: bool,
) -> None:
    """Say under which conditions two layers are equal.

    Relations between weights and tokens are solved for from the Markov parameters, lag by lag, and
    equality under them is then proved for all lengths. "If and only if" is said where each relation
    is shown to be forced, for all values of the signals that no condition ties.

    Exit code: 0 equal as they are, 1 under no condition, 2 bad input, 3 undecided, 4 conditional.
    """
    sizes = read_sizes(sizes_text)
    if certificate is not None:
        require_writable(certificate)
    left, right = find_layer(a), find_layer(b)
    from ..theory.conditions import conditions

    names = [x.strip() for x in on.split(",") if x.strip()]
    with Progress(f"solving for conditions of {left.name} and {right.name}"):
        found = conditions(left, right, given=given, on=names, sizes=sizes)
    written = _write(found, certificate)
    if as_json:
        emit_json("conditions", _data(found, given, written))
    else:
        click.echo(_text(found, given, written))
    if found.status != "proved":
        raise Ended(EXIT[found.status])


def _write(found: Conditions, path: Path | None) -> str | None:
    """Write the certificate that there is no way, or of the first one that has one."""
    from ..certificates.certificate import write

    made = [found.never, *(x.verdict.certificate for x in found.branches)]
    proofs = [x for x in made if x is not None]
    if path is None or not proofs:
        return None
    write(proofs[0], path)
    return str(path)


def _data(found: Conditions, given: tuple[str, ...], written: str | None) -> dict[str, Any]:
    return {
        "verdict": found.status,
        "a": found.a,
        "b": found.b,
        "given": list(given),
        "on": list(found.bound),
        "branches": [
            {
                "sense": x.sense,
                "conditions": list(x.relations),
                "sizes": x.verdict.sizes,
                "proof": x.verdict.proof,
                "remains": x.verdict.remains,
            }
            for x in found.branches
        ],
        "certificate": written,
        "seconds": round(found.seconds, 6),
    }


def _text(found: Conditions, given: tuple[str, ...], written: str | None) -> str:
    from ..rendering.report import fields, wrap

    status = found.status
    title = HEADS[status].format(a=found.a, b=found.b, on=", ".join(found.bound))
    lines = wrap(title, width(), first=f"{status}: ")
    lines[0] = lines[0].replace(status, painter()(status, status), 1)
    rows = [("given", "; ".join(given)), ("on", ", ".join(found.bound))]
    if found.never is not None:
        lag, sizes = found.never["never"]["lag"], found.never["sizes"]
        rows.append(("sizes", ", ".join(f"{k}={v}" for k, v in sizes.items())))
        rows.append(("proof", f"a coefficient at lag {lag} that has no zero: outputs differ"))
    lines += ["", *fields([row for row in rows if row[1]], width())]
    for x in found.branches:
        lines += ["", *_branch(x)]
    more = [("certificate", written or ""), ("recheck it", f"dsf recheck {written}")]
    if written:
        lines += ["", *fields(more, width())]
    return "\n".join(lines)


WORDS = {"iff": "if and only if", "if": "if", "": "perhaps if"}


def _branch(x: Branch) -> list[str]:
    from ..rendering.report import fields, wrap

    out = [WORDS[x.sense] if x.relations else "always"]
    for relation in x.relations:
        out += wrap(relation, width(), first="  ", rest="    ")
    rows = [
        ("that is", "; ".join(x.solved)),
        ("if", x.verdict.scope if x.sense and x.relations else ""),
        ("only if", x.forced_at if x.sense == "iff" else ""),
        ("proof", x.verdict.proof if x.sense else ""),
        ("remains", x.verdict.remains),
    ]
    return [*out, *fields([row for row in rows if row[1]], width())]
