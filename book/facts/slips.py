"""The statements about the paper that are refuted: its slips, and what it does not say."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dsf_sym.claims import Claim

from .claims import ClaimError, Stated, of_catalogue
from .folders import FACTS
from .text import plain, table_of_lists

PAGE = "where-the-paper-slips.md"


def write(shown: Iterable[Stated]) -> None:
    """Write the tables that the page includes; shown: the claims that pages show.

    Raises ClaimError for a slip that the page does not show.
    """
    anchors = {each.said: each.label for each in shown if PAGE in each.where}
    refuted = [c for c in of_catalogue().values() if c.paper and c.expect == "refuted"]
    slips = [each for each in refuted if each.slip]
    if left := [each.name for each in slips if each.name not in anchors]:
        raise ClaimError(f"book/{PAGE}: a slip has no counterexample there: {', '.join(left)}")
    printed = [
        [[plain(_place(one)) for one in same[:1]], _links(same, anchors), _holds(same[0], anchors)]
        for same in _alike(slips)
    ]
    _write("slips", table_of_lists(["where", "what is said", "what holds"], printed))
    others = [each for each in refuted if not each.slip and each.name not in anchors]
    rows = [[_links(same, anchors), _holds(same[0], anchors)] for same in _alike(others)]
    _write("refuted", table_of_lists(["what does not hold", "what holds"], rows))


def _alike(refuted: Iterable[Claim]) -> list[list[Claim]]:
    """The claims in groups that are about the same statements of the paper."""
    groups: dict[tuple[object, ...], list[Claim]] = {}
    for each in refuted:
        groups.setdefault((each.paper, each.slip and each.source), []).append(each)
    return list(groups.values())


def _place(slip: Claim) -> str:
    """Where the paper says so, without its authors."""
    return re.sub(r"^[^,]*, ", "", slip.source)


def _holds(refuted: Claim, anchors: dict[str, str]) -> list[str]:
    """The claims about the same statement that hold."""
    known = of_catalogue().values()
    about = [each for each in known if set(each.paper) & set(refuted.paper)]
    return _links([each for each in about if each.expect in ("proved", "conditional")], anchors)


def _links(found: Iterable[Claim], anchors: dict[str, str]) -> list[str]:
    return [f"[{plain(each.sentence)}](#{anchors.get(each.name, each.name)})" for each in found]


def _write(name: str, text: str) -> None:
    (FACTS / f"{name}.md").write_text(text + "\n", encoding="utf-8")
