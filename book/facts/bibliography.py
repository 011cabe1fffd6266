"""The bibliography: the sources of the layers, and what else the book leans on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .folders import BOOK, FACTS, REFERENCE
from .layers import LayerFacts
from .text import layer_link, page, table


def write(found: Sequence[LayerFacts]) -> None:
    """Write the page, and the entries that all pages cite."""
    (REFERENCE / "bibliography.md").write_text(_bibliography(found), encoding="utf-8")
    entries = dict.fromkeys([*(facts.bibtex for facts in found)])
    own = (BOOK / "sources.bib").read_text(encoding="utf-8")
    text = "\n\n".join([*entries, own.strip()])
    (FACTS / "bibliography.bib").write_text(text + "\n", encoding="utf-8")


def _bibliography(found: Sequence[LayerFacts]) -> str:
    rows = [
        [layer_link(facts.name, facts.title), f"{{cite:t}}`{facts.layer.cite}`"]
        for facts in found
        if facts.layer.cite
    ]
    own = _keys(BOOK / "sources.bib")
    others = "\n".join(f"- {{cite:t}}`{key}`" for key in own)
    body = f"""
## Where are the layers from?

{table(["layer", "reference"], rows)}

## What else does the book lean on?

{others}
"""
    return page("Bibliography", body, description="Every source, and the layers that it is for.")


def _keys(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.split("{")[1].rstrip(",") for line in lines if line.startswith("@")]
