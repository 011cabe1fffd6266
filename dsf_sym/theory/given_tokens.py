"""Under which conditions two layers agree on a number of given tokens, for all carried inputs.

The coefficients of the inputs are polynomials in scalars of the tokens, such as k_0 · k_1. A
coefficient that is a product branches: one of its factors vanishes. The checker of the same name
verifies the tree of cases and its ends, for all sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..certificates.certificate import header
from ..certificates.checkers import recheck
from ..certificates.checkers.given_tokens import LONGEST, holds
from ..certificates.checkers.token_scalars import Equations, Expression, equations
from ..deciding.pairing import Pair
from ..errors import LanguageError, NotAffine, Rejected
from ..index.atoms import Factor, Form, Monomial
from ..verdict import Verdict
from .branch_points import Branches
from .branches import Branch, Conditions

MOST_ENDS = 64
Node = dict[str, Any]


def conditions_on(both: Pair, length: int) -> Conditions:
    """The ways for two layers to agree on `length` tokens: relations between the tokens.

    Raises LanguageError for a length that is not between 1 and 4.
    """
    if not 1 <= length <= LONGEST:
        raise LanguageError(f"length={length}: conditions are stated for 1 to {LONGEST} tokens")
    question = replace(both.question, sense="iff")
    names = (question.a, question.b)
    u = both.a.input_name
    tokens = (s.name for x in (both.a, both.b) for s in x.signals if s.kind != "state")
    bound = tuple(dict.fromkeys(name for name in tokens if name != u))

    def undecided(relations: tuple[str, ...], remains: str) -> Conditions:
        proof = f"the outputs on {length} tokens were compared"
        verdict = Verdict(question, "undecided", proof, None, remains=remains)
        return Conditions(*names, bound, (Branch(relations, verdict, None),), length=length)

    try:
        system = equations((both.a, both.b), length)
    except (Rejected, NotAffine) as error:
        return undecided((), str(error))
    search = _Search(system)
    cases = search.cases([])
    if cases is None:
        left = "; ".join(f"{show(system, p)} = 0" for _, _, p in system.values if p != 0)
        return undecided((), f"more than {MOST_ENDS} ways to solve: {left}")
    search.keep_widest(cases)
    data = header("conditions on tokens", question, both.a, both.b) | {
        "length": length,
        "branches": [[_rows(system, p) for p in branch] for branch in search.ends],
        "cases": cases,
    }
    data["claim"]["lengths"] = length
    recheck(data)
    bridges = question.bridges
    ways = Branches(both, system, length, data["branches"])
    if not search.ends:
        return Conditions(*names, bound, (), data, length, bridges, ways.beside())
    entries = any(label >= 0 for m in system.unknowns for _, ls in m for label in ls)
    branches = []
    for at, end in enumerate(search.ends):
        relations = tuple(relation(system, p) for p in end)
        proof = f"the coefficients of {u} vanish" + (
            ", at each entry on its own" if entries else ""
        )
        ties = (*question.bridges, *relations)
        status = "conditional" if ties else "proved"
        verdict = Verdict(question, status, proof, None, certificate=data, conditions=ties)
        branches.append(Branch(relations, verdict, data, point=ways.point_on(at)))
    beside = ways.beside() if all(x.relations for x in branches) else None
    return Conditions(*names, bound, tuple(branches), length=length, bridges=bridges, beside=beside)


@dataclass
class _Search:
    """A tree of cases; ends: the polynomials that vanish at each end of it."""

    system: Equations
    ends: list[list[Expression]] = field(default_factory=list)

    def cases(self, assumed: list[Expression]) -> Node | None:
        """The cases where the assumed polynomials vanish; None past the limit."""
        import sympy

        rest = [
            (sympy.Poly(reduced, *self.system.keys.values()).length(), at, reduced)
            for at, (_, _, p) in enumerate(self.system.values)
            if (reduced := _modulo(p, assumed)) != 0
        ]
        if not rest:
            self.ends.append(_fewest(assumed))
            return {"branch": len(self.ends) - 1} if len(self.ends) <= MOST_ENDS else None
        _, at, p = min(rest, key=lambda row: row[:2])
        constant, found = sympy.factor_list(p)
        kept, factors = sympy.Integer(1) * constant, []
        for f, power in found:
            if self.system.has_no_zero(f):
                kept *= f**power
                continue
            then = self.cases([*assumed, f])
            if then is None:
                return None
            factors.append({"factor": _rows(self.system, f), "power": power, "then": then})
        return {"equation": at, "rest": _rows(self.system, sympy.expand(kept)), "factors": factors}

    def keep_widest(self, cases: Node) -> None:
        """Drop ends that lie within another, and number the others anew in the tree."""
        kept: list[int] = []
        into: dict[int, int] = {}
        for i, end in sorted(enumerate(self.ends), key=lambda e: (len(e[1]), e[0])):
            wider = next((k for k in kept if holds(end, self.ends[k])), None)
            into[i] = i if wider is None else wider
            kept += [i] if wider is None else []
        self.ends = [self.ends[i] for i in kept]
        for leaf in _leaves(cases):
            leaf["branch"] = kept.index(into[leaf["branch"]])


def _leaves(node: Node) -> Iterator[Node]:
    if "branch" in node:
        yield node
    for row in node.get("factors", ()):
        yield from _leaves(row["then"])


def _modulo(p: Expression, assumed: Sequence[Expression]) -> Expression:
    import sympy

    if not assumed or p == 0:
        return p
    gens = sorted({s for x in (p, *assumed) for s in x.free_symbols}, key=str)
    order = {"order": "grevlex", "domain": "QQ"}
    basis = sympy.groebner(list(assumed), *gens, **order)
    return sympy.reduced(p, basis.exprs, *gens, **order)[1]


def _fewest(assumed: Sequence[Expression]) -> list[Expression]:
    """The polynomials without those that follow from the others."""
    kept = list(assumed)
    for p in assumed:
        others = [x for x in kept if x != p]
        if others and holds(others, [p]):
            kept = others
    return kept


def _rows(system: Equations, p: Expression) -> list[Any]:
    import sympy

    names = list(system.keys)
    return [
        [str(c), [[names[i], e] for i, e in enumerate(powers) if e]]
        for powers, c in sympy.Poly(p, *system.keys.values()).terms()
        if c
    ]


def relation(system: Equations, p: Expression) -> str:
    """`p = 0` in words, a number of a token on its own where it stands alone."""
    import sympy

    poly = sympy.Poly(p, *sorted(p.free_symbols, key=str))
    if poly.is_linear and len(poly.gens) == 1 and (own := poly.coeff_monomial(1)) != 0:
        (x,) = poly.gens
        value = -own / poly.coeff_monomial(x)
        return f"{show(system, x)} = {value}"
    return f"{show(system, p)} = 0"


def show(system: Equations, p: Expression) -> str:
    """A polynomial with its unknowns in words: `(k_0 · k_1)(k_1 · q_1)`."""
    import sympy

    axes = _axes(system.unknowns)
    named = [_scalar(m, axes) for m in system.unknowns]
    terms = sympy.Poly(p, *system.keys.values()).terms()
    out = ""
    for powers, c in terms:
        factors = [(named[i], e) for i, e in enumerate(powers) if e]
        alone = len(terms) == 1 and len(factors) == 1 and factors[0][1] == 1 and abs(c) == 1
        plain = [f"{x}**{e}" if e > 1 else x for x, e in factors if " · " not in x]
        inner = "".join(f"({x})" + (f"**{e}" if e > 1 else "") for x, e in factors if " · " in x)
        if alone and inner:
            inner = inner[1:-1]
        number = [str(abs(c))] if abs(c) != 1 or not factors else []
        shown = " ".join([*number, *plain, *([inner] if inner else [])])
        sign = ("-" if c < 0 else "") if not out else (" - " if c < 0 else " + ")
        out += sign + shown
    return out


def _axes(unknowns: Sequence[Monomial]) -> dict[int, str]:
    """The axes of an entry by their size, a second one of the same size marked: d, d'."""
    sizes = {
        label: d
        for m in unknowns
        for atom, labels in m
        for d, label in zip(atom.dims, labels, strict=True)
        if label >= 0
    }
    out: dict[int, str] = {}
    for label in sorted(sizes):
        out[label] = sizes[label] + "'" * sum(sizes[x] == sizes[label] for x in out)
    return out


