"""Attention by its kernel: a sum over the past of the values, weighed by a kernel.

`y_i = Σ_{j≤i} κ(q_i, k_j) v_j`, over `Σ_{j≤i} κ(q_i, k_j)` where normalised. Such a layer keeps the
key and the value of every token: a cache that grows, in place of a state of fixed size.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

from ..errors import LanguageError, NotAffine, UnknownName
from .declare import Vec
from .domains import Domain, Interval
from .functions import ones
from .graph import inputs, walk
from .layer import Layer, Signal, declared_signals, nearest, validate
from .ranges import ranges
from .spec import rebuild
from .symbol import on_symbols
from .tensor import Function, Input, Product, Tensor, lift, multiply, shape_text, text

PAST = "_j"
QUERY, KEY = "query", "key"
TIMES = ("i", "j", "l")


@dataclass(frozen=True, eq=False)
class KernelLayer(Layer):
    """A sum over the past, `y_i = Σ_{j≤i} output(s_i, e_j)`, with entries e_j of a growing cache.

    The states are one entry of the cache, named `k_j`, `v_j`: `step` is the entry that a token adds
    and `output` what one entry contributes to y_i, `κ(q_i, k_j) v_j`.

    value: the state that the kernel weighs. normalised: y_i is divided by the same sum with the
    value 1.
    """

    value: str = f"v{PAST}"
    normalised: bool = True

    @cached_property
    def weight(self) -> Tensor:
        """What an entry of value 1 contributes: the kernel, repeated along the value's axes."""
        return rebuild([self.output], {self.value: ones(*self.signal(self.value).dims)})[0]

    @property
    def kernel(self) -> Tensor:
        """The factor κ(q_i, k_j) beside the value."""
        root = self.output
        if isinstance(root, Product) and _is_input(root.right, self.value):
            return root.left
        return root

    @property
    def obstacle(self) -> str:
        """Why no state of fixed size was found: the function that reads query and key together."""
        reads = sides(self, [self.output])
        mixed = [n for n in reads if isinstance(n, Function) and len(reads[n]) == 2]
        why = f"{text(mixed[0])} reads" if mixed else f"{text(self.kernel)} reads"
        return (
            f"{self.name} has no finite state that was found: {why} the query of one token and a "
            "key of another, so that y_i needs every past key"
        )

    @cached_property
    def open_denominators(self) -> tuple[Tensor, ...]:
        """The sum of the kernel over the past, where it is not shown to exclude zero.

        Raises DomainError where the kernel is undefined.
        """
        inside = ranges(self.step.values(), self.domains)
        entries = {name: Domain(inside[x]) for name, x in self.step.items()}
        found = ranges([self.output, self.weight], {**self.domains, **entries})[self.weight]
        positive, negative = Interval(low=Fraction(0)), Interval(high=Fraction(0))
        if not self.normalised or found.within(positive) or found.within(negative):
            return ()
        return (Input(f"Σ_j {text(self.kernel)}"),)

    @property
    def spec(self) -> dict[str, Any]:
        """The layer as plain data, with the rule of its sum."""
        rule = {"value": self.value, "normalised": self.normalised}
        return {**super().spec, "kernel": rule}

    def tie(
        self, values: Mapping[str, object], known: Mapping[str, Signal], name: str | None = None
    ) -> Layer:
        """The layer with signals replaced; a weight cannot become a signal of the token."""
        for key, value in values.items():
            reads = inputs(lift(value))
            tokens = sorted(n for n in reads if n in known and known[n].kind == "token")
            if self.signal(key).kind == "constant" and tokens:
                raise LanguageError(
                    f"{self.name}.given({key}={text(lift(value))}): {key} is a weight of the "
                    f"kernel and {tokens[0]} is not, so it could be that of the query's token or "
                    "of the key's; make it an argument of the kernel"
                )
        return super().tie(values, known, name)

    def as_printed_in(self, source: str) -> Callable[[Callable[..., object]], Layer]:
        """Refused: there is no finite Λ, B, C, D to print."""
        raise NotAffine(f"{self.obstacle}; give a second kernel with also_written_in({source!r})")

    def also_written_in(self, source: str) -> Callable[[Callable[..., Any]], Layer]:
        """The layer with a second kernel, as `source` writes it, under the decorated function."""

        def add(kernel: Callable[..., Any]) -> Layer:
            if kernel.__name__ != self.name:
                call = f"{self.name}, as written in {source}"
                raise LanguageError(f"{call}: name the function {self.name}, not {kernel.__name__}")
            other = kernel_layer(kernel, normalised=self.normalised)
            return replace(self, others=(*self.others, (source, other)))

        return add


def sides(layer: KernelLayer, roots: Sequence[Tensor]) -> dict[Tensor, frozenset[str]]:
    """What each node below `roots` reads: signals of the query's token, an entry, both or none."""
    tokens = {s.name for s in layer.of_kind("token")}
    found: dict[Tensor, frozenset[str]] = {}
    for node in walk(*roots):
        own: set[str] = set()
        if isinstance(node, Input) and node.name in layer.step:
            own = {KEY}
        elif isinstance(node, Input) and node.name in tokens:
            own = {QUERY}
        found[node] = frozenset(own).union(*(found[child] for child in node.children))
    return found


