"""What one token does to a tile of rows by lanes, as C++: passes over rows around vectors of lanes.

Values are numbers, one for each row, one vector array for the lanes, or one vector for each row and
lane. A sum over rows ends a pass: what reads it comes in the next. A sum over lanes, which only
adjoints have, stays a vector of parts until it leaves the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...language.graph import walk
from ...language.tensor import Function, Input, Number, Product, Reindex, Tensor
from ..c_family import number, summed
from ..passes import Passes, Sink

LANE_LOOP = ["#pragma GCC unroll 8", "for (int c = 0; c < C; ++c)"]


@dataclass
class Token(Passes):
    """The statements for one token, where `t`, `r` and `c` count.

    parts: inputs that are sums over lanes left as vectors. fixed: inputs that no token enters.
    row_loop: the head of the loop over rows.
    """

    parts: frozenset[str]
    fixed: frozenset[str]
    row_loop: Sequence[str]

    def _lane(self, x: Tensor) -> bool:
        return self.lanes in x.dims

    def _vector(self, x: Tensor) -> bool:
        return self._lane(x) or x in self.partial

    def _analyse(self, sinks: Sequence[Sink]) -> None:
        self.stage = {}
        self.partial: set[Tensor] = set()
        uses: dict[Tensor, int] = {}
        for s in sinks:
            uses[s.value] = uses.get(s.value, 0) + 2
        scopes: dict[Tensor, set[tuple[bool, bool, bool]]] = {}
        for x in self.order:
            below = [self.stage[c] + self._sums(c) for c in x.children]
            self.stage[x] = max(below, default=0)
            named = isinstance(x, Input) and x.name in self.parts
            lane = self._lane(x)
            if not lane and (
                named or self._across(x) or any(c in self.partial for c in x.children)
            ):
                self.partial.add(x)
            for c in x.children:
                uses[c] = uses.get(c, 0) + (2 if summed(x) else 1)
                scopes.setdefault(c, set()).add((self._row(x), lane, x in self.partial))
        self.inlined = {
            x
            for x in self.order
            if uses.get(x, 0) == 1
            and not summed(x)
            and not isinstance(x, Input)
            and scopes.get(x) == {(self._row(x), self._lane(x), x in self.partial)}
        }

    def _ref(self, x: Tensor) -> str:
        """A value where it is used: entry `c` of an array of lanes."""
        if isinstance(x, Number):
            return number(x.value)
        if x in self.inlined:
            return self._term(x)
        name = self.names[x]
        return f"{name}[c]" if self._lane(x) and not self._row(x) else name

    def _term(self, x: Tensor) -> str:
        """What a value is computed by, sums left out; a number along lanes spread to a vector."""
        spread = isinstance(x, Reindex) and self._lane(x) and not self._lane(x.arg)
        return f"every({self._bare(x)})" if spread else self._bare(x)

    def _bare(self, x: Tensor) -> str:
        """The exponential of a product is given the factors, first what changes more often."""
        if not isinstance(x, Function) or x.name != "exp":
            return super()._bare(x)
        sign, product = "", x.arg
        if isinstance(product, Product) and product in self.inlined and _is_sign(product.left):
            sign, product = "-", product.right
        if product not in self.inlined or not isinstance(product, Product) or summed(product):
            return super()._bare(x)
        if isinstance(product.left, Number):
            return super()._bare(x)
        first, second = sorted(product.children, key=self._changes, reverse=True)
        return f"exp_({self._ref(first)}, {sign}{self._ref(second)})"

    def _changes(self, x: Tensor) -> tuple[bool, int]:
        """Whether a token enters a value, and how many axes it has."""
        enters = any(isinstance(i, Input) and i.name not in self.fixed for i in walk(x))
        return enters, len(x.dims)

    def _type(self, x: Tensor) -> str:
        return "V" if self._vector(x) else "T"

    def _name(self, x: Tensor) -> str:
        if isinstance(x, Input):
            return f"{x.name}_i"
        return f"t{len(self.names) + 1}"

    def _between(self, stage: int) -> list[str]:
        """Values without rows that this stage makes known."""
        out: list[str] = []
        for x in self._made(stage):
            self.names[x] = name = self._name(x)
            if self._across(x):
                out += [f"V {name}{{}};", *_lanes([f"{name} += {self._inside(self._term(x))};"])]
            elif self._lane(x):
                out += [f"V {name}[C];", *_lanes([f"{name}[c] = {self._whole(x)};"])]
            else:
                out.append(f"const {self._type(x)} {name} = {self._term(x)};")
        return out

    def _whole(self, x: Tensor) -> str:
        """The value as a vector."""
        text = self._term(x)
        wide = any(self._vector(c) for c in x.children) or isinstance(x, Input)
        return text if wide or text.startswith("every(") else f"every({text})"

    def _inside(self, text: str) -> str:
        return f"inside<TAIL>({text}, lanes)"

    def _sunk(self, sinks: Sequence[Sink]) -> list[str]:
        out: list[str] = []
        for s in sinks:
            text = s.statement.format(self._ref(s.value))
            out += _lanes([text]) if self._lane(s.value) else [text]
        return out

    def _pass(self, stage: int, last: int, sinks: Sequence[Sink]) -> list[str]:
        over = [x for x in self.order if self._sums(x) and self.stage[x] == stage]
        own = self._due(stage, last, sinks)
        needed = set(walk(*over, *(s.value for s in own), known=_Outside(self)))
        inner = [x for x in self.order if x in needed and self._row(x) and x not in self.inlined]
        declared: list[str] = []
        for x in over:
            self.names[x] = name = self._name(x)
            kind = f"V {name}[C]" if self._lane(x) else f"{self._type(x)} {name}"
            declared.append(f"{kind}{{}};")
        rows = {
            x: self._name(x) if isinstance(x, Input) else f"r{i + 1}" for i, x in enumerate(inner)
        }
        kept = dict(self.names)
        self.names |= rows
        before: list[str] = []
        lanes: list[str] = []
        after: list[str] = []
        late: set[Tensor] = set()
        for x in inner:
            if isinstance(x, Number):
                continue
            if self._lane(x):
                lanes.append(f"const V {rows[x]} = {self._whole(x)};")
            elif self._across(x):
                before.append(f"V {rows[x]}{{}};")
                lanes.append(f"{rows[x]} += {self._inside(self._term(x))};")
                late.add(x)
            else:
                after_sum = any(c in late for c in walk(x))
                late |= {x} if after_sum else set()
                text = f"const {self._type(x)} {rows[x]} = {self._term(x)};"
                (after if after_sum else before).append(text)
        for x in over:
            wide = any(self._lane(c) for c in x.children)
            if self._lane(x):
                lanes.append(f"{self.names[x]}[c] += {self._term(x)};")
            elif wide:
                lanes.append(f"{self.names[x]} += {self._inside(self._term(x))};")
            else:
                after.append(f"{self.names[x]} += {self._term(x)};")
        for s in own:
            text = s.statement.format(self._ref(s.value))
            (lanes if self._lane(s.value) else after).append(text)
        self.names = {**kept, **{x: self.names[x] for x in over}}
        body = [*before, *(_lanes(lanes) if lanes else []), *after]
        return [*declared, *self.row_loop, "{", *_indented(body), "}"] if body else declared


def _is_sign(x: Tensor) -> bool:
    return isinstance(x, Number) and x.value == -1


class _Outside:
    """The nodes at which a pass stops looking: those that have no row, and are at hand."""

    def __init__(self, token: Token) -> None:
        self.token = token

    def __contains__(self, x: object) -> bool:
        return isinstance(x, Tensor) and x in self.token.names


def _lanes(body: Sequence[str]) -> list[str]:
    return [*LANE_LOOP[:1], f"{LANE_LOOP[1]} {{", *_indented(body), "}"]


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {x}" for x in lines]
