"""A layer's CUDA kernels by chunks: one decay a token, and a rank-one update.

The state is S_i = a_i S_{i-1} + c_i x_iᵀ with x_i = v_i + S_{i-1}ᵀ r_i, as in the delta rule. With
P(i, j) the product of the decays after j up to i, what the tokens at hand write is

    x_i = v_i + P(i - 1, start) Sᵀ r_i + Σ_{j < i} P(i - 1, j) (r_i · c_j) x_j,

a unit lower triangular system, (I - M) X = R. Its inverse, which needs no state, is formed in
shared memory by one warp, each thread solving for a column; then X = (I - M)⁻¹ R, and with x in
place of v outputs and state are those of a memory without the update (the UT form of a WY product).
Where the update has a column of its own, l_i (S_{i-1}ᵀ r_i)ᵀ beside c_i v_iᵀ, x is S_{i-1}ᵀ r_i
alone.

Backward, x̄ is what v̄ is without the update, and R̄ = (I - M)⁻ᵀ X̄ is the adjoint of v. What r_i reads
of the state before its token is a second output, whose adjoint is row i of R̄; every other adjoint
is a sum over both outputs.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..tiles import Factor
from .chunk_sums import PAIRS
from .chunks import CudaChunks
from .factors import CudaFactors
from .loops import LANES, Array
from .products import product
from .tiles import CudaTiles

EXACT = """
// The inverse of a triangular matrix makes the rounding of its factors larger: none are rounded.
#undef PRODUCTS
#define PRODUCTS FLOAT32
"""
INVERSE = (
    "if (thread < TOKENS) {",
    "    // Below the diagonal lies M; above it, transposed, comes the inverse of I - M.",
    "    T column[TOKENS];",
    '    _Pragma("unroll")',
    "    for (int i = 0; i < TOKENS; ++i) {",
    "        T s = thread == i;",
    '        _Pragma("unroll")',
    "        for (int k = 0; k < i; ++k) s += system[i * PITCH + k] * column[k];",
    "        column[i] = s;",
    "        if (i > thread) system[thread * PITCH + i] = s;",
    "    }",
    "}",
)
"""A column for each thread of one warp; TOKENS is 32 at most."""


class CudaSolved(CudaChunks):
    """The kernels of one layer; backward token by token where the update has its own column."""

    @property
    def kind(self) -> str:
        """What kind of kernel it is, in words."""
        by_token = "; backward token by token" if self.two else ""
        return (
            f"rows {self.rows}, lanes {self.lanes}; a triangular system for each chunk of tokens, "
            f"products of matrices on tensor cores in float32{by_token}"
        )

    @property
    def two(self) -> bool:
        """Whether the update has a column of its own."""
        return self.has_factor("left")

    def parts(self, f: Factor) -> list[Array]:
        """Where the warps of a block leave their sums over lanes of a factor's adjoint."""
        return CudaFactors.parts(self, f) if self.two else super().parts(f)

    def arrays(self, backward: bool) -> list[Array]:
        """What the threads of a block share."""
        if backward and self.two:
            return CudaTiles.arrays(self, True)
        pairs = ["system", *(["reads", "lefts"] if self.two else [])]
        if backward:
            pairs += ["read_keys", "read_values"]
        held = [Array(name, (), PAIRS) for name in pairs]
        held += [Array(name, (LANES,), "TOKENS") for name in ("right", "solved")]
        if backward and self.has_factor("decay"):
            held.append(Array("at_read", (), "TOKENS"))
        return [*super().arrays(backward), *held]

    def text(self) -> Iterator[str]:
        """The kernels."""
        yield from EXACT.strip("\n").split("\n")
        yield from super().text()

    def backward(self) -> Iterator[str]:
        """The backward kernel."""
        return CudaTiles.backward(self) if self.two else super().backward()

    def between(self, i: str, j: str) -> str:
        """P(i - 1, j)."""
        return f"decays[{i if self.memory.old else f'({i} - 1)'} * PITCH + {j}]"

    def before(self, i: str) -> str:
        """P(i - 1, start)."""
        own = f"({i} ? from_start[{i} - 1] : T(1))"
        return f"from_start[{i}]" if self.memory.old else own

    def pair(self, to: str, row: str, *, column: str) -> list[str]:
        """The products of a factor of each token with one of each token before it."""
        a, b = self.of(row, "i", "k"), self.of(column, "j", "k")
        line = f"if (j < i) {to}[i * PITCH + j] = {self.between('i', 'j')} * sum;"
        return product("steps, steps, N", a=a, b=b, result=[line])

    def right(self) -> list[str]:
        """The right-hand side of the system."""
        before = self.before("i")
        if self.two:
            weight = "(k < i ? reads[i * PITCH + k] : T(0))"
            read = f"{before} * {self.of('read', 'i', 'k - steps')}"
            result = ["right[i * TILE + j] = sum;"]
            return self.read(
                weight, self.of("value", "k", "j"), factor=read, state="state", result=result
            )
        read = f"{before} * {self.of('read', 'i', 'k')}"
        result = [f"right[i * TILE + j] = {self.of('value', 'i', 'j')} + sum;"]
        return product("steps, lanes, N", a=read, b="state[k * TILE + j]", result=result)

    def written(self, token: str, lane: str) -> str:
        """What a token writes along the lanes, which is what the system is solved for."""
        return f"solved[{token} * TILE + {lane}]"

    def solution(self) -> Iterator[str]:
        """The system of the tokens at hand, and its solution."""
        yield from self.pair("system", "read", column="left" if self.two else "column")
        if self.two:
            yield from self.pair("reads", "read", column="column")
        yield from INVERSE
        yield from self.right()
        inverse = "(k < i ? system[k * PITCH + i] : T(k == i))"
        solved = [f"{self.written('i', 'j')} = sum;"]
        yield from product("steps, lanes, steps", a=inverse, b="right[k * TILE + j]", result=solved)

    def chunk(self) -> Iterator[str]:
        """The outputs of the tokens at hand, and the state after them."""
        yield from self.solution()
        if not self.two:
            yield from super().chunk()
            return
        kept, value = "decays[i * PITCH + j] * sum", self.of("value", "k", "j")
        row, own = self.of("row", "i", "k"), self.of("column", "j", "k")
        yield from self.scores("lefts", "N", a=row, b=self.of("left", "j", "k"), result=kept)
        yield from self.scores("decays", "N", a=row, b=own, result=kept)
        part = "right[i * TILE + j]"
        yield from self.outputs("lefts[i * PITCH + k]", f"{part} = sum;")
        weight, final = "decays[i * PITCH + k]", self.output(f"({part} + sum)")
        yield from product("steps, lanes, steps", a=weight, b=value, result=[final])
        yield from self.moved(
            "state", "to_end", column=self.of("left", "k", "i"), value=self.written("k", "j")
        )
        column = f"to_end[k] * {self.of('column', 'k', 'i')}"
        yield from product(
            "N, lanes, steps", a=column, b=value, result=["state[i * TILE + j] += sum;"]
        )

    def adjoints(self) -> Iterator[str]:
        """The adjoints of the factors of the tokens at hand, and of the state before them."""
        y, decays = self.y_of("i", "j"), self.has_factor("decay")
        yield from self.pairs()
        own = f"to_end[i] * {self.of('column', 'i', 'k - steps')}"
        weight, result = "decays[{0}] * keys[{0}]", ["right[i * TILE + j] = sum;"]
        later, earlier = "k * PITCH + i", "i * PITCH + k"
        yield from self.read(
            weight.format(later), self.seed("k", "j"), factor=own, state="adjoint", result=result
        )
        if self.has_factor("gate"):
            line = f"{self.to('gate', 'i', 'j')} = {y} * sum;"
            yield from self.outputs(weight.format(earlier), line)
        inverse = "(k > i ? system[i * PITCH + k] : T(k == i))"
        result = [f"{self.to('value', 'i', 'j')} = sum;"]
        if self.has_factor("skip"):
            result.append(f"{self.to('skip', 'i', 'j')} = {y};")
        yield from product("steps, lanes, steps", a=inverse, b="right[k * TILE + j]", result=result)
        result = [
            "read_keys[i * PITCH + j] = j < i ? read_keys[i * PITCH + j] * sum : T(0);",
            f"read_values[i * PITCH + j] = j < i ? {self.between('i', 'j')} * sum : T(0);",
        ]
        given = self.to("value", "i", "k")
        yield from product("steps, steps, lanes", a=given, b=self.written("j", "k"), result=result)
        result = [f"{self.to('read', 'i', 'j')} = sum;"]
        yield from product("steps, N, lanes", a=given, b="state[j * TILE + k]", result=result)
        if decays:
            yield from self.carried()
        weight = "decays[{0}] * values[{0}]"
        yield from self.of_keys(weight.format(earlier), weight.format(later))
        yield from self.moved(
            "adjoint", "from_start", column=self.of("row", "k", "i"), value=self.seed("k", "j")
        )
        read, given = (
            f"{self.before('k')} * {self.of('read', 'k', 'i')}",
            self.to("value", "k", "j"),
        )
        yield from product(
            "N, lanes, steps", a=read, b=given, result=["adjoint[i * TILE + j] += sum;"]
        )
        if decays:
            yield from self.of_decays()

    def pairs(self) -> Iterator[str]:
        """The products of pairs of tokens, and what the state and its adjoint give each token."""
        yield from super().pairs()
        read, other = self.of("read", "i", "k"), self.of("column", "j", "k")
        result = ["read_keys[i * PITCH + j] = sum;"]
        yield from product("steps, steps, N", a=read, b=other, result=result)

    def of_keys(self, earlier: str, later: str) -> Iterator[str]:
        """The adjoints of rows, of what is read of the state, and of columns."""
        for name, weight, start in (
            ("row", earlier, "from_start[i]"),
            ("read", "read_values[i * PITCH + k]", self.before("i")),
        ):
            entry = self.to(name, "i", "j")
            result = [f"{entry} = {start} * {entry} + sum;"]
            column = self.of("column", "k", "j")
            yield from product("steps, N, steps", a=weight, b=column, result=result)
        entry = self.to("column", "i", "j")
        a = f"k < steps ? {later} : read_values[(k - steps) * PITCH + i]"
        b = f"k < steps ? {self.of('row', 'k', 'j')} : {self.of('read', 'k - steps', 'j')}"
        result = [f"{entry} = to_end[i] * {entry} + sum;"]
        yield from product("steps, N, 2 * steps", a=a, b=b, result=result)

    def passing(self) -> list[tuple[str, str]]:
        """The factors that a state before or after is multiplied by, and where their sums go."""
        return [*super().passing(), ("read", "at_read")]

    def of_decays(self) -> Iterator[str]:
        """The adjoints of decays: the sums of both outputs."""
        yield "ONE_BY_ONE"
        yield "for (int m = thread; m < steps; m += THREADS) {"
        yield "    T s = at_read[m];"
        yield "    for (int i = 0; i < m; ++i) {"
        yield "        const T pair = read_keys[m * PITCH + i];"
        yield f"        read_keys[m * PITCH + i] = s * {self.between('m', 'i')};"
        yield f"        s = {self.of('decay', 'i')} * s + pair;"
        yield "    }"
        yield "}"
        yield from super().of_decays()
        yield from self.gathered_decays("read_keys", "t + 1")


__all__ = ["CudaSolved"]
