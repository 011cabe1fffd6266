"""What holds for the writes and readouts of a layer at every token: one function each.

Each returns the property in words, or raises NoProperty.
"""

from __future__ import annotations

from itertools import product

from ...arithmetic.poly import frac
from ...automata.automaton import entry_name
from ...index.atoms import Atom, Form, atom_form, input_atom
from ...index.forms import signal_forms
from ...index.terms import FormAlgebra
from ...language.evaluate import evaluate, shape_of
from ...language.layer import Signal
from .everywhere import Everywhere, NoProperty, plus, times


def writes_where_it_forgets(a: Everywhere, states: int) -> str:
    """`tr(I - Λ(s)) >= 0`, and where it is 0, `b(s) = 0`."""
    _same_states(a, states)
    for x in a.forms:
        lost = frac(a.states)
        for i in range(a.states):
            lost = plus(lost, -x.transition.get((i, i), frac(0)))
        gone = x.signs.zeros(lost)
        if x.signs.positive(lost):
            continue
        if gone is None or not all(x.signs.vanishes(b, gone) for b in x.write.values()):
            raise NoProperty(f"{a.layer.name}: it may write where it forgets nothing")
    return f"{a.layer.name} writes nothing where its transition is the identity"


def reads_new_state(a: Everywhere, states: int) -> str:
    """`y_i = c(s_i) h_i`: the output reads the new state and nothing else."""
    _same_states(a, states)
    _readout_of_new_state(a)
    return f"the output of {a.layer.name} is linear in its new state"


def reads_new_state_alike(a: Everywhere, states: int) -> str:
    """`y_i = c h_i` with a c that is the same for every token."""
    _same_states(a, states)
    readout = _readout_of_new_state(a)
    if any(atom.kind == "token" for atom in readout.atoms()):
        raise NoProperty(f"{a.layer.name}: its readout changes with the token")
    return f"{a.layer.name} reads its new state in the same way at every token"


def reads_old_state(a: Everywhere, states: int) -> str:
    """`y_i = r(s_i) (h_{i-1} + Diag(u) b(s_i))` with weights u."""
    _same_states(a, states)
    if a.layer.start or not any(_is_bonus(a, u) for u in a.layer.of_kind("constant")):
        raise NoProperty(f"{a.layer.name}: its output is not that of the old state and a bonus")
    return f"the output of {a.layer.name} reads the old state and its write through one matrix"


def _is_bonus(a: Everywhere, u: Signal) -> bool:
    """`e = r Diag(u) b`, with u repeated along the axes of the one state that it lacks."""
    state, *more = a.layer.of_kind("state")
    if more or not set(u.dims) <= set(state.dims) or len(set(state.dims)) < len(state.dims):
        return False
    shape = shape_of(state.dims, a.sizes)
    for x in a.forms:
        for j in {i for i, _ in x.readout}:
            total = -x.readout.get((j, a.states), frac(0))
            for i, index in enumerate(product(*map(range, shape))):
                at = tuple(index[state.dims.index(dim)] for dim in u.dims)
                weight = a.universe.entry(entry_name(u.name, at), constant=True, positive=False)
                read = times(x.readout.get((j, i), frac(0)), x.write.get(i, frac(0)))
                total = plus(total, times(read, weight))
            if not a.universe.is_zero(total):
                return False
    return True


def _same_states(a: Everywhere, states: int) -> None:
    """With as many states as B's minimal form, A's form is B's up to a change of basis."""
    if a.states != states:
        raise NoProperty(f"{a.layer.name} has {a.states} states, the smaller layer {states}")


def _readout_of_new_state(a: Everywhere) -> Form:
    """The output as a form that is linear in the new states."""
    layer = a.layer
    new = {
        layer.step[s.name]: atom_form(input_atom(f"{s.name}+", s.dims, kind="state"))
        for s in layer.of_kind("state")
    }
    (output,) = evaluate([layer.output], signal_forms(layer), FormAlgebra(), new)
    names = {f"{name}+" for name in layer.step}
    for monomial in output.terms:
        states = [atom for factor, _ in monomial for atom in _below(factor) if atom.kind == "state"]
        own = [atom for atom, _ in monomial if atom.kind == "state" and atom.name in names]
        if len(states) != 1 or len(own) != 1 or layer.start:
            raise NoProperty(f"{layer.name}: its output reads more than its new state")
    return output


def _below(atom: Atom) -> set[Atom]:
    return {atom} if atom.arg is None else {atom} | atom.arg.atoms()
