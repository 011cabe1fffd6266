"""A layer's forward CUDA kernel by chunks: for an outer-product memory with one decay a token.

Within the tokens at hand, with P(i, j) the product of the decays after j up to i,

    y_i = Σ_{j <= i} P(i, j) (q_i · k_j) v_j + P(i, start) q_iᵀ S,

and S becomes P(end, start) S + Σ_j P(end, j) k_j v_jᵀ: three products of matrices in shared memory,
on tensor cores in float32. Each factor is split into two numbers of tf32, so that three products
have float32's precision.
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
from .loops import Array, indented
from .tiles import CudaTiles

PRODUCTS = r"""
#if !defined(MMA_TF32)
#define MMA_TF32(d, a, b) \
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, " \
                 "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))
#endif

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#define TENSOR_CORES false
#else
#define TENSOR_CORES true
#endif

// A float as the sum of two numbers of tf32.
__device__ __forceinline__ void split(float x, unsigned& high, unsigned& low) {
    high = __float_as_uint(x) & 0xffffe000u;
    low = __float_as_uint(x - __uint_as_float(high));
}

// c(i, j, sum of a(i, k) b(k, j) over k) for all i < M and j < N, by the warps of a block.
template <class R, class A, class B, class C>
__device__ __forceinline__ void multiplied(int M, int N, int K, A a, B b, C c) {
    if constexpr (TENSOR_CORES && sizeof(R) == 4) {
        const int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
        const int across = (N + 7) / 8, tiles = (M + 15) / 16 * across;
        ONE_BY_ONE
        for (int tile = warp; tile < tiles; tile += WARPS) {
            const int i = tile / across * 16 + g, j = tile % across * 8;
            float d[4] = {0, 0, 0, 0};
            ONE_BY_ONE
            for (int k = 0; k < K; k += 8) {
                unsigned ah[4], al[4], bh[2], bl[2];
#pragma unroll
                for (int e = 0; e < 4; ++e) {
                    const int row = i + e % 2 * 8, at = k + t + e / 2 * 4;
                    split(row < M && at < K ? a(row, at) : 0.f, ah[e], al[e]);
                }
#pragma unroll
                for (int e = 0; e < 2; ++e) {
                    const int at = k + t + e * 4;
                    split(at < K && j + g < N ? b(at, j + g) : 0.f, bh[e], bl[e]);
                }
                MMA_TF32(d, al, bh);
                MMA_TF32(d, ah, bl);
                MMA_TF32(d, ah, bh);
            }
#pragma unroll
            for (int e = 0; e < 4; ++e) {
                const int row = i + e / 2 * 8, column = j + 2 * t + e % 2;
                if (row < M && column < N) c(row, column, d[e]);
            }
        }
    } else {
        ONE_BY_ONE
        for (int e = threadIdx.x; e < M * N; e += THREADS) {
            R s = 0;
            for (int k = 0; k < K; ++k) s += a(e / N, k) * b(k, e % N);
            c(e / N, e % N, s);
        }
    }
}
"""


@dataclass(frozen=True)
class Chunked:
    """A layer's step over the factors of its memory, and what it reads."""

    tiles: Tiles
    memory: Memory


def chunked(layer: Layer) -> Chunked:
    """The factors of an outer-product memory with one decay; NoSchedule says why it is none."""
    inside = core(layer)
    try:
        space = derive(inside.layer)
        m = memory(space, structure(space))
    except NoSchedule:
        raise
    except DsfError as error:
        raise NoSchedule(str(error)) from None
    if m.decay_keys or m.correction is not None:
        raise NoSchedule("Λ is no number times the identity")
    if (m.keys, m.values) != ((0,), (1,)) or not all(x.isidentifier() for x in m.dims):
        raise NoSchedule(f"the state has the axes {', '.join(m.dims)}")
    keys, values = m.dims
    if keys == values or len(layer.output.dims) != 1:
        raise NoSchedule("keys and values have one size")
    wanted = {"row": m.row, "column": m.column, "value": m.value}
    wanted |= {
        name: x
        for name, x in (("decay", m.decay), ("gate", m.gate), ("skip", m.skip))
        if x is not None
    }
    roots = dict(zip(wanted, merged(wanted.values(), inside.parts), strict=True))
    factors = tuple(Factor(f"{name}_factor", x, False) for name, x in roots.items())
    at = {name: Input(f"{name}_factor", x.dims) for name, x in roots.items()}
    old = Input(m.state, m.dims)
    kept: Tensor = old
    if "decay" in at:
        kept = Product(",ab->ab", at["decay"], old, m.dims)
    new = add(kept, Product("a,b->ab", at["column"], at["value"], m.dims))
    output: Tensor = matmul(at["row"], old if m.old else new)
    output = multiply(at["gate"], output) if "gate" in at else output
    output = add(output, at["skip"]) if "skip" in at else output
    whole = merged([new, output], {})
    step = {m.state: whole[0]}
    made = Tiles(layer, values, keys, (m.state,), factors, step, {}, whole[1], False)
    return Chunked(made, m)


