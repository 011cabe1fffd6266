"""A layer's CUDA kernels by chunks: for an outer-product memory with one decay a token.

Within the tokens at hand, with P(i, j) the product of the decays after j up to i,

    o_i = Σ_{j <= i} P(i, j) (q_i · k_j) v_j + P(i, start) Sᵀ q_i,    y_i = gate_i ⊙ o_i + skip_i,

and S becomes P(end, start) S + Σ_j P(end, j) k_j v_jᵀ: three products of matrices in shared memory.
Backward, with ō the adjoint of o and Λ that of S after the chunk, every adjoint is such a sum too:

    q̄_i = Σ_{j <= i} P(i, j) (ō_i · v_j) k_j + P(i, start) S ō_i,
    k̄_j = Σ_{i >= j} P(i, j) (ō_i · v_j) q_i + P(end, j) Λ v_j,
    v̄_j = Σ_{i >= j} P(i, j) (q_i · k_j) ō_i + P(end, j) Λᵀ k_j,

and Λ becomes P(end, start) Λ + Σ_i P(i, start) q_i ō_iᵀ. What is given to a decay passes from a
token before it, or the start, to one at or after it, or the end:

    ā_i = Σ_{m >= i} P(m, i) Σ_{j < i} P(i - 1, j) (q_m · k_j) (ō_m · v_j),

with q_m · S ō_m for the start, k_j · Λ v_j for the end, and ⟨Λ, S⟩ for both. The sums over j and m
are cumulative; they divide by no decay, which may be zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...derivation.derive import derive
from ...derivation.structure import structure
from ...errors import DsfError
from ...language.layer import Layer
from ...language.tensor import Input, Product, Tensor, add, matmul, multiply
from ..c_family import size
from ..factors import Memory, NoSchedule, memory
from ..opaque import core, merged
from ..tiles import Factor, Tiles
from .chunk_sums import ChunkSums
from .loops import indented
from .products import PRODUCTS, product

CELL = "[r * TILE + lane - first]"
"""A thread's entry of a state in shared memory."""


@dataclass(frozen=True)
class Chunked:
    """A layer's step over the factors of its memory, and what it reads."""

    tiles: Tiles
    memory: Memory


def chunked(layer: Layer) -> Chunked:
    """The factors of an outer-product memory with one decay; NoSchedule says why it is none.

    Beside the decay Λ may have an outer product: the memory then is that of `wy`.
    """
    inside = core(layer)
    try:
        space = derive(inside.layer)
        m = memory(space, structure(space))
    except NoSchedule:
        raise
    except DsfError as error:
        raise NoSchedule(str(error)) from None
    if m.decay_keys or (m.correction is not None and m.correction.rates is not None):
        raise NoSchedule("Λ is no number times the identity, with or without an outer product")
    if (m.keys, m.values) != ((0,), (1,)) or not all(x.isidentifier() for x in m.dims):
        raise NoSchedule(f"the state has the axes {', '.join(m.dims)}")
    keys, values = m.dims
    if keys == values or len(layer.output.dims) != 1:
        raise NoSchedule("keys and values have one size")
    wanted = {"row": m.row, "column": m.column, "value": m.value}
    read, left = (m.correction.read, m.correction.left) if m.correction else (None, None)
    others = {"decay": m.decay, "gate": m.gate, "skip": m.skip, "read": read, "left": left}
    wanted |= {name: x for name, x in others.items() if x is not None}
    roots = dict(zip(wanted, merged(wanted.values(), inside.parts), strict=True))
    factors = tuple(Factor(f"{name}_factor", x, False) for name, x in roots.items())
    at = {name: Input(f"{name}_factor", x.dims) for name, x in roots.items()}
    old = Input(m.state, m.dims)
    kept: Tensor = old
    if "decay" in at:
        kept = Product(",ab->ab", at["decay"], old, m.dims)
    value: Tensor = at["value"]
    if "read" in at:
        found = matmul(at["read"], old)
        if "left" in at:
            kept = add(kept, Product("a,b->ab", at["left"], found, m.dims))
        else:
            value = add(value, found)
    new = add(kept, Product("a,b->ab", at["column"], value, m.dims))
    output: Tensor = matmul(at["row"], old if m.old else new)
    output = multiply(at["gate"], output) if "gate" in at else output
    output = add(output, at["skip"]) if "skip" in at else output
    whole = merged([new, output], {})
    step = {m.state: whole[0]}
    made = Tiles(layer, values, keys, (m.state,), factors, step, {}, whole[1], False)
    return Chunked(made, m)


