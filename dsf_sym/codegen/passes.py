"""What one token does to a tile of rows by lanes, in passes over the rows, as any kind of C.

A sum over rows ends a pass: what reads it comes in the next.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..language.graph import walk
from ..language.tensor import Add, Function, Input, Number, Product, Reindex, Tensor
from .c_family import applied, number
from .tiles import summed_sizes


@dataclass(frozen=True)
class Sink:
    """Where a value goes: a statement with `{}` for it; late: after everything else is read."""

    value: Tensor
    statement: str
    late: bool = False


@dataclass
class Passes(ABC):
    """The statements for one token; reads: the text of each input, in the scope of its axes.

    order: the nodes, arguments first. stage: the pass in which each is known. inlined: those that
    are written where they are used. names: the variables of the others so far.
    """

    rows: str | None
    lanes: str
    reads: Mapping[str, str]
    order: list[Tensor] = field(init=False)
    stage: dict[Tensor, int] = field(init=False)
    inlined: set[Tensor] = field(init=False)
    names: dict[Tensor, str] = field(init=False, default_factory=dict)

    def lines(self, sinks: Sequence[Sink]) -> list[str]:
        """All statements, in passes."""
        self.order = walk(*(s.value for s in sinks))
        self._analyse(sinks)
        last = self._last()
        out: list[str] = []
        for stage in range(max(self.stage.values(), default=0) + 1):
            out += self._between(stage)
            if stage <= last:
                out += self._pass(stage, last, sinks)
        alone = [s for s in sinks if not self._row(s.value)]
        return out + self._sunk(sorted(alone, key=lambda s: s.late))

    def _row(self, x: Tensor) -> bool:
        return self.rows in x.dims

    def _sums(self, x: Tensor) -> bool:
        return self.rows in summed_sizes(x)

    def _across(self, x: Tensor) -> bool:
        return self.lanes in summed_sizes(x)

    def _last(self) -> int:
        """The last pass over the rows, -1 where there is none."""
        return max((self.stage[x] for x in self.order if self._row(x) or self._sums(x)), default=-1)

    def _made(self, stage: int) -> list[Tensor]:
        """The values without rows that this stage makes known."""
        return [
            x
            for x in self.order
            if self.stage[x] == stage
            and not (self._row(x) or self._sums(x) or isinstance(x, Number))
            and x not in self.inlined
            and x not in self.names
        ]

    def _due(self, stage: int, last: int, sinks: Sequence[Sink]) -> list[Sink]:
        """The sinks of values with rows that the pass of this stage serves, late ones last."""
        own = [
            s
            for s in sinks
            if self._row(s.value) and (last if s.late else self.stage[s.value]) == stage
        ]
        return sorted(own, key=lambda s: s.late)

    @abstractmethod
    def _analyse(self, sinks: Sequence[Sink]) -> None:
        """Set stage and inlined."""

    @abstractmethod
    def _between(self, stage: int) -> list[str]:
        """The statements for the values without rows that this stage makes known."""

    @abstractmethod
    def _pass(self, stage: int, last: int, sinks: Sequence[Sink]) -> list[str]:
        """One loop over the rows: the sums of this stage, and what is written in it."""

    @abstractmethod
    def _sunk(self, sinks: Sequence[Sink]) -> list[str]:
        """The statements of sinks outside such a loop."""

    @abstractmethod
    def _ref(self, x: Tensor) -> str:
        """A value where it is used."""

    def _bare(self, x: Tensor) -> str:
        """What a value is computed by, sums left out."""
        match x:
            case Input(name=name):
                return self.reads[name]
            case Number(value=value):
                return number(value)
            case Add(terms=terms):
                return f"({' + '.join(map(self._ref, terms))})"
            case Function(name=name, arg=arg):
                return applied(name, self._ref(arg))
            case Reindex(arg=arg):
                return self._ref(arg)
            case Product(left=left, right=right):
                if isinstance(left, Number) and left.value == -1:
                    return f"(-{self._ref(right)})"
                return f"({self._ref(left)} * {self._ref(right)})"
        raise AssertionError(x)


__all__ = ["Passes", "Sink"]
