"""Solve for the signals of one layer in terms of another's, so that the two steps are equal.

Both steps are index terms over B's states. What multiplies a state in the same way on both sides is
one equation; an equation whose left side is a product with one unknown is solved by division, one
with several by giving each factor of the right side to an unknown with its labels, or by leaving
all but one unknown at simple values. Functions are undone by their inverses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, product

from ..index.atoms import Atom, Factor, Form, Monomial, atom_form, combine, input_atom
from ..index.forms import LETTERS, hadamard, one, zero
from ..index.normal import step_form
from ..index.terms import FormAlgebra, contract, function_form, substitute
from ..language.evaluate import evaluate
from ..language.layer import Layer, Signal
from .intertwine import StateMap, image
from .thin import thinned, without

MOST_CHOICES = 24
DEEPEST = 40
MOST_TERMS = 600
Values = dict[str, Form]
Key = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True)
class Equation:
    """`sum of unknown terms = right`, for what multiplies a state in one way."""

    left: Form
    right: Form


def solutions(
    a: Layer,
    b: Layer,
    maps: tuple[StateMap, ...],
    fits: Callable[[Signal, Form], bool],
    single: frozenset[str] = frozenset(),
) -> Iterator[Values]:
    """Forms over B's signals for those of A, with which A's step on the mapped state is B's.

    fits: whether a signal of A may have this value. A signal that no equation needs is left out.
    single: size names that are 1, whose axes are left out of all forms.
    """
    own = step_form(b)
    unknown = {
        s.name: input_atom(s.name, s.dims, kind=s.kind, time=0)
        for s in a.signals
        if s.kind != "state"
    }
    states = {m.target: image(own.states[m.source], m, a) for m in maps}
    inputs = {name: atom_form(x) for name, x in unknown.items()} | states
    *new, output = evaluate([*a.step.values(), a.output], inputs, FormAlgebra())
    wanted = {m.target: image(own.new[m.source], m, a) for m in maps}
    pairs = [(left, wanted[name]) for name, left in zip(a.step, new, strict=True)]
    equations = [
        e
        for left, right in (*pairs, (output, own.output))
        for e in _parts(without(left, single), without(right, single))
    ]
    signals = {thinned(unknown[s.name], single): s for s in a.signals if s.kind != "state"}
    thin = {
        s.name: replace(s, dims=tuple(d for d in s.dims if d not in single))
        for s in b.signals
        if s.kind != "state"
    }
    search = _Search(signals, thin, fits)
    same = {x: search.same(x) for x in signals}
    named = {x: value for x, value in same.items() if value is not None}
    if len(named) == len(same):
        if all(substitute(e.left, named) == e.right for e in equations):
            yield {x.name: value for x, value in named.items()}
    yield from search.run(equations, {}, 0)


def _parts(left: Form, right: Form) -> list[Equation]:
    """One equation for each way in which states occur."""

    def split(form: Form) -> dict[Key, Form]:
        out: dict[Key, dict[Monomial, Fraction]] = {}
        for m, c in form.terms.items():
            key = tuple((x.key, labels) for x, labels in m if x.kind == "state")
            out.setdefault(key, {})[m] = c
        return {key: Form(form.dims, terms) for key, terms in out.items()}

    ours, theirs = split(left), split(right)
    nothing = zero(left.dims)
    return [
        Equation(ours.get(key, nothing), theirs.get(key, nothing))
        for key in dict.fromkeys([*ours, *theirs])
    ]


@dataclass
class _Search:
    """The unknown atoms and their signals, B's signals by name, and what a value must be.

    written: how many terms were rewritten so far; the search ends at MOST_TERMS.
    """

    unknown: Mapping[Atom, Signal]
    names: Mapping[str, Signal]
    fits: Callable[[Signal, Form], bool]
    written: int = 0

    def run(self, equations: list[Equation], found: Values, depth: int) -> Iterator[Values]:
        """Every way to solve the equations that this search finds."""
        if depth > DEEPEST:
            return
        open_ones = []
        for e in equations:
            left, right = self._known_moved(e)
            if left:
                open_ones.append(Equation(left, right))
            elif right:
                return
        if not open_ones:
            yield found
            return
        first = min(open_ones, key=lambda e: (len(self._atoms(e.left)), len(e.left.terms)))
        rest = [e for e in open_ones if e is not first]
        for new, values in self._steps(first):
            yield from self._bind(values, [*rest, *new], found, depth)

    def _bind(
        self, values: Mapping[Atom, Form], equations: list[Equation], found: Values, depth: int
    ) -> Iterator[Values]:
        own = {atom: value for atom, value in values.items() if atom in self.unknown}
        if not all(self.fits(self.unknown[atom], value) for atom, value in own.items()):
            return
        after = self._after(values, equations)
        if after is None:
            return
        names = {atom.name: value for atom, value in own.items()}
        yield from self.run(after, found | names, depth + 1)

    def _after(
        self, values: Mapping[Atom, Form], equations: list[Equation]
    ) -> list[Equation] | None:
        """The equations with these values put in; None where one then fails, or has no value."""
        after = []
        # Short ones first: most values fail there already.
        for e in sorted(equations, key=lambda e: len(e.left.terms)):
            new = e
            if not values.keys().isdisjoint(e.left.atoms()):
                self.written += _length(e.left)
                if self.written > MOST_TERMS:
                    return None
                try:
                    new = Equation(substitute(e.left, values), e.right)
                except ZeroDivisionError:
                    return None
            if not self._atoms(new.left) and new.left != new.right:
                return None
            after.append(new)
        return after

    def _known_moved(self, e: Equation) -> tuple[Form, Form]:
        """The terms with unknowns, and all others on the right."""
        left = {m: c for m, c in e.left.terms.items() if self._atoms(Form(e.left.dims, {m: c}))}
        known = {m: c for m, c in e.left.terms.items() if m not in left}
        return Form(e.left.dims, left), e.right - Form(e.left.dims, known)

    def _atoms(self, x: Form) -> set[Atom]:
        return x.atoms() & self.unknown.keys()

    def same(self, x: Atom) -> Form | None:
        """B's signal of the same name as a value, a scalar repeated."""
        s = self.names.get(x.name)
        if s is None or s.dims not in (x.dims, ()):
            return None
        unit = s.domain.unit and bool(s.dims)
        own = atom_form(input_atom(s.name, s.dims, kind=s.kind, unit=unit))
        value = contract([(own, LETTERS[: len(s.dims)])], LETTERS[: len(x.dims)], x.dims)
        return value if self.fits(self.unknown[x], value) else None

    def _steps(self, e: Equation) -> Iterator[tuple[list[Equation], dict[Atom, Form]]]:
        """Values for some unknowns, and equations that take the place of this one."""
        if len(e.left.terms) > 1:
            values = self._gathered(e)
            if values is not None:
                yield [], values
            else:
                yield from self._simplified(e, self._atoms(e.left))
            return
        ((m, c),) = e.left.terms.items()
        factors = [f for f in m if self._atoms(atom_form(f[0]))]
        others = [f for f in m if f not in factors]
        if not e.right:
            for atom in {x for x, _ in factors if x in self.unknown}:
                yield [], {atom: zero(atom.dims)}
            return
        if len(factors) > 1:
            yield from self._shared(e, factors, others, c)
            yield from self._simplified(e, self._atoms(e.left))
            return
        (factor,) = factors
        value = _quotient(e.right, others, factor, c)
        if value is not None:
            yield from self._undone(factor[0], value)

    def _gathered(self, e: Equation) -> dict[Atom, Form] | None:
        """The one unknown that every term on the left holds once, at the same labels."""
        places = {f for m in e.left.terms for f in m if self._atoms(atom_form(f[0]))}
        if len(places) != 1:
            return None
        (factor,) = places
        if factor[0] not in self.unknown or any(m.count(factor) > 1 for m in e.left.terms):
            return None
        total = zero(factor[0].dims)
        for m, c in e.left.terms.items():
            part = one(factor[0].dims).times(c)
            for f in m:
                if f != factor and not set(f[1]) <= set(factor[1]):
                    return None
                part = part if f == factor else hadamard(part, _placed(*f, factor))
            total = total + part
        value = _quotient(e.right, [], factor, Fraction(1))
        if value is None:
            return None
        if not total:
            return None
        return {factor[0]: hadamard(value, function_form("inverse", total))}

    def _undone(self, atom: Atom, value: Form) -> Iterator[tuple[list[Equation], dict[Atom, Form]]]:
        """`atom = value`: an unknown, or a function to undo."""
        if atom in self.unknown:
            yield [], {atom: value}
        elif atom.arg is not None:
            argument = _inverse(atom.name, value)
            if argument is not None:
                yield [Equation(atom.arg, argument)], {atom: value}

    def _simplified(
        self, e: Equation, atoms: set[Atom]
    ) -> Iterator[tuple[list[Equation], dict[Atom, Form]]]:
        """One unknown at B's signal of its name, at 0 or 1, or at one of its shape on the right."""
        for atom in sorted(atoms, key=lambda x: (x.name in self.names, x.name)):
            own = self.same(atom)
            if own is not None:
                yield [e], {atom: own}
            yield [e], {atom: zero(atom.dims)}
            yield [e], {atom: one(atom.dims)}
            for other in sorted(e.right.atoms(), key=lambda x: x.name):
                if own is None and other.name in self.names and other.dims == atom.dims:
                    yield [e], {atom: atom_form(other)}

    def _shared(
        self, e: Equation, factors: list[Factor], others: list[Factor], c: Fraction
    ) -> Iterator[tuple[list[Equation], dict[Atom, Form]]]:
        """The one product on the right given factor by factor to the unknowns on the left."""
        if len(e.right.terms) > 1:
            return
        ((m, d),) = e.right.terms.items()
        left = list(m)
        inverted: list[Factor] = []
        for f in others:
            if f in left:
                left.remove(f)
            else:
                inverted.append(f)
        pieces = [(f, False) for f in left] + [(f, True) for f in inverted]
        choices = [
            [i for i, (_, at) in enumerate(factors) if set(labels) <= set(at)]
            for (_, labels), _ in pieces
        ]
        # What has the unknown's own name is tried there first, then where labels are the same.
        choices = [
            sorted(
                options,
                key=lambda i: (
                    factors[i][0].name != atom.name,
                    set(factors[i][1]) != set(labels),
                ),
            )
            for options, ((atom, labels), _) in zip(choices, pieces, strict=True)
        ]
        for shares in islice(product(*choices), MOST_CHOICES):
            for signed in range(len(factors)):
                for sign in (1, -1):
                    values = [one(x.dims) for x, _ in factors]
                    for ((atom, labels), inverse), i in zip(pieces, shares, strict=True):
                        part = _placed(atom, labels, factors[i])
                        part = function_form("inverse", part) if inverse else part
                        values[i] = hadamard(values[i], part)
                    other = (signed + 1) % len(factors)
                    values[signed] = values[signed].times(d / c * sign)
                    values[other] = values[other].times(Fraction(sign))
                    yield from self._all(factors, values)

    def _all(
        self, factors: list[Factor], values: list[Form]
    ) -> Iterator[tuple[list[Equation], dict[Atom, Form]]]:
        equations: list[Equation] = []
        bound: dict[Atom, Form] = {}
        for (atom, _), value in zip(factors, values, strict=True):
            step = next(self._undone(atom, value), None)
            if step is None:
                return
            if any(bound.get(x, y) != y for x, y in step[1].items()):
                return
            equations += step[0]
            bound |= step[1]
        yield equations, bound


