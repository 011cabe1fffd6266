"""Attention from its kernel: finite features where the kernel separates, the whole past elsewhere.

A kernel is brought to sums of products of factors that read the query or the key alone,
`κ(q, k) = Σ_m Σ_a φ_m(q)[a] ψ_m(k)[a]`, by expanding only what reads both. Then
`Σ_{j≤i} κ(q_i, k_j) v_j = Σ_m φ_m(q_i) · S_i[m]` with states `S_i[m] = S_{i-1}[m] + ψ_m(k_i) v_iᵀ`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations
from typing import Any

from ..errors import DomainError
from ..index.atoms import Atom, Factor, Form, Monomial, combine
from ..index.forms import LETTERS, expression
from ..index.terms import FormAlgebra, normalise
from ..language.evaluate import evaluate
from ..language.functions import einsum, ones
from ..language.graph import walk
from ..language.kernel import KEY, KernelLayer, kernel_layer, sides
from ..language.layer import Layer, Signal, validate
from ..language.spec import rebuild
from ..language.tensor import Dims, Function, Input, Number, Product, Tensor, add, multiply, text

NEITHER: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Feature:
    """One term `Σ φ(q_i)[a, x] ψ(k_j)[a, z]` of a sum of products.

    phi reads the current token and psi an entry of the past. axes: the sizes of a, summed over.
    now, past: which axes of the whole are x and z.
    """

    phi: Tensor
    psi: Tensor
    axes: Dims
    now: tuple[int, ...] = ()
    past: tuple[int, ...] = ()


def attention(
    kernel: Callable[..., Any] | None = None,
    *,
    normalised: bool = True,
    title: str = "",
    cite: str = "",
    names: Mapping[str, str] | None = None,
    queries: Sequence[str] = (),
) -> Any:
    """Make a layer of a kernel: `y_i = Σ_{j≤i} κ(q_i, k_j) v_j`, over `Σ_{j≤i} κ(q_i, k_j)`.

    Where κ is a finite sum of products of functions of the query and of the key, this is an
    ordinary layer with a state for each term; else a KernelLayer, which keeps the past.

    Parameters
    ----------
    kernel
        A function of annotated signals, the query q first, then those of a past token, that returns
        one number; Const[...] arguments are weights. The value v is Vec["d"].
    normalised
        Whether y_i is divided by the sum of the weights κ.
    queries
        The arguments of the current token, where it is not the first alone.

    Raises
    ------
    LanguageError
        The function is not a kernel: it returns no scalar, has a state, reads v, or nothing of k.
    DomainError
        The kernel is undefined on the domains of its signals, or zero everywhere.
    """

    def make(function: Callable[..., Any]) -> Layer:
        made = kernel_layer(
            function,
            normalised=normalised,
            title=title,
            cite=cite,
            names=names,
            queries=queries,
        )
        return separated(made)

    return make if kernel is None else make(kernel)


def features(kernel: KernelLayer | Callable[..., Any]) -> tuple[Feature, ...] | None:
    """The terms of `κ(q, k) = Σ_m Σ_a φ_m(q)[a] ψ_m(k)[a]`, or None where κ was not separated."""
    made = kernel if isinstance(kernel, KernelLayer) else kernel_layer(kernel)
    return _features(made, made.kernel)


def separated(layer: KernelLayer) -> Layer:
    """The layer over a state for each term of its kernel, or the same layer where it has none.

    Raises DomainError where the kernel is identically zero.
    """
    weighed = _features(layer, layer.output)
    if weighed is None:
        return layer
    if not weighed:
        raise DomainError(
            f"{layer.name}: the kernel {text(layer.kernel)} is zero for every query and key"
            + (", so that the normaliser is 0" if layer.normalised else "")
        )
    taken = {s.name for s in layer.signals}
    step: dict[str, Tensor] = {}
    states: list[Signal] = []

    def total(found: Sequence[Feature], letter: str, dims: Dims) -> tuple[Tensor, str]:
        psis = list(dict.fromkeys(f.psi for f in found))
        memory: dict[Tensor, Tensor] = {}
        for m, psi in enumerate(psis):
            name = letter if len(psis) == 1 else f"{letter}{m}"
            while name in taken:
                name += "_"
            state = Signal(name, psi.dims, layer.signal(layer.value).domain, "state")
            states.append(state)
            step[name] = memory[psi] = add(state.tensor, *rebuild([psi], layer.step))
        used = sorted({axis for f in found for axis in (*f.now, *f.past)})
        return _readout(found, memory, used, dims), "".join(LETTERS[i] for i in used)

    dims = layer.output.dims
    top, letters = total(weighed, "S", dims)
    output = top if len(letters) == len(dims) else _spread(top, letters, dims)
    if layer.normalised:
        weights = _features(layer, layer.weight)
        assert weights is not None
        bottom, letters = total(weights, "z", dims)
        inverse = Function("inverse", bottom, bottom.dims)
        whole = LETTERS[: len(dims)]
        output = Product(f"{whole},{letters}->{whole}", output, inverse, dims)
    made = Layer(
        name=layer.name,
        signals=(*states, *(s for s in layer.signals if s.kind != "state")),
        step=step,
        output=output,
        title=layer.title,
        doc=layer.doc,
        cite=layer.cite,
        carried=layer.carried,
        names=layer.names,
        ties=layer.ties,
        source=layer.source,
        others=layer.others,
    )
    validate(made)
    return made


def _readout(
    found: Sequence[Feature], memory: Mapping[Tensor, Tensor], used: Sequence[int], dims: Dims
) -> Tensor:
    """The sum of φ · S over the terms, over the axes of the whole that are in use."""
    target = "".join(LETTERS[i] for i in used)
    terms = []
    for f in found:
        shared = LETTERS[len(dims) : len(dims) + len(f.axes)]
        groups = [shared + "".join(LETTERS[i] for i in axes) for axes in (f.now, f.past)]
        operands = [f.phi, memory[f.psi]]
        for i in used:
            if i not in (*f.now, *f.past):
                groups.append(LETTERS[i])
                operands.append(ones(dims[i]))
        if isinstance(f.phi, Number) and len(operands) == 2:
            terms.append(multiply(f.phi, einsum(f"{groups[1]}->{target}", memory[f.psi])))
        else:
            terms.append(einsum(f"{','.join(groups)}->{target}", *operands))
    out = terms[0]
    for term in terms[1:]:
        out = add(out, term)
    return out


def _spread(x: Tensor, letters: str, dims: Dims) -> Tensor:
    whole = LETTERS[: len(dims)]
    return Product(f"{letters},{whole}->{whole}", x, ones(*dims), dims)


def _features(layer: KernelLayer, root: Tensor) -> tuple[Feature, ...] | None:
    """The terms of an expression over query and entry; None where an atom reads both."""
    reads = sides(layer, [root])
    form, nodes, read = _expand(root, reads)
    grouped: dict[tuple[Form, tuple[int, ...], tuple[int, ...]], list[tuple[Form, Fraction]]] = {}
    for monomial, c in form.terms.items():
        split = _split(monomial, form.dims, read)
        if split is None:
            return None
        phi, psi, now, past = split
        grouped.setdefault((psi, now, past), []).append((phi, c))
    out = []
    made: dict[Form, Tensor | None] = {}
    for (psi, now, past), parts in sorted(grouped.items(), key=_simplest_first):
        phi = combine(parts, parts[0][0].dims)
        made.setdefault(psi, _graph(psi, nodes))
        left, right = _graph(phi, nodes), made[psi]
        if left is None or right is None:
            return None
        if phi:
            out.append(Feature(left, right, psi.dims[: len(psi.dims) - len(past)], now, past))
    return tuple(out)


def _simplest_first(item: tuple[tuple[Form, Any, Any], Any]) -> tuple[int, str]:
    return len(item[0][0].dims), item[0][0].key


def _expand(
    root: Tensor, reads: Mapping[Tensor, frozenset[str]]
) -> tuple[Form, dict[str, Tensor], Callable[[Atom], frozenset[str]]]:
    """The expression over its largest parts that read one side only, each an atom of its own.

    Gives the form, the part that every atom's name stands for, and what an atom reads.
    """
    mixed = {n for n in walk(root) if len(reads[n]) == 2}
    parts = [root] if root not in mixed else []
    parts += [c for n in walk(root) if n in mixed for c in n.children if c not in mixed]
    known: dict[Tensor, Form] = {}
    nodes: dict[str, Tensor] = {}
    read_by: dict[str, frozenset[str]] = {}
    own = evaluate(parts, _inputs(parts), FormAlgebra())
    for part, form in zip(parts, own, strict=True):
        if not form.atoms():
            known[part] = form
            continue
        atom = Atom(f"<{form.key}:{form.dims}>", "token", f"<{form.key}:{form.dims}>", form.dims)
        nodes.setdefault(atom.name, part)
        read_by[atom.name] = reads[part]
        known[part] = Form(part.dims, {((atom, tuple(range(len(part.dims)))),): Fraction(1)})

    def read(atom: Atom) -> frozenset[str]:
        below = atom.arg.atoms() if atom.arg is not None else {atom}
        return NEITHER.union(*(read_by.get(a.name, NEITHER) for a in below))

    (whole,) = evaluate([root], {}, FormAlgebra(), known)
    return whole, nodes, read


def _inputs(parts: Sequence[Tensor]) -> dict[str, Form]:
    found = {n.name: n for n in walk(*parts) if isinstance(n, Input)}
    return {
        name: Form(
            n.dims, {((Atom(name, "token", name, n.dims), tuple(range(len(n.dims)))),): Fraction(1)}
        )
        for name, n in found.items()
    }


def _split(
    monomial: Monomial, dims: Dims, read: Callable[[Atom], frozenset[str]]
) -> tuple[Form, Form, tuple[int, ...], tuple[int, ...]] | None:
    """φ and ψ of one product, with the axes of the whole that each has; None where one is mixed."""
    past: list[Factor] = []
    now: list[Factor] = []
    for factor in monomial:
        own = read(factor[0])
        if len(own) == 2:
            return None
        (past if KEY in own else now).append(factor)
    labels = [{ls for _, at in side for ls in at} for side in (now, past)]
    size = {ls: d for a, at in monomial for ls, d in zip(at, a.dims, strict=True)}
    shared = sorted(ls for ls in labels[0] & labels[1] if ls < 0)
    free_now, free_past = (tuple(sorted(ls for ls in side if ls >= 0)) for side in labels)
    best: tuple[str, Form, tuple[int, ...]] | None = None
    for order in permutations(shared):
        psi = _over(past, (*order, *free_past), size)
        if best is None or psi.key < best[0]:
            best = (psi.key, psi, order)
    assert best is not None
    return _over(now, (*best[2], *free_now), size), best[1], free_now, free_past


def _over(factors: Sequence[Factor], axes: Sequence[int], size: Mapping[int, str]) -> Form:
    """The product of factors as a form whose axes are the given labels, the others summed."""
    place = {label: i for i, label in enumerate(axes)}
    moved = [(a, tuple(place.get(ls, ls) for ls in at)) for a, at in factors]
    lowest = len(size) + 1
    summed = {ls for _, at in factors for ls in at if ls not in place}
    fresh = {ls: -lowest - i for i, ls in enumerate(sorted(summed))}
    moved = [(a, tuple(place[ls] if ls in place else fresh[ls] for ls in at)) for a, at in factors]
    return Form(tuple(size[ls] for ls in axes), normalise(moved, {}))


def _graph(form: Form, nodes: Mapping[str, Tensor]) -> Tensor | None:
    """A form as an expression over the parts that its atoms stand for."""
    made = expression(form)
    return None if made is None else rebuild([made], nodes)[0]
