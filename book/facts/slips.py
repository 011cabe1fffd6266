"""The statements about the paper that are refuted, in its order, with what holds instead."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from dsf_sym.claims import claims as stated_in_catalogue

from .claims import Stated, directive
from .folders import FACTS
from .text import plain

PAGE = "where-the-paper-slips.md"


def stated(pages: Iterable[Path]) -> list[Stated]:
    """The refuted claims about the paper that the page itself does not discuss."""
    text = "".join(page.read_text(encoding="utf-8") for page in pages if page.name == PAGE)
    discussed = set(re.findall(r"\{claim\}[ \t]+(\S+)$", text, re.MULTILINE))
    return [
        Stated(name, f"slip-{name}", each.expect, (), "", f"derivations: {each.sentence}")
        for name, each in stated_in_catalogue().items()
        if each.paper and each.expect == "refuted" and name not in discussed
    ]


def write(slips: Iterable[Stated]) -> None:
    """Write the list that the page includes."""
    every = stated_in_catalogue()
    parts = []
    for slip in slips:
        refuted = every[slip.said]
        parts.append(directive(slip))
        holds = [
            f"[{plain(each.sentence)}](#{name})"
            for name, each in every.items()
            if set(each.paper) & set(refuted.paper) and each.expect in ("proved", "conditional")
        ]
        said = f"Stated in {plain(refuted.source)}. " if refuted.source else ""
        if holds:
            said += "What holds: " + "; ".join(holds) + "."
        if said:
            parts.append(said)
    (FACTS / "slips.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
