"""Short names for long functions that a state-space form repeats: `with G = 1/(1 - Δ A + ...)`.

A function whose argument is long, and that occurs more than once, becomes an atom of its own, and
so does a product of two factors that many terms share. Putting the values of all names back gives
the form that was named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from ..derivation.derive import StateSpace
from ..index.atoms import ONE, Atom, Factor, Form, Monomial, atom_form
from ..index.canonical import canonical
from ..index.terms import substitute
from .render import Style, render_form

LETTERS = "GHFKMNPQTUVWXYZ"
LONG_ARGUMENT = 36
MANY_TERMS = 6
Change = Callable[[Form], Form]


@dataclass(frozen=True)
class Naming:
    """A form in which long parts are names, and what they stand for; later ones use earlier."""

    space: StateSpace
    values: tuple[tuple[Atom, Form], ...] = ()

    def rows(self, style: Style) -> list[tuple[str, str]]:
        """Every name with what it stands for, entry by entry."""
        return [
            (render_form(atom_form(atom), style), render_form(value, style, entrywise=True))
            for atom, value in self.values
        ]


def named(space: StateSpace) -> Naming:
    """The form with a name for every long function, and for products that many terms share."""
    used = {s.name for s in space.layer.signals} | set(space.layer.sizes)
    letters = [c for c in LETTERS if c not in used]
    found = Naming(space)
    while letters:
        value = _function(found) or (_product(found) if found.values else None)
        if value is None:
            break
        atom = _atom(letters.pop(0), value)
        found = _with(found, atom, value)
    return Naming(found.space, tuple(_in_order(_without_single(found))))


def _without_single(found: Naming) -> dict[Atom, Form]:
    """The values, those of names that occur only once put back where they occur."""
    values = dict(found.values)
    times = Counter(a for form in _forms(found) for m in form.terms for a, _ in _all_of(m))
    for atom in [a for a in values if times[a] == 1]:
        user = next((a for a, v in values.items() if atom in v.atoms()), None)
        if user is not None:
            values[user] = substitute(values[user], {atom: values.pop(atom)})
    return values


def _all_of(m: Monomial) -> list[Factor]:
    inner = [f for a, _ in m if a.arg is not None for x in a.arg.terms for f in _all_of(x)]
    return [*m, *inner]


def _in_order(values: dict[Atom, Form]) -> Iterator[tuple[Atom, Form]]:
    """Every value after those of the names that it uses."""
    left = dict(values)
    while left:
        atom = next(a for a, v in left.items() if not v.atoms() & left.keys())
        yield atom, left.pop(atom)


def _atom(name: str, value: Form) -> Atom:
    kinds = {a.kind for a in value.atoms()}
    kind = "state" if "state" in kinds else "token" if "token" in kinds else "constant"
    return Atom(f"{name}(named)", kind, name, value.dims)


def _with(found: Naming, atom: Atom, value: Form) -> Naming:
    """The same with one more name."""

    def put(form: Form) -> Form:
        return _put(form, atom, value)

    values = tuple((a, put(v)) for a, v in found.values)
    return Naming(_changed(found.space, put), (*values, (atom, value)))


def _put(form: Form, atom: Atom, value: Form) -> Form:
    """The form with `atom` where `value` stands, which is a function or a product of two."""
    ((monomial, _),) = value.terms.items()
    if len(monomial) == 1:
        return substitute(form, {monomial[0][0]: atom_form(atom)})
    inner = {
        a: atom_form(_of_argument(a, _put(a.arg, atom, value)))
        for m in form.terms
        for a, _ in m
        if a.arg is not None
    }
    form = substitute(form, inner) if inner else form
    return Form(form.dims, {_replaced(m, atom, monomial): c for m, c in form.terms.items()})


def _of_argument(function: Atom, arg: Form) -> Atom:
    return replace(function, key=f"{function.name}{{{arg.key}}}", arg=arg)


def _replaced(m: Monomial, atom: Atom, pair: Monomial) -> Monomial:
    left = list(m)
    out: list[Factor] = []
    while left:
        factor = left.pop(0)
        other = next((f for f in left if _pair(factor, f) == pair), None)
        if other is None:
            out.append(factor)
        else:
            left.remove(other)
            out.append((atom, max(factor[1], other[1], key=len)))
    return canonical(out)


def _pair(x: Factor, y: Factor) -> Monomial | None:
    """Two factors along the same axes, written along 0, 1, ...; None for others."""
    if x[1] != y[1] or len(set(x[1])) < len(x[1]) or {x[0].kind, y[0].kind} & {"eye", "inject"}:
        return None
    axes = tuple(range(len(x[1])))
    return canonical([(x[0], axes), (y[0], axes)])


def _forms(found: Naming) -> list[Form]:
    """Everything that is printed."""
    seen: list[Form] = []

    def keep(form: Form) -> Form:
        seen.append(form)
        return form

    _changed(found.space, keep)
    return [*seen, *(value for _, value in found.values)]


def _function(found: Naming) -> Form | None:
    """The innermost function with a long argument that occurs more than once."""
    count: Counter[Atom] = Counter()

    for form in _forms(found):
        count.update(a for m in form.terms for a, _ in _all_of(m) if a.arg is not None)
    own = {a for _, v in found.values for m in v.terms for a, _ in m}
    long = [
        atom
        for atom, times in count.items()
        if times > 1
        and atom not in own
        and atom.arg is not None
        and len(render_form(atom.arg, "text")) > LONG_ARGUMENT
    ]
    inner = [a for a in long if a.arg is not None and not a.arg.atoms() & set(long)]
    return atom_form(min(inner)) if inner else None


def _product(found: Naming) -> Form | None:
    """A named function and a factor along the same axes that stand side by side in many terms."""
    functions = {a for a, v in found.values if all(len(m) == 1 for m in v.terms)}
    count: Counter[Monomial] = Counter()
    for form in _forms(found):
        for m in form.terms:
            for i, x in enumerate(m):
                pairs = [_pair(x, y) for y in m[i + 1 :]]
                count.update(p for p in pairs if p and functions & {a for a, _ in p})
    best = max(count.items(), key=lambda item: (item[1], item[0]), default=None)
    if best is None or best[1] < MANY_TERMS:
        return None
    return Form(best[0][0][0].dims, {best[0]: ONE})


def _changed(space: StateSpace, change: Change) -> StateSpace:
    """The state-space form with every printed form changed."""

    def all_of(forms: Mapping[str, Form]) -> dict[str, Form]:
        return {name: change(x) for name, x in forms.items()}

    changed = replace(
        space,
        Lam={at: change(x) for at, x in space.Lam.items()},
        B=all_of(space.B),
        free=all_of(space.free),
        denominator=space.denominator and _changed(space.denominator, change),
    )
    if space.C is None or space.D is None:
        return replace(
            changed,
            R=all_of(space.R),
            E=change(space.E),
            free_old=change(space.free_old),
        )
    rest = space.free_output
    return replace(
        changed,
        C=all_of(space.C),
        D=change(space.D),
        free_output=None if rest is None else change(rest),
    )
