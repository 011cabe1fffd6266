"""The claims of the catalogue: a list of all, and a page for each file that states some."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass

import derivations
from dsf_sym.claims import Claim

from .claims import of_catalogue
from .folders import REFERENCE
from .text import page, plain, table


@dataclass(frozen=True)
class Group:
    """A file with claims: its name, what it is about, and the claims in the order of the paper."""

    name: str
    title: str
    claims: tuple[Claim, ...]


def write() -> None:
    """Write the pages."""
    folder = REFERENCE / "claims"
    folder.mkdir(exist_ok=True)
    parts = []
    for group in groups():
        where = f"{group.name.replace('_', '-')}.md"
        text = page(group.title, "\n\n".join(map(_shown, group.claims)))
        (folder / where).write_text(text, encoding="utf-8")
        rows = [
            [f"[{plain(each.sentence)}](#{each.name})", f"{{status}}`{each.expect}`"]
            for each in group.claims
        ]
        parts += [f"## [{plain(group.title)}](claims/{where})", table(["claim", "verdict"], rows)]
    text = page(
        "Every claim",
        "\n\n".join(parts),
        description="The statements that the catalogue makes, each settled when the page was made.",
    )
    (REFERENCE / "claims.md").write_text(text, encoding="utf-8")


def groups() -> list[Group]:
    """The files with claims, in the order in which the paper comes to what they are about."""
    order = list(of_catalogue())
    found = []
    for info in pkgutil.iter_modules(derivations.__path__):
        module = importlib.import_module(f"{derivations.__name__}.{info.name}")
        own = sorted(getattr(module, "claims", ()), key=lambda each: order.index(each.name))
        if own:
            title = str(module.__doc__).split(":")[0].split("\n")[0]
            found.append(Group(info.name, title, tuple(own)))
    return sorted(found, key=lambda group: order.index(group.claims[0].name))


def _shown(claim: Claim) -> str:
    """The claim as a page states it."""
    return f"```{{claim}} {claim.name}\n:label: {claim.name}\n:expect: {claim.expect}\n```"
