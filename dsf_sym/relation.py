"""How two layers stand to each other: one word, from the verdicts on equality and containment."""

from __future__ import annotations

from dataclasses import dataclass

from .verdict import Verdict

KINDS = (
    "equal",
    "equivalent",
    "contains",
    "contained in",
    "equal if",
    "undecided",
    "different",
    "incomparable",
    "not compared",
)
YES = ("proved", "conditional")


@dataclass(frozen=True)
class Relation:
    """What was found about layer `a` and layer `b`.

    equal: whether a = b; None where their outputs have different shapes, and `reason` says so.
    contains: whether every b is an a. contained: whether every a is a b. Both are None where they
    were not asked, because the layers are equal or only equality was wanted.
    """

    a: str
    b: str
    equal: Verdict | None
    contains: Verdict | None = None
    contained: Verdict | None = None
    reason: str = ""

    @property
    def kind(self) -> str:
        """One of KINDS: the strongest statement that the three verdicts prove.

        equivalent: each contains the other, so they are equal up to the maps. equal if: under the
        conditions that the verdict prints. different: not equal, and not shown to be incomparable.
        """
        if self.equal is None:
            return "not compared"
        if self.equal.status == "proved" and not self.equal.question.domains:
            return "equal"
        ways = [_status(self.contains), _status(self.contained)]
        found = [status in YES for status in ways]
        if any(found):
            return "equivalent" if all(found) else "contains" if found[0] else "contained in"
        if self.equal.status in YES:
            return "equal if"
        if ways == ["refuted", "refuted"]:
            return "incomparable"
        return "different" if self.equal.status == "refuted" else "undecided"

    @property
    def conditions(self) -> tuple[str, ...]:
        """What a positive answer on equality assumes: ties, denominators, domains."""
        if self.equal is None:
            return ()
        return tuple(dict.fromkeys([*self.equal.conditions, *self.equal.question.domains]))

    @property
    def flipped(self) -> Relation:
        """The same, told from `b`."""
        return Relation(self.b, self.a, self.equal, self.contained, self.contains, self.reason)


def _status(verdict: Verdict | None) -> str:
    return "" if verdict is None else verdict.status
