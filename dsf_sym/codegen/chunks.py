"""The `parallel` and `chunkwise` schedules of an outer-product memory.

Within a chunk of C tokens that starts from S, with a the decays, P(i, j) = a_i ... a_{j+1} and x_j
what token j adds under its column c_j,

    S_i = P(i, start) S + Σ_{j <= i} P(i, j) c_j x_jᵀ.

Without a rank-one part x = v. With one, x_i = v_i + r_iᵀ S_{i-1} is a unit lower triangular system,
whose inverse is formed once a chunk (the UT transform of the delta rule). Where the correction has
a rate for each value, x_i = v_i + rate_i ⊙ r_iᵀ S_{i-1}, every column of x is a system of its own,
solved when the chunk's start is known. `parallel` is one chunk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..language.layer import Layer
from ..language.tensor import Dims, Input, Product, Tensor, add, matmul, multiply
from . import ir
from .factors import Memory, NoSchedule
from .opaque import logarithm, merged, named_parts

CHUNK = 64
CORRECTED_CHUNK = 32
RATES_CHUNK = 16
P = ir.POSITION
KEYS, VALUES = "keys", "values"


def parallel(layer: Layer, parts: Memory, opaque: Mapping[str, Tensor]) -> ir.Function:
    """The whole sequence as one chunk; raises NoSchedule."""
    if parts.correction is not None and parts.correction.rates is not None:
        raise NoSchedule("every value has a triangular system of its own, as long as the sequence")
    return _Builder(layer, parts, opaque, whole=True).function(
        "parallel", "The whole sequence as one causal matrix of scores.", None
    )


def chunkwise(layer: Layer, parts: Memory, opaque: Mapping[str, Tensor]) -> ir.Function:
    """Matrix products within chunks, and a loop over chunks that carries the state."""
    return _Builder(layer, parts, opaque, whole=False).function(
        "chunkwise",
        "Matrix products within chunks of tokens; the state is carried from chunk to chunk.",
        _length(parts),
    )


def _length(parts: Memory) -> int:
    """The length of a chunk; a triangular system for each value takes the square of it each."""
    if parts.correction is None:
        return CHUNK
    return CORRECTED_CHUNK if parts.correction.rates is None else RATES_CHUNK


@dataclass
class _Builder:
    layer: Layer
    parts: Memory
    opaque: Mapping[str, Tensor]
    whole: bool
    lets: list[ir.Let | ir.Loop] = field(default_factory=list)

    def function(self, schedule: str, doc: str, chunk: int | None) -> ir.Function:
        m = self.parts
        start = ir.Start(m.state, self.layer.start.get(m.state), m.dims)
        gate, skip = self._tokens()
        if (m.keys, m.values) == ((0,), (1,)):
            self.let("S", start)
        else:
            self.let("start", start)
            self.let("S", ir.Matrix("start", "rows", "values", m.keys, m.values))
        output = self._chunk()
        self._carry()
        self.let("y", output)
        if not self.whole:
            self.let("y", ir.Unchunked("y"))
        if len(m.value_dims) != 1:
            self.let("y", ir.Features("y", m.value_dims))
        y: Tensor = Input("y", m.value_dims)
        for factor, combine in ((gate, multiply), (skip, add)):
            y = y if factor is None else combine(factor, y)
        if gate is not None or skip is not None:
            self.let("y", y)
        end = "end" if self.whole else "S"
        if (m.keys, m.values) != ((0,), (1,)):
            self.let("end", ir.FromMatrix(end, m.keys, m.values, m.dims))
            end = "end"
        return ir.Function(schedule, doc, tuple(self.lets), "y", ((m.state, end),), chunk)

    def let(self, name: str, value: ir.Operation) -> None:
        self.lets.append(ir.Let(name, value))

    def _tokens(self) -> tuple[Tensor | None, Tensor | None]:
        """Assign every factor, in one feature axis and cut; the gate and the skip come back."""
        m = self.parts
        (decay,) = merged([m.decay], self.opaque) if m.decay is not None else (None,)
        log = None if decay is None else logarithm(decay)
        self.decay = ir.Decay("decay" if decay is not None else None, m.decay_keys, log is not None)
        keyed: dict[str, tuple[Tensor, bool]] = {
            "rows": (m.row, True),
            "cols": (m.column, True),
            "values": (m.value, True),
        }
        if m.correction is not None:
            keyed["reads"] = (m.correction.read, True)
            if m.correction.left is not None:
                keyed["lefts"] = (m.correction.left, True)
            if m.correction.rates is not None:
                keyed["rates"] = (m.correction.rates, True)
        if m.decay is not None and decay is not None:
            keyed["decay"] = (decay if log is None else log, m.decay_keys)
        ends = [x for x in (m.gate, m.skip) if x is not None]
        roots = merged([*(x for x, _ in keyed.values()), *ends], self.opaque)
        names = [*keyed, *(n for n, x in (("gate", m.gate), ("skip", m.skip)) if x is not None)]
        last: dict[str, Tensor] = {}
        chunked: list[tuple[str, ir.Chunked]] = []
        for name, x in named_parts(zip(names, roots, strict=True), "x", reuse=False):
            if name in keyed:
                merge = keyed[name][1] and len(x.dims) != 1
                ready = isinstance(x, Input) and self._is_token(x.name) and not merge
                if self.whole or not ready:
                    self.let(name, ir.Whole(x, x.dims, merge))
                source = x.name if isinstance(x, Input) and ready else name
                chunked.append((name, ir.Chunked(source, _neutral(name, self.decay))))
            elif name in ("gate", "skip"):
                last[name] = x
            else:
                self.let(name, x)
        for name, cut in chunked if not self.whole else ():
            self.let(name, cut)
        return last.get("gate"), last.get("skip")

    def _is_token(self, name: str) -> bool:
        return any(s.name == name for s in self.layer.of_kind("token"))

    def _chunk(self) -> Tensor:
        """Assign what needs no state; the output over the states at chunk starts comes back."""
        m = self.parts
        rows = Input("rows", (P, KEYS))
        values = Input("values", (P, VALUES))
        if not self.decay.keys:
            self.let("ratio", ir.Ratio(self.decay, "rows"))
            if m.old or m.correction:
                self.let("ratio_before", ir.Earlier("ratio", 0, 2))
        if self.decay.name is not None:
            self.let("from_start", ir.FromStart(self.decay))
            if m.old or m.correction:
                features = 2 if self.decay.keys else 1
                self.let("from_start_before", ir.Earlier("from_start", 1, features))
            self.let("to_end", ir.ToEnd(self.decay))
        scores = self._scores("scores", "rows", "cols", m.old)
        start = Input("S" if self.whole else "starts", (KEYS, VALUES))
        read = matmul(self._from_start(rows, m.old), start)
        if m.correction is None:
            return add(matmul(scores, values), read)
        reads = Input("reads", (P, KEYS))
        shared = m.correction.left is None
        self._scores("mixed", "reads", "cols" if shared else "lefts", True)
        if m.correction.rates is not None:
            self.let("reads_from_start", self._from_start(reads, True))
            return add(matmul(scores, Input("xs", (P, VALUES))), read)
        self.let("inverse", ir.Inverse("mixed"))
        inverse = Input("inverse", (P, P))
        source: Tensor = values
        if not shared:
            source = matmul(self._scores("read_scores", "reads", "cols", True), values)
        self.let("solved", matmul(inverse, source))
        self.let("solved_reads", matmul(inverse, self._from_start(reads, True)))
        x = Input("x" if self.whole else "xs", (P, VALUES))
        if shared:
            return add(matmul(scores, x), read)
        left = self._scores("left_scores", "rows", "lefts", m.old)
        return add(add(matmul(left, x), matmul(scores, values)), read)

    def _scores(self, name: str, rows: str, cols: str, before: bool) -> Tensor:
        if self.decay.keys:
            self.let(name, ir.Scores(rows, cols, self.decay, before))
        else:
            ratio = Input("ratio_before" if before else "ratio", (P, P))
            left, right = Input(rows, (P, KEYS)), Input(cols, (P, KEYS))
            self.let(name, multiply(Product("ab,cb->ac", left, right, (P, P)), ratio))
        return Input(name, (P, P))

    def _from_start(self, x: Tensor, before: bool) -> Tensor:
        return self._weigh("from_start_before" if before else "from_start", x)

    def _weigh(self, name: str, x: Tensor) -> Tensor:
        """Rows multiplied by a decay of the same positions."""
        if self.decay.name is None:
            return x
        if self.decay.keys:
            return multiply(Input(name, x.dims), x)
        return Product("a,ab->ab", Input(name, (P,)), x, x.dims)

    def _carry(self) -> None:
        """Carry the state from chunk to chunk: `starts` and `xs` are kept, `S` ends as the last."""
        m = self.parts
        x = Input("x", (P, VALUES))
        over: list[tuple[str, str]] = []
        state: Tensor = Input("S", (KEYS, VALUES))

        def sliced(name: str, dims: Dims) -> Tensor:
            if self.whole:
                return Input(name, dims)
            if (f"{name}_c", name) not in over:
                over.append((f"{name}_c", name))
            return Input(f"{name}_c", dims)

        def added(name: str, source: str, what: Tensor, now: bool) -> Tensor:
            """`Σ_j P(end, j) source_j whatᵀ`, before the loop where it needs no state."""
            ends = self._weigh("to_end", Input(source, (P, KEYS)))
            if now:
                self.let(name, Product("ab,ac->bc", ends, what, (KEYS, VALUES)))
                return sliced(name, (KEYS, VALUES))
            if not isinstance(ends, Input):
                self.let(f"{source}_to_end", ends)
                source = f"{source}_to_end"
            return Product("ab,ac->bc", sliced(source, (P, KEYS)), what, (KEYS, VALUES))

        kept: Tensor = state
        if self.decay.name is not None:
            dims: Dims = (KEYS,) if self.decay.keys else ()
            self.let("total", ir.Last("from_start", len(dims)))
            spec = "a,ab->ab" if self.decay.keys else ",ab->ab"
            kept = Product(spec, sliced("total", dims), state, state.dims)
        body: list[ir.Let] = []
        if m.correction is None:
            new = add(kept, added("added", "cols", Input("values", (P, VALUES)), True))
        else:
            if m.correction.rates is not None:
                rates = sliced("rates", (P, VALUES))
                read = matmul(sliced("reads_from_start", (P, KEYS)), state)
                right = add(sliced("values", (P, VALUES)), multiply(rates, read))
                sliced("mixed", (P, P))
                body.append(ir.Let("right", right))
                body.append(ir.Let("x", ir.SolvedEach("mixed_c", "rates_c", "right")))
            else:
                solved = sliced("solved", (P, VALUES))
                read = matmul(sliced("solved_reads", (P, KEYS)), state)
                body.append(ir.Let("x", add(solved, read)))
            column = "cols" if m.correction.left is None else "lefts"
            new = add(kept, added("corrected", column, x, False))
            if m.correction.left is not None:
                new = add(new, added("added", "cols", Input("values", (P, VALUES)), True))
        if self.whole:
            self.lets += [*body, ir.Let("end", new)]
            return
        after = (("x", "xs"),) if m.correction else ()
        self.lets.append(ir.Loop(tuple(over), (*body, ir.Let("S", new)), (("S", "starts"),), after))


def _neutral(name: str, decay: ir.Decay) -> int:
    """What fills up the last chunk: a decay that changes nothing, and zero for the others."""
    return 1 if name == "decay" and not decay.log else 0
