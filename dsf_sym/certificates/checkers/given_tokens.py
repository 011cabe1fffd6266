"""Check when two layers agree on a number of tokens that are given, all but the carried input u.

They agree for all u exactly where the coefficients p_ij of u_j in the differences of the y_i
vanish, polynomials in scalars of the tokens. They do so exactly where all polynomials of one of the
branches vanish: each p_ij lies in the ideal of each branch, and a tree of cases, in which a p_ij is
a product of factors, ends in the branches. Both are identities of polynomials, for all sizes. A
p_ij with axes is a polynomial at each entry, and the branches are those of an entry on its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import mul
from typing import Any

from ...errors import Rejected
from ...language.layer import Layer
from .token_scalars import Equations, Expression, equations

LONGEST = 4


def check(layers: list[Layer], data: Mapping[str, Any]) -> str:
    """Both directions: every p_ij vanishes on each branch, and the cases end in the branches."""
    length = int(data["length"])
    if not 1 <= length <= LONGEST:
        raise Rejected(f"the number of tokens is 1 to {LONGEST}")
    if data["claim"]["lengths"] != length or data["claim"]["sense"] != "iff":
        raise Rejected(f"what is proved is both directions on {length} tokens")
    system = equations(layers, length)
    branches = [[system.read(x) for x in branch] for branch in data["branches"]]
    for at, branch in enumerate(branches):
        if any(map(system.has_no_zero, branch)) or holds(branch, [system.read([[1, []]])]):
            raise Rejected(f"branch {at} holds for no tokens")
        for i, j, p in system.values:
            if not holds(branch, [p]):
                raise Rejected(f"branch {at}: the coefficient of u_{j} in y_{i} does not vanish")
    _cases(system, data["cases"], [], branches)
    a, b = (layer.name for layer in layers)
    ways = f"in {len(branches)} ways, exactly" if branches else "never"
    return f"{a} = {b} on {length} tokens, for all inputs and sizes, {ways}"


def holds(assumed: Sequence[Expression], wanted: Sequence[Expression]) -> bool:
    """Whether polynomials lie in the ideal of others."""
    import sympy

    gens = sorted({s for x in (*assumed, *wanted) for s in x.free_symbols}, key=str)
    if not gens or not assumed:
        return all(x == 0 for x in map(sympy.expand, wanted)) or any(x != 0 for x in assumed)
    basis = sympy.groebner(list(assumed), *gens, order="grevlex", domain="QQ")
    return all(basis.contains(x) for x in wanted)


def _cases(
    system: Equations,
    node: Mapping[str, Any],
    assumed: list[Expression],
    branches: list[list[Expression]],
) -> None:
    """Where the p_ij and the assumed polynomials vanish, those of a branch do."""
    if "branch" in node:
        if not holds(assumed, branches[int(node["branch"])]):
            raise Rejected(f"the case does not end in branch {node['branch']}")
        return
    _, _, p = system.values[int(node["equation"])]
    rest = system.read(node["rest"])
    factors = [system.read(row["factor"]) for row in node["factors"]]
    powers = [int(row["power"]) for row in node["factors"]]
    made = reduce(mul, [f**e for f, e in zip(factors, powers, strict=True)], rest)
    if min(powers, default=1) < 1 or not holds(assumed, [p - made]):
        raise Rejected(f"equation {node['equation']} is not the product of its factors")
    if not system.has_no_zero(rest):
        raise Rejected(f"the factor {rest} of equation {node['equation']} may vanish")
    for factor, row in zip(factors, node["factors"], strict=True):
        _cases(system, row["then"], [*assumed, factor], branches)
