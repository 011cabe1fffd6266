"""The state-space form of a layer, read off by linearity: Λ, B, C, D as index-term forms.

`h_i = Λ_i h_{i-1} + B_i u_i`, `y_i = C_i h_i + D_i u_i`: sizes stay symbols, and what is not linear
in the input u is kept as a remainder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import DomainError, LanguageError
from ..index.atoms import Atom, Form, atom_form
from ..index.forms import (
    at_time,
    coefficient,
    compose,
    diagonal,
    diagonal_of,
    expression,
    reads,
    signal_atom,
    signal_forms,
    text,
    zero,
)
from ..index.terms import FormAlgebra, function_form
from ..language.evaluate import evaluate
from ..language.graph import walk
from ..language.layer import Layer, Signal
from ..language.ranges import ranges
from ..language.tensor import Function, Input, Number, Reindex, Tensor
from .affine import affine_layer, as_ratio

if TYPE_CHECKING:
    from ..language.domains import Interval
    from ..language.tensor import Dims

NAMES = ("v", "u", "x")


@dataclass(frozen=True)
class StateSpace:
    """`h_i = Λ_i h_{i-1} + B_i u_i + free`, `y_i = C_i h_i + D_i u_i + free_output`.

    The same output from the old state is `y_i = R_i h_{i-1} + E_i u_i + free_old`, with
    `R = C Λ` and `E = D + C B`; it always exists. Dims: `Lam[row, column]` row + column (absent
    blocks are zero), `offset[state]` and `free[state]` the state's, `B[state]` state + u,
    `C[state]` and `R[state]` y + state (absent ones are zero), `D` and `E` y + u.

    carried: the signal taken as u, or None where u is the number 1. alternatives: other signals
    that could be u. offset: b = B u + free. reads_old: the step as written reads h_{i-1} in its
    output. C and D are None where no readout from the new state was found; `notes` say why.
    """

    layer: Layer
    carried: str | None
    alternatives: tuple[str, ...]
    states: tuple[Signal, ...]
    Lam: Mapping[tuple[str, str], Form]
    offset: Mapping[str, Form]
    B: Mapping[str, Form]
    free: Mapping[str, Form]
    R: Mapping[str, Form]
    E: Form
    free_old: Form
    C: Mapping[str, Form] | None
    D: Form | None
    free_output: Form | None
    reads_old: bool
    notes: tuple[str, ...]
    denominator: StateSpace | None = None

    @property
    def u(self) -> Signal | None:
        """The carried input, or None where it is the number 1."""
        return None if self.carried is None else self.layer.signal(self.carried)

    @property
    def y_dims(self) -> Dims:
        """The shape of the output."""
        return self.layer.output.dims

    def state(self, name: str) -> Signal:
        """The state of that name."""
        return self.layer.signal(name)

    def at(self, time: int) -> StateSpace:
        """The same form with every token marked as the token of one time."""

        def timed(forms: Mapping[str, Form]) -> dict[str, Form]:
            return {name: at_time(form, time) for name, form in forms.items()}

        return replace(
            self,
            Lam={key: at_time(form, time) for key, form in self.Lam.items()},
            offset=timed(self.offset),
            B=timed(self.B),
            free=timed(self.free),
            R=timed(self.R),
            E=at_time(self.E, time),
            free_old=at_time(self.free_old, time),
            C=None if self.C is None else timed(self.C),
            D=None if self.D is None else at_time(self.D, time),
            free_output=None if self.free_output is None else at_time(self.free_output, time),
        )


@dataclass(frozen=True)
class _Readout:
    """`y = C h_i + R h_{i-1} + rest`."""

    new: dict[str, Form]
    old: dict[str, Form]
    rest: Form


def derive(layer: Layer, carried: str | None = None) -> StateSpace:
    """The state-space form of a layer, by linearity of its step and output.

    Parameters
    ----------
    layer
        Any layer whose step and output are affine in its states.
    carried
        The token signal to take as u; by default the layer's own choice, or else a signal in which
        b and the skip part are homogeneous of degree one and which neither Λ nor C reads.

    Raises
    ------
    NotAffine
        With the term that breaks it.
    LanguageError
        `carried` is not a token signal of the layer.
    """
    if affine_layer(layer).denominator is not None:
        top, bottom = as_ratio(layer.output, frozenset(layer.step), layer.name)
        assert bottom is not None
        numerator = derive(replace(layer, output=top), carried)
        denominator = derive(replace(layer, output=bottom), numerator.carried)
        return replace(numerator, layer=layer, denominator=denominator)
    inputs = signal_forms(layer)
    states = tuple(layer.of_kind("state"))
    atoms = {s.name: signal_atom(s) for s in states}
    steps, output = [layer.step[s.name] for s in states], layer.output
    stepped = evaluate(steps, inputs, FormAlgebra())
    lam: dict[tuple[str, str], Form] = {}
    offset: dict[str, Form] = {}
    for s, form in zip(states, stepped, strict=True):
        row, offset[s.name] = _split(form, atoms)
        lam.update({(s.name, column): x for column, x in row.items()})
    (whole,) = evaluate([output], inputs, FormAlgebra())
    R, skip_old = _split(whole, atoms)
    step = dict(zip(atoms, zip(steps, stepped, strict=True), strict=True))
    written = _written(layer, output, step, inputs, atoms)
    notes: list[str] = []
    C, skip = _new_readout(layer, written, lam, offset, notes)
    found = [*lam.values(), *R.values(), *(C or {}).values()]
    skips = skip_old if skip is None else skip
    u, alternatives = _choose(layer, carried, found, offset, skips, notes)
    parts = {name: _input_part(form, u) for name, form in offset.items()}
    B, free = ({name: part[i] for name, part in parts.items()} for i in (0, 1))
    if u is not None and any(reads(x, signal_atom(u)) for x in found):
        notes.append(f"{u.name} is taken as the input, but Λ or the readout also reads it")
    E, free_old = _input_part(skip_old, u)
    D, free_output = (None, None) if skip is None else _input_part(skip, u)
    remainders = {**free, "the output": free_old if free_output is None else free_output}
    for name, form in remainders.items():
        if u is not None and form:
            notes.append(f"{name} has a part that is not linear in {u.name}: {text(form)}")
    return StateSpace(
        layer=layer,
        carried=None if u is None else u.name,
        alternatives=alternatives,
        states=states,
        Lam=lam,
        offset=offset,
        B=B,
        free=free,
        R=R,
        E=E,
        free_old=free_old,
        C=C,
        D=D,
        free_output=free_output,
        reads_old=bool(written.old),
        notes=tuple(notes),
    )


def systems(states: Sequence[str], pairs: Iterable[tuple[str, str]]) -> list[tuple[str, ...]]:
    """The states in groups between which there is no pair, such as an entry of Λ, in order."""
    found = [{name} for name in states]
    for pair in pairs:
        meeting = [x for x in found if x & {*pair}]
        found = [x for x in found if x not in meeting] + [set().union(*meeting)]
    ordered = (tuple(name for name in states if name in x) for x in found)
    return sorted(ordered, key=lambda group: states.index(group[0]))


def _split(form: Form, atoms: Mapping[str, Atom]) -> tuple[dict[str, Form], Form]:
    """The non-zero coefficients of the atoms, and the rest."""
    out = {}
    for name, atom in atoms.items():
        part, form = coefficient(form, atom)
        if part:
            out[name] = part
    return out, form


def _written(
    layer: Layer,
    output: Tensor,
    step: Mapping[str, tuple[Tensor, Form]],
    inputs: Mapping[str, Form],
    atoms: Mapping[str, Atom],
) -> _Readout:
    """The output as its author wrote it: nodes that are the new state stand for it.

    Tried are the very nodes of the step, those of them that read a state, and all nodes that have
    the normal form of a new state; the first that leaves no old state wins.
    """
    new = {name: signal_atom(layer.signal(name), time=1) for name in atoms}
    moving = {n: f for n, (_, f) in step.items() if any(reads(f, a) for a in atoms.values())}
    nodes = walk(output)
    values = dict(zip(nodes, evaluate(nodes, inputs, FormAlgebra()), strict=True))
    same = {x: name for name, (x, _) in step.items() if not _is_plain(x, layer)}
    reading = {x: name for x, name in same.items() if name in moving}
    equal = {x: n for x in nodes for n, f in moving.items() if values[x] == f}
    first: _Readout | None = None
    for named in (same, reading, {**reading, **equal}, {}):
        known = {x: atom_form(new[name]) for x, name in named.items()}
        (form,) = evaluate([output], inputs, FormAlgebra(), known=known)
        at_new, rest = _split(form, new)
        at_old, rest = _split(rest, atoms)
        if any(reads(rest, a) for a in (*new.values(), *atoms.values())):
            # A new state that no old one enters may be used in a way that is not linear.
            continue
        found = _Readout(at_new, at_old, rest)
        if not at_old:
            return found
        first = first or found
    assert first is not None
    return first


def _is_plain(x: Tensor, layer: Layer) -> bool:
    """A signal or number handed to the state as it is: the output may read it in its own right."""
    if isinstance(x, Reindex):
        x = x.arg
    return isinstance(x, Number) or (isinstance(x, Input) and layer.signal(x.name).kind != "state")


def _new_readout(
    layer: Layer,
    written: _Readout,
    lam: Mapping[tuple[str, str], Form],
    offset: Mapping[str, Form],
    notes: list[str],
) -> tuple[dict[str, Form] | None, Form | None]:
    """C and the skip part, or None twice; the notes say how an old state was replaced."""
    C, skip = dict(written.new), written.rest
    for name, old in written.old.items():
        others = [column for row, column in lam if row == name and column != name]
        block = lam.get((name, name))
        if others or block is None:
            why = f"its new value reads {', '.join(others)}" if others else "its Λ is zero"
            notes.append(f"the output reads the old {name}, and {why}: only R is given")
            return None, None
        part, how = _through(layer, old, block)
        if part is None:
            notes.append(f"the output reads the old {name}: only R is given, since {how}")
            return None, None
        notes.append(f"the output reads the old {name}; C = R Λ⁻¹, since {how}")
        C[name] = C[name] + part if name in C else part
        skip = skip - compose(part, offset[name], len(offset[name].dims))
    return {name: form for name, form in C.items() if form}, skip


def _through(layer: Layer, old: Form, block: Form) -> tuple[Form | None, str]:
    """A readout X with `X Λ = old`, and why it is one; None and why none was found."""
    n = len(block.dims) // 2
    g = diagonal_of(block)
    if g is not None:
        # Where the old readout holds all of Λ as a factor the quotient needs no inverse.
        whole = _over_diagonal(old, g)
        if compose(whole, block, n) == old and not _new_inverses(whole, old):
            return whole, "Λ is a factor of R"
        bounds = _excludes_zero(layer, g)
        if bounds is not None:
            return whole, f"Λ is diagonal with entries in {bounds}, which excludes zero"
        return None, "the diagonal Λ may have a zero entry"
    terms = {m: c for m, c in block.terms.items() if diagonal_of(Form(block.dims, {m: c}))}
    g = diagonal_of(Form(block.dims, terms))
    assert g is not None
    for m, c in old.terms.items() if g else ():
        guess = _over_diagonal(Form(old.dims, {m: c}), g)
        if compose(guess, block, n) == old and not _new_inverses(guess, old):
            return guess, "Λ is a factor of R"
    return None, "Λ is not diagonal, and its inverse is not sought"


def _over_diagonal(readout: Form, g: Form) -> Form:
    """The readout times the inverse of a diagonal matrix."""
    return compose(readout, diagonal(function_form("inverse", g)), len(g.dims))


def _new_inverses(form: Form, old: Form) -> bool:
    return any(a.name == "inverse" and a not in old.atoms() for a in form.atoms())


def _excludes_zero(layer: Layer, g: Form) -> Interval | None:
    """An interval without zero that holds every entry of g on the layer's domain, or None."""
    x = expression(g)
    if x is None:
        return None
    try:
        inverse = Function("inverse", x, x.dims)
        return ranges([inverse], layer.domains)[x]
    except DomainError:
        return None


