"""One layer against many: what it equals, contains and is contained in, and where it differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .deciding.explain import Explanation, difference, explain_verdict
from .deciding.pairing import pair
from .errors import DsfError
from .language.layer import Layer
from .relating import Ask, Notify, relate
from .relation import KINDS, Relation
from .rendering.relations import report_lines
from .rendering.report import WIDTH, Paint, plain, plural
from .verdict import Verdict

NEAREST = 2


@dataclass(frozen=True)
class Report:
    """How one layer stands to others: the strongest relations first, then the nearest layers.

    nearest: the layers that it differs from latest, and among those by the fewest terms, with the
    difference by lag and the single ties that remove it. notes: what to say about the cache.
    """

    layer: Layer
    relations: tuple[Relation, ...]
    nearest: tuple[Explanation, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts on equality, in the order of the relations."""
        return tuple(r.equal for r in self.relations if r.equal is not None)

    @property
    def decided(self) -> bool:
        """Whether equality was decided wherever it could be asked."""
        return all(v.status != "undecided" for v in self.verdicts)

    def of_kind(self, kind: str) -> list[Relation]:
        """The relations of a kind: equal, equivalent, contains, contained in, ..."""
        return [r for r in self.relations if r.kind == kind]

    def text(self, width: int = WIDTH, paint: Paint = plain) -> str:
        """The relations for a terminal, a line for each, then the nearest layers."""
        if not self.relations:
            return "There is no layer to compare with."
        lines = report_lines(self.layer.name, self.relations, self.nearest, width, paint)
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()

    def counts(self) -> str:
        """How many of each kind, in words."""
        parts = [(kind, len(self.of_kind(kind))) for kind in KINDS]
        counted = ", ".join(f"{n} {kind}" for kind, n in parts if n)
        return f"{plural(len(self.relations), 'layer')}: {counted}"


def check(
    layer: Layer,
    against: Sequence[Layer | str] | None = None,
    *,
    ask: Ask | None = None,
    processes: int | None = 1,
    progress: Notify | None = None,
) -> Report:
    """Relate a layer to every layer of the catalogue, or to those of `against`.

    against: layers, or references such as "gla" or "my_layer.py:name". ask: at what sizes, whether
    containment too, with what limit of time and what cache. processes, progress: see `relate`. What
    cannot be compared is undecided, saying so. Raises SizeError, UnknownName, LoadError.
    """
    others = others_of(layer, against)
    wanted = ask or Ask()
    pairs = [(layer, other) for other in others]
    found = relate(pairs, wanted, processes=processes, progress=progress)
    rows = [
        (_distance(layer, other, relation), relation, other)
        for relation, other in zip(found.relations, others, strict=True)
    ]
    rows.sort(key=lambda row: (row[0], KINDS.index(row[1].kind)))
    apart = [(r.equal, other) for _, r, other in rows if r.equal and r.equal.witness]
    nearest = [
        explain_verdict(layer, other, verdict, seed=wanted.seed, most_ties=1)
        for verdict, other in apart[:NEAREST]
    ]
    rows.sort(key=lambda row: KINDS.index(row[1].kind))
    return Report(layer, tuple(row[1] for row in rows), tuple(nearest), found.notes)


def others_of(layer: Layer, against: Sequence[Layer | str] | None) -> list[Layer]:
    """The layers of `against`, by default those of the catalogue that are not the layer itself."""
    from .language.loading import catalogue, find

    if against is not None:
        return [find(x) if isinstance(x, str) else x for x in against]
    known = catalogue().values()
    return [x for x in known if (x.name, x.hash) != (layer.name, layer.hash)]


def _distance(layer: Layer, other: Layer, relation: Relation) -> tuple[float, float]:
    """The latest difference first, then the fewest terms: smaller is nearer."""
    witness = relation.equal.witness if relation.equal else None
    if witness is None:
        return 0.0, 0.0
    try:
        terms = difference(pair(layer, other), witness.length)
    except DsfError:
        terms = None
    size = float("inf") if terms is None else sum(len(x.terms) for x in terms.values())
    return -witness.length, size
