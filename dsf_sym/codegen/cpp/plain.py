"""A layer's C++ where its step has no rows and lanes: one token after the other, in loops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...errors import LanguageError
from ...language.gradient import adjoints
from ...language.graph import walk
from ...language.layer import Layer
from ...language.tensor import Dims, Input, Tensor
from ..c_family import count, identifier, linear
from ..opaque import merged, shared, substituted
from ..tiles import adjoint, seeded
from .loops import Lets, LoopPrinter, parted

STEPS = 32


class PlainPrinter:
    """The loops of one layer, which has no tiles, and `why`.

    differentiable: whether every function has a derivative here.
    """

    def __init__(self, layer: Layer, why: str) -> None:
        self.kind = f"a plain loop over tokens: {why}"
        self.layer = layer = shared(layer)
        self.d = "0"
        self.states = layer.of_kind("state")
        self.inputs = [s for s in layer.signals if s.kind != "state"]
        self.kinds = {s.name: s.kind for s in layer.signals}
        new = {f"new_{n}": x for n, x in layer.step.items()}
        roots = dict(zip([*new, "y"], merged([*new.values(), layer.output], {}), strict=True))
        y = roots.pop("y")
        back: dict[str, Tensor] = {}
        self.differentiable = True
        try:
            steps = zip(layer.step, roots.values(), strict=True)
            pairs = [(x, adjoint(n, x.dims)) for n, x in steps]
            pairs.append((y, adjoint("y", y.dims)))
            found = adjoints(seeded(pairs), list(self.kinds), kinks=True)
            back = {f"to_{n}": x for n, x in found.items()}
        except LanguageError:
            self.differentiable = False
        whole = {**roots, "y": y, **back}
        ready = dict(zip(whole, merged(whole.values(), {}), strict=True))
        fixed = self._fixed(list(ready.values()))
        over = dict(zip(ready, substituted(list(ready.values()), fixed), strict=True))
        back = {n: over.pop(n) for n in back}
        self.forward_lets = parted(over, "p")
        self.step_lets = parted({n: x for n, x in over.items() if n != "y"}, "p")
        self.back_lets = parted(back, "p")
        self.fixed = parted({x.name: value for value, x in fixed.items()}, "c")

    def _fixed(self, roots: Sequence[Tensor]) -> dict[Tensor, Input]:
        """The largest parts that read constants only, under names."""
        varies: dict[Tensor, bool] = {}
        bare: dict[Tensor, bool] = {}
        for x in walk(*roots):
            own = isinstance(x, Input) and self.kinds.get(x.name) != "constant"
            varies[x] = own or any(varies[c] for c in x.children)
            bare[x] = not isinstance(x, Input) and all(bare[c] for c in x.children)
        found: dict[Tensor, Input] = {}
        for x in walk(*roots):
            for c in x.children if varies[x] else ():
                if not varies[c] and not isinstance(c, Input) and not bare[c]:
                    found.setdefault(c, Input(f"fixed{len(found) + 1}", c.dims))
        return found

    def in_parts(self, dims: Dims) -> bool:
        """Never: the lanes are not shared out."""
        return False

    def text(self) -> Iterator[str]:
        """The two tasks."""
        yield f"constexpr long STEPS = {STEPS};"
        yield "INLINE long record(const Size& size) {"
        yield f"    return {' + '.join(f'whole({count(s.dims)})' for s in self.states)};"
        yield "}"
        yield ""
        yield from self.forward_task()
        if self.differentiable:
            yield ""
            yield from self.backward_task()

    def place(self, x: Input, index: Sequence[str]) -> str:
        """An entry of a signal, a state, or an intermediate value."""
        at = linear(x.dims, index)
        kind = self.kinds.get(x.name)
        if kind == "state" or kind is None:
            return f"at_{x.name}[{at}]"
        step = f"i * ({count(x.dims)}) + " if kind == "token" else ""
        return f"x.{identifier(x.name)}[{step}{at}]"

    def lines(self, lets: Lets) -> list[str]:
        """The loops of assignments."""
        dims = lets.dims

        def target(name: str, index: Sequence[str]) -> str:
            return f"at_{name}[{linear(dims[name], index)}]"

        return list(LoopPrinter(self.place, {}).lines(lets, target))

    def memory(self, fields: Sequence[tuple[str, str]]) -> Iterator[str]:
        """Take the arrays of a task."""
        rooms = [f"room({n}, sizeof(T))" for _, n in fields]
        yield "    Memory memory;"
        yield f"    if (!memory.get({' + '.join(rooms)})) return false;"
        for name, n in fields:
            yield f"    T* {name} = memory.zeros<T>({n}); (void){name};"

    def fields(self, *groups: Lets) -> list[tuple[str, str]]:
        """The arrays of assignments."""
        return [(f"at_{n}", count(x.dims)) for lets in groups for n, x in lets.lets]

    def forward_task(self) -> Iterator[str]:
        """One sequence from its first token to its last."""
        states = [(f"at_{s.name}", count(s.dims)) for s in self.states]
        out = count(self.layer.output.dims)
        yield "static bool forward_task(const Size& size, const Signals& x, const Given& start,"
        yield "                         T* y, const States& end, T* keep, long, long) {"
        yield from self.memory([*states, *self.fields(self.fixed, self.forward_lets)])
        for s in self.states:
            constant = self.layer.start.get(s.name)
            p = f"start.{identifier(s.name)}"
            other = f"x.{identifier(constant)}[j]" if constant else "T(0)"
            yield f"    for (long j = 0; j < {count(s.dims)}; ++j)"
            yield f"        at_{s.name}[j] = {p} ? {p}[j] : {other};"
        yield "    long i = 0; (void)i;"
        yield from (f"    {x}" for x in self.lines(self.fixed))
        yield "    for (i = 0; i < size.L; ++i) {"
        yield "        if (keep && i % STEPS == 0) {"
        yield "            T* to = keep + i / STEPS * record(size);"
        for s in self.states:
            n = count(s.dims)
            yield f"            __builtin_memcpy(to, at_{s.name}, {n} * sizeof(T));"
            yield f"            to += whole({n});"
        yield "        }"
        yield from (f"        {x}" for x in self.lines(self.forward_lets))
        yield f"        __builtin_memcpy(y + i * ({out}), at_y, {out} * sizeof(T));"
        yield from self.moved(2)
        yield "    }"
        for s in self.states:
            n = count(s.dims)
            yield f"    __builtin_memcpy(end.{identifier(s.name)}, at_{s.name}, {n} * sizeof(T));"
        yield "    return true;"
        yield "}"

    def moved(self, depth: int) -> Iterator[str]:
        """The new states take the place of the old."""
        pad = "    " * depth
        for s in self.states:
            n = count(s.dims)
            yield f"{pad}__builtin_memcpy(at_{s.name}, at_new_{s.name}, {n} * sizeof(T));"

    def backward_task(self) -> Iterator[str]:
        """One sequence from its last token to its first."""
        lets = self.back_lets
        given = lets.dims
        out = count(self.layer.output.dims)
        fields = [(f"past_{s.name}", f"STEPS * ({count(s.dims)})") for s in self.states]
        fields += [(f"at_adjoint_{s.name}", count(s.dims)) for s in self.states]
        yield "static bool backward_task(const Size& size, const Signals& x, const Given& start,"
        yield "                          const T* keep, const T* y, const Given& end,"
        yield "                          const Gradients& g, const States& begin, long, long) {"
        yield "    (void)start;"
        yield from self.memory([*fields, *self.fields(self.fixed)])
        yield from self.memory_of("forward", self.fields(self.step_lets))
        yield from self.memory_of("reverse", self.fields(lets))
        for s in self.states:
            p = f"end.{identifier(s.name)}"
            yield f"    if ({p})"
            yield f"        __builtin_memcpy(at_adjoint_{s.name}, {p}, "
            yield f"                         {count(s.dims)} * sizeof(T));"
        yield "    long i = 0; (void)i;"
        yield from (f"    {x}" for x in self.lines(self.fixed))
        yield "    for (long first = (size.L - 1) / STEPS * STEPS; first >= 0; first -= STEPS) {"
        yield "        const long steps = least(STEPS, size.L - first);"
        yield "        const T* from = keep + first / STEPS * record(size);"
        for s in self.states:
            n = count(s.dims)
            yield f"        __builtin_memcpy(past_{s.name}, from, {n} * sizeof(T));"
            yield f"        from += whole({n});"
        yield "        (void)from;"
        yield "        for (i = first; i + 1 < first + steps; ++i) {"
        yield from (f"            {x}" for x in self.taken("forward", self.fields(self.step_lets)))
        for s in self.states:
            at = f"past_{s.name} + (i - first) * ({count(s.dims)})"
            yield f"            T* const at_{s.name} = {at};"
        yield from (f"            {x}" for x in self.lines(self.step_lets))
        for s in self.states:
            n = count(s.dims)
            to = f"at_{s.name} + {n}"
            yield f"            __builtin_memcpy({to}, at_new_{s.name}, {n} * sizeof(T));"
        yield "        }"
        yield "        for (i = first + steps - 1; i >= first; --i) {"
        yield from (f"            {x}" for x in self.taken("reverse", self.fields(lets)))
        yield f"            const T* const at_adjoint_y = y + i * ({out}); (void)at_adjoint_y;"
        for s in self.states:
            n = count(s.dims)
            yield f"            T* const at_{s.name} = past_{s.name} + (i - first) * ({n});"
            yield f"            (void)at_{s.name};"
        yield from (f"            {x}" for x in self.lines(lets))
        for s in self.states:
            n = count(s.dims)
            value = f"at_to_{s.name}[j]" if f"to_{s.name}" in given else "T(0)"
            yield f"            for (long j = 0; j < {n}; ++j) at_adjoint_{s.name}[j] = {value};"
        for s in self.inputs:
            n = count(s.dims)
            value = f"at_to_{s.name}[j]" if f"to_{s.name}" in given else "T(0)"
            to = f"g.{identifier(s.name)}"
            entry_ = f"{to}[i * ({n}) + j] =" if s.kind == "token" else f"{to}[j] +="
            yield f"            for (long j = 0; j < {n}; ++j) {entry_} {value};"
        yield "        }"
        yield "    }"
        for s in self.states:
            n = count(s.dims)
            to = f"begin.{identifier(s.name)}"
            yield f"    __builtin_memcpy({to}, at_adjoint_{s.name}, {n} * sizeof(T));"
            constant = self.layer.start.get(s.name)
            if constant:
                yield f"    if (!start.{identifier(s.name)})"
                yield f"        for (long j = 0; j < {n}; ++j)"
                yield f"            g.{identifier(constant)}[j] += at_adjoint_{s.name}[j];"
        yield "    return true;"
        yield "}"

    def memory_of(self, name: str, fields: Sequence[tuple[str, str]]) -> Iterator[str]:
        """Arrays that are taken anew under the same names in two loops."""
        rooms = [f"room({n}, sizeof(T))" for _, n in fields] or ["64"]
        yield f"    Memory {name}_memory;"
        yield f"    if (!{name}_memory.get({' + '.join(rooms)})) return false;"
        yield f"    char* const {name}_begin = {name}_memory.next;"

    def taken(self, name: str, fields: Sequence[tuple[str, str]]) -> Iterator[str]:
        """The arrays of one of the loops."""
        yield f"{name}_memory.next = {name}_begin;"
        for own, n in fields:
            yield f"T* const {own} = {name}_memory.take<T>({n}); (void){own};"


__all__ = ["PlainPrinter"]
