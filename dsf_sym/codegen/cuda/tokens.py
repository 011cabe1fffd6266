"""What one token does to a thread's rows of one lane, as CUDA C: passes over rows, in registers.

A value is one number, or one for each row. A sum over rows is formed over the thread's own rows
and then over the threads that share the lane; what reads it comes in the next pass. A sum over
lanes, which only adjoints have, stays the thread's own part until it leaves the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...language.graph import walk
from ...language.tensor import Input, Number, Tensor
from ..c_family import number
from ..passes import Passes, Sink

ROW_LOOP = (
    "ROWS_UNROLLED",
    "for (int i = 0; i < ROWS; ++i) {",
    "    const bool row = i * GROUPS + group < N;",
    "    const int r = row ? i * GROUPS + group : N - 1;",
    "    (void)r, (void)row;",
)
"""The rows of a thread; where there are fewer, the last repeats row N - 1 and does not count."""


class Token(Passes):
    """The statements for one token, where `t`, `i` and `r` count."""

    def _analyse(self, sinks: Sequence[Sink]) -> None:
        """The pass in which each value is known, and which are written where they are used."""
        self.stage = {}
        uses: dict[Tensor, int] = {}
        scopes: dict[Tensor, set[bool]] = {}
        for s in sinks:
            uses[s.value] = uses.get(s.value, 0) + 2
        for x in self.order:
            self.stage[x] = max((self.stage[c] + self._sums(c) for c in x.children), default=0)
            for c in x.children:
                uses[c] = uses.get(c, 0) + 1
                scopes.setdefault(c, set()).add(self._row(x) or self._sums(x))
        self.inlined = {
            x
            for x in self.order
            if uses.get(x, 0) == 1
            and not self._sums(x)
            and not isinstance(x, Input)
            and scopes.get(x) == {self._row(x)}
        }

    def _ref(self, x: Tensor) -> str:
        """A value where it is used."""
        if isinstance(x, Number):
            return number(x.value)
        return self._term(x) if x in self.inlined else self.names[x]

    def _term(self, x: Tensor) -> str:
        """What a value is computed by; a sum over rows left out, one over lanes the own part."""
        return f"counted(live, {self._bare(x)})" if self._across(x) else self._bare(x)

    def _sunk(self, sinks: Sequence[Sink]) -> list[str]:
        return [s.statement.replace("{}", self._ref(s.value)) for s in sinks]

    def _name(self, x: Tensor, taken: int) -> str:
        return f"{x.name}_i" if isinstance(x, Input) else f"x{taken + 1}"

    def _between(self, stage: int) -> list[str]:
        """Values without rows that this stage makes known."""
        out: list[str] = []
        for x in self._made(stage):
            self.names[x] = name = self._name(x, len(self.names))
            out.append(f"const T {name} = {self._term(x)};")
        return out

    def _pass(self, stage: int, last: int, sinks: Sequence[Sink]) -> list[str]:
        """One loop over the rows: the sums of this stage, and what is written in it."""
        over = [x for x in self.order if self._sums(x) and self.stage[x] == stage]
        own = self._due(stage, last, sinks)
        known = set(self.names)
        needed = set(walk(*over, *(s.value for s in own), known=known))
        inner = [x for x in self.order if x in needed and self._row(x) and x not in self.inlined]
        sums = {x: self._name(x, len(self.names) + j) for j, x in enumerate(over)}
        kept = {**self.names, **sums}
        body: list[str] = []
        for j, x in enumerate(inner):
            if not isinstance(x, Number) and x not in sums:
                self.names[x] = name = self._name(x, len(kept) + j)
                body.append(f"const T {name} = {self._term(x)};")
        body += [f"{name} += counted(row, {self._term(x)});" for x, name in sums.items()]
        body += self._sunk(own)
        self.names = kept
        if not body:
            return []
        return [
            *(f"T {name} = 0;" for name in sums.values()),
            *ROW_LOOP,
            *(f"    {x}" for x in body),
            "}",
            *(f"{name} = over_groups({name});" for name in sums.values()),
        ]


__all__ = ["ROW_LOOP", "Token"]