def _scalar(m: Monomial, axes: Mapping[int, str]) -> str:
    """A number of a token, a scalar product, or a sum over a longer product."""
    words = [_factor(f, axes) for f in sorted(m, key=lambda f: (f[0].time or 0, f[0].name))]
    if len(m) == 1:
        return f"sum({words[0]})" if any(label < 0 for label in m[0][1]) else words[0]
    vectors = len(m) == 2 and all(len(labels) == 1 for _, labels in m)
    return " · ".join(words) if vectors else f"sum({' * '.join(words)})"


def _factor(factor: Factor, axes: Mapping[int, str]) -> str:
    """A factor with the axes along which it is taken entry by entry: `Delta_0[d]`."""
    atom, labels = factor
    named = [axes.get(x, d) for x, d in zip(labels, atom.dims, strict=True)]
    if atom.arg is not None:
        inner = _form(atom.arg, dict(enumerate(named)))
        return f"1/{inner}" if atom.name == "inverse" else f"{atom.name}({inner})"
    own = [name for name, x in zip(named, labels, strict=True) if x >= 0]
    said = atom.name if atom.time is None else f"{atom.name}_{atom.time}"
    return said + (f"[{', '.join(own)}]" if own else "")


def _form(form: Form, axes: Mapping[int, str]) -> str:
    parts = []
    for m, c in sorted(form.terms.items()):
        number = [str(c)] if c != 1 or not m else []
        parts.append(" * ".join([*number, *(_factor(f, axes) for f in m)]))
    return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"