def kernel_layer(
    kernel: Callable[..., Any],
    *,
    normalised: bool = True,
    title: str = "",
    cite: str = "",
    names: Mapping[str, str] | None = None,
    queries: Sequence[str] = (),
) -> KernelLayer:
    """The sum over the past that a kernel makes, before any state of fixed size is looked for.

    kernel: a function of annotated signals that returns one number. queries: its arguments that
    belong to the current token, the first one where none are given; the other signals are those of
    a past token, and Const[...] are weights. Raises LanguageError for what is not a kernel.
    """
    if isinstance(kernel, Layer) or not inspect.isfunction(kernel):
        raise LanguageError(f"{kernel!r} is not a kernel: write attention above a function κ(q, k)")
    name, signals = kernel.__name__, declared_signals(kernel)
    _check_arguments(name, signals)
    tokens = [s.name for s in signals if s.kind == "token"]
    for query in queries:
        if query not in tokens:
            near = nearest(query, tokens)
            raise UnknownName(
                f"{name}: no argument {query!r}; did you mean {near[0] if near else tokens}?"
            )
    now = set(queries or tokens[:1])
    v = Signal("v", Vec["d"].dims, Vec.domain, "token")
    past = {
        s.name: _entry(s, tokens) for s in [*signals, v] if s.kind == "token" and s.name not in now
    }
    given = {s.name: past.get(s.name, s).tensor for s in signals}
    result = on_symbols(kernel, given)
    if isinstance(result, tuple):
        raise LanguageError(f"{name}: a kernel returns one number, not {len(result)} values")
    weighs = lift(result)
    if weighs.dims:
        raise LanguageError(
            f"{name}: {text(weighs)} is {shape_text(weighs.dims)}, and a kernel is one number for "
            "a query and a key; sum over the axes"
        )
    made = KernelLayer(
        name=name,
        signals=(*past.values(), *signals, v),
        step={entry.name: Input(n, entry.dims) for n, entry in past.items()},
        output=multiply(weighs, past["v"].tensor),
        title=title or name.replace("_", " "),
        doc=inspect.cleandoc(kernel.__doc__ or ""),
        cite=cite,
        carried="v",
        names=dict(names or {}),
        source=inspect.getsourcefile(kernel) or "",
        value=past["v"].name,
        normalised=normalised,
    )
    if KEY not in sides(made, [weighs])[weighs]:
        raise LanguageError(
            f"{name}: {text(weighs)} reads nothing of a past token, so it is no kernel; its "
            f"arguments are of the current token ({', '.join(sorted(now))}) or of a past one"
        )
    validate(made)
    return made


def _check_arguments(name: str, signals: Sequence[Signal]) -> None:
    kinds = [s.kind for s in signals]
    if "state" in kinds:
        raise LanguageError(f"{name}: a kernel has no state; it is a number for a query and a key")
    if "v" in {s.name for s in signals}:
        raise LanguageError(f"{name}: a kernel does not read the value v, which it weighs")
    if kinds.count("token") < 2:
        raise LanguageError(f"{name}: a kernel is a function of a query and a key, κ(q, k)")


def _entry(s: Signal, taken: Sequence[str]) -> Signal:
    name = f"{s.name}{PAST}"
    while name in taken:
        name += "_"
    return replace(s, name=name, kind="state")


def _is_input(x: Tensor, name: str) -> bool:
    return isinstance(x, Input) and x.name == name


def crossed(a: KernelLayer, b: KernelLayer) -> tuple[Layer, Layer]:
    """Two layers without a state whose outputs are equal where what the kernels weigh is.

    At free tokens i, j and l, `c_a(i, j)` and `c_b(i, j)` for sums that are not normalised, else
    `c_a(i, j) w_b(i, l)` and `c_b(i, j) w_a(i, l)`, with c what token j contributes to y_i and w
    the same for the value 1. Then the sums over j, or their ratios, are equal too.
    """
    weights = [s.name for x in (a, b) for s in x.of_kind("constant")]
    mark = "__"
    while any(name.endswith(tuple(mark + time for time in TIMES)) for name in weights):
        # A weight of the name that a token gets would be that token.
        mark += "_"
    if not a.normalised:
        left, right = (_at(x, x.output, "j", mark) for x in (a, b))
        return _alone(a, left, mark), _alone(b, right, mark)
    over = [_at(x, x.weight, "l", mark) for x in (b, a)]
    left, right = (
        multiply(_at(x, x.output, "j", mark), w) for x, w in zip((a, b), over, strict=True)
    )
    return _alone(a, left, mark, b), _alone(b, right, mark, a)


def _at(layer: KernelLayer, root: Tensor, then: str, mark: str) -> Tensor:
    """An expression over an entry, with the entry of token `then` in the sum of token i."""
    tokens = layer.of_kind("token")
    now, past = ({s.name: _moved(s, mark + time).tensor for s in tokens} for time in ("i", then))
    entries = dict(zip(layer.step, rebuild(list(layer.step.values()), past), strict=True))
    return rebuild([root], {**now, **entries})[0]


def _moved(s: Signal, mark: str) -> Signal:
    return replace(s, name=s.name + mark)


def _alone(layer: KernelLayer, output: Tensor, mark: str, *others: KernelLayer) -> Layer:
    signals: dict[str, Signal] = {}
    for x in (layer, *others):
        tokens = [_moved(s, mark + time) for s in x.of_kind("token") for time in TIMES]
        signals |= {s.name: s for s in (*tokens, *x.of_kind("constant"))}
    return Layer(layer.name, tuple(signals.values()), {}, output)
