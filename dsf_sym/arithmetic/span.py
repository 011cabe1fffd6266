"""Subspaces over the field of 2^61 - 1 elements, kept in reduced row echelon form.

python-flint does the elimination where it is installed; the pure-Python path gives the same rows.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .universe import PRIME

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

HAVE_FLINT = importlib.util.find_spec("flint") is not None


@dataclass
class Span:
    """The span of the rows added so far, in a space of dimension `width`."""

    width: int
    fast: bool = HAVE_FLINT
    rank: int = 0
    _added: list[int] = field(default_factory=list)
    _echelon: Any = None
    _pivots: list[int] = field(default_factory=list)

    def extend(self, rows: Sequence[Sequence[int]]) -> int:
        """Add rows and say by how much the dimension grew."""
        before = self.rank
        if self.fast:
            self._extend_flint(rows)
        else:
            self._echelon = _echelon([*(self._echelon or []), *(list(r) for r in rows)])
            self.rank = len(self._echelon)
        return self.rank - before

    def _extend_flint(self, rows: Sequence[Sequence[int]]) -> None:
        from flint import nmod_mat

        if len(rows) * 4 < self.rank and not self._residue(rows):
            return
        for row in rows:
            self._added.extend(row)
        stacked = nmod_mat(len(self._added) // self.width, self.width, self._added, PRIME)
        self._echelon, self.rank = stacked.rref()
        self._pivots, column = [], 0
        for i in range(self.rank):
            while not self._echelon[i, column]:
                column += 1
            self._pivots.append(column)

    def _residue(self, rows: Sequence[Sequence[int]]) -> bool:
        """Whether any row is outside the span: row - row[pivots] times the echelon form."""
        from flint import nmod_mat

        height = self._echelon.nrows()
        weights = [w for row in rows for w in self._padded([row[c] for c in self._pivots], height)]
        inside = nmod_mat(len(rows), height, weights, PRIME) * self._echelon
        flat = [x for row in rows for x in row]
        return bool(inside != nmod_mat(len(rows), self.width, flat, PRIME))

    def _padded(self, weights: list[int], height: int) -> list[int]:
        return weights + [0] * (height - self.rank)

    def rows(self) -> list[dict[int, int]]:
        """The reduced row echelon form, non-zero entries by column."""
        if not self.rank:
            return []
        if not self.fast:
            return [{j: x for j, x in enumerate(row) if x} for row in self._echelon]
        flat, width = self._echelon.entries(), self.width
        return [
            {j: int(x) for j, x in enumerate(flat[i * width : (i + 1) * width]) if x}
            for i in range(self.rank)
        ]

    def random(self, rng: random.Random) -> list[int]:
        """A random vector of the span."""
        weights = [rng.getrandbits(61) % PRIME for _ in range(self.rank)]
        if self.fast:
            from flint import nmod_mat

            height = self._echelon.nrows()
            product = nmod_mat(1, height, self._padded(weights, height), PRIME) * self._echelon
            return [int(x) for x in product.entries()]
        out = [0] * self.width
        for c, row in zip(weights, self._echelon, strict=True):
            out = [(x + c * y) % PRIME for x, y in zip(out, row, strict=True)]
        return out


def _echelon(rows: list[list[int]]) -> list[list[int]]:
    """Reduced row echelon form modulo PRIME, zero rows dropped."""
    rows = [list(r) for r in rows]
    done = 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((i for i in range(done, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[done], rows[pivot] = rows[pivot], rows[done]
        inverse = pow(rows[done][column], -1, PRIME)
        lead = [x * inverse % PRIME for x in rows[done]]
        rows[done] = lead
        for i, row in enumerate(rows):
            c = row[column]
            if i != done and c:
                rows[i] = [(x - c * y) % PRIME for x, y in zip(row, lead, strict=True)]
        done += 1
    return rows[:done]
