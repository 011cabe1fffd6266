"""Solved equations read as relations of whole signals: ties, shared entries, the last token."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from ..automata.automaton import entry_name
from ..deciding.pairing import Pair, restricted
from ..derivation.realize import symbol
from ..language.domains import Interval
from ..language.evaluate import shape_of
from ..language.layer import Signal
from ..language.tensor import Input, Tensor, text
from ..language.ties import parse_tie
from .equations import Expression, System, graph
from .recurrences import Recurrence
from .solving import Solution, narrowed


@dataclass(frozen=True)
class Reading:
    """The relations of a solution as ties of whole signals.

    single: whether an axis of size 1 counts as one along which signals are the same.
    """

    system: System
    solution: Solution
    single: bool = False

    @property
    def shared(self) -> dict[str, tuple[str, ...]]:
        """Signals that are the same along an axis, with the axes along which they may differ."""
        values = dict(self.solution.now)
        involved = {x for pair in self._pairs for end in pair for x in end.free_symbols}
        out = {}
        for s in self.system.signals.values():
            rows = {
                i: values.get(x, x) for i, x in zip(self._rows(s), self._entries(s), strict=True)
            }
            if not any(x in involved for x in self._entries(s)):
                continue
            shape = shape_of(s.dims, self.system.sizes)
            same = [
                (self.single or shape[axis] > 1)
                and all(x == rows[(*i[:axis], 0, *i[axis + 1 :])] for i, x in rows.items())
                for axis in range(len(s.dims))
            ]
            if any(same):
                out[s.name] = tuple(d for d, alike in zip(s.dims, same, strict=True) if not alike)
        return out

    @property
    def ties(self) -> dict[str, Expression] | None:
        """A value for each signal that is replaced, in names of signals; None without a form."""
        values, shared = dict(self.solution.now), self.shared
        out = {}
        for s in self.system.signals.values():
            rows = list(zip(self._rows(s), self._entries(s), strict=True))
            kept = shared.get(s.name, s.dims)
            if kept != s.dims:
                dropped = [axis for axis, d in enumerate(s.dims) if d not in kept]
                rows = [(i, x) for i, x in rows if not any(i[axis] for axis in dropped)]
            if not any(x in values for _, x in rows):
                continue
            if any(x not in values for _, x in rows):
                return None
            found = {values[x].xreplace(self._names(s, i)) for i, x in rows}
            if len(found) > 1 or found.copy().pop().free_symbols & self._unnamed:
                return None
            out[s.name] = found.pop()
        return out

    @property
    def history(self) -> dict[str, Tensor]:
        """The last token's signals, by the current token."""
        return {name: self._tensor(x) for name, x in (self._history or {}).items()}

    @property
    def _history(self) -> dict[str, Expression] | None:
        """The last token's signals by the current one, in names; None where entries differ."""
        found: dict[str, set[Expression]] = {}
        counted: dict[str, int] = {}
        for x, value in self.solution.before:
            s, index = (e := self.system.entries([0])[x]).signal, e.index
            names = self._names(s, index, 0) | self._names(s, index, 1)
            found.setdefault(s.name, set()).add(value.xreplace(names))
            counted[s.name] = counted.get(s.name, 0) + 1
        for name, forms in found.items():
            s = self.system.signals[name]
            whole = 1 if self.shared.get(name, s.dims) == () else len(self._rows(s))
            read = set().union(*(x.free_symbols for x in forms))
            if len(forms) > 1 or counted[name] != whole or read & self._unnamed:
                return None
        return {name: forms.pop() for name, forms in found.items()}

    @property
    def relations(self) -> tuple[str, ...] | None:
        """The relations in words."""
        ties, shared = self.ties, self.shared
        if ties is None or self._history is None:
            return None
        said = [
            f"{name} is the same number in every entry"
            if not kept
            else f"{name} is the same along {', '.join(self._dropped(name))}"
            for name, kept in shared.items()
            if name not in ties
        ]
        said += [f"{name} = {value}" for name, value in ties.items()]
        said += [f"{name} in {where}" for name, where in self.narrowed.items()]
        said += [f"{name} before = {text(x)}" for name, x in self.history.items()]
        return tuple(said)

    @property
    def narrowed(self) -> dict[str, str]:
        """Intervals of signals that other signals' domains ask for, smaller than their domain."""
        entries, out = self.system.entries([0]), dict[str, Interval]()
        for x, value in self.solution.now:
            found = narrowed(self.system, x, value, entries)
            if found is not None:
                name, inside = found
                out[name] = inside.meet(out.get(name, Interval()))
        return {name: str(inside) for name, inside in out.items()}

    @property
    def recurrences(self) -> tuple[Recurrence, ...]:
        """The relations between a token and the one before it."""
        signs = {
            _symbol(s.name): symbol(self.system.a, replace(s, dims=()), ())
            for s in self.system.signals.values()
        }
        return tuple(
            Recurrence(signs[_symbol(name)], value.xreplace(signs))
            for name, value in (self._history or {}).items()
        )

    def tied(self, both: Pair) -> Pair:
        """The two layers with the relations of weights and single tokens put in."""
        return restricted(both, **self.as_data)

    @property
    def as_data(self) -> dict[str, Any]:
        """The relations of weights and single tokens, as a certificate's claim has them."""
        ties = {name: str(x) for name, x in (self.ties or {}).items()}
        shared = {name: list(kept) for name, kept in self.shared.items() if name not in ties}
        said = [x for x in self.relations or () if " before = " not in x]
        return {"shared": shared, "ties": ties, "inside": self.narrowed, "said": said}

    def _dropped(self, name: str) -> list[str]:
        return [d for d in self.system.signals[name].dims if d not in self.shared[name]]

    @property
    def _pairs(self) -> tuple[tuple[Expression, Expression], ...]:
        return (*self.solution.now, *self.solution.before)

    def _rows(self, s: Signal) -> list[tuple[int, ...]]:
        return list(product(*map(range, shape_of(s.dims, self.system.sizes))))

    def _entries(self, s: Signal) -> list[Expression]:
        return [self.system.symbol(s.name, i, 0) for i in self._rows(s)]

    @property
    def _unnamed(self) -> set[Expression]:
        """Symbols of entries: what a value of a whole signal must not read."""
        return set(self.system.entries([0, 1]))

    def _names(
        self, of: Signal, index: tuple[int, ...], time: int = 0
    ) -> dict[Expression, Expression]:
        """Names of signals for their entries at an index of a signal, axes matched by size."""
        at, shared = dict(zip(of.dims, index, strict=True)), self.shared
        return {
            x: _symbol(e.signal.name)
            for x, e in self.system.entries([time]).items()
            for kept in [shared.get(e.signal.name, e.signal.dims)]
            if all(
                (d in at and i == at[d]) or d not in kept
                for d, i in zip(e.signal.dims, e.index, strict=True)
            )
        }

    def _tensor(self, x: Expression) -> Tensor:
        names = {
            s.name: Input(s.name, self.shared.get(s.name, s.dims))
            for s in self.system.signals.values()
        }
        return parse_tie(str(x), names, call=f"the condition {x}")


