"""Write the facts of the book: `python -m book.facts`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from dsf_sym import catalogue as every_layer
from dsf_sym.errors import DsfError

from . import (
    catalogue,
    chapter_figures,
    claim_pages,
    claims,
    experiment,
    figures,
    folders,
    graph,
    layers,
    printed,
    reference,
    slips,
    state_figures,
)
from .relations import relations

A = TypeVar("A")
B = TypeVar("B")
Question = tuple[str, tuple[str, ...], str]


def main() -> int:
    """Settle the claims; write all else unless the library is unchanged. The exit code."""
    began = time.perf_counter()
    try:
        count = _claims()
        _rest()
    except DsfError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(f"==> Settled {count} claims; facts took {time.perf_counter() - began:.0f} s.")
    return 0


def _claims() -> int:
    """Settle the claims of the pages and of the catalogue, but for those that nothing changed."""
    shown = claims.stated(folders.sources())
    stated = [*shown, *claims.known()]
    made_from = folders.inputs(folders.SETTLES)
    wanted = {
        each.label: f"{made_from} {each.label} {each.expect} {each.question}" for each in stated
    }
    settled = folders.settled()
    kept = {label: text for label, text in wanted.items() if settled.get(label) == text}
    folders.clear_claims(kept)
    folders.note_settled(kept)
    slips.write(shown)
    asked: dict[Question, list[claims.Stated]] = {}
    for each in stated:
        if each.label not in kept:
            asked.setdefault(each.question, []).append(each)
    for first in _each(claims.decide, [same[0] for same in asked.values()]):
        for each in asked[first.stated.question]:
            claims.write(first.about(each))
    folders.note_settled(wanted)
    return len(stated)


def _rest() -> None:
    made_from = folders.inputs()
    if folders.STAMP.is_file() and folders.STAMP.read_text() == made_from:
        return
    folders.clear()
    known = list(every_layer().values())
    found = list(_each(layers.facts_of, known))
    for facts in found:
        layers.write(facts)
    rows = relations(known)
    catalogue.write(found, rows)
    claim_pages.write()
    reference.write(found)
    printed.write()
    figures.write()
    chapter_figures.write()
    state_figures.write()
    experiment.write()
    graph.write(rows)
    folders.STAMP.write_text(made_from)


def _each(work: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(work, items)


if __name__ == "__main__":
    sys.exit(main())
