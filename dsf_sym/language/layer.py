"""A layer: its signals, its step as an expression graph, and `given`, which ties signals.

The step function is called once, on symbols; everything else about the layer is computed from the
graph it returns.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from fractions import Fraction
from functools import cached_property
from typing import Any

from ..errors import DomainError, LanguageError, ShapeError, UnknownName
from .declare import Declaration
from .domains import Domain, Interval
from .evaluate import names_in
from .functions import repeat
from .graph import inputs
from .matrices import Matrices, read_matrices
from .ranges import outside, reached, undefined_where
from .spec import rebuild, serialise, signal_row
from .symbol import on_symbols
from .tensor import Dims, Input, Tensor, broadcast, lift, shape_text, text


@dataclass(frozen=True)
class Signal:
    """A named argument of a step: kind is token, constant or state."""

    name: str
    dims: Dims
    domain: Domain
    kind: str

    def __str__(self) -> str:
        return f"{self.name}: {shape_text(self.dims)}, {self.domain}"

    @property
    def tensor(self) -> Input:
        """The signal as a tensor, for ties such as `gla.given(k=1 - gla["alpha"])`."""
        return Input(self.name, self.dims)


@dataclass(frozen=True, eq=False)
class Layer:
    """A sequence layer `h_i = step(h_{i-1}, s_i)`, `y_i = output`, in one expression graph.

    signals: tokens, constants and states, in the order of the step's arguments.
    step: the new value of each state, over the signals. output: y_i.
    start: the constant each state starts from; a state that is absent starts at zero.
    carried: the signal taken as the input u, or None to find it.
    names: what the paper calls each signal. ties: the `given` that made this layer from another.
    matrices, others: the double entry, Λ, B, C, D or a whole step as a source prints it.
    """

    name: str
    signals: tuple[Signal, ...]
    step: Mapping[str, Tensor]
    output: Tensor
    start: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    doc: str = ""
    cite: str = ""
    carried: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    ties: tuple[str, ...] = ()
    source: str = ""
    matrices: tuple[Matrices, ...] = ()
    others: tuple[tuple[str, Layer], ...] = ()

    def __getitem__(self, name: str) -> Input:
        return self.signal(name).tensor

    def __repr__(self) -> str:
        return f"<layer {self.name}: {'; '.join(map(str, self.signals))}>"

    def signal(self, name: str) -> Signal:
        """The signal of that name; UnknownName lists the nearest ones."""
        for signal in self.signals:
            if signal.name == name:
                return signal
        raise UnknownName(_unknown("signal", name, [s.name for s in self.signals], self.name))

    def of_kind(self, kind: str) -> list[Signal]:
        """The tokens, constants or states."""
        return [s for s in self.signals if s.kind == kind]

    @property
    def input_name(self) -> str | None:
        """The signal that B and D multiply: the one declared as carried, or else `v`."""
        return self.carried or next((s.name for s in self.signals if s.name == "v"), None)

    @property
    def domains(self) -> dict[str, Domain]:
        """Domain of each signal by name."""
        return {s.name: s.domain for s in self.signals}

    @cached_property
    def open_denominators(self) -> tuple[Tensor, ...]:
        """Denominators that read the state and are not shown to exclude zero.

        Shown by an invariant: intervals of the states that hold the start and that no step leaves.
        Raises DomainError where an operation on signals alone is undefined.
        """
        roots = [*self.step.values(), self.output]
        return undefined_where(roots, frozenset(self.step), self.state_domains)

    def state_domains(self, assumed: Sequence[Tensor], *, moved: bool = False) -> dict[str, Domain]:
        """Domains of all signals, states included: an invariant that holds the start.

        assumed: denominators taken not to be zero. moved: what holds after the first token.
        """
        zero = Interval(Fraction(0), Fraction(0), False, False)
        start = {
            name: self.signal(self.start[name]).domain.interval if name in self.start else zero
            for name in self.step
        }
        return reached(self.step, start, self.domains, assumed, moved=moved)

    @property
    def sizes(self) -> list[str]:
        """The size names that occur, in order."""
        return list(dict.fromkeys(n for s in self.signals for n in names_in(s.dims)))

    @property
    def spec(self) -> dict[str, Any]:
        """The layer as plain data: what certificates carry and hashes cover."""
        roots = {**{f"step:{k}": v for k, v in self.step.items()}, "output": self.output}
        return {
            "name": self.name,
            "signals": [signal_row(s.name, s.dims, s.kind, s.domain) for s in self.signals],
            "start": dict(self.start),
            **serialise(roots),
        }

    @property
    def hash(self) -> str:
        """SHA-256 of the layer's meaning: signals, start and graph, not its name or source."""
        spec = {k: v for k, v in self.spec.items() if k != "name"}
        return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()

    def given(self, *, name: str | None = None, **ties: object) -> Layer:
        """The layer with signals tied: `gla.given(k="1 - alpha")`, `gated_delta.given(alpha=1)`.

        A value is a number, a text in the language of ties, a tensor over signals, or a declaration
        (`z=Vec["d"]`), which adds a signal for the others to use. A scalar tied to a tensor is
        repeated. Raises UnknownName, ShapeError, and DomainError when a tie can leave the domain.
        """
        from .ties import parse_tie

        added = {
            key: Signal(key, value.dims, value.domain, value.kind)
            for key, value in ties.items()
            if isinstance(value, Declaration)
        }
        known = {s.name: s for s in self.signals if s.kind != "state"} | added
        tensors = {s.name: s.tensor for s in known.values()}
        values = {key: value for key, value in ties.items() if key not in added}
        for key, value in values.items():
            self.signal(key)
            if isinstance(value, str):
                call = f"{self.name}.given({key}={value!r})"
                values[key] = parse_tie(value, tensors, call=call)
        return self.tie(values, known, name)

    def tie(
        self, values: Mapping[str, object], known: Mapping[str, Signal], name: str | None = None
    ) -> Layer:
        """The layer with signals replaced by tensors or numbers over the signals of `known`."""
        fitted = {key: self._fit(self.signal(key), lift(x), known) for key, x in values.items()}
        shown = tuple(f"{key} = {text(value)}" for key, value in fitted.items())
        roots = rebuild([*self.step.values(), self.output], fitted)
        printed = tuple(m.given(fitted) for m in self.matrices)
        used = inputs(*roots)
        kept = [
            known.get(s.name, s) if s.name in fitted else s
            for s in self.signals
            if s.name not in fitted or s.name in used
        ]
        have = {s.name for s in kept}
        kept += [s for s in known.values() if s.name in used and s.name not in have]
        tied = replace(
            self,
            name=name or f"{self.name}({', '.join(shown)})",
            signals=tuple(kept),
            step=dict(zip(self.step, roots[:-1], strict=True)),
            output=roots[-1],
            carried=None if self.carried in fitted else self.carried,
            ties=self.ties + shown,
            matrices=() if self.input_name in fitted else printed,
            others=(),
        )
        validate(tied)
        return tied

    def with_signal(self, signal: Signal) -> Layer:
        """The layer with the signal of that name declared anew, along fewer axes where repeated."""
        old = self.signal(signal.name)
        kept = tuple(signal if s.name == signal.name else s for s in self.signals)
        roots = [*self.step.values(), self.output]
        printed = self.matrices
        if old.dims != signal.dims:
            wide = {signal.name: repeat(signal.tensor, old.dims)}
            roots = rebuild(roots, wide)
            own_input = signal.name == self.input_name
            printed = () if own_input else tuple(m.given(wide) for m in printed)
        step = dict(zip(self.step, roots[:-1], strict=True))
        return replace(self, signals=kept, step=step, output=roots[-1], matrices=printed)

    def _fit(self, signal: Signal, value: Tensor, known: Mapping[str, Signal]) -> Tensor:
        call = f"{self.name}.given({signal.name}={text(value)})"
        if signal.kind == "state" or signal.name in self.start.values():
            raise LanguageError(f"{call}: {signal.name} is a state or its start, not a signal")
        value = broadcast(value, signal.dims)
        if value.dims != signal.dims:
            raise ShapeError(
                f"{call}: {signal.name} is {shape_text(signal.dims)}, the tie is "
                f"{shape_text(value.dims)}"
            )
        why = outside(value, signal.domain, {s.name: s.domain for s in known.values()})
        if why:
            raise DomainError(f"{call}: {signal.name} {why}")
        return value

    def as_printed_in(self, source: str) -> Callable[[Callable[..., object]], Layer]:
        """The layer with Λ, B, C, D as `source` prints them, returned by the decorated function.

        The function has the layer's name, which it takes over, as a property's setter does; its
        arguments are signals. The axes of the matrices are those of `Matrices`; 0 is a zero matrix.
        """

        def add(build: Callable[..., object]) -> Layer:
            call = f"{self.name}, as printed in {source}"
            states, u = self.of_kind("state"), self.input_name
            if build.__name__ != self.name:
                raise LanguageError(f"{call}: name the function {self.name}, not {build.__name__}")
            if len(states) != 1 or u is None:
                why = "it has no one state" if u else "name its input: @layer(carried=...)"
                raise LanguageError(f"{call}: {why}")
            inputs = {s.name: s.tensor for s in self.signals if s.kind != "state" and s.name != u}
            axes = (states[0].dims, self.signal(u).dims, self.output.dims)
            made = read_matrices(build, inputs, call=call, source=source, axes=axes)
            return replace(self, matrices=(*self.matrices, made))

        return add

    def also_written_in(self, source: str) -> Callable[[Callable[..., Any]], Layer]:
        """The layer with a second step, as `source` writes it, under the decorated function.

        The double entry of a layer that has no one Λ, B, C, D: the tests prove the two steps equal.
        The function has the layer's name, and signals of the same names and shapes.
        """

        def add(step: Callable[..., Any]) -> Layer:
            if step.__name__ != self.name:
                call = f"{self.name}, as written in {source}"
                raise LanguageError(f"{call}: name the function {self.name}, not {step.__name__}")
            other = _trace(step, self.title, self.cite, self.carried, {}, {})
            return replace(self, others=(*self.others, (source, other)))

        return add


