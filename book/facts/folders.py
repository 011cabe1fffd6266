"""Where the book's sources are and where generated pages and files go."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

BOOK = Path(__file__).parent.parent
ROOT = BOOK.parent
FACTS = BOOK / "_facts"
CERTIFICATES = FACTS / "certificates"
CODE = FACTS / "code"
CLAIMS = FACTS / "claims"
EXPERIMENT = FACTS / "experiment"
FIGURES = FACTS / "figures"
LAYERS = FACTS / "layers"
PRINTED = FACTS / "printed"
CATALOGUE = BOOK / "catalogue"
REFERENCE = BOOK / "reference"
GENERATED = (CERTIFICATES, CODE, EXPERIMENT, FIGURES, LAYERS, PRINTED, CATALOGUE, REFERENCE)
# Notebook outputs are kept by the engine, which does not see that the library has changed.
EXECUTED = BOOK / "_build" / "execute"
STAMP = FACTS / "made-from"
SETTLED = FACTS / "settled.json"
ASKED = ("dsf_sym", "derivations", "examples", "book/examples", "constraints.txt")
SETTLES = (*ASKED, "book/facts/claims.py", "book/facts/text.py")
READ = (*ASKED, "numeric", "book/facts", "book/sources.bib")


def sources() -> list[Path]:
    """The pages that people write."""
    return sorted(p for p in BOOK.glob("*.md") if p.name != "README.md")


def inputs(tops: Iterable[str] = READ) -> str:
    """A hash of all that generated pages are made from, the claims of the pages left out.

    tops: other files and folders, as SETTLES, what the verdicts on claims are made from.
    """
    found = hashlib.sha256()
    for path in (path for top in tops for path in _files(ROOT / top)):
        content = path.read_bytes()
        found.update(f"{path.relative_to(ROOT).as_posix()}\0{len(content)}\0".encode() + content)
    return found.hexdigest()


def _files(top: Path) -> list[Path]:
    if not top.is_dir():
        return [top]
    # Records of experiments are JSON.
    return sorted(path for path in top.rglob("*") if path.suffix in (".py", ".json"))


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
