"""All facts but the claims: what is written anew when the library has changed."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from dsf_sym import catalogue as every_layer
from dsf_sym.processes import Submit

from . import bibliography, catalogue, claim_pages, graph, layers
from .relations import relations

# Modules that write what they have to say without asking another one, the slowest first.
ALONE = ("state_figures", "printed", "chapter_figures", "figures", "experiment", "interfaces")


def begin(submit: Submit) -> Callable[[], None]:
    """Give the work to other processes; what is returned does the rest and waits for them."""
    known = list(every_layer().values())
    alone = [submit(_write, name) for name in ALONE]
    derived = [submit(layers.facts_of, layer) for layer in known]

    def finish() -> None:
        rows = relations(known)
        found = [each.result() for each in derived]
        for facts in found:
            layers.write(facts)
        catalogue.write(found, rows)
        graph.write(rows)
        claim_pages.write()
        bibliography.write(found)
        for each in alone:
            each.result()

    return finish


def _write(name: str) -> None:
    importlib.import_module(f".{name}", __package__).write()
