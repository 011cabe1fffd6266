"""The statements about the paper that are refuted: its slips, and what it does not say."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dsf_sym.claims import Claim

from .claims import ClaimError, Stated, of_catalogue
from .folders import FACTS
from .text import plain, table

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
    printed = [[plain(_place(each)), _link(each, anchors), _holds(each, anchors)] for each in slips]
    _write("slips", table(["where", "what is said", "what holds"], printed))
    others = [
        [_link(each, anchors), _holds(each, anchors)]
        for each in refuted
        if not each.slip and each.name not in anchors
    ]
    _write("refuted", table(["what does not hold", "what holds"], others))


def _place(slip: Claim) -> str:
    """Where the paper says so, without its authors."""
    return re.sub(r"^[^,]*, ", "", slip.source)


def _holds(refuted: Claim, anchors: dict[str, str]) -> str:
    """The claims about the same statement that hold."""
    return "; ".join(
        _link(each, anchors)
        for each in of_catalogue().values()
        if set(each.paper) & set(refuted.paper) and each.expect in ("proved", "conditional")
    )


def _link(each: Claim, anchors: dict[str, str]) -> str:
    return f"[{plain(each.sentence)}](#{anchors.get(each.name, each.name)})"


def _write(name: str, text: str) -> None:
    (FACTS / f"{name}.md").write_text(text + "\n", encoding="utf-8")
