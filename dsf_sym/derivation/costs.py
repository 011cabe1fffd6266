"""What a layer costs as written: state, FLOPs per token, parameters; polynomials in its sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce

from ..language.evaluate import Sizes, extent
from ..language.graph import walk
from ..language.kernel import KernelLayer, sides
from ..language.layer import Layer
from ..language.tensor import Add, Dims, Eye, Function, Input, Number, Product, Reindex, Tensor

FLOAT_BYTES = 4

Powers = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class SizePolynomial:
    """A polynomial in size names; `terms` maps sorted pairs (name, power) to whole numbers.

    order: the names in the order in which they are printed.
    """

    terms: Mapping[Powers, int]
    order: tuple[str, ...] = ()

    def __add__(self, other: SizePolynomial) -> SizePolynomial:
        total = Counter(dict(self.terms))
        total.update(other.terms)
        return SizePolynomial({m: c for m, c in total.items() if c}, self.order or other.order)

    def __mul__(self, other: SizePolynomial | int) -> SizePolynomial:
        if isinstance(other, int):
            other = SizePolynomial({(): other} if other else {})
        out: Counter[Powers] = Counter()
        for m, c in self.terms.items():
            for n, e in other.terms.items():
                out[tuple(sorted((Counter(dict(m)) + Counter(dict(n))).items()))] += c * e
        return SizePolynomial(dict(out), self.order or other.order)

    def at(self, sizes: Sizes) -> int:
        """The value at concrete sizes; SizeError for a missing one."""
        total = 0
        for m, c in self.terms.items():
            for name, power in m:
                c *= extent(name, sizes) ** power
            total += c
        return total

    def __str__(self) -> str:
        def rank(m: Powers) -> tuple[int, list[int]]:
            powers = dict(m)
            return -sum(powers.values()), [-powers.get(name, 0) for name in self.order]

        def show(m: Powers, c: int) -> str:
            place = {name: i for i, name in enumerate(self.order)}
            pairs = sorted(m, key=lambda p: (place.get(p[0], len(place)), p[0]))
            words = [f"{name}^{power}" if power > 1 else name for name, power in pairs]
            return " ".join([str(c)] * (c != 1 or not words) + words)

        return " + ".join(show(m, self.terms[m]) for m in sorted(self.terms, key=rank)) or "0"


@dataclass(frozen=True)
class Costs:
    """The costs of a layer run one token at a time, exactly as its step is written.

    state: entries of the state; state_bytes: in float32. flops: multiplications and additions per
    token. functions: how often each scalar function is called per token. parameters: entries of
    constants, learned starts included.
    """

    state: SizePolynomial
    state_bytes: SizePolynomial
    flops: SizePolynomial
    functions: Mapping[str, SizePolynomial]
    parameters: SizePolynomial

    def __str__(self) -> str:
        calls = ", ".join(f"{name}: {count}" for name, count in self.functions.items())
        return (
            f"state {self.state} entries ({self.state_bytes} bytes in float32), "
            f"{self.flops} FLOPs per token"
            + (f", function calls {calls}" if calls else "")
            + f", {self.parameters} parameters"
        )


def costs(layer: Layer) -> Costs:
    """State, FLOPs and parameters of a layer.

    An einsum of two tensors costs two operations for every combination of its indices where it
    sums, and one for every entry of its output where it does not; a node that is used twice is
    computed once, and one that reads constants alone is computed before the first token. Signs and
    changes of axes are free.
    """
    order = tuple(layer.sizes)
    if isinstance(layer, KernelLayer):
        return _costs_of_sum(layer)
    constants = {s.name for s in layer.of_kind("constant")}
    fixed: set[Tensor] = set()
    flops = SizePolynomial({}, order)
    functions: dict[str, SizePolynomial] = {}
    for node in walk(*layer.step.values(), layer.output):
        moves = isinstance(node, Input) and node.name not in constants
        if not moves and all(child in fixed for child in node.children):
            fixed.add(node)
        elif isinstance(node, Function):
            count = _entries(node.dims, order)
            functions[node.name] = functions.get(node.name, SizePolynomial({}, order)) + count
        else:
            flops = flops + _flops(node, order)
    state = _total((s.dims for s in layer.of_kind("state")), order)
    return Costs(
        state=state,
        state_bytes=state * FLOAT_BYTES,
        flops=flops,
        functions=functions,
        parameters=_total((s.dims for s in layer.of_kind("constant")), order),
    )


def _costs_of_sum(layer: KernelLayer) -> Costs:
    """The costs of the L-th token of a sum over the past: a kernel is evaluated L times."""
    order = ("L", *layer.sizes)
    length = SizePolynomial({(("L", 1),): 1}, order)
    flops = length * _entries(layer.output.dims, order)
    functions: dict[str, SizePolynomial] = {}
    reads = sides(layer, [*layer.step.values(), layer.output])
    for node, side in reads.items():
        if not side:
            continue
        times = length if len(side) == 2 else SizePolynomial({(): 1}, order)
        if isinstance(node, Function):
            count = functions.get(node.name, SizePolynomial({}, order))
            functions[node.name] = count + times * _entries(node.dims, order)
        else:
            flops = flops + times * _flops(node, order)
    if layer.normalised:
        flops = flops + length + _entries(layer.output.dims, order)
    state = length * _total((s.dims for s in layer.of_kind("state")), order)
    return Costs(
        state=state,
        state_bytes=state * FLOAT_BYTES,
        flops=flops,
        functions=functions,
        parameters=_total((s.dims for s in layer.of_kind("constant")), order),
    )


def _flops(node: Tensor, order: tuple[str, ...]) -> SizePolynomial:
    match node:
        case Add(terms=terms, dims=dims):
            return _entries(dims, order) * (len(terms) - 1)
        case Product(spec=spec, left=left, right=right, dims=dims):
            inputs, _, output = spec.partition("->")
            la, _, lb = inputs.partition(",")
            size = dict(zip(la, left.dims, strict=True)) | dict(zip(lb, right.dims, strict=True))
            if set(size) - set(output):
                return _entries(tuple(size.values()), order) * 2
            free = _is_sign(left) or _is_sign(right) or isinstance(right, Eye)
            return SizePolynomial({}, order) if free else _entries(dims, order)
        case Reindex(spec=spec, arg=arg):
            source, _, target = spec.partition("->")
            summed = set(source) - set(target)
            size = dict(zip(source, arg.dims, strict=True))
            return _entries(tuple(size.values()), order) * bool(summed)
    return SizePolynomial({}, order)


def _is_sign(x: Tensor) -> bool:
    return isinstance(x, Number) and abs(x.value) == 1


def _entries(dims: Dims, order: tuple[str, ...]) -> SizePolynomial:
    one = SizePolynomial({(): 1}, order)
    return reduce(lambda total, dim: total * _size(dim, order), dims, one)


def _size(dim: str, order: tuple[str, ...]) -> SizePolynomial:
    total = SizePolynomial({}, order)
    for part in dim.split("+"):
        known: dict[Powers, int] = {(): int(part)} if part.isdigit() else {((part, 1),): 1}
        total = total + SizePolynomial(known)
    return SizePolynomial(total.terms, order)


def _total(shapes: Iterable[Dims], order: tuple[str, ...]) -> SizePolynomial:
    total = SizePolynomial({}, order)
    for dims in shapes:
        total = total + _entries(dims, order)
    return total
