"""What is known of when two layers are equal: the ways, with what is proved of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..automata.run import Values
from ..language.evaluate import Sizes
from ..verdict import Verdict


@dataclass(frozen=True)
class Point:
    """Tokens and weights on a branch, exact rationals, good for every value of the carried input.

    alone: whether no other branch holds there. certificate: that the layers agree at it.
    """

    sizes: Sizes
    tokens: tuple[Values, ...]
    constants: Values
    alone: bool
    certificate: dict[str, Any]


@dataclass(frozen=True)
class Branch:
    """One way for the layers to be equal.

    relations: in words, each at every token, or on a number of tokens between those that it names.
    verdict: proved or conditional where the layers are equal under them; undecided otherwise.
    necessary: the certificate that equality forces the relations, at its sizes, or None. left:
    equations that no rule solved. solved: what a relation between two tokens says of the later one.
    growths: where what it multiplies from token to token is bounded. late: signals whose value at
    the first token is not forced. point: on given tokens, one where the relations hold, if any is
    found.
    """

    relations: tuple[str, ...]
    verdict: Verdict
    necessary: dict[str, Any] | None
    left: tuple[str, ...] = ()
    solved: tuple[str, ...] = ()
    growths: tuple[Verdict, ...] = ()
    late: tuple[str, ...] = ()
    point: Point | None = None

    @property
    def sense(self) -> str:
        """Which directions are proved: "iff", "if", or "" for none."""
        if self.verdict.status not in ("proved", "conditional"):
            return ""
        return "iff" if self.necessary is not None or not self.relations else "if"

    @property
    def forced_at(self) -> str:
        """Where equality is shown to force the relations: at which sizes, after which token."""
        if self.necessary is None:
            return ""
        sizes = self.necessary.get("sizes", {})
        said = ", ".join(f"{k}={v}" for k, v in sizes.items()) or "all sizes"
        return f"{said}; {', '.join(self.late)} after the first token" if self.late else said


@dataclass(frozen=True)
class Conditions:
    """What is known of when `a` equals `b`.

    bound: the signals that conditions may tie; the others are free, and the statement is about all
    their values. branches: the ways to be equal. never: where there is none, the certificate that
    the equations contradict each other. length: the number of tokens, None for all lengths.
    bridges: ties that shapes or kinds forced, see `compare`. beside: on given tokens, a point where
    the layers differ.
    """

    a: str
    b: str
    bound: tuple[str, ...]
    branches: tuple[Branch, ...]
    never: dict[str, Any] | None = None
    length: int | None = None
    bridges: tuple[str, ...] = ()
    beside: Verdict | None = None
    seconds: float = 0.0

    @property
    def certificate(self) -> dict[str, Any] | None:
        """One certificate of all that is proved: that of the first way, the others with it."""
        made = [self.never]
        made += [x.verdict.certificate for x in self.branches]
        made += [x.necessary for x in self.branches]
        made += [y.certificate for x in self.branches for y in x.growths]
        made += [x.point.certificate for x in self.branches if x.point is not None]
        made += [] if self.beside is None else [self.beside.certificate]
        proofs = [x for i, x in enumerate(made) if x is not None and x not in made[:i]]
        if len(proofs) < 2:
            return proofs[0] if proofs else None
        return {**proofs[0], "also": proofs[1:]}

    @property
    def status(self) -> str:
        """proved: equal as they are; conditional, also on bridges; refuted: never; or undecided."""
        if not self.branches:
            return "undecided" if self.never is None else "refuted"
        if any(not x.sense for x in self.branches):
            return "undecided"
        always = any(not x.relations for x in self.branches)
        return "proved" if always and not self.bridges else "conditional"
