"""Check whether a kernel is positive definite: `Σ c_i c_j κ(x_i, x_j) >= 0` for all points.

It is, where `κ(x, y) = Φ(x)ᵀ G Φ(y)` with G positive semidefinite: at given sizes by coefficients,
or for all sizes by index terms, each `Σ_l A_l(x) B_l(y) M_l(x, y)` with l an index. There A and B
are features, rows and columns of G, and M a product of positive numbers and of exponentials of
positive definite kernels, which are sums of powers with positive coefficients; the entrywise
product of two positive definite kernels is one (Schur). It is not, at exact points and weights
with a negative sum, or at two points with κ(x, y) != κ(y, x).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from ...arithmetic.scalars import Balls, Irrational, Rationals
from ...errors import Rejected
from ...index.atoms import Atom, Factor, Form, atom_form, input_atom
from ...index.forms import at_time
from ...index.terms import FormAlgebra, normalise
from ...language.evaluate import Sizes, evaluate
from ...language.graph import walk
from ...language.kernel import KEY, KernelLayer, sides
from ...language.layer import Layer
from ...language.tensor import Input, Tensor
from .coefficients import Name, coefficients
from .kernel_rank import is_positive
from .paired import kernel_of, negative_direction, require_pairs, values_at
from .tokens import read_sizes, read_values

MOST_MONOMIALS = 80


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """By the method that is named: "terms", "coefficients" or "points"."""
    layer, method = kernel_of(layers), str(data["method"])
    names = require_pairs(layer, data["pairs"])
    if method == "terms":
        _require_definite(layer, _in_terms(layer, names, expanded=bool(data["expanded"])))
        return f"the kernel of {layer.name} is positive definite: a sum of products of features"
    sizes = read_sizes(data["sizes"])
    if method == "coefficients":
        return _by_coefficients(layer, names, sizes)
    if method == "points":
        return _refuted(layer, sizes, data)
    raise Rejected(f"no method {method!r}")


def _require_semidefinite(table: Mapping[tuple[Any, Any], Fraction], basis: Sequence[Any]) -> None:
    zero = Fraction(0)
    if any(c != table.get((b, a), zero) for (a, b), c in table.items()):
        raise Rejected("the coefficients of κ(x, y) are not symmetric")
    if len(basis) > MOST_MONOMIALS:
        raise Rejected(f"{len(basis)} features are more than {MOST_MONOMIALS}")
    if negative_direction([[table.get((a, b), zero) for b in basis] for a in basis]) is not None:
        raise Rejected("the coefficients are not positive semidefinite")


def _by_coefficients(layer: KernelLayer, names: Mapping[str, str], sizes: Sizes) -> str:
    found = coefficients(layer, names, sizes)
    if found.left != found.right:
        raise Rejected(f"{layer.name}: query and key have different denominators")
    table: dict[tuple[Name, Name], Fraction] = {}
    for (row, column, rest), c in found.entries.items():
        if rest:
            raise Rejected(f"{layer.name}: a coefficient holds {rest[0][0]}")
        table[row, column] = c
    basis = sorted({name for key in table for name in key})
    _require_semidefinite(table, basis)
    return (
        f"the kernel of {layer.name} is positive definite: its {len(basis)} by {len(basis)} "
        "matrix of coefficients is positive semidefinite"
    )


def _in_terms(layer: KernelLayer, names: Mapping[str, str], *, expanded: bool) -> Form:
    """The kernel over signals of the query, at time 0, and of the key, at time 1 and of one name.

    Unless expanded, over its largest parts that read one side, so that the same part of both sides
    is one name at the two times.
    """
    inputs: dict[str, Form] = {}
    for s in layer.signals:
        of = s
        if s.kind == "state":
            source = layer.step[s.name]
            if not isinstance(source, Input):
                raise Rejected(f"{layer.name}: {s.name} is not a signal of the key's token")
            of = layer.signal(source.name)
        name = names.get(of.name, of.name) if s.kind == "state" else of.name
        time = None if s.kind == "constant" else int(s.kind == "state")
        atom = input_atom(name, s.dims, kind=of.kind, unit=of.domain.unit, time=time)
        inputs[s.name] = atom_form(atom)
    root = layer.weight
    known: dict[Tensor, Form] = {}
    if not expanded:
        reads = sides(layer, [root])
        mixed = {n for n in walk(root) if len(reads[n]) == 2}
        parts = [c for n in walk(root) if n in mixed for c in n.children if c not in mixed]
        for part, form in zip(parts, evaluate(parts, inputs, FormAlgebra()), strict=True):
            known[part] = form
            if reads[part] and not isinstance(part, Input):
                name, time = at_time(form, 0).key, int(KEY in reads[part])
                known[part] = atom_form(input_atom(name, form.dims, time=time))
    (whole,) = evaluate([root], inputs, FormAlgebra(), known)
    return whole


def _require_definite(layer: KernelLayer, form: Form) -> None:
    """Raise Rejected unless a form is a positive definite kernel, at each value of its axes."""
    groups: dict[Any, dict[tuple[Form, Form], Fraction]] = {}
    for monomial, c in form.terms.items():
        now: list[Factor] = []
        past: list[Factor] = []
        rest: list[Factor] = []
        for atom, at in monomial:
            times = {a.time for a in _below(atom)} - {None}
            if len(times) == 2:
                if atom.name != "exp" or atom.arg is None:
                    raise Rejected(f"{layer.name}: {atom.name} reads query and key together")
                _require_definite(layer, atom.arg)
            elif not times and not is_positive(atom, layer):
                raise Rejected(f"{layer.name}: {atom.name} is not shown to be positive")
            side = rest if len(times) != 1 else now if times == {0} else past
            side.append((atom, at))
        labels = [{ls for _, at in side for ls in at} for side in (now, past, rest)]
        shared = {ls for ls in set().union(*labels) if sum(ls in own for own in labels) > 1}
        fixed = sorted(shared | {ls for own in labels for ls in own if ls >= 0})
        size = {ls: d for a, at in monomial for ls, d in zip(at, a.dims, strict=True)}
        phi, psi, other = (_over(side, fixed, size) for side in (now, past, rest))
        # An axis of the form is a given one, and a summed one is any: they are not confused.
        axes = tuple((max(ls, -1), size[ls]) for ls in fixed)
        table = groups.setdefault((axes, other), {})
        key = phi, at_time(psi, 0)
        table[key] = table.get(key, Fraction(0)) + c
    for table in groups.values():
        _require_semidefinite(table, list(dict.fromkeys(name for key in table for name in key)))


def _below(atom: Atom) -> set[Atom]:
    return atom.arg.atoms() if atom.arg is not None else {atom}


def _over(factors: Sequence[Factor], axes: Sequence[int], size: Mapping[int, str]) -> Form:
    """A product of factors with the given labels as axes, its other labels summed."""
    place = {label: i for i, label in enumerate(axes)}
    summed = sorted({ls for _, at in factors for ls in at if ls not in place})
    place |= {label: -1 - i for i, label in enumerate(summed)}
    moved = [(a, tuple(place[ls] for ls in at)) for a, at in factors]
    return Form(tuple(size[ls] for ls in axes), normalise(moved, {}))


def _refuted(layer: KernelLayer, sizes: Sizes, data: Mapping[str, Any]) -> str:
    points = [read_values(x) for x in data["points"]]
    constants = read_values(data["constants"])
    scalars: Any = Rationals()
    try:
        return _at_points(
            layer,
            sizes,
            data,
            values_at(layer, data["pairs"], points, constants, sizes, scalars),
            scalars,
        )
    except Irrational:
        scalars = Balls(int(data["bits"]))
        with scalars.precision():
            table = values_at(layer, data["pairs"], points, constants, sizes, scalars)
            return _at_points(layer, sizes, data, table, scalars)


def _at_points(
    layer: KernelLayer, sizes: Sizes, data: Mapping[str, Any], table: list[list[Any]], scalars: Any
) -> str:
    at = ", ".join(f"{k}={v}" for k, v in sizes.items())
    if "weights" not in data:
        if len(table) != 2 or not scalars.differ(table[0][1], table[1][0]):
            raise Rejected("κ(x, y) and κ(y, x) are not shown to differ at two points")
        return f"the kernel of {layer.name} is not symmetric at {at}, so not positive definite"
    weights = [Fraction(c) for c in data["weights"]]
    total = scalars.number(Fraction(0))
    for c, row in zip(weights, table, strict=True):
        for d, x in zip(weights, row, strict=True):
            total = total + scalars.number(c * d) * x
    high = total if isinstance(total, Fraction) else scalars.ends(total)[1]
    if not high < 0:
        raise Rejected("the sum of c_i c_j κ(x_i, x_j) is not shown to be negative")
    return (
        f"the kernel of {layer.name} is not positive definite: at {at}, over {len(table)} points, "
        f"Σ c_i c_j κ(x_i, x_j) = {scalars.show(total)}"
    )