def _length(x: Form) -> int:
    """The terms of a form, those inside functions included."""
    inner = (_length(a.arg) for m in x.terms for a, _ in m if a.arg is not None)
    return len(x.terms) + sum(inner)


def _placed(atom: Atom, labels: tuple[int, ...], factor: Factor) -> Form:
    """An atom as a form over the axes of another factor, whose labels hold its own."""
    unknown, at = factor
    names = dict(zip(at, LETTERS, strict=False))
    source = "".join(names[label] for label in labels)
    target = "".join(names[label] for label in at)
    return contract([(atom_form(atom), source)], target, unknown.dims)


def _quotient(right: Form, others: list[Factor], factor: Factor, c: Fraction) -> Form | None:
    """The value of `factor` where `c factor others = right`, or None when it is not such a form."""
    unknown, at = factor
    if len(set(at)) < len(at):
        return None
    axis = {label: i for i, label in enumerate(at)}
    total = zero(unknown.dims)
    for m, d in right.terms.items():
        left = list(m)
        value = one(unknown.dims).times(d / c)
        for f in others:
            if f in left:
                left.remove(f)
            elif set(f[1]) <= set(at) and f[0].kind not in ("state", "eye"):
                value = hadamard(value, function_form("inverse", _placed(*f, factor)))
            else:
                return None
        # Labels that are summed on the right alone stay inside the value.
        inner = {label for _, labels in left for label in labels if label not in axis}
        if any(label >= 0 for label in inner) or any(f[0].kind == "state" for f in left):
            return None
        names = dict(zip([*at, *sorted(inner)], LETTERS, strict=False))
        operands = [(atom_form(x), "".join(names[label] for label in labels)) for x, labels in left]
        target = "".join(names[label] for label in at)
        part = contract([(value, target), *operands], target, unknown.dims)
        total = combine([(total, Fraction(1)), (part, Fraction(1))], unknown.dims)
    return total


def _inverse(name: str, value: Form) -> Form | None:
    """X where `name(x)` is the value; domains are checked by whoever asks."""
    rest = one(value.dims) - value
    if not value or (name == "sigmoid" and not rest):
        return None
    if name == "exp":
        return _log(value)
    if name == "log":
        return function_form("exp", value)
    if name == "inverse":
        return function_form("inverse", value)
    if name == "sqrt":
        return hadamard(value, value)
    if name == "sigmoid":
        return _log(value) - _log(rest)
    if name == "softplus":
        return _log(function_form("exp", value) - one(value.dims))
    return None


def _log(x: Form) -> Form:
    """The logarithm, that of an inverse as a difference."""
    ((m, c), *more) = x.terms.items()
    if not more and c == 1 and len(m) == 1 and m[0][0].name == "inverse":
        return function_form("log", function_form("inverse", x)).times(Fraction(-1))
    return function_form("log", x)
