"""Layers of several memories: each by its own schedule, their outputs met entry by entry.

An output such as `(q @ S) / (q @ z)` is a function of affine readouts, each of one system: of one
state, or of several that read each other. Each readout is a layer of its own; what the layers share
(scores, decays) is computed once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from ..derivation.affine import split
from ..derivation.derive import systems
from ..errors import NotAffine
from ..language.graph import inputs, walk
from ..language.layer import Layer
from ..language.spec import rebuild, serialise
from ..language.tensor import Input, Number, Product, Reindex, Tensor
from . import ir
from .factors import NoSchedule
from .opaque import named_parts, shared, substituted, topmost


@dataclass(frozen=True)
class Readouts:
    """The layers whose outputs a layer's output is made of, and `output` over their names."""

    layers: tuple[tuple[str, Layer], ...]
    output: Tensor


def readouts(layer: Layer) -> Readouts:
    """One layer for every readout of one system; raises NoSchedule where the output is none."""
    layer = shared(layer)
    states = [s.name for s in layer.of_kind("state")]
    pairs = [(name, other) for name in states for other in _states_of(layer.step[name], states)]
    groups = [set(group) for group in systems(states, pairs)]

    def wanted(x: Tensor) -> bool:
        read = _states_of(x, states)
        return bool(read) and read <= _system(groups, read) and _is_affine(x, states)

    if wanted(layer.output):
        return Readouts((("y", layer),), Input("y", layer.output.dims))
    found = topmost([layer.output], lambda x: wanted(x) and not _is_multiple(x))
    names = {x: Input(f"readout_{i + 1}", x.dims) for i, x in enumerate(found)}
    (output,) = substituted([layer.output], names)
    left = _states_of(output, states)
    if left:
        raise NoSchedule(f"the output is no function of affine readouts: {', '.join(sorted(left))}")
    made: list[tuple[str, Layer]] = []
    for x, readout in names.items():
        system = _system(groups, _states_of(x, states))
        made.append((readout.name, _alone(layer, system, x)))
    unread = set(states) - {s.name for _, part in made for s in part.of_kind("state")}
    if unread:
        raise NoSchedule(f"the output does not read {', '.join(sorted(unread))}")
    return Readouts(tuple(made), output)


def _system(groups: Sequence[set[str]], read: set[str]) -> set[str]:
    return next(group for group in groups if group & read)


def _is_multiple(x: Tensor) -> bool:
    """Whether this is a number times another readout, which is then computed once for both."""
    factors = (x.left, x.right) if isinstance(x, Product) else ()
    bare = [f.arg if isinstance(f, Reindex) else f for f in factors]
    return any(isinstance(f, Number) for f in bare)


def _alone(layer: Layer, system: set[str], output: Tensor) -> Layer:
    return replace(
        layer,
        signals=tuple(s for s in layer.signals if s.kind != "state" or s.name in system),
        step={name: x for name, x in layer.step.items() if name in system},
        output=output,
        start={k: v for k, v in layer.start.items() if k in system},
        carried=None,
        matrices=(),
    )


def _states_of(x: Tensor, states: Sequence[str]) -> set[str]:
    return inputs(x) & set(states)


def _is_affine(x: Tensor, states: Sequence[str]) -> bool:
    try:
        split(x, frozenset(states), "")
    except NotAffine:
        return False
    return True


def combined(parts: Sequence[tuple[str, ir.Function]], made: Readouts, layer: Layer) -> ir.Function:
    """One schedule's functions of all readouts as one, equal assignments made once."""
    if len(parts) == 1 and made.layers[0][0] == "y":
        return parts[0][1]
    merge = _Merge({s.name for s in layer.signals if s.kind != "state"})
    ends: dict[str, str] = {}
    values: dict[str, Tensor] = {}
    for name, function in parts:
        env = merge.add(function.body)
        dims = next(x.output.dims for n, x in made.layers if n == name)
        values[name] = Input(env[function.output], dims)
        ends |= {state: env[end] for state, end in function.states}
    (output,) = rebuild([made.output], values)
    lets = [ir.Let(n, x) for n, x in named_parts([("y", output)], "x", first=len(merge.body))]
    first = parts[0][1]
    return replace(
        first,
        body=(*merge.body, *lets),
        output="y",
        states=tuple((s.name, ends[s.name]) for s in layer.of_kind("state")),
    )


