"""Where the book's sources are and where generated pages and files go."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

BOOK = Path(__file__).parent.parent
ROOT = BOOK.parent
FACTS = BOOK / "_facts"
CERTIFICATES = FACTS / "certificates"
CLAIMS = FACTS / "claims"
FIGURES = FACTS / "figures"
LAYERS = FACTS / "layers"
PRINTED = FACTS / "printed"
CATALOGUE = BOOK / "catalogue"
REFERENCE = BOOK / "reference"
GENERATED = (CERTIFICATES, FIGURES, LAYERS, PRINTED, CATALOGUE, REFERENCE)
# Notebook outputs are kept by the engine, which does not see that the library has changed.
EXECUTED = BOOK / "_build" / "execute"
STAMP = FACTS / "made-from"
SETTLED = FACTS / "settled.json"
READ = ("dsf_sym", "derivations", "numeric", "examples", "book/facts", "book/examples")


def sources() -> list[Path]:
    """The pages that people write."""
    return sorted(p for p in BOOK.glob("*.md") if p.name != "README.md")


def inputs() -> str:
    """A hash of all that generated pages are made from, the claims of the pages left out."""
    found = hashlib.sha256()
    for path in [*_code(), BOOK / "sources.bib", ROOT / "constraints.txt"]:
        content = path.read_bytes()
        found.update(f"{path.relative_to(ROOT).as_posix()}\0{len(content)}\0".encode() + content)
    return found.hexdigest()


def _code() -> Iterator[Path]:
    for top in READ:
        yield from sorted(p for p in (ROOT / top).rglob("*.py"))


def clear() -> None:
    """Remove what was generated before, and the outputs that came from it."""
    STAMP.unlink(missing_ok=True)
    for folder in (*GENERATED, EXECUTED):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in GENERATED:
        folder.mkdir(parents=True)


def clear_claims(keep: Collection[str]) -> None:
    """Remove the claims that were settled before, all but those with these labels."""
    CLAIMS.mkdir(parents=True, exist_ok=True)
    for path in CLAIMS.iterdir():
        if path.stem not in keep:
            path.unlink()


def settled() -> dict[str, str]:
    """What the claims that were settled before were made from, by label."""
    found: dict[str, str] = json.loads(SETTLED.read_text()) if SETTLED.is_file() else {}
    return {label: text for label, text in found.items() if (CLAIMS / f"{label}.md").is_file()}


def note_settled(made_from: Mapping[str, str]) -> None:
    """Note what every claim was made from."""
    SETTLED.write_text(json.dumps(made_from))
