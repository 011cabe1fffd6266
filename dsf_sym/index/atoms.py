"""Atoms and forms: sums of products of named tensors with index labels.

A label 0, 1, ... is an axis of the form; a negative label is summed over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from ..language.tensor import Dims

ONE = Fraction(1)


@dataclass(frozen=True, slots=True, order=True)
class Atom:
    """A named tensor, a function of a form, the identity, an injection of a concat, or a size.

    Identified by `key` alone. `time` marks the token an input belongs to when steps are unrolled.
    """

    key: str
    kind: str = field(compare=False)
    name: str = field(compare=False)
    dims: Dims = field(default=(), compare=False)
    unit: bool = field(default=False, compare=False)
    time: int | None = field(default=None, compare=False)
    arg: Form | None = field(default=None, compare=False)


Factor = tuple[Atom, tuple[int, ...]]
Monomial = tuple[Factor, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """A tensor in normal form: `terms` maps canonical monomials to non-zero coefficients."""

    dims: Dims
    terms: dict[Monomial, Fraction]

    @property
    def key(self) -> str:
        """Text that is equal for equal forms."""
        return " + ".join(
            f"{c}*" + ".".join(f"{a.key}{list(ls)}" for a, ls in m)
            for m, c in sorted(self.terms.items())
        )

    def __hash__(self) -> int:
        return hash((self.dims, frozenset(self.terms.items())))

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __add__(self, other: Form) -> Form:
        return combine([(self, ONE), (other, ONE)], self.dims)

    def __sub__(self, other: Form) -> Form:
        return combine([(self, ONE), (other, -ONE)], self.dims)

    def times(self, c: Fraction) -> Form:
        """Every coefficient multiplied by `c`."""
        return Form(self.dims, {m: x * c for m, x in self.terms.items()} if c else {})

    def atoms(self) -> set[Atom]:
        """Every atom, those inside functions included."""
        found: set[Atom] = set()
        for monomial in self.terms:
            for atom, _ in monomial:
                found.add(atom)
                if atom.arg is not None:
                    found |= atom.arg.atoms()
        return found


def input_atom(
    name: str, dims: Dims, *, kind: str = "token", unit: bool = False, time: int | None = None
) -> Atom:
    """The atom of a signal; `kind` is token, constant or state.

    A state of one layer may share its name with a signal of another: their keys differ.
    """
    own = f"{name}(old)" if kind == "state" else name
    key = own if time is None else f"{own}@{time}"
    return Atom(key, kind, name, dims, unit=unit and len(dims) == 1, time=time)


def atom_form(atom: Atom) -> Form:
    """The form that is one atom."""
    return Form(atom.dims, {((atom, tuple(range(len(atom.dims)))),): ONE})


def number_form(value: Fraction) -> Form:
    """The form of a rational number."""
    return Form((), {(): value} if value else {})


def combine(parts: Iterable[tuple[Form, Fraction]], dims: Dims) -> Form:
    """A linear combination of forms of one shape."""
    total: dict[Monomial, Fraction] = {}
    for form, c in parts:
        for monomial, x in form.terms.items():
            total[monomial] = total.get(monomial, Fraction(0)) + c * x
    return Form(dims, {m: x for m, x in total.items() if x})