class _Merge:
    """Assignments of several functions in one namespace, each value computed once."""

    def __init__(self, signals: set[str]) -> None:
        self.signals = signals
        self.taken: set[str] = {"y"}
        self.known: dict[str, str] = {}
        self.body: list[ir.Let | ir.Loop] = []

    def add(self, body: Sequence[ir.Let | ir.Loop]) -> dict[str, str]:
        """Append a function's body under new names; what its variables are called comes back."""
        env: dict[str, str] = {}
        mutated = {let.name for s in body if isinstance(s, ir.Loop) for let in s.body}
        for statement in body:
            if isinstance(statement, ir.Loop):
                self._loop(statement, env)
                continue
            value = _renamed(statement.value, env)
            key = _key(value)
            if key in self.known and statement.name not in mutated:
                env[statement.name] = self.known[key]
                continue
            if isinstance(value, Input) and statement.name not in mutated:
                env[statement.name] = value.name
                continue
            name = self._fresh(statement.name)
            self.body.append(ir.Let(name, value))
            if statement.name not in mutated:
                self.known[key] = name
            env[statement.name] = name
        return env

    def _loop(self, loop: ir.Loop, env: dict[str, str]) -> None:
        over = tuple((slot, env.get(source, source)) for slot, source in loop.over)
        inner = {k: v for k, v in env.items() if k not in {slot for slot, _ in over}}
        for let in loop.body:
            inner.setdefault(let.name, self._fresh(let.name))
        body = tuple(ir.Let(inner[let.name], _renamed(let.value, inner)) for let in loop.body)
        kept = {name: self._fresh(name) for _, name in (*loop.before, *loop.after)}
        before, after = (
            tuple((inner[x], kept[name]) for x, name in pairs)
            for pairs in (loop.before, loop.after)
        )
        self.body.append(ir.Loop(over, body, before, after))
        env |= inner | kept

    def _fresh(self, name: str) -> str:
        number, new = 1, name
        while new in self.taken or new in self.signals:
            number += 1
            new = f"{name}_{number}"
        self.taken.add(new)
        return new


def _renamed(value: ir.Operation, env: Mapping[str, str]) -> ir.Operation:
    """The operation over other variables."""
    if isinstance(value, Tensor):
        inputs = [n for n in walk(value) if isinstance(n, Input) and n.name in env]
        (made,) = rebuild([value], {n.name: Input(env[n.name], n.dims) for n in inputs})
        return made
    changes: dict[str, object] = {}
    for f in fields(value):
        old = getattr(value, f.name)
        if isinstance(old, Tensor):
            changes[f.name] = _renamed(old, env)
        elif isinstance(old, ir.Decay):
            name = None if old.name is None else env.get(old.name, old.name)
            changes[f.name] = replace(old, name=name)
        elif f.name not in ("given", "constant"):
            changes[f.name] = _each(old, env)
    return replace(value, **changes)  # type: ignore[arg-type]


def _each(names: object, env: Mapping[str, str]) -> object:
    """The variables in nested tuples under their new names."""
    if isinstance(names, tuple):
        return tuple(_each(x, env) for x in names)
    return env.get(names, names) if isinstance(names, str) else names


def _key(value: ir.Operation) -> str:
    """Text that is equal for equal operations."""
    if isinstance(value, Tensor):
        return repr(serialise({"x": value}))
    shown = [
        f"{f.name}={_key(x) if isinstance(x, Tensor) else x!r}"
        for f in fields(value)
        for x in (getattr(value, f.name),)
    ]
    return f"{type(value).__name__}({', '.join(shown)})"
