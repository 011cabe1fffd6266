"""From a layer to its program: every schedule that the structure found for Λ allows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from ..derivation.derive import StateSpace, derive
from ..derivation.structure import Structure, structure
from ..errors import DsfError, LanguageError
from ..language.graph import inputs, reading
from ..language.kernel import KernelLayer
from ..language.layer import Layer
from ..language.spec import rebuild
from ..language.tensor import Dims, Input, Number, Reindex, Tensor
from . import ir
from .attention import attention
from .chunks import chunkwise, parallel
from .combine import Readouts, combined, readouts
from .convolutions import constant, convolution
from .coupled import coupled, scan
from .factors import Elementwise, NoSchedule, elementwise, memory
from .opaque import core, merged, named_parts, shared, substituted, topmost
from .side_by_side import one_of_many

SCAN_CHUNK = 32
SCHEDULES = ("recurrent", "parallel", "chunkwise", "associative_scan", "convolution")
LOCALS = frozenset(
    "y ys S h B H L x start starts xs rows cols values decay reads lefts ratio ratio_before "
    "from_start from_start_before to_end total scores left_scores read_scores mixed inverse solved "
    "solved_reads cols_to_end lefts_to_end added corrected end factor term gate skip states "
    "exponents factors weights rates right reads_from_start".split()
)
ARGUMENTS = ("state", "chunk", "np", "torch")


# Every target asks for it.
@lru_cache(maxsize=256)
def program(layer: Layer) -> ir.Program:
    """The program of a layer; raises LanguageError where it reads no token or takes a name.

    A sum over the past has the schedules of its cache in place of those of a structure.
    """
    for s in layer.signals:
        if s.name in ARGUMENTS:
            raise LanguageError(f"{layer.name}: code needs the name {s.name!r}; rename the signal")
    if not layer.of_kind("token"):
        raise LanguageError(f"{layer.name} reads no token: there is nothing to run over")
    own, layer = layer, _renamed(layer)
    if isinstance(layer, KernelLayer):
        functions, skipped, kind = _of_cache(layer)
    else:
        functions, skipped, kind = _of_state(layer)
    tokens = layer.of_kind("token")
    leader = next((s for s in tokens if s.name == layer.input_name), tokens[0])
    return ir.Program(
        name=layer.name,
        signals=layer.signals,
        arguments=tuple(s.name for s in own.signals),
        leader=leader.name,
        sizes=_sizes(layer, leader.name),
        functions=tuple(functions),
        skipped=tuple(skipped),
        structure=kind,
    )


Found = tuple[list[ir.Function], list[tuple[str, str]], str]


def _of_state(layer: Layer) -> Found:
    """The schedules of a finite state, why there are no others, and the structure of Λ."""
    functions = [recurrent(layer)]
    skipped: list[tuple[str, str]] = []
    try:
        kind = str(structure(derive(layer)))
    except DsfError as error:
        kind = f"none, {error}"
    ways = {"": _Parts(layer)}
    many = one_of_many(layer)
    if many is not None:
        ways[many[0]] = _Parts(many[1])
    for schedule, make in _FAST.items():
        why = ""
        for beside, parts in ways.items():
            try:
                functions.append(replace(parts.combined(make), beside=beside))
                break
            except (NoSchedule, DsfError) as error:
                why = str(error)
        else:
            skipped.append((schedule, why))
    return functions, skipped, kind


def _of_cache(layer: KernelLayer) -> Found:
    """The schedules of a sum over the past, and why there are no others."""
    functions = list(attention(layer))
    made = {f.schedule for f in functions}
    why = "there is no finite state; every query reads the whole cache"
    skipped = [(name, why) for name in SCHEDULES if name not in made]
    return functions, skipped, f"none, {layer.obstacle}"


@dataclass(frozen=True)
class _Part:
    """One readout as a layer, and the form of its core (see `opaque`).

    found: the structure of Λ. opaque: what the signals stand for that the core has of its own.
    """

    layer: Layer
    space: StateSpace
    found: Structure
    opaque: Mapping[str, Tensor]

    @classmethod
    def of(cls, layer: Layer) -> _Part:
        """The form of a readout; raises NotAffine."""
        inside = core(layer)
        space = derive(inside.layer)
        return cls(layer, space, structure(space), inside.parts)


Maker = Callable[[_Part], ir.Function]


@dataclass(frozen=True)
class _Parts:
    """A layer by its readouts, whose forms all fast schedules are made of."""

    layer: Layer

    @cached_property
    def readouts(self) -> Readouts:
        return readouts(self.layer)

    @cached_property
    def forms(self) -> dict[str, _Part]:
        return {name: _Part.of(layer) for name, layer in self.readouts.layers}

    def combined(self, make: Maker) -> ir.Function:
        """One schedule, put together of those of the readouts; raises NoSchedule, NotAffine."""
        made = [(name, make(part)) for name, part in self.forms.items()]
        return combined(made, self.readouts, self.layer)


_FAST: dict[str, Maker] = {
    "parallel": lambda x: parallel(x.layer, memory(x.space, x.found), x.opaque),
    "chunkwise": lambda x: chunkwise(x.layer, memory(x.space, x.found), x.opaque),
    "associative_scan": lambda x: (
        scan(x.layer, coupled(x.space, x.found), x.opaque)
        if len(x.space.states) > 1
        else associative_scan(x.layer, elementwise(x.space, x.found), x.opaque)
    ),
    "convolution": lambda x: convolution(x.layer, constant(x.space, x.found), x.opaque),
}


def _renamed(layer: Layer) -> Layer:
    """The layer with signals renamed that are called like a variable of the code."""
    local = re.compile(r"[xt]\d+|(factor|term|start|end)_\d+|\w+_[ic]|new_\w+|\w+_new")
    states = {s.name for s in layer.of_kind("state")}
    new = {
        s.name: f"{s.name}_in"
        for s in layer.signals
        if (s.name in LOCALS and not (s.name in states and s.name in "Sh"))
        or local.fullmatch(s.name)
    }
    if not new:
        return layer
    values = {s.name: Input(new[s.name], s.dims) for s in layer.signals if s.name in new}
    roots = rebuild([*layer.step.values(), layer.output], values)
    names = [new.get(name, name) for name in layer.step]
    return replace(
        layer,
        signals=tuple(replace(s, name=new.get(s.name, s.name)) for s in layer.signals),
        step=dict(zip(names, roots, strict=False)),
        output=roots[-1],
        start={new.get(k, k): new.get(v, v) for k, v in layer.start.items()},
        carried=None if layer.carried is None else new.get(layer.carried, layer.carried),
        matrices=(),
    )


def _sizes(layer: Layer, leader: str) -> tuple[tuple[str, str, str, int], ...]:
    found: dict[str, tuple[str, str, str, int]] = {}
    taken = {s.name for s in layer.signals} | LOCALS | set(ARGUMENTS)
    for s in [*layer.of_kind("token"), *layer.of_kind("constant")]:
        for i, size in enumerate(s.dims):
            variable = f"{size}_size" if size in taken else size
            if size.isidentifier():
                found.setdefault(size, (size, variable, s.name, i - len(s.dims)))
    if isinstance(layer, KernelLayer):
        for size, array in ((ir.QUERY, leader), (ir.ENTRY, layer.value)):
            found[size] = (size, f"{array}.shape[2]", array, 2)
    return tuple(found.values())


def recurrent(layer: Layer) -> ir.Function:
    """The definition, token after token; what reads no state is computed before the loop."""
    made = shared(layer)
    states = [s.name for s in layer.of_kind("state")]
    new = list(made.step.values())
    roots = [*new, made.output]
    reads = reading(states, *roots)
    varies = reading({s.name for s in layer.of_kind("token")}, *roots)
    shapes = [s.dims for s in layer.of_kind("token")]

    # To compute for all tokens at once: none larger than a token signal. An outer product of two
    # signals stays in the loop: for all tokens it would be as large as all states.
    def early(node: Tensor) -> bool:
        plain = isinstance(node, Input | Number) or _is_broadcast(node)
        small = not node.dims or any(_fits(node.dims, shape) for shape in shapes)
        return node not in reads and node in varies and not plain and small

    named = [(f"x{i + 1}", node) for i, node in enumerate(topmost(roots, early))]
    hoisted = {node: Input(name, node.dims) for name, node in named}
    before = [
        ir.Let(name, ir.Whole(value, value.dims))
        for name, value in named_parts(named, "x", first=len(named))
    ]
    inside = substituted(roots, hoisted)
    # The output as written often reads the new state, which then has been computed already.
    after = {x: Input(f"new_{name}", x.dims) for name, x in zip(states, inside, strict=False)}
    plain = {x: n for x, n in after.items() if not isinstance(x, Input)}
    (output,) = substituted([inside[-1]], plain)
    lets = [(f"new_{name}", x) for name, x in zip(states, inside, strict=False)]
    lets.append(("y", output))
    if len(states) == 1 and states[0] not in inputs(output):
        renamed = rebuild([output], {f"new_{states[0]}": layer[states[0]]})
        lets = [(states[0], inside[0]), ("y", renamed[0])]
    else:
        lets += [(name, Input(f"new_{name}", layer.signal(name).dims)) for name in states]
    used = inputs(*(x for _, x in lets))
    slices = [s.name for s in layer.of_kind("token") if s.name in used]
    slices += [let.name for let in before if let.name in used]
    rename = {name: Input(f"{name}_i", _dims_of(name, layer, before)) for name in slices}
    renamed_lets = [(name, rebuild([x], rename)[0]) for name, x in lets]
    body = tuple(ir.Let(name, x) for name, x in named_parts(renamed_lets, "t"))
    begin = [
        ir.Let(s.name, ir.Start(s.name, layer.start.get(s.name), s.dims))
        for s in layer.of_kind("state")
    ]
    return ir.Function(
        schedule="recurrent",
        doc="One token after the other, as the layer is defined.",
        body=(
            *begin,
            *before,
            ir.Loop(tuple((f"{n}_i", n) for n in slices), body, after=(("y", "ys"),)),
        ),
        output="ys",
        states=tuple((name, name) for name in states),
    )


def associative_scan(layer: Layer, parts: Elementwise, opaque: Mapping[str, Tensor]) -> ir.Function:
    """All states of a chunk at once, entry by entry: for a Λ that is diagonal."""
    decay, term, readout = merged([parts.decay, parts.term, parts.readout], opaque)
    named = named_parts([("factor", decay), ("term", term)], "x", reuse=False)
    return ir.Function(
        schedule="associative_scan",
        doc="All states of a chunk at once, by a scan of every entry over time.",
        body=(
            ir.Let("start", ir.Start(parts.state, layer.start.get(parts.state), parts.dims)),
            *(ir.Let(name, ir.Whole(x, x.dims, thin=name != "term")) for name, x in named),
            ir.Let(parts.state, ir.Scan("factor", "term", "start")),
            ir.Let("end", ir.Last(parts.state, len(parts.dims))),
            *([ir.Let(parts.state, ir.Previous(parts.state, "start"))] if parts.old else []),
            ir.Let("y", ir.Whole(readout, layer.output.dims)),
        ),
        output="y",
        states=((parts.state, "end"),),
        chunk=SCAN_CHUNK,
        blocks=True,
    )


def _is_broadcast(node: Tensor) -> bool:
    return isinstance(node, Reindex) and node.spec.startswith("->")


def _fits(dims: Dims, shape: Dims) -> bool:
    left = list(shape)
    for size in dims:
        if size not in left:
            return False
        left.remove(size)
    return True


def _dims_of(name: str, layer: Layer, before: list[ir.Let]) -> Dims:
    for let in before:
        if let.name == name:
            assert isinstance(let.value, ir.Whole)
            return let.value.dims
    return layer.signal(name).dims