class CudaChunks(CudaTiles):
    """The kernels of one layer: forward by chunks, backward token by token."""

    def __init__(self, made: Chunked) -> None:
        super().__init__(made.tiles)
        self.memory = made.memory

    @property
    def kind(self) -> str:
        """What kind of kernel it is, in words."""
        return (
            f"rows {self.rows}, lanes {self.lanes}; forward by chunks of tokens, products of "
            "matrices on tensor cores in float32; backward token by token"
        )

    def arrays(self, backward: bool) -> list[Array]:
        """What the threads of a block share."""
        held = super().arrays(backward)
        if not backward:
            held.append(Array("scores", (), "TOKENS * TOKENS"))
            held += [Array(name, (), "TOKENS") for name in ("from_start", "to_end")]
            held.append(Array("state", self.loops.part(self.memory.dims), hot=True))
        return held

    def text(self) -> Iterator[str]:
        """The kernels."""
        yield PRODUCTS.strip("\n")
        yield ""
        yield from super().text()

    def forward(self) -> Iterator[str]:
        """The forward kernel."""
        name = self.memory.state
        d, n = size(self.lanes), "N"
        constant = self.layer.start.get(name)
        where = self.entry_of(name)
        cell = self.held("state", self.memory.dims, ["r", "lane"])
        other = f"in_{constant}{where}" if constant else "T(0)"
        yield from self.signature.forward()
        yield from self.start(False)
        lines = [f"if (row && live) {cell} = first_{name} ? first_{name}{where} : {other};"]
        yield from indented(self.each_entry(self.memory.dims, lines))
        yield f"    const int lanes = (int)least(TILE, {d} - first);"
        yield "    for (; t0 < L; t0 += TOKENS) {"
        yield "        steps = (int)least(TOKENS, L - t0);"
        yield from indented(self.prelude_of(), 2)
        yield from indented(self.loops.barrier(), 2)
        yield "        if (keep && t0 % STEPS == 0) {"
        yield f"            T* to = keep + {self.kept('t0 / STEPS')};"
        lines = [f"to[i * THREADS] = {cell};"]
        yield from indented(self.each_entry(self.memory.dims, lines), 3)
        yield "        }"
        yield from indented(self.decays(), 2)
        yield "        __syncthreads();"
        yield from indented(self.products(n), 2)
        line = f"y[(t0 + t) * {d} + e0] = {self.y_at('e0')};"
        yield from indented(self.each_output(line), 2)
        yield "    }"
        yield "    __syncthreads();"
        line = f"if (row && live) last_{name}{where} = {cell};"
        yield from indented(self.each_entry(self.memory.dims, [line]))
        yield "}"

    def decays(self) -> list[str]:
        """P(i, j) in place of scores, P(i, start) and P(end, j); of i - 1 where the old is read."""
        decay = "at_decay_factor[s]" if self.memory.decay is not None else "T(1)"
        upto = "thread" if self.memory.old else "thread + 1"
        return [
            "if (thread < steps) {",
            "    T p = 1;",
            "    for (int s = thread + 1; s < steps; ++s) {",
            *(["    scores[s * TOKENS + thread] = p;"] if self.memory.old else []),
            f"    p *= {decay};",
            *([] if self.memory.old else ["    scores[s * TOKENS + thread] = p;"]),
            "    }",
            "    to_end[thread] = p;",
            "    scores[thread * TOKENS + thread] = 1;",
            "    p = 1;",
            f"    for (int s = 0; s < {upto}; ++s) p *= {decay};",
            "    from_start[thread] = p;",
            "}",
        ]

    def products(self, n: str) -> list[str]:
        """The three products of matrices."""
        m = self.memory
        last = "steps - 1"
        total = f"from_start[{last}]"
        if m.old and m.decay is not None:
            total += f" * at_decay_factor[{last}]"
        y = "at_y[i * size.LANES + (first - base) + j]"
        value = "(first - base) + j"
        v = f"at_value_factor[k * size.LANES + {value}]"
        result = "sum"
        for name, sign in (("gate", "*"), ("skip", "+")):
            if any(f.name == f"{name}_factor" for f in self.made.factors):
                f = next(f for f in self.made.factors if f.name == f"{name}_factor")
                own = f"i * size.LANES + {value}" if f.dims else "i"
                result = f"({result} {sign} at_{name}_factor[{own}])"
        return [
            f"const T total = {total};",
            f"multiplied<T>(steps, steps, {n},",
            f"    [&](int i, int k) {{ return at_row_factor[i * {n} + k]; }},",
            f"    [&](int k, int j) {{ return at_column_factor[j * {n} + k]; }},",
            "    [&](int i, int j, T sum) {",
            "        T& entry = scores[i * TOKENS + j];",
            f"        entry = j {'<' if m.old else '<='} i ? entry * sum : T(0);",
            "    });",
            "__syncthreads();",
            f"multiplied<T>(steps, lanes, steps + {n},",
            "    [&](int i, int k) {",
            "        return k < steps ? scores[i * TOKENS + k]",
            f"                         : from_start[i] * at_row_factor[i * {n} + k - steps];",
            "    },",
            "    [&](int k, int j) {",
            f"        return k < steps ? {v}",
            f"                         : state[(k - steps) * size.LANES + {value}];",
            "    },",
            f"    [&](int i, int j, T sum) {{ {y} = {result}; }});",
            "__syncthreads();",
            f"multiplied<T>({n}, lanes, steps,",
            f"    [&](int i, int k) {{ return to_end[k] * at_column_factor[k * {n} + i]; }},",
            f"    [&](int k, int j) {{ return {v}; }},",
            "    [&](int i, int j, T sum) {",
            f"        T& entry = state[i * size.LANES + {value}];",
            "        entry = total * entry + sum;",
            "    });",
            "__syncthreads();",
        ]


__all__ = ["Chunked", "CudaChunks", "chunked"]
