"""How every two layers of the catalogue stand to each other, with a certificate for each answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dsf_sym import Layer
from dsf_sym.caching import Cache
from dsf_sym.errors import DsfError
from dsf_sym.relating import Ask, every_pair, relate
from dsf_sym.relation import KINDS, YES, Relation
from dsf_sym.rendering.relations import summary
from dsf_sym.verdict import Verdict

from .layers import LONGEST
from .text import publish

Proofs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Row:
    """One relation as seen from a layer, told in words; proofs: what each certificate is, where."""

    relation: Relation
    said: str
    proofs: Proofs

    @property
    def other(self) -> str:
        """The name of the other layer."""
        return self.relation.b

    @property
    def kind(self) -> str:
        """One of KINDS."""
        return self.relation.kind

    @property
    def far(self) -> bool:
        """Whether nothing but differences is known."""
        return self.kind in ("different", "incomparable")

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on equality."""
        return self.relation.equal


def relations(layers: Sequence[Layer]) -> dict[str, list[Row]]:
    """The relations of each layer: equal ones first, then the latest difference first.

    Raises DsfError where an answer takes too long: what a page says must not depend on how busy the
    machine was.
    """
    rows: dict[str, list[Row]] = {layer.name: [] for layer in layers}
    ask = Ask(timeout=LONGEST, cache=Cache())
    found = relate(every_pair(layers), ask, processes=None).relations
    for relation in found:
        _require_ended(relation)
        proofs = _published(relation)
        rows[relation.a].append(Row(relation, summary(relation), proofs))
        turned = relation.flipped
        rows[turned.a].append(Row(turned, summary(turned), _turned(proofs)))
    for seen in rows.values():
        seen.sort(key=_first)
    return rows


def _require_ended(relation: Relation) -> None:
    for verdict in (relation.equal, relation.contains, relation.contained):
        if verdict is not None and verdict.proof == f"stopped after {LONGEST:g} s":
            raise DsfError(
                f"how {relation.a} stands to {relation.b} was not decided within {LONGEST} s; "
                f"see: dsf compare {relation.a} {relation.b} --sense {verdict.question.sense}"
            )


TURNED = {
    "contains": "contained in",
    "contained in": "contains",
    "does not contain it": "not contained in it",
    "not contained in it": "does not contain it",
}


def _turned(proofs: Proofs) -> Proofs:
    return tuple((TURNED.get(what, what), where) for what, where in proofs)


def _published(relation: Relation) -> Proofs:
    """Write the certificates of a relation."""
    a, b = relation.a, relation.b
    asked = (
        (f"{a}-{b}", relation.equal, "equality", "difference"),
        (f"{a}-contains-{b}", relation.contains, "contains", "does not contain it"),
        (f"{b}-contains-{a}", relation.contained, "contained in", "not contained in it"),
    )
    return tuple(
        (yes if verdict.status in YES else no, publish(name, verdict.certificate))
        for name, verdict, yes, no in asked
        if verdict is not None and verdict.certificate is not None
    )


def _first(row: Row) -> tuple[int, int, str]:
    length = row.verdict.witness.length if row.verdict and row.verdict.witness else 0
    return KINDS.index(row.kind), -length, row.other
