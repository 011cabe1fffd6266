"""Check a constant map between states, for all sizes, as identities of index terms."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ...errors import Rejected
from ...index.normal import contract_axes, step_form
from ...language.layer import Layer


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """`f'(T h, s) = T f(h, s)`, `r'(T h, s) = r(h, s)`, `T h_{-1} = h'_{-1}` for the given T.

    Both steps are brought to index terms with T h in place of the second layer's state; equal
    normal forms are equal at every size.
    """
    a, b = layers
    rows = {str(row["target"]): row for row in data["map"]}
    if set(rows) != set(b.step) or not {str(r["source"]) for r in rows.values()} <= set(a.step):
        raise Rejected(f"T must give each state of {b.name} from states of {a.name}")
    own = step_form(a)

    def image(forms: Mapping[str, Any], target: str) -> Any:
        row = rows[target]
        spec, dims = str(row["spec"]), b.signal(target).dims
        left, _, right = spec.partition("->")
        if sorted(left) != sorted(right) or len(set(left)) != len(left) or len(left) != len(dims):
            raise Rejected(f"{spec} does not permute the axes of the state {target}")
        moved = contract_axes(forms[str(row["source"])], spec, dims)
        sizes = dict(zip(left, forms[str(row["source"])].dims, strict=True))
        if tuple(sizes[c] for c in right) != dims:
            raise Rejected(f"{spec} gives the state {target} the wrong shape")
        return moved.times(Fraction(row["scale"]))

    other = step_form(b, {target: image(own.states, target) for target in rows})
    for target in rows:
        _same(other.new[target], image(own.new, target), f"f'(T h, s) = T f(h, s) for {target}")
        _same(other.start[target], image(own.start, target), f"T h_-1 = h'_-1 for {target}")
    _same(other.output, own.output, "r'(T h, s) = r(h, s)")
    return f"{a.name} = {b.name} for all lengths and all sizes"


def _same(left: Any, right: Any, identity: str) -> None:
    if left.dims != right.dims or left.terms != right.terms:
        raise Rejected(f"{identity} fails: the difference is {(left - right).key or 'a shape'}")