def _choose(
    layer: Layer,
    carried: str | None,
    readouts: list[Form],
    offset: Mapping[str, Form],
    skip: Form,
    notes: list[str],
) -> tuple[Signal | None, tuple[str, ...]]:
    """The signal taken as u and the others that could be."""
    tokens = [
        s
        for s in layer.of_kind("token")
        if not any(reads(form, signal_atom(s)) for form in readouts)
    ]
    driven = [form for form in offset.values() if form]
    pool = [s for s in tokens if (driven or skip) and _linear(s, [*driven, skip])]
    if not pool:
        # The skip part may be of another signal, which is then no part of B u and D u.
        affine = [s for s in tokens if not reads(_input_part(skip, s)[1], signal_atom(s))]
        pool = [s for s in affine if driven and _linear(s, driven)]
    wanted = carried if carried is not None else layer.carried
    if wanted is not None:
        u = layer.signal(wanted)
        if u.kind != "token":
            raise LanguageError(f"{layer.name}: {wanted} is a {u.kind}; the input u is a token")
    elif pool:
        u = next((s for name in NAMES for s in pool if s.name == name), pool[-1])
    else:
        notes.append("no token enters b linearly and neither Λ nor C: u is the number 1")
        return None, ()
    return u, tuple(s.name for s in pool if s.name != u.name)


def _linear(s: Signal, forms: list[Form]) -> bool:
    """Whether every form is homogeneous of degree one in the signal."""
    return not any(coefficient(form, signal_atom(s))[1] for form in forms)


def _input_part(form: Form, u: Signal | None) -> tuple[Form, Form]:
    """The coefficient of u in the form, and what is left; all of it where u is the number 1."""
    return (form, zero(form.dims)) if u is None else coefficient(form, signal_atom(u))
