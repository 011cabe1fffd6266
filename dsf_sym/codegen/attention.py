"""The schedules of a sum over the past, which keeps a cache of entries in place of a state.

For a block of queries i and all entries j of the cache, those of the block's own tokens last,

    w_ij = κ(q_i, k_j) where j is no later than i, else 0,    y_i = Σ_j w_ij v_j / Σ_j w_ij,

without the division where the layer is not normalised. Where κ = r e^s and the layer is normalised,
w_ij = r e^{s - m_i} with m_i the largest s of query i: the factor cancels, and nothing overflows.
The kernel is the definition's own expression with an axis of queries and one of entries.
"""

from __future__ import annotations

from collections.abc import Callable

from ..language.heads import repeated
from ..language.kernel import KernelLayer
from ..language.tensor import (
    LABELS,
    Dims,
    Function,
    Input,
    Product,
    Reindex,
    Tensor,
    add,
    multiply,
)
from . import ir
from .opaque import merged, named_parts

BLOCK = 128
Q, E = ir.QUERY, ir.ENTRY


def attention(layer: KernelLayer) -> tuple[ir.Function, ...]:
    """`recurrent` and `parallel`: a block of one query after the other, or of many."""
    states = [s.name for s in layer.of_kind("state")]
    made = _Builder(layer)
    made.entries(states)
    made.sums()
    ends = tuple((name, name) for name in states)
    return (
        ir.Function(
            schedule="recurrent",
            doc="One token after the other: its entry joins the cache, which answers its query.",
            body=(),
            output="y",
            states=ends,
            chunk=1,
            calls="parallel",
        ),
        ir.Function(
            schedule="parallel",
            doc="A block of queries, each against all entries up to its own.",
            body=tuple(made.lets),
            output="y",
            states=ends,
            chunk=BLOCK,
            blocks=True,
            by_position=True,
        ),
    )


class _Builder:
    def __init__(self, layer: KernelLayer) -> None:
        self.layer = layer
        self.tokens = {s.name for s in layer.of_kind("token")}
        self.cache = {s.name for s in layer.of_kind("state")}
        self.lets: list[ir.Let | ir.Loop] = []

    def let(self, name: str, value: ir.Operation) -> None:
        self.lets.append(ir.Let(name, value))

    def whole(self, roots: dict[str, Tensor]) -> None:
        """Assign expressions at all their positions, common parts first."""
        named = zip(roots, merged(roots.values(), {}), strict=True)
        for name, x in named_parts(named, "x", reuse=False, first=len(self.lets)):
            self.let(name, ir.Whole(x, x.dims) if name in roots else x)

    def entries(self, states: list[str]) -> None:
        """The cache with the entries of the block's tokens."""
        new = repeated(list(self.layer.step.values()), Q, self.tokens)
        plain = [x.name if isinstance(x, Input) else "" for x in new]
        names = [own or f"{state}_new" for own, state in zip(plain, states, strict=True)]
        made = zip(names, new, plain, strict=True)
        self.whole({name: x for name, x, own in made if not own})
        for state, name in zip(states, names, strict=True):
            self.let(state, ir.Joined(state, name))

    def sums(self) -> None:
        """The weights of all pairs, and the values weighed by them."""
        output = self.layer.output
        assert isinstance(output, Product)
        kernel = output.left
        pairs = (Q, E, *kernel.dims)
        weights = self.weights(kernel, pairs)
        weighed = Product(output.spec, Input("weights", kernel.dims), output.right, output.dims)
        (of_pairs,) = repeated([weighed], E, {"weights", *self.cache})
        (of_pairs,) = repeated([of_pairs], Q, {"weights"})
        assert isinstance(of_pairs, Product)
        inputs, _, every = of_pairs.spec.partition("->")
        left, _, _ = inputs.partition(",")
        dims = (Q, *output.dims)
        kept = every[0] + every[2:]
        y: Tensor = Product(f"{inputs}->{kept}", weights, of_pairs.right, dims)
        if self.layer.normalised:
            letters = LABELS[: len(pairs)]
            spec = f"{letters}->{letters[0]}{letters[2:]}"
            total = Reindex(spec, weights, (Q, *kernel.dims))
            inverse = Function("inverse", total, total.dims)
            y = Product(f"{kept},{left[0]}{left[2:]}->{kept}", y, inverse, dims)
        self.let("y", ir.Whole(y, dims))

    def weights(self, kernel: Tensor, pairs: Dims) -> Tensor:
        """Assign the kernel of every pair, 0 where the entry is later than the query."""
        # Without the division, a factor of a query's own would not cancel.
        exponent, rest = factors(kernel) if self.layer.normalised else (None, kernel)
        roots = {
            name: x for name, x in (("exponents", exponent), ("factors", rest)) if x is not None
        }
        lifted = repeated(repeated(list(roots.values()), E, self.cache), Q, self.tokens)
        self.whole(dict(zip(roots, lifted, strict=True)))
        weights: Tensor = Input("factors", pairs)
        if exponent is not None:
            # A later entry may have the largest exponent, and is left out first.
            self.let("exponents", ir.Seen("exponents", len(pairs), least=True))
            self.let("exponents", ir.BelowLargest("exponents", len(pairs)))
            decayed = Function("exp", Input("exponents", pairs), pairs)
            weights = decayed if rest is None else multiply(decayed, weights)
            self.let("weights", weights)
        if rest is not None:
            source = "factors" if exponent is None else "weights"
            self.let("weights", ir.Seen(source, len(pairs)))
        return Input("weights", pairs)


def factors(kernel: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """The s and the r of a kernel `r e^s`, None for one that is not there."""
    match kernel:
        case Function(name="exp", arg=arg):
            return arg, None
        case Function(name="inverse", arg=arg):
            exponent, rest = factors(arg)
            if exponent is None:
                return None, kernel
            below = None if rest is None else Function("inverse", rest, rest.dims)
            return -exponent, below
        case Product(spec=spec, left=left, right=right) if _entrywise(spec):
            (s, a), (t, b) = factors(left), factors(right)
            if s is not None or t is not None:
                return _both(add, s, t), _both(multiply, a, b)
    return None, kernel


def _entrywise(spec: str) -> bool:
    inputs, _, out = spec.partition("->")
    return all(x in ("", out) for x in inputs.split(","))


def _both(
    join: Callable[[Tensor, Tensor], Tensor], a: Tensor | None, b: Tensor | None
) -> Tensor | None:
    return b if a is None else a if b is None else join(a, b)
