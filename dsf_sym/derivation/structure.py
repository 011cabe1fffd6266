"""The structure of Λ, found from its terms, with factors; rebuilt from them and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from ..errors import Rejected
from ..index.forms import text, zero
from .blocks import Block, find_block
from .family import Property, commuting, constant_in_time, symmetric

if TYPE_CHECKING:
    from .derive import StateSpace


@dataclass(frozen=True)
class Structure:
    """The structure of Λ, one block for every pair of states that is not zero.

    pattern: "one state", "block diagonal", "block triangular" or "full", with the states in
    `order`, in which a triangular Λ is lower triangular.
    """

    blocks: Mapping[tuple[str, str], Block]
    states: tuple[str, ...]
    pattern: str
    order: tuple[str, ...]
    constant_in_time: Property
    commuting: Property
    symmetric: Property

    @property
    def kind(self) -> str:
        """The structure in words: of the one block, or of every diagonal block."""
        if not self.states:
            return "no state"
        if len(self.states) == 1:
            block = self.blocks.get((self.states[0],) * 2)
            return "zero" if block is None else block.kind
        if self.complex_diagonal is not None:
            return f"complex diagonal: {' + i '.join(self.states)}"
        kinds = [self.blocks[s, s].kind if (s, s) in self.blocks else "zero" for s in self.order]
        return f"{self.pattern}: " + ", ".join(
            f"{s} {kind}" for s, kind in zip(self.order, kinds, strict=True)
        )

    @property
    def complex_diagonal(self) -> tuple[Block, Block] | None:
        """The blocks a, b where Λ multiplies `h + i h'` by the complex `a + i b`, entry by entry.

        So it is where two states of one shape have the blocks a, -b; b, a, all of them diagonal.
        """
        if len(self.states) != 2:
            return None
        real, imaginary = self.states
        keys = [(real, real), (imaginary, imaginary), (imaginary, real), (real, imaginary)]
        if any(key not in self.blocks for key in keys):
            return None
        a, same, b, opposite = (self.blocks[key] for key in keys)
        if any(x.outers or x.dense or x.dims != x.columns for x in (a, b)):
            return None
        matches = a.form() == same.form() and opposite.form() == b.form().times(Fraction(-1))
        return (a, b) if matches else None

    def rewritten(self, space: StateSpace) -> Structure:
        """The same structure with the factors of this form of Λ, such as one with shorter names."""
        return replace(self, blocks=_blocks(space))

    def __str__(self) -> str:
        if not self.states:
            return "no state"
        if len(self.states) == 1:
            return next((str(block) for block in self.blocks.values()), "zero")
        if self.complex_diagonal is not None:
            a, b = (text(x.scale) for x in self.complex_diagonal)
            along = " and ".join(self.complex_diagonal[0].diagonal_axes)
            where = f" along {along}" if along else ""
            return f"complex diagonal({a} + i ({b})){where} of {' + i '.join(self.states)}"
        rows = [f"{row} from {column}: {block}" for (row, column), block in self.blocks.items()]
        return f"{self.pattern}; " + "; ".join(rows)


def structure(space: StateSpace) -> Structure:
    """The structure of Λ with its factors.

    Rebuilt from the factors, Λ has the normal form it came from: `check` is called before this
    returns. Raises Rejected when it has not, which would be a fault of this library.
    """
    blocks = _blocks(space)
    names = tuple(s.name for s in space.states)
    pattern, order = _pattern(names, set(blocks))
    found = Structure(
        blocks,
        names,
        pattern,
        order,
        constant_in_time(space),
        commuting(space),
        symmetric(space),
    )
    check(found, space)
    return found


def _blocks(space: StateSpace) -> dict[tuple[str, str], Block]:
    return {
        (row, column): find_block(row, column, form, space.state(row).dims)
        for (row, column), form in space.Lam.items()
    }


def check(found: Structure, space: StateSpace) -> None:
    """Rebuild Λ from the factors and compare normal forms; raises Rejected naming the block."""
    for key in {*found.blocks, *space.Lam}:
        row, column = key
        dims = space.state(row).dims + space.state(column).dims
        want = space.Lam.get(key, zero(dims))
        got = found.blocks[key].form() if key in found.blocks else zero(dims)
        if got != want:
            raise Rejected(
                f"{space.layer.name}: the structure of Λ from {column} to {row} does not rebuild "
                f"it: the factors give {text(got)}, Λ has {text(want)}"
            )


def _pattern(names: tuple[str, ...], keys: set[tuple[str, str]]) -> tuple[str, tuple[str, ...]]:
    if len(names) < 2:
        return "one state", names
    needs = {n: {c for r, c in keys if r == n and c != n} for n in names}
    if not any(needs.values()):
        return "block diagonal", names
    order: list[str] = []
    while ready := [n for n in names if n not in order and needs[n] <= set(order)]:
        order.append(ready[0])
    if len(order) == len(names):
        return "block triangular", tuple(order)
    return "full", names
