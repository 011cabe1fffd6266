"""Bring two layers to common signals: ties, size names, kinds and domains, each change printed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..certificates.checkers.enclosure import interval
from ..derivation.attention import separated
from ..errors import DomainError, LanguageError, ShapeError, UnknownName
from ..language.domains import Domain
from ..language.graph import walk
from ..language.kernel import KernelLayer
from ..language.layer import Layer, Signal, nearest
from ..language.spec import rebuild, rename_sizes
from ..language.tensor import Input, broadcast, lift, shape_text, text
from ..language.ties import parse_tie
from ..verdict import Question

_TIE = re.compile(
    r"\s*(?:(?P<layer>[A-Za-z_]\w*)\.)?(?P<signal>[A-Za-z_]\w*)\s*=(?P<value>.*)", re.S
)

Ties = Sequence[str] | Mapping[str, object]


@dataclass(frozen=True)
class Pair:
    """Two layers over the same signals, and the question that this makes."""

    a: Layer
    b: Layer
    question: Question


def pair(a: Layer, b: Layer, given: Ties = ()) -> Pair:
    """Apply `given`, unify size names, bridge mismatched signals and intersect domains.

    given: texts such as "k = 1 - alpha", "gla.alpha = 1" (one layer only), or a mapping. A tie
    without a layer applies to each layer that has the signal. Raises UnknownName, ShapeError,
    DomainError.
    """
    left, right = a, b
    ties = list(given.items()) if isinstance(given, Mapping) else [read_tie(t) for t in given]
    left, right, shown = _apply(left, right, ties)
    # A tie can leave a kernel that separates: e^{q·k} at q = 0.
    left, right = (separated(x) if isinstance(x, KernelLayer) else x for x in (left, right))
    right, renamed = _same_sizes(left, right, b.name)
    if left.output.dims != right.output.dims:
        raise ShapeError(
            f"{a.name} and {b.name} have different outputs: {shape_text(left.output.dims)} and "
            f"{shape_text(right.output.dims)}; layers are compared on outputs of one shape"
        )
    left, right, bridges = _bridge(left, right, (a.name, b.name))
    left, right, domains = _meet(left, right)
    return Pair(left, right, Question(a.name, b.name, shown, (*renamed, *bridges), domains))


def restricted(
    both: Pair,
    *,
    shared: Mapping[str, Sequence[str]],
    ties: Mapping[str, str],
    inside: Mapping[str, str],
    said: Sequence[str],
) -> Pair:
    """The layers where conditions hold, which the question then names.

    shared: signals that are the same along every axis but these. ties: values of signals, over the
    shared ones too. inside: intervals of signals. said: the conditions in words. Raises
    UnknownName, ShapeError, DomainError.
    """
    layers = []
    for layer in (both.a, both.b):
        for s in layer.signals:
            if s.kind != "state" and s.name in shared:
                layer = layer.with_signal(replace(s, dims=tuple(shared[s.name])))
        for s in layer.signals:
            if s.kind != "state" and s.name in inside:
                domain = s.domain.meet(Domain(interval(inside[s.name])))
                layer = layer.with_signal(replace(s, domain=domain))
        layers.append(layer)
    known = {s.name: s for layer in layers for s in layer.signals if s.kind != "state"}
    names = {name: s.tensor for name, s in known.items()}
    values = {n: parse_tie(x, names, call=f"the condition {n} = {x}") for n, x in ties.items()}
    a, b = (
        layer.tie(own, known)
        if (own := {n: x for n, x in values.items() if n in {s.name for s in layer.signals}})
        else layer
        for layer in layers
    )
    return Pair(a, b, replace(both.question, bridges=(*both.question.bridges, *said)))


def read_tie(tie: str) -> tuple[str, str]:
    """The signal, with its layer where named, and the value of a tie."""
    found = _TIE.fullmatch(tie)
    if not found:
        raise LanguageError(f'--given {tie!r}: write SIGNAL = EXPRESSION, as in "k = 1 - alpha"')
    owner = found["layer"] or ""
    return (f"{owner}.{found['signal']}" if owner else found["signal"]), found["value"].strip()


def _apply(
    a: Layer, b: Layer, ties: Sequence[tuple[str, object]]
) -> tuple[Layer, Layer, tuple[str, ...]]:
    layers = (a, b)
    # In a tie of one layer a name means the other layer's signal where both have it.
    known = [
        {s.name: s for layer in order for s in layer.signals if s.kind != "state"}
        for order in ((a, b), (b, a))
    ]
    plain = {key: value for key, value in ties if "." not in key}

    def read(value: object, i: int, call: str, path: tuple[str, ...]) -> object:
        """A value in which signals that other ties replace are replaced."""
        if not isinstance(value, str):
            return value
        made = parse_tie(value, {n: s.tensor for n, s in known[i].items()}, call=call)
        inner = {}
        for node in walk(made):
            if isinstance(node, Input) and node.name in plain:
                if node.name in path:
                    raise LanguageError(
                        f"{call}: {node.name} is given by itself, which may hold nowhere; solve "
                        "for it and give it one value"
                    )
                below = read(plain[node.name], i, call, (*path, node.name))
                inner[node.name] = broadcast(lift(below), node.dims)
        return rebuild([made], inner)[0]

    wanted: list[dict[str, object]] = [{}, {}]
    shown = []
    for key, value in ties:
        owner, _, name = key.rpartition(".")
        call = f"--given {key} = {value}"
        if owner and owner not in (a.name, b.name):
            raise UnknownName(f"{call}: neither layer is called {owner}: {a.name}, {b.name}")
        targets = [
            i
            for i, layer in enumerate(layers)
            if owner in ("", layer.name) and name in {s.name for s in layer.signals}
        ]
        if not targets:
            near = nearest(name, sorted(known[0]))
            hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known[0])}"
            raise UnknownName(f"{call}: no signal {name!r} in {owner or 'either layer'}; {hint}")
        # A text is shown as it was given, so that a certificate's ties can be read again.
        said = " ".join(value.split()) if isinstance(value, str) else _show(value)
        for i in targets:
            if name in wanted[i]:
                raise LanguageError(
                    f"{call}: {name} of {layers[i].name} has a value already; ties of one signal "
                    "agree or contradict each other, so give it one"
                )
            wanted[i][name] = read(value, i, call, (key,))
        shown.append(f"{key} = {said}")
    left, right = (
        layer.tie(values, own) if values else layer
        for layer, values, own in zip(layers, wanted, known, strict=True)
    )
    return left, right, tuple(shown)


def _show(value: object) -> str:
    return text(lift(value))


def _same_sizes(a: Layer, b: Layer, name: str) -> tuple[Layer, tuple[str, ...]]:
    """Rename the sizes of `b` where matched signals call the same axis differently."""
    rename: dict[str, str] = {}
    own = {s.name: s for s in a.signals if s.kind != "state"}
    matched = [(own[s.name].dims, s.dims) for s in b.signals if s.name in own]
    for left, right in [*matched, (a.output.dims, b.output.dims)]:
        if len(left) == len(right):
            for x, y in zip(left, right, strict=True):
                if y not in a.sizes and x not in b.sizes and x.isidentifier() and y.isidentifier():
                    rename.setdefault(y, x)
    if not rename or len(set(rename.values())) < len(rename):
        return b, ()
    return rename_layer(b, rename), tuple(f"{name}: size {y} = {x}" for y, x in rename.items())


def rename_layer(layer: Layer, rename: Mapping[str, str]) -> Layer:
    """The layer with other size names."""
    roots = rename_sizes([*layer.step.values(), layer.output], rename)

    def dims(old: tuple[str, ...]) -> tuple[str, ...]:
        return tuple("+".join(rename.get(p, p) for p in d.split("+")) for d in old)

    return replace(
        layer,
        signals=tuple(replace(s, dims=dims(s.dims)) for s in layer.signals),
        step=dict(zip(layer.step, roots[:-1], strict=True)),
        output=roots[-1],
    )


def _bridge(a: Layer, b: Layer, names: tuple[str, str]) -> tuple[Layer, Layer, tuple[str, ...]]:
    """Tie a tensor to the other layer's scalar of the same name, and a token to its constant."""
    bridges = []
    layers = [a, b]
    for name in [s.name for s in a.signals if s.kind != "state"]:
        both = [next((s for s in x.signals if s.name == name), None) for x in layers]
        x, y = both
        if x is None or y is None or y.kind == "state" or (x.dims, x.kind) == (y.dims, y.kind):
            continue
        wide, narrow = _wider(x, y), _wider(y, x)
        if (wide is None) == (narrow is None):
            taken = {s.name for layer in layers for s in layer.signals}
            layers[1], other = _apart(layers[1], y, names[1], taken)
            bridges.append(f"{names[1]}.{name} is a signal of its own, {other}")
            continue
        at, new = (0, y) if narrow is None else (1, x)
        layers[at] = layers[at].with_signal(new)
        note = "repeated" if new.dims != (x, y)[at].dims else "the same for every token"
        bridges.append(f"{names[at]}.{name} is {names[1 - at]}'s {name}, {note}")
    return layers[0], layers[1], tuple(bridges)


