"""The sums over the tokens of a chunk, of which its kernels consist, as CUDA C.

With P(i, j) the product of the decays after j up to i, x_ij a product of vectors of tokens i and j,
and S a state that is carried from chunk to chunk, each is, of a token and for all lanes,

    Σ_{j <= i} P(i, j) x_ij z_j + P(i, start) Sᵀ u_i,

the same from j >= i with P(end, i), or the state P(end, start) S + Σ_j P(end, j) u_j z_jᵀ after the
chunk, and before it with P(j, start).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...language.tensor import Dims
from ..c_family import size
from ..factors import Memory
from ..tiles import Factor, Tiles
from .loops import LANES, Array
from .products import product
from .tiles import CudaTiles

APART = 4
"""Banks from one row of a matrix to the next: no two of the 8 by 4 numbers that a warp reads share
one, where the row's length is a multiple of 32."""
PAIRS = f"TOKENS * (TOKENS + {APART})"


class ChunkSums(CudaTiles):
    """The sums of one layer's chunks, of the tokens at hand; `lanes` are those of the block."""

    def __init__(self, made: Tiles, memory: Memory) -> None:
        super().__init__(made)
        assert self.rows is not None
        self.memory = memory
        self.cells: Dims = (self.rows, LANES)

    def pad(self, name: str) -> int:
        """The numbers that stand between the tokens of a factor along the rows."""
        f = self.factor(name.removeprefix("at_"))
        return APART if f is not None and f.dims == (self.rows,) else 0

    def has_factor(self, name: str) -> bool:
        """Whether the memory has a factor, such as "gate"."""
        return self.factor(f"{name}_factor") is not None

    def parts(self, f: Factor) -> list[Array]:
        """None: an adjoint is a product of matrices, which has the sum over the block's lanes."""
        return []

    def arrays(self, backward: bool) -> list[Array]:
        """What the threads of a block share."""
        held = super().arrays(backward)
        pairs, states = ["decays"], ["state"]
        if backward:
            pairs, states = ["decays", "keys", "values"], ["state", "adjoint"]
        held += [Array(name, (), PAIRS) for name in pairs]
        held += [Array(name, (), "TOKENS") for name in ("from_start", "to_end")]
        held += [Array(name, self.cells, hot=True) for name in states]
        if backward and self.has_factor("decay"):
            held += [Array(name, (), "TOKENS") for name in ("at_start", "at_end")]
            held.append(Array("at_both", (), hot=True))
        return held

    def named(self) -> Iterator[str]:
        """How pairs of tokens lie, and how many lanes there are."""
        yield f"    constexpr int PITCH = TOKENS + {APART};"
        yield f"    const int lanes = (int)least(TILE, {size(self.lanes)} - first);"

    def of(self, name: str, token: str, at: str = "", array: str = "at") -> str:
        """An entry of a factor of a token; lanes are counted from `first`."""
        f = self.factor(f"{name}_factor")
        assert f is not None
        index = [f"first + {at}" if x == self.lanes else at for x in f.dims]
        return self.held(f"{array}_{f.name}", f.dims, index, token)

    def to(self, name: str, token: str, at: str = "") -> str:
        """An entry of the adjoint of a factor."""
        return self.of(name, token, at, "to")

    def y_of(self, token: str, lane: str) -> str:
        """An output, or its adjoint; lanes are counted from `first`."""
        return self.held("at_y", self.made.output.dims, [f"first + {lane}"], token)

    def seed(self, token: str, lane: str) -> str:
        """The adjoint of what is read from the state: the gate comes after it."""
        y = self.y_of(token, lane)
        return f"{y} * {self.of('gate', token, lane)}" if self.has_factor("gate") else y

    def decays(self) -> list[str]:
        """P(i, j), zero where j is not before i; P(i, start), P(end, j), and the whole.

        Where the old state is read, i - 1 stands for i.
        """
        old = self.memory.old
        decay = self.of("decay", "s") if self.has_factor("decay") else "T(1)"
        store, step = "    decays[s * PITCH + thread] = p;", f"    p *= {decay};"
        return [
            "if (thread < steps) {",
            "    for (int s = 0; s < thread; ++s) decays[s * PITCH + thread] = 0;",
            f"    decays[thread * PITCH + thread] = {0 if old else 1};",
            "    T p = 1;",
            "    for (int s = thread + 1; s < steps; ++s) {",
            *(f"    {x}" for x in ((store, step) if old else (step, store))),
            "    }",
            "    to_end[thread] = p;",
            "    p = 1;",
            f"    for (int s = 0; s < thread{'' if old else ' + 1'}; ++s) p *= {decay};",
            "    from_start[thread] = p;",
            "}",
        ]

    def scores(self, to: str, terms: str, *, a: str, b: str, result: str) -> list[str]:
        """The products of pairs of tokens, zero where j is not before i."""
        before = f"j {'<' if self.memory.old else '<='} i"
        return product(
            f"steps, steps, {terms}",
            a=a,
            b=b,
            result=[f"{to}[i * PITCH + j] = {before} ? {result} : T(0);"],
        )

    def read(
        self, weight: str, own: str, *, factor: str, state: str, result: Sequence[str]
    ) -> list[str]:
        """Σ_k weight(i, k) own(k, j) + Σ_k factor(i, k) state(k, j) for every token and lane."""
        a = f"k < steps ? {weight} : {factor}"
        b = f"k < steps ? {own} : {state}[(k - steps) * TILE + j]"
        return product("steps, lanes, steps + N", a=a, b=b, result=result)

    def written(self, token: str, lane: str) -> str:
        """What a token writes along the lanes, which are counted from `first`."""
        return self.of("value", token, lane)

    def outputs(self, weight: str, result: str) -> list[str]:
        """The readouts of the tokens at hand."""
        row = f"from_start[i] * {self.of('row', 'i', 'k - steps')}"
        return self.read(weight, self.written("k", "j"), factor=row, state="state", result=[result])

    def moved(self, state: str, weight: str, *, column: str, value: str) -> list[str]:
        """P(end, start) times the state, and the sum of the tokens' outer products."""
        entry = f"{state}[i * TILE + j]"
        total = f"{self.of('decay', '0')} * to_end[0]" if self.has_factor("decay") else "1"
        result = [f"{entry} = total * {entry} + sum;"]
        return [
            f"const T total = {total};",
            *product("N, lanes, steps", a=f"{weight}[k] * {column}", b=value, result=result),
        ]

    def next_state(self) -> list[str]:
        """The state after the tokens at hand."""
        return self.moved(
            "state", "to_end", column=self.of("column", "k", "i"), value=self.written("k", "j")
        )


__all__ = ["ChunkSums"]
