"""`dsf claims`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..errors import UnknownName
from .common import Ended, emit_json, json_option
from .terminal import Progress, painter, width

if TYPE_CHECKING:
    from ..claims import Claim, Outcome

CHANGED = 1


@click.command(
    "claims",
    short_help="Settle the statements of the catalogue.",
    epilog="Example: dsf claims --paper 21 --recheck",
)
@click.argument("names", metavar="[NAME | FILE.py]...", nargs=-1)
@click.option("--paper", type=int, metavar="N", help="The claims about entry N of the benchmark.")
@click.option("--recheck", is_flag=True, help="Verify every certificate anew.")
@json_option
def command(names: tuple[str, ...], paper: int | None, recheck: bool, as_json: bool) -> None:
    """Settle the statements of the catalogue, or those of a file.

    Each is settled by a general procedure, and the verdict held against the expected one. All of
    the catalogue where neither a NAME nor an entry is given. A FILE.py states its own in the list
    `claims`, as the files of the catalogue do; FILE.py:NAME is one of them.

    Exit code: 0 all as expected, 1 a verdict is another, 2 bad input.
    """
    from ..claims import claims, named, settle_all

    wanted = _wanted(claims(), list(named(names)), paper)
    outcomes = []
    with Progress(f"settling {len(wanted)} claims") as progress:
        for outcome in settle_all(wanted, recheck=recheck):
            outcomes.append(outcome)
            progress.label = f"settled {len(outcomes)} of {len(wanted)} claims"
    if as_json:
        emit_json("claims", {"claims": [_data(x) for x in outcomes]})
    else:
        click.echo(_text(outcomes, recheck))
    if not all(x.holds for x in outcomes):
        raise Ended(CHANGED)


def _wanted(known: dict[str, Claim], names: list[str], paper: int | None) -> list[str]:
    about = [name for name, each in known.items() if paper is None or paper in each.paper]
    if not about:
        numbers = sorted({p for each in known.values() for p in each.paper})
        raise UnknownName(
            f"--paper {paper}: no claim is about it; there are claims about {_runs(numbers)}"
        )
    if not names:
        return about
    return [*dict.fromkeys(names), *(x for x in about if paper is not None and x not in names)]


def _runs(numbers: list[int]) -> str:
    """Whole numbers in words: 1-3, 5."""
    parts: list[list[int]] = []
    for n in numbers:
        if parts and parts[-1][-1] == n - 1:
            parts[-1] = [parts[-1][0], n]
        else:
            parts.append([n])
    return ", ".join("-".join(map(str, part)) for part in parts)


def _data(outcome: Outcome) -> dict[str, Any]:
    from ..schema import verdict_data

    of = outcome.claim
    return {
        "name": of.name,
        "sentence": of.sentence,
        "paper": list(of.paper),
        "source": of.source,
        "slip": of.slip,
        "procedure": of.procedure,
        "conditions": list(outcome.verdict.conditions),
        "kind": _kind(outcome),
        "expected": of.expect,
        "as_expected": outcome.holds,
        **{k: v for k, v in verdict_data(outcome.verdict).items() if k != "seconds"},
        "seconds": round(outcome.seconds, 6),
    }


def _text(outcomes: list[Outcome], rechecked: bool) -> str:
    from ..rendering.report import plural, wrap

    paint = painter()
    lines = []
    for x in outcomes:
        paper = ", ".join(map(str, x.claim.paper)) or "-"
        status = x.verdict.status
        first = f"{paper:>7}  {status:<11}  "
        rest = " " * len(first)
        word = "iff" if x.claim.procedure == "conditions" else "if"
        said = [x.claim.sentence, *(f"{word} {c}" for c in x.verdict.conditions)]
        said += [*(f"with {c}" for c in x.verdict.question.domains), _how(x)]
        if not x.holds:
            said.append(f"CHANGED: expected {x.claim.expect}")
        rows = [row for part in said for row in wrap(part, width(), first=rest, rest=rest)]
        rows[0] = first + rows[0][len(first) :]
        lines += [
            row.replace(status, paint(status, status), 1) if row is rows[0] else row for row in rows
        ]
    counts = {s: sum(x.verdict.status == s for x in outcomes) for s in _STATUSES}
    told = ", ".join(f"{n} {s}" for s, n in counts.items() if n)
    wrong = sum(not x.holds for x in outcomes)
    certificates = sum(x.verdict.certificate is not None for x in outcomes)
    end = f"{plural(len(outcomes), 'claim')}: {told}; " + (
        f"{wrong} not as expected" if wrong else "all as expected"
    )
    end += f"; {plural(certificates, 'certificate')}" + (" rechecked" if rechecked else "")
    return "\n".join(["  paper  verdict      claim", *lines, "", *wrap(end, width())])


def _how(outcome: Outcome) -> str:
    """The kind of proof, what it is about, and where it is stated, shortly."""
    source = outcome.claim.source
    kind = _kind(outcome) or "no certificate"
    what = f"{outcome.claim.procedure}: {kind}, {outcome.verdict.scope}"
    told = f"a slip in {source}" if outcome.claim.slip else source
    return f"{what}; {told}" if told else what


def _kind(outcome: Outcome) -> str | None:
    """The kind of certificate."""
    data = outcome.verdict.certificate
    return None if data is None else str(data["kind"])


_STATUSES = ("proved", "conditional", "refuted", "undecided")
