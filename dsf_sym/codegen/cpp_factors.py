"""What a layer's tiles read and where it lies, and the loops before and after them, as C++."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..language.gradient import adjoints
from ..language.tensor import Dims, Input, walk
from .c_family import count, identifier, linear, size
from .cpp_loops import Lets, LoopPrinter, parted
from .cpp_tokens import Token
from .tiles import Factor, Tiles, adjoint, reverse, seeded, summed_sizes


class TileFactors:
    """The arrays and the factors of one layer."""

    def __init__(self, made: Tiles) -> None:
        self.made = made
        self.layer = made.layer
        self.lanes, self.rows = made.lanes, made.rows
        self.reverse = reverse(made)
        self.n = size(self.rows) if self.rows else "1"
        self.d = size(self.lanes)
        self.tokens = self.layer.of_kind("token")
        self.constants = self.layer.of_kind("constant")
        read = {
            x.name
            for r in self.reverse.from_output.values()
            for x in walk(r)
            if isinstance(x, Input)
        }
        self.sums_again = [n for n in made.sums if n in read]
        self.prelude = parted(
            {f.name: f.value for f in made.factors if not f.constant and f.direct is None}, "part"
        )
        fixed = {f.name: f.value for f in made.factors if f.constant and f.direct is None}
        self.fixed = parted(fixed, "fixed")
        self.whole_constants = [f for f in made.factors if f.constant and len(f.dims) == 2]
        # Lanes may be shared out among threads where nothing before the step mixes them.
        lets = [*self.prelude.lets, *self.fixed.lets]
        self.apart = not any(self.lanes in summed_sizes(x) for _, x in lets)

    def has(self, dims: Dims) -> tuple[bool, bool]:
        """Whether there are rows, lanes."""
        return self.rows in dims, self.lanes in dims

    def canonical(self, dims: Dims) -> str:
        """The number of entries of a state in memory: rows of lanes filled up to whole vectors."""
        row, lane = self.has(dims)
        return " * ".join([self.n] * row + ["pitch"] * lane) or "1"

    def at(self, dims: Dims, row: str, lane: str) -> str:
        """The position of an entry of a state in memory."""
        r, c = self.has(dims)
        if r and c:
            return f"({row}) * pitch + {lane}"
        return row if r else lane if c else "0"

    def order(self, dims: Dims, row: str, lane: str) -> list[str]:
        """The indices of a signal's axes."""
        return [row if x == self.rows else lane for x in dims]

    def fields(self, backward: bool) -> list[tuple[str, str, str]]:
        """What a task keeps: type, name and number of entries."""
        m = self.made
        out: list[tuple[str, str, str]] = []
        for name, x in self.prelude.lets:
            held = self.factor(name) is not None
            out.append(("T", self.let(name), f"{'STEPS * ' if held else ''}({count(x.dims)})"))
        for name, x in self.fixed.lets:
            f = self.factor(name)
            out.append(("T", self.let(name), self.canonical(x.dims) if f else count(x.dims)))
        for f in self.whole_constants:
            if f.direct:
                out.append(("T", self.let(f.name), self.canonical(f.dims)))
            if not m.split:
                out.append(("V", f"fixed_{f.name}", f"{self.n} * MOST"))
        for name in m.sums:
            lane = self.lanes in m.sums[name].dims
            out.append(("V" if lane else "T", f"sum_{name}", "STEPS * MOST" if lane else "STEPS"))
        for name in m.states:
            dims = m.dims(name)
            if not backward:
                out.append(("T", f"memory_{name}", self.canonical(dims)))
                if not self.has(dims)[1]:
                    out.append(("T", f"next_{name}", self.canonical(dims)))
            if not m.split and self.has(dims)[0]:
                kind, each = ("V", " * MOST") if self.has(dims)[1] else ("T", "")
                out.append((kind, f"work_{name}", f"{self.n}{each}"))
        return [*out, *(self.backward_fields() if backward else [])]

    def backward_fields(self) -> Iterator[tuple[str, str, str]]:
        """What only the backward pass keeps."""
        m = self.made
        for name in m.states:
            row, lane = self.has(m.dims(name))
            tall = ("MOST_ROWS" if m.split else self.n) if row else "1"
            kind, wide = ("V", "MOST") if lane else ("T", "1")
            yield kind, f"past_{name}", f"(STEPS + 1) * {tall} * {wide}"
            if lane:
                yield "T", f"lambda_{name}", self.canonical(m.dims(name))
                if row and not m.split:
                    yield "V", f"adjoint_{name}", f"{self.n} * MOST"
            else:
                yield "V", f"lambda_{name}", f"(pitch / W) * {self.n if row else '1'}"
        for name, x in m.sums.items():
            yield "V", f"back_{name}", "STEPS * MOST" if self.lanes in x.dims else "STEPS"
        for f in m.factors:
            row, lane = self.has(f.dims)
            if row and lane:
                yield "T", f"to_{f.name}", self.canonical(f.dims)
                if not m.split:
                    yield "V", f"grown_{f.name}", f"{self.n} * MOST"
            else:
                each = self.n if row else self.d if lane else "1"
                if not lane:
                    yield "V", f"parts_{f.name}", f"STEPS * {each}"
                yield "T", f"to_{f.name}", f"STEPS * {each}"
                if row and m.split:
                    yield "T", f"tiled_{f.name}", f"STEPS * {each}"
                if f.constant:
                    yield "T", f"all_{f.name}", each
        for _, lets in self.finishing().items():
            for name, x in lets.lets:
                yield "T", f"out_{name}", count(x.dims)

    def factor(self, name: str) -> Factor | None:
        """The factor of that name."""
        return next((f for f in self.made.factors if f.name == name), None)

    def let(self, name: str) -> str:
        """The array of a factor or of a part of one."""
        return f"at_{name}"

    def reads(self, states: str) -> dict[str, str]:
        """The text of every input of a token's statements; states: "now" or "past"."""
        out: dict[str, str] = {}
        for f in self.made.factors:
            row, lane = self.has(f.dims)
            p = f"b.at_{f.name}"
            if row and lane:
                out[f.name] = f"fixed_{f.name}[r * C + c]"
                continue
            step = "" if f.constant else f"t * {self.n if row else self.d if lane else '1'} + "
            at = f"{step}{'r0 + r' if row else 'l0 + c * W' if lane else '0'}"
            out[f.name] = f"read<TAIL>({p} + {at}, lanes)" if lane else f"{p}[{at}]"
        for name in self.made.states:
            row, lane = self.has(self.made.dims(name))
            cell = " + ".join((["r * C"] if lane else ["r"]) * row + ["c"] * lane) or "0"
            each = " * ".join(["rows"] * row + ["C"] * lane) or "1"
            if states == "now":
                out[name] = f"{name}_[{cell}]"
            else:
                out[name] = f"b.past_{name}[t * ({each}) + {cell}]"
                out[f"new_{name}"] = f"b.past_{name}[(t + 1) * ({each}) + {cell}]"
                out[f"adjoint_{name}"] = f"{name}_[{cell}]"
        for name, x in self.made.sums.items():
            lane = self.lanes in x.dims
            out[name] = f"b.sum_{name}[t * C + c]" if lane else f"b.sum_{name}[t]"
            out[f"adjoint_{name}"] = f"b.back_{name}[t * C + c]" if lane else f"b.back_{name}[t]"
        out["adjoint_y"] = f"read<TAIL>(b.y + t * {self.d} + l0 + c * W, lanes)"
        return out

    def token(self, states: str) -> Token:
        """The printer of one token's statements."""
        parts = {f"adjoint_{n}" for n in self.made.states if not self.has(self.made.dims(n))[1]}
        parts |= {f"adjoint_{n}" for n, x in self.made.sums.items() if self.lanes not in x.dims}
        unroll = ["#pragma GCC unroll 8"] if self.made.split else []
        loop = [*unroll, "for (long r = 0; r < rows; ++r)"]
        return Token(self.rows, self.lanes, self.reads(states), frozenset(parts), loop)

    def place(self, x: Input, index: Sequence[str]) -> str:
        """An entry of what the loops before and after the tiles read."""
        name = x.name
        f = self.factor(name)
        if name.startswith("adjoint_"):
            own = self.factor(name.removeprefix("adjoint_"))
            assert own is not None
            return self.to(own, x.dims, index)
        if f is not None and f.direct is None and f.constant:
            at = dict(zip(x.dims, index, strict=True))
            row, lane = at.get(self.rows or "", "0"), at.get(self.lanes, "0")
            return f"b.at_{name}[{self.at(x.dims, row, lane)}]"
        if f is not None and f.direct is None:
            return f"b.at_{name}[t * ({count(x.dims)}) + {linear(x.dims, index)}]"
        signal = next((s for s in self.layer.signals if s.name == name), None)
        if signal is not None:
            step = f"(b.t0 + t) * ({count(x.dims)}) + " if signal.kind == "token" else ""
            return f"b.x.{identifier(name)}[{step}{linear(x.dims, index)}]"
        return f"b.at_{name}[{linear(x.dims, index)}]"

    def to(self, f: Factor, dims: Dims, index: Sequence[str]) -> str:
        """The adjoint of a factor at one token, or over all tokens."""
        at = dict(zip(dims, index, strict=True))
        row, lane = at.get(self.rows or "", "0"), at.get(self.lanes, "0")
        if len(dims) == 2:
            return f"b.to_{f.name}[{self.at(dims, row, lane)}]"
        if f.constant:
            return f"b.all_{f.name}[{linear(dims, index)}]"
        return f"b.to_{f.name}[t * ({count(dims)}) + {linear(dims, index)}]"

    def target(self, name: str, index: Sequence[str]) -> str:
        """Where a part of a factor goes."""
        lets = {**self.prelude.dims, **self.fixed.dims}
        return self.place(Input(name, lets[name]), index)

    @property
    def bounds(self) -> dict[str, tuple[str, str]]:
        """The lanes of a task."""
        return {self.lanes: ("b.first", "b.last")}

    def loops(self, lets: Lets) -> list[str]:
        """The loops that compute factors."""
        return list(LoopPrinter(self.place, self.bounds).lines(lets, self.target))

    def finishing(self) -> dict[str, Lets]:
        """What signals are given: through the factors of a token, and through constant ones."""
        out = {}
        names = [s.name for s in (*self.tokens, *self.constants)]
        got = {*self.reverse.factors, *self.reverse.from_output}
        for when, constant in (("token", False), ("end", True)):
            roots = [
                (f.value, adjoint(f.name, f.dims))
                for f in self.made.factors
                if f.constant == constant and f.name in got
            ]
            found = adjoints(seeded(roots), names, kinks=True) if roots else {}
            out[when] = parted({f"{when}_{n}": x for n, x in found.items()}, f"{when}_part")
        return out

    def finished(self, when: str) -> list[str]:
        """The loops that give signals their gradients."""
        lets = self.finishing()[when]
        dims = lets.dims

        def place(x: Input, index: Sequence[str]) -> str:
            if x.name in dims:
                return f"b.out_{x.name}[{linear(x.dims, index)}]"
            return self.place(x, index)

        def target(name: str, index: Sequence[str]) -> str:
            return f"b.out_{name}[{linear(dims[name], index)}]"

        printer = LoopPrinter(place, self.bounds)
        out = list(printer.lines(lets, target))
        for s in (*self.tokens, *self.constants):
            name = f"{when}_{s.name}"
            if name not in dims:
                continue
            step = f"(b.t0 + t) * ({count(s.dims)}) + " if s.kind == "token" else ""
            index = [f"i{a}" for a in range(len(s.dims))]
            sign = "=" if s.kind == "token" else "+="
            whole = linear(s.dims, index)
            body = f"b.g.{identifier(s.name)}[{step}{whole}] {sign} b.out_{name}[{whole}];"
            out += printer.nest(list(zip(index, s.dims, strict=True)), [body])
        return out