class CudaChunks(ChunkSums):
    """The kernels of one layer, forward and backward by chunks."""

    def __init__(self, made: Chunked) -> None:
        super().__init__(made.tiles, made.memory)

    @property
    def kind(self) -> str:
        """What kind of kernel it is, in words."""
        return (
            f"rows {self.rows}, lanes {self.lanes}; by chunks of tokens, products of matrices on "
            "tensor cores in float32"
        )

    def text(self) -> Iterator[str]:
        """The kernels."""
        yield PRODUCTS.strip("\n")
        yield ""
        yield from super().text()

    def each_cell(self, line: str) -> list[str]:
        """The statement for every entry of a state that a thread has."""
        return self.each_entry(self.memory.dims, [line])

    def forward(self) -> Iterator[str]:
        """The forward kernel."""
        name = self.memory.state
        constant = self.layer.start.get(name)
        where = self.entry_of(name)
        other = f"in_{constant}{where}" if constant else "T(0)"
        first = f"first_{name} ? first_{name}{where} : {other}"
        yield from self.signature.forward()
        yield from self.start(False)
        yield from self.named()
        yield from indented(self.each_cell(f"if (row && live) state{CELL} = {first};"))
        yield "    for (; t0 < L; t0 += TOKENS) {"
        yield "        steps = (int)least(TOKENS, L - t0);"
        yield from indented(self.prelude_of(), 2)
        yield "        if (keep && t0 % STEPS == 0) {"
        yield from indented(self.keeping("t0 / STEPS", {name: f"state{CELL}"}), 3)
        yield "        }"
        yield from indented(self.decays(), 2)
        yield from indented(self.chunk(), 2)
        line = f"y[(t0 + t) * {size(self.lanes)} + e0] = {self.y_at('e0')};"
        yield from indented(self.each_output(line), 2)
        yield "    }"
        yield from indented(self.each_cell(f"if (row && live) last_{name}{where} = state{CELL};"))
        yield "}"

    def chunk(self) -> Iterator[str]:
        """The outputs of the tokens at hand, and the state after them."""
        q, k = self.of("row", "i", "k"), self.of("column", "j", "k")
        yield from self.scores("decays", "N", a=q, b=k, result="decays[i * PITCH + j] * sum")
        yield from self.outputs("decays[i * PITCH + k]", self.output())
        yield from self.next_state()

    def solution(self) -> Iterator[str]:
        """What the tokens at hand write, where it is not a factor."""
        return iter(())

    def output(self, result: str = "sum") -> str:
        """The statement that makes what is read from the state an output."""
        for factor, sign in (("gate", "*"), ("skip", "+")):
            if self.has_factor(factor):
                result = f"({result} {sign} {self.of(factor, 'i', 'j')})"
        return f"{self.y_of('i', 'j')} = {result};"

    def backward(self) -> Iterator[str]:
        """The backward kernel."""
        name = self.memory.state
        last = f"last_{name} ? last_{name}{self.entry_of(name)} : T(0)"
        output = f"{self.y_at('e0')} = y[(t0 + t) * {size(self.lanes)} + e0];"
        yield from self.signature.backward()
        yield from self.start(True)
        yield from self.named()
        yield from indented(self.each_cell(f"if (row && live) adjoint{CELL} = {last};"))
        yield "    for (Long from = (L - 1) / STEPS * STEPS; from >= 0; from -= STEPS) {"
        yield "        const int upto = (int)least(STEPS, L - from);"
        yield f"        const T* kept = keep + {self.kept('from / STEPS')};"
        yield "        ONE_BY_ONE"
        yield "        for (int done = (upto - 1) / TOKENS * TOKENS; done >= 0; done -= TOKENS) {"
        kept = f"if (row && live) state{CELL} = kept{self.entry_of(name)};"
        yield from indented(self.each_cell(kept), 3)
        yield "            t0 = from + done;"
        yield "            steps = (int)least(TOKENS, L - t0);"
        yield from indented(self.each_output(output), 3)
        yield "            ONE_BY_ONE"
        yield "            for (t0 = from;; t0 += TOKENS) {"
        yield "                steps = (int)least(TOKENS, L - t0);"
        yield from indented(self.prelude_of(), 4)
        yield from indented(self.decays(), 4)
        yield from indented(self.solution(), 4)
        yield "                if (t0 == from + done) break;"
        yield from indented(self.next_state(), 4)
        yield "            }"
        yield from indented(self.adjoints(), 3)
        yield from indented(self.given(self.token_grads), 3)
        yield "        }"
        yield "    }"
        yield f"    T back_{name}[ROWS];"
        yield from indented(self.each_cell(f"if (row && live) back_{name}[i] = adjoint{CELL};"))
        yield from indented(self.ended())
        yield "}"

    def adjoints(self) -> Iterator[str]:
        """The adjoints of the factors of the tokens at hand, and of the state before them."""
        yield from self.pairs()
        if self.has_factor("decay"):
            yield from self.carried()
        later = "decays[k * PITCH + i] * {}[k * PITCH + i]"
        before = "decays[i * PITCH + k] * {}[i * PITCH + k]"
        y = self.y_of("i", "j")
        given = [f"{self.to('value', 'i', 'j')} = sum;"]
        if self.has_factor("skip"):
            given.append(f"{self.to('skip', 'i', 'j')} = {y};")
        own = f"to_end[i] * {self.of('column', 'i', 'k - steps')}"
        yield from self.read(
            later.format("keys"), self.seed("k", "j"), factor=own, state="adjoint", result=given
        )
        if self.has_factor("gate"):
            yield from self.outputs(
                before.format("keys"), f"{self.to('gate', 'i', 'j')} = {y} * sum;"
            )
        for name, weight, other, start in (
            ("column", later, "row", "to_end"),
            ("row", before, "column", "from_start"),
        ):
            entry = self.to(name, "i", "j")
            yield from product(
                "steps, N, steps",
                a=weight.format("values"),
                b=self.of(other, "k", "j"),
                result=[f"{entry} = {start}[i] * {entry} + sum;"],
            )
        yield from self.moved(
            "adjoint", "from_start", column=self.of("row", "k", "i"), value=self.seed("k", "j")
        )
        if self.has_factor("decay"):
            yield from self.of_decays()

    def pairs(self) -> Iterator[str]:
        """The products of pairs of tokens, and what the state and its adjoint give each token."""
        q, k = self.of("row", "i", "k"), self.of("column", "j", "k")
        seed = self.seed("i", "k")
        yield from self.scores("keys", "N", a=q, b=k, result="sum")
        yield from self.scores("values", "lanes", a=seed, b=self.written("j", "k"), result="sum")
        for name, factor, state in (
            ("row", seed, "state"),
            ("column", self.written("i", "k"), "adjoint"),
        ):
            result = [f"{self.to(name, 'i', 'j')} = sum;"]
            yield from product(
                "steps, N, lanes", a=factor, b=f"{state}[j * TILE + k]", result=result
            )
        yield from self.cleared_lanes()

    def cleared_lanes(self) -> Iterator[str]:
        """Set adjoints along the lanes to zero where a block gives only some of their lanes."""
        if not self.apart:
            for f in self.got:
                if f.dims == (self.lanes,):
                    yield from self.cleared(f"to_{f.name}", f.dims, "TOKENS")

    def passing(self) -> list[tuple[str, str]]:
        """The factors that a state before or after is multiplied by, and where their sums go."""
        return [("row", "at_start"), ("column", "at_end")]

    def carried(self) -> Iterator[str]:
        """What passes through all decays of the chunk from the start, to the end, and both."""
        for name, array in self.passing():
            yield "ONE_BY_ONE"
            yield "for (int m = warp; m < steps; m += WARPS) {"
            yield "    T s = 0;"
            yield "    for (int k = thread % 32; k < N; k += 32)"
            yield f"        s += {self.of(name, 'm', 'k')} * {self.to(name, 'm', 'k')};"
            yield "    s = over_warp(s);"
            yield f"    if (thread % 32 == 0) {array}[m] = s;"
            yield "}"
        yield "if (warp == 0) {"
        yield "    T s = 0;"
        yield "    for (int e = thread; e < N * TILE; e += 32)"
        yield "        if (e % TILE < lanes) s += state[e] * adjoint[e];"
        yield "    s = over_warp(s);"
        yield "    if (thread == 0) at_both[0] = s;"
        yield "}"

    def of_decays(self) -> Iterator[str]:
        """The adjoints of decays: sums along j for each m, in place of pairs; then those over m."""
        to = self.to("decay", "i")
        yield "ONE_BY_ONE"
        yield "for (int m = thread; m <= steps; m += THREADS) {"
        yield "    const bool end = m == steps;"
        yield "    T s = end ? at_both[0] : at_start[m];"
        yield "    for (int i = 0; i <= m && i < steps; ++i) {"
        yield "        const int e = m * PITCH + i;"
        yield "        const T pair = end ? at_end[i] : keys[e] * values[e];"
        yield "        const T given = s * (end ? to_end[i] : decays[e]);"
        yield f"        if (end) {to} = given;"
        yield "        else keys[e] = given;"
        yield f"        s = {self.of('decay', 'i')} * s + pair;"
        yield "    }"
        yield "}"
        yield from self.gathered_decays("keys", "t")

    def gathered_decays(self, pairs: str, start: str) -> list[str]:
        """Add to the adjoint of a decay what passes through it to tokens from `start`."""

        def body(index: list[str]) -> list[str]:
            return [
                f"T s = {self.to('decay', 't')};",
                f"for (int m = {start}; m < steps; ++m) s += {pairs}[m * PITCH + t];",
                f"{self.to('decay', 't')} = s;",
            ]

        return self.loops.each((), body, tokens=True)


__all__ = ["Chunked", "CudaChunks", "chunked"]
