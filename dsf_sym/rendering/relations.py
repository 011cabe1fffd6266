"""Relations as text for a terminal: a table, the nearest layers, and every pair of many layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..relation import KINDS, Relation
from ..verdict import Verdict
from .report import (
    Paint,
    by_terms,
    fields,
    plain,
    plural,
    without_partner,
    witness_lines,
    wrap,
)

if TYPE_CHECKING:
    from ..deciding.explain import Explanation

COLUMN = max(map(len, KINDS))
ROLE = {
    "equal": "proved",
    "equivalent": "proved",
    "contains": "proved",
    "contained in": "proved",
    "equal if": "conditional",
    "undecided": "undecided",
    "different": "refuted",
    "incomparable": "refuted",
    "not compared": "",
}
MEANING = {
    "equal": "the same output for all tokens, weights and lengths",
    "equivalent": "each contains the other: equal up to the maps of their signals",
    "contains": "each of these is a special case of {name}, whose signals are then as shown",
    "contained in": "{name} is a special case of each of these, whose signals are then as shown",
    "equal if": "the same output where the conditions shown hold",
    "different": "not equal; in brackets what rules a containment out",
    "incomparable": "neither contains the other; in brackets what rules it out",
}


def report_lines(
    name: str,
    relations: Sequence[Relation],
    nearest: Sequence[Explanation],
    width: int,
    paint: Paint = plain,
) -> list[str]:
    """What `dsf check` says: a line for each relation, what the words mean, the nearest layers."""
    lines = wrap(f"How {name} stands to each, for all lengths:", width)
    lines += ["", *table(relations, width, paint), ""]
    kinds = {relation.kind for relation in relations}
    meanings = [(kind, text.format(name=name)) for kind, text in MEANING.items() if kind in kinds]
    lines += fields(meanings, width)
    for i, found in enumerate(nearest):
        other, at = found.verdict.question.b, found.verdict.scope
        ties = found.verdict.question.bridges
        note = f", with {'; '.join(ties)}" if ties else ""
        head = "Nearest" if i == 0 else "Next"
        lines += ["", *wrap(f"{head}: {other}{note}. {difference_title(found)}", width)]
        lines += ["", *difference_lines(found, width)]
        if i == 0:
            unmatched = without_partner(found.verdict)
            lines += ["", *wrap(f"Signals are {unmatched}.", width)] if unmatched else []
            lines += ["", *wrap(f"They differ, at {at}, on:", width), ""]
            lines += witness_lines(found.verdict, width)
    return lines


def table(relations: Sequence[Relation], width: int, paint: Paint = plain) -> list[str]:
    """Kind, other layers and what shows it; layers of which the same is said stand together."""
    together: dict[tuple[str, str], list[str]] = {}
    for relation in relations:
        together.setdefault((relation.kind, summary(relation)), []).append(relation.b)
    column = max(len(relation.kind) for relation in relations)
    out = []
    for (kind, said), names in together.items():
        lines = wrap(f"{', '.join(names)}: {said}", width, first=f"  {kind:<{column}}  ")
        lines[0] = lines[0].replace(kind, paint(kind, ROLE[kind]), 1)
        out += lines
    return out


def summary(relation: Relation) -> str:
    """What shows a relation: sizes, maps, conditions, the length of a difference, obstructions."""
    equal, kind = relation.equal, relation.kind
    if equal is None:
        return relation.reason
    if kind == "equal":
        return _scope(equal)
    if kind == "equal if":
        return f"{'; '.join(relation.conditions)}; {_scope(equal)}"
    parts = []
    if kind in ("contains", "equivalent") and relation.contains is not None:
        parts.append(_maps(relation.contains, relation.a))
    if kind in ("contained in", "equivalent") and relation.contained is not None:
        parts.append(_maps(relation.contained, relation.b))
    if kind in ("different", "undecided"):
        parts.append(_difference(equal))
    if kind in ("different", "undecided", "incomparable"):
        parts.append(_obstruction("does not contain it", relation.contains))
        parts.append(_obstruction("not contained in it", relation.contained))
    return "; ".join(dict.fromkeys(filter(None, parts)))


def _scope(verdict: Verdict) -> str:
    return "for all sizes" if verdict.sizes is None else f"at {verdict.scope}"


def _maps(verdict: Verdict, owner: str) -> str:
    """The maps that are not a signal's own name, in the signals of `owner`; the sizes too."""
    maps = [tie.removeprefix(f"{owner}.") for tie in verdict.question.given]
    told = [tie for tie in maps if len(set(map(str.strip, tie.split("=", 1)))) == 2]
    told += verdict.conditions
    return f"{', '.join(told) or 'the same signals'}, {_scope(verdict)}"


def _difference(verdict: Verdict) -> str:
    if verdict.witness is not None:
        return f"a difference after {plural(verdict.witness.length, 'token')}"
    remains = f"; it remains: {verdict.remains}" if verdict.remains else ""
    return f"{verdict.proof}{remains}"


def _obstruction(what: str, verdict: Verdict | None) -> str:
    """Which containment is refuted, and in short by what; nothing where none is."""
    if verdict is None or verdict.status != "refuted":
        return ""
    kind = (verdict.certificate or {}).get("kind of obstruction")
    return f"{what} ({kind or verdict.proof})"


def difference_title(found: Explanation) -> str:
    """What the rows of `difference_lines` are."""
    last, question = f"y_{(found.length or 1) - 1}", found.verdict.question
    return (
        f"The first difference is after {plural(found.length or 0, 'token')}: {last} of "
        f"{question.a} minus {last} of {question.b}, by the lag of its oldest token:"
    )


def difference_lines(found: Explanation, width: int) -> list[str]:
    """The difference by lag, and the ties that are proved to remove it."""
    from .render import render_difference

    lines = ["  no formula short enough to print"]
    if found.terms is not None:
        rows = [
            (f"lag {lag}", by_terms(render_difference(x, style="text")))
            for lag, x in found.terms.items()
        ]
        lines = fields(rows, width)
    if found.removed_by:
        several = " any one line of" if len(found.removed_by) > 1 else ""
        lines += ["", f"Proved equal under{several}:", ""]
        for ties in found.removed_by:
            lines += wrap("; ".join(ties), width, first="  ")
    else:
        lines += ["", *wrap("No simple tie was found that removes the difference.", width)]
    return lines


def pairs_lines(
    names: Sequence[str], relations: Sequence[Relation], width: int, paint: Paint = plain
) -> list[str]:
    """Every pair, told from each of its layers: the names that it stands to in each way."""
    lines: list[str] = []
    for name in names:
        own = [r if r.a == name else r.flipped for r in relations if name in (r.a, r.b)]
        lines += [*([""] if lines else []), name]
        for kind in KINDS:
            others = ", ".join(sorted(r.b for r in own if r.kind == kind))
            if others:
                rows = wrap(others, width, first=f"  {kind:<{COLUMN}}  ")
                rows[0] = rows[0].replace(kind, paint(kind, ROLE[kind]), 1)
                lines += rows
    return lines
