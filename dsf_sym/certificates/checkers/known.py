"""A relation that equal outputs force: an entry of a signal by its value, at tokens of a window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...automata.automaton import entry_name
from ...errors import Rejected
from ...language.spec import deserialise
from ...language.tensor import Tensor, text
from .window import Index


@dataclass(frozen=True)
class Known:
    """`entry = value` of the token `time` of every window of lag + 1 tokens.

    older: the value reads the token after it; else the token itself.
    """

    name: str
    index: Index
    older: bool
    value: Tensor
    lag: int
    time: int

    @staticmethod
    def read(row: Mapping[str, Any], bound: list[str]) -> Known:
        """A relation as data."""
        name, older = str(row["signal"]), bool(row["older"])
        lag, time = int(row["lag"]), int(row["time"])
        if name not in bound:
            raise Rejected(f"{name} is free, and no relation may tie it")
        if not 0 <= time <= lag - older:
            raise Rejected(f"there is no token {time} at lag {lag}")
        value = deserialise(row["value"])["value"]
        if value.dims:
            raise Rejected(f"the value of {name} is no scalar")
        return Known(name, tuple(map(int, row["index"])), older, value, lag, time)

    def times(self, lag: int) -> range:
        """Where it holds in a window of another lag."""
        return range(self.time, lag - self.lag + self.time + 1)

    def __str__(self) -> str:
        """The relation, and at which tokens it holds."""
        place = f"of the {'last' if self.time else 'first'} of {self.lag + 1} tokens"
        before = " before" if self.older else ""
        said = f"{entry_name(self.name, self.index)}{before} = {text(self.value)}"
        return said if self.older or not self.lag else f"{said} {place}"