def _symbol(name: str) -> Expression:
    import sympy

    return sympy.Symbol(name)


def scalar_product(system: System, r: Expression) -> str | None:
    """The signal of whose two tokens r is the scalar product, up to its sign."""
    entries = system.entries([0, 1])
    for name in system.bound:
        own = {e.index: x for x, e in entries.items() if e.signal.name == name and e.time == 0}
        later = {e.index: x for x, e in entries.items() if e.signal.name == name and e.time == 1}
        if later and r in (total := sum(x * later[i] for i, x in own.items()), -total):
            return name
    return None


def pair_text(system: System, r: Expression) -> str:
    """The relation in words: a scalar product by the name of its signal."""
    name = scalar_product(system, r)
    if name is not None:
        return f"{name}_j · {name}_i = 0 for all j < i"
    return f"{r} = 0 for every token 0 before a token 1"


def pair_form(system: System, r: Expression) -> Tensor | None:
    """A scalar product as a graph over whole signals, the earlier one called `past.k`."""
    name = scalar_product(system, r)
    dims = () if name is None else system.signals[name].dims
    if name is None or len(dims) != 1:
        return None
    return Input(f"past.{name}", dims) @ Input(name, dims)


def pair_graph(system: System, r: Expression) -> Tensor:
    """The relation over entries, those of the earlier token called `past.k[0]`."""
    prefix = {0: "past.", 1: "", None: ""}
    return graph(
        r,
        {
            x: prefix[e.time] + entry_name(e.signal.name, e.index)
            for x, e in system.entries([0, 1]).items()
        },
    )