def layer(
    function: Callable[..., Any] | None = None,
    *,
    title: str = "",
    cite: str = "",
    carried: str | None = None,
    start: Mapping[str, str] | None = None,
    names: Mapping[str, str] | None = None,
) -> Any:
    """Make a Layer of a step function whose arguments are annotated with what they are.

    The function returns the new value of each state, in order, then the output y_i.
    start: for each state the constant it starts from, `{"S": "S0"}`. carried: the input u.
    names: what the paper calls the signals. Raises LanguageError, ShapeError, DomainError.
    """

    def make(step: Callable[..., Any]) -> Layer:
        return _trace(step, title, cite, carried, dict(start or {}), dict(names or {}))

    return make if function is None else make(function)


def _trace(
    step: Callable[..., Any],
    title: str,
    cite: str,
    carried: str | None,
    start: dict[str, str],
    names: dict[str, str],
) -> Layer:
    name, signals = step.__name__, declared_signals(step)
    states = [s for s in signals if s.kind == "state"]
    tensors = {s.name: s.tensor for s in signals}
    result = on_symbols(step, tensors)
    several = isinstance(result, tuple | list)
    if not several or len(result) != len(states) + 1:
        what = f"{len(result)} values" if several else "no value" if result is None else "one value"
        wanted = ", ".join([f"new {s.name}" for s in states] + ["output"])
        comma = "" if states else ", as a tuple of one"
        raise LanguageError(f"{name}: the step returned {what}; it must return {wanted}{comma}")
    made = Layer(
        name=name,
        signals=tuple(signals),
        step={s.name: lift(x) for s, x in zip(states, result[:-1], strict=True)},
        output=lift(result[-1]),
        start=start,
        title=title or name.replace("_", " "),
        doc=inspect.cleandoc(step.__doc__ or ""),
        cite=cite,
        carried=carried,
        names=names,
        source=inspect.getsourcefile(step) or "",
    )
    validate(made)
    return made


