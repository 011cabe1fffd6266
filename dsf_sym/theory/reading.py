"""Solved equations read as relations of whole signals: ties, shared entries, the last token."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

from ..automata.automaton import entry_name
from ..deciding.pairing import Pair
from ..derivation.realize import symbol
from ..language.evaluate import shape_of
from ..language.layer import Signal
from ..language.tensor import Input, Tensor, text
from ..language.ties import parse_tie
from .equations import Expression, System
from .solving import Solution


@dataclass(frozen=True)
class Reading:
    """The relations of a solution as ties of whole signals."""

    system: System
    solution: Solution

    @property
    def shared(self) -> list[Signal]:
        """Signals whose entries are all equal to the first."""
        values = dict(self.solution.now)
        out = []
        for s in self.system.signals.values():
            first, *rest = self._entries(s)
            if rest and all(values.get(x) == values.get(first, first) for x in rest):
                out.append(s)
        return out

    @property
    def ties(self) -> dict[str, Expression] | None:
        """A value for each signal that is replaced, in names of signals; None without a form."""
        values, names = dict(self.solution.now), self._names
        shared = {s.name for s in self.shared}
        out = {}
        for s in self.system.signals.values():
            entries = self._entries(s)
            if not any(x in values for x in entries):
                continue
            if s.name in shared and entries[0] not in values:
                continue
            if any(x not in values for x in entries):
                return None
            rows = list(product(*map(range, shape_of(s.dims, self.system.sizes))))
            found = {values[x].xreplace(names(i)) for x, i in zip(entries, rows, strict=True)}
            if len(found) > 1:
                return None
            out[s.name] = found.pop()
        return out

    @property
    def history(self) -> dict[str, Tensor]:
        """The last token's signals, by the current token."""
        return {name: self._tensor(x) for name, x in self._history.items()}

    @property
    def _history(self) -> dict[str, Expression]:
        out = {}
        for x, value in self.solution.before:
            entry = self.system.entries([0])[x]
            moved = {
                self.system.symbol(e.signal.name, e.index, 1): self._name(e.signal.name)
                for e in self.system.entries([0]).values()
            }
            weights = self._names((0,) * len(entry.index))
            out[entry.signal.name] = value.xreplace(moved).xreplace(weights)
        return out

    @property
    def relations(self) -> tuple[str, ...] | None:
        """The relations in words."""
        ties = self.ties
        if ties is None or any(
            self.system.entries([0])[x].signal not in self.shared
            and self.system.entries([0])[x].index
            for x, _ in self.solution.before
        ):
            return None
        said = [
            f"{s.name} is the same number in every entry" for s in self.shared if s.name not in ties
        ]
        said += [f"{name} = {value}" for name, value in ties.items()]
        said += [f"{name} before = {text(x)}" for name, x in self.history.items()]
        return tuple(said)

    @property
    def solved(self) -> tuple[str, ...]:
        """The current token's signals by the last one, where the history has one real inverse."""
        return tuple(
            f"{name} = {later}"
            for name in self._history
            if (later := self._inverted(name)) is not None
        )

    def _inverted(self, name: str) -> Expression | None:
        import sympy

        signs = {
            self._name(s.name): symbol(self.system.a, replace(s, dims=()), ())
            for s in self.system.signals.values()
        }
        now, last = signs[self._name(name)], sympy.Symbol(f"{name}_before", positive=True)
        last = last if now.is_positive else sympy.Symbol(last.name, real=True)
        relation = self._history[name].xreplace(signs)
        try:
            found = sympy.solve(sympy.Eq(relation, last), now)
        except NotImplementedError:
            return None
        return found[0] if len(found) == 1 and found[0].has(sympy.LambertW) else None

    def tied(self, both: Pair) -> Pair:
        """The two layers with the relations of weights and single tokens put in."""
        layers = []
        ties = self.ties or {}
        for layer in (both.a, both.b):
            for s in self.shared:
                if s.name in {x.name for x in layer.signals}:
                    layer = layer.with_signal(replace(s, dims=()))
            layers.append(layer)
        known = {s.name: s for layer in layers for s in layer.signals if s.kind != "state"}
        values = {name: self._tensor(x) for name, x in ties.items()}
        for i, layer in enumerate(layers):
            own = {n: x for n, x in values.items() if n in {s.name for s in layer.signals}}
            layers[i] = layer.tie(own, known) if own else layer
        said = [x for x in self.relations or () if " before = " not in x]
        question = replace(both.question, bridges=(*both.question.bridges, *said))
        return Pair(layers[0], layers[1], question)

    def _entries(self, s: Signal) -> list[Expression]:
        shape = shape_of(s.dims, self.system.sizes)
        return [self.system.symbol(s.name, i, 0) for i in product(*map(range, shape))]

    def _name(self, name: str) -> Expression:
        import sympy

        return sympy.Symbol(name)

    def _names(self, index: tuple[int, ...]) -> dict[Expression, Expression]:
        """Names of signals for their entries: shared and scalar ones, and those at `index`."""
        shared = {s.name for s in self.shared}
        return {
            x: self._name(e.signal.name)
            for x, e in self.system.entries([0]).items()
            if e.signal.name in shared or e.index in ((), index)
        }

    def _tensor(self, x: Expression) -> Tensor:
        names = {
            s.name: Input(s.name, () if s in self.shared else s.dims)
            for s in self.system.signals.values()
        }
        return parse_tie(str(x), names, call=f"the condition {x}")


def pair_text(system: System, r: Expression) -> str:
    """The relation in words: a scalar product by the name of its signal."""
    entries = system.entries([0, 1])
    for name in system.bound:
        own = {e.index: x for x, e in entries.items() if e.signal.name == name and e.time == 0}
        later = {e.index: x for x, e in entries.items() if e.signal.name == name and e.time == 1}
        if later and r in (total := sum(x * later[i] for i, x in own.items()), -total):
            return f"{name}_j · {name}_i = 0 for all j < i"
    return f"{r} = 0 for every token 0 before a token 1"


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


def graph(x: Expression, names: dict[Expression, str]) -> Tensor:
    """An expression over entries as a graph over inputs of these names."""
    import sympy

    plain = {s: sympy.Symbol(f"x{i}_") for i, s in enumerate(names)}
    inputs = {str(plain[s]): Input(name, ()) for s, name in names.items()}
    return parse_tie(str(x.xreplace(plain)), inputs, call=f"the condition {x}")
