"""What a decision says: its status, with sense, sizes and kind of proof."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .automata.run import Values
from .language.evaluate import Sizes

EXIT = {"proved": 0, "refuted": 1, "undecided": 3, "conditional": 4}


@dataclass(frozen=True)
class Question:
    """What was asked: does layer `a` equal layer `b`, under the ties, on the common domain.

    given: ties the user asked for. bridges: ties that shapes or kinds forced; they make a positive
    answer conditional. domains: where the comparison holds, for signals whose domains differ.
    """

    a: str
    b: str
    given: tuple[str, ...] = ()
    bridges: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    sense: str = "equal"


@dataclass(frozen=True)
class Witness:
    """A shortest sequence on which two layers differ; tokens and constants are exact rationals.

    outputs: the two last outputs as text, exact or rigorous balls.
    """

    tokens: tuple[Values, ...]
    constants: Values
    outputs: tuple[tuple[str, ...], tuple[str, ...]]

    @property
    def length(self) -> int:
        """The number of tokens."""
        return len(self.tokens)


@dataclass(frozen=True)
class Verdict:
    """A decided or undecided question.

    status: proved, conditional, refuted or undecided. proof: the kind of proof in words. sizes: the
    sizes it holds at; None means every size. certificate: plain data that `recheck` verifies.
    conditions: for conditional verdicts the ties under which it is proved. remains: for undecided
    ones what is missing.
    """

    question: Question
    status: str
    proof: str
    sizes: Sizes | None
    certificate: dict[str, Any] | None = None
    witness: Witness | None = None
    conditions: tuple[str, ...] = ()
    remains: str = ""
    seconds: float = field(default=0.0, compare=False)

    def _repr_latex_(self) -> str:
        from .rendering.report import verdict_latex

        return f"$\\displaystyle {verdict_latex(self)}$"

    @property
    def exit_code(self) -> int:
        """The exit code of `dsf compare`."""
        return EXIT[self.status]

    @property
    def scope(self) -> str:
        """The sizes in words."""
        if self.sizes is None:
            return "all sizes"
        return ", ".join(f"{k}={v}" for k, v in self.sizes.items()) or "no sizes"