def declared_signals(function: Callable[..., Any]) -> list[Signal]:
    """The signals that the annotated arguments of a function declare, in order."""
    name = function.__name__
    annotations = inspect.get_annotations(function, eval_str=True)
    signals = []
    for argument in inspect.signature(function).parameters:
        declared = annotations.get(argument)
        if not isinstance(declared, Declaration):
            raise LanguageError(
                f'{name}: argument {argument} needs an annotation such as Vec["n"], Gate or '
                f'State["n", "d"]'
            )
        declared = declared.check(f"{name}: {argument}")
        signals.append(Signal(argument, declared.dims, declared.domain, declared.kind))
    return signals


def validate(made: Layer) -> None:
    """Refuse a layer whose shapes, start or domains do not fit."""
    for signal in made.of_kind("state"):
        value = made.step[signal.name]
        if value.dims != signal.dims:
            raise ShapeError(
                f"{made.name}: state {signal.name} is {shape_text(signal.dims)}, its new value "
                f"{text(value)} is {shape_text(value.dims)}"
            )
        if signal.name in made.start:
            first = made.signal(made.start[signal.name])
            if first.kind != "constant" or first.dims != signal.dims:
                raise ShapeError(
                    f"{made.name}: state {signal.name} starts from {first}; it must be a constant "
                    f"of shape {shape_text(signal.dims)}: Const[...]"
                )
    for state in made.start:
        if state not in made.step:
            raise UnknownName(_unknown("state", state, list(made.step), made.name))
    if made.carried is not None:
        made.signal(made.carried)
    for signal in made.signals:
        if signal.domain.is_empty():
            raise DomainError(f"{made.name}: no value of {signal.name} lies in {signal.domain}")
    made.open_denominators  # noqa: B018  raises where an operation on signals is undefined


def nearest(name: str, names: list[str]) -> list[str]:
    """Up to three names that look like `name`."""
    return get_close_matches(name, names, n=3, cutoff=0.4)


def _unknown(what: str, name: str, names: list[str], owner: str) -> str:
    near = nearest(name, names)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(names) or 'none'}"
    return f"{owner} has no {what} {name!r}; {hint}"
