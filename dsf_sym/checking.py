"""One layer against many: which it equals, under which ties, and where it differs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .deciding.decide import compare
from .deciding.pairing import pair
from .errors import DomainError, NotAffine, ShapeError, SizeError
from .language.evaluate import Sizes
from .language.layer import Layer
from .rendering.report import WIDTH, Paint, plain, plural, table, witness_lines, wrap
from .verdict import Question, Verdict

ORDER = ("proved", "conditional", "undecided", "refuted")
Decide = Callable[[Layer, Layer, Sizes], Verdict]


@dataclass(frozen=True)
class Report:
    """The verdicts on one layer, equal ones first, then the latest difference first."""

    layer: Layer
    verdicts: tuple[Verdict, ...]

    @property
    def decided(self) -> bool:
        """Whether every comparison was decided."""
        return all(v.status != "undecided" for v in self.verdicts)

    @property
    def closest(self) -> Verdict | None:
        """The refuted verdict with the latest difference: the layer that is hardest to tell."""
        refuted = [v for v in self.verdicts if v.witness is not None]
        return refuted[0] if refuted else None

    def with_status(self, status: str) -> list[Verdict]:
        """The verdicts that are proved, conditional, undecided or refuted."""
        return [v for v in self.verdicts if v.status == status]

    def text(self, width: int = WIDTH, paint: Paint = plain) -> str:
        """The verdicts for a terminal: a line for each, then the latest difference in full."""
        if not self.verdicts:
            return "There is no layer to compare with."
        name = self.layer.name
        question = f"Same output as {name}, for all tokens, weights and lengths?"
        lines = wrap(question, width)
        lines += ["", *table(self.verdicts, width, paint)]
        if self.closest is not None:
            other, at = self.closest.question.b, self.closest.scope
            ties = self.closest.question.bridges
            note = f", with {'; '.join(ties)}" if ties else ""
            lines += ["", *wrap(f"Where {name} and {other} differ, at {at}{note}:", width), ""]
            lines += witness_lines(self.closest, width)
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()

    def counts(self) -> str:
        """How many of each, in words."""
        parts = [(s, len(self.with_status(s))) for s in ORDER]
        counted = ", ".join(f"{n} {s}" for s, n in parts if n)
        return f"{plural(len(self.verdicts), 'layer')}: {counted}"


def check(
    layer: Layer,
    against: Sequence[Layer | str] | None = None,
    sizes: Sizes | None = None,
    *,
    decide: Decide | None = None,
) -> Report:
    """Compare a layer with every layer of the catalogue, or with those of `against`.

    against: layers, or references such as "gla" or "my_layer.py:name". sizes: values of the size
    names, 2 where not given. decide: what compares two layers at some sizes; `compare` by default.
    A layer that has another output shape, or shares no value of a signal, is undecided, saying so.
    Raises NotAffine, SizeError, UnknownName, LoadError.
    """
    from .derivation.affine import affine_layer

    affine_layer(layer)
    others = _others(layer, against)
    _known_sizes(layer, others, sizes or {})
    verdicts = [_verdict(layer, other, sizes or {}, decide or _compare) for other in others]
    verdicts.sort(key=lambda v: (ORDER.index(v.status), -(v.witness.length if v.witness else 0)))
    return Report(layer, tuple(verdicts))


def _others(layer: Layer, against: Sequence[Layer | str] | None) -> list[Layer]:
    from .language.loading import catalogue, find

    if against is not None:
        return [find(x) if isinstance(x, str) else x for x in against]
    known = catalogue().values()
    return [x for x in known if (x.name, x.hash) != (layer.name, layer.hash)]


def _known_sizes(layer: Layer, others: Sequence[Layer], sizes: Sizes) -> None:
    known = list(dict.fromkeys([*layer.sizes, *(n for other in others for n in other.sizes)]))
    for name in sizes:
        if name not in known:
            raise SizeError(f"no size {name!r} here; the sizes are {', '.join(known) or 'none'}")


def _compare(a: Layer, b: Layer, sizes: Sizes) -> Verdict:
    return compare(a, b, sizes=sizes)


def _verdict(layer: Layer, other: Layer, sizes: Sizes, decide: Decide) -> Verdict:
    try:
        both = pair(layer, other)
        here = {*both.a.sizes, *both.b.sizes}
        return decide(layer, other, {n: x for n, x in sizes.items() if n in here})
    except (ShapeError, DomainError, NotAffine) as error:
        return Verdict(
            Question(layer.name, other.name), "undecided", f"cannot be compared: {error}", None
        )