def _apart(layer: Layer, s: Signal, owner: str, taken: set[str]) -> tuple[Layer, str]:
    """The layer with a signal under another name: its shape or kind fits no signal of that name."""
    if s.name in layer.start.values():
        raise ShapeError(f"{owner}: the start {s.name} does not fit the other layer's {s}")
    name = re.sub(r"\W+", "_", f"{s.name}_{owner}").rstrip("_")
    while name in taken:
        name += "_"
    new = replace(s, name=name)
    return layer.tie({s.name: new.tensor}, {new.name: new}, layer.name), new.name


def _wider(x: Signal, y: Signal) -> Signal | None:
    """`x` when every y is an x: y a scalar to repeat, or a constant where x is a token."""
    fits = y.dims in (x.dims, ()) and (x.kind == y.kind or y.kind == "constant")
    return x if fits and not x.domain.unit else None


def _meet(a: Layer, b: Layer) -> tuple[Layer, Layer, tuple[str, ...]]:
    domains = []
    own = {s.name: s for s in a.signals if s.kind != "state"}
    for s in b.signals:
        if s.kind == "state" or s.name not in own or own[s.name].domain == s.domain:
            continue
        both: Domain = own[s.name].domain.meet(s.domain)
        if both.is_empty():
            raise DomainError(
                f"{a.name} and {b.name} share no value of {s.name}: {own[s.name].domain} and "
                f"{s.domain} do not meet, so every comparison would hold vacuously"
            )
        a, b = (x.with_signal(replace(x.signal(s.name), domain=both)) for x in (a, b))
        domains.append(f"{s.name} in {both}")
    return a, b, tuple(domains)
