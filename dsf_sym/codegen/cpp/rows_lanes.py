"""The statements of one tile of rows by lanes, as C++: what it holds, reads, and hands back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ...language.tensor import Dims, Input, Tensor
from ..c_family import entry, identifier, size
from ..passes import Sink
from ..tiles import Factor, Tiles
from .tokens import Token


class TileLines:
    """A step over tiles: `lanes` in vectors, `rows` one after the other.

    formed: the factors that are formed where they are read, over others and signals.
    """

    def __init__(self, made: Tiles) -> None:
        self.made = made
        self.layer = made.layer
        self.lanes, self.rows = made.lanes, made.rows
        self.n = size(self.rows) if self.rows else "1"
        self.d = size(self.lanes)
        self.whole_constants = [f for f in made.factors if f.constant and len(f.dims) == 2]
        self.formed: Mapping[str, Tensor] = {}

    @property
    def bounds(self) -> Mapping[str, tuple[str, str]]:
        """The first and last index along an axis of which a task has a part."""
        return {}

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

    def factor(self, name: str) -> Factor | None:
        """The factor of that name."""
        return next((f for f in self.made.factors if f.name == name), None)

    def reads(self, states: str) -> dict[str, str]:
        """The text of every input of a token's statements; states: "now" or "past"."""
        out: dict[str, str] = {}
        for f in self.made.factors:
            row, lane = self.has(f.dims)
            p = f"b.at_{f.name}"
            if row and lane:
                out[f.name] = f"fixed_{f.name}[r * C + c]"
                continue
            if f.name in self.formed:
                continue
            step = "" if f.constant else f"t * {self.n if row else self.d if lane else '1'} + "
            at = f"{step}{'r0 + r' if row else 'l0 + c * W' if lane else '0'}"
            out[f.name] = f"read<TAIL>({p} + {at}, lanes)" if lane else f"{p}[{at}]"
        for name, value in self.formed.items():
            out[name] = entry(value, [""], lambda x, _: out.get(x.name) or self.signal(x))
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

    def signal(self, x: Input) -> str:
        """A vector of a signal's lanes, or a number of one without axes."""
        p = f"b.x.{identifier(x.name)}"
        token = self.layer.signal(x.name).kind == "token"
        if not x.dims:
            return f"{p}[{'b.t0 + t' if token else '0'}]"
        step = f"(b.t0 + t) * {self.d} + " if token else ""
        return f"read<TAIL>({p} + {step}l0 + c * W, lanes)"

    def token(self, states: str) -> Token:
        """The printer of one token's statements."""
        parts = {f"adjoint_{n}" for n in self.made.states if not self.has(self.made.dims(n))[1]}
        parts |= {f"adjoint_{n}" for n, x in self.made.sums.items() if self.lanes not in x.dims}
        unroll = ["#pragma GCC unroll 8"] if self.made.split else []
        loop = [*unroll, "for (long r = 0; r < rows; ++r)"]
        fixed = frozenset(f.name for f in self.made.factors if f.constant)
        return Token(self.rows, self.lanes, self.reads(states), frozenset(parts), fixed, loop)

    def head(self, name: str) -> str:
        """The head of a function over one tile."""
        rows = "int R, " if self.made.split else ""
        return (
            f"template <{rows}int C, bool TAIL>\n"
            f"static void {name}(const Block& b, long r0, long l0, long lanes) {{"
        )

    def declared(self) -> list[str]:
        """The rows of a tile, and its part of the constants of rows by lanes."""
        m = self.made
        out = ["const Size size = b.size;", f"const long pitch = whole({self.d}); (void)pitch;"]
        out.append("constexpr long rows = R;" if m.split else f"const long rows = {self.n};")
        out.append("(void)rows; (void)r0; (void)lanes; (void)size;")
        for f in self.whole_constants:
            name = f"fixed_{f.name}"
            out.append(f"V {name}[R * C];" if m.split else f"V* const {name} = b.{name};")
            out += self.each_row_lane(
                f"{name}[r * C + c] = load(b.at_{f.name} + (r0 + r) * pitch + l0 + c * W);"
            )
        return out

    def each_row_lane(self, body: str) -> list[str]:
        """The statement for every row and vector of lanes."""
        unroll = ["#pragma GCC unroll 8"] if self.made.split else []
        return [
            *unroll,
            "for (long r = 0; r < rows; ++r)",
            "    #pragma GCC unroll 8",
            f"    for (int c = 0; c < C; ++c) {body}",
        ]

    def each_row(self, body: str) -> list[str]:
        """The statement for every row."""
        unroll = ["#pragma GCC unroll 8"] if self.made.split else []
        return [*unroll, f"for (long r = 0; r < rows; ++r) {body}"]

    def each_lane(self, body: str) -> list[str]:
        """The statement for every vector of lanes."""
        return ["#pragma GCC unroll 8", f"for (int c = 0; c < C; ++c) {body}"]

    def states_in(self, kind: str) -> list[str]:
        """Declare and load the states ("memory"), or their adjoints ("lambda"), of one tile."""
        m = self.made
        out: list[str] = []
        back = kind == "lambda"
        for name in m.states:
            row, lane = self.has(m.dims(name))
            vector = lane or back
            cells = " * ".join((["R"] if row else []) + (["C"] if lane else [])) or "1"
            work = f"b.{'adjoint' if back and lane else 'work'}_{name}"
            if m.split or not row:
                out.append(f"{'V' if vector else 'T'} {name}_[{cells}];")
            elif back and not lane:
                out.append(f"V* const {name}_ = b.lambda_{name} + (l0 / W) * rows;")
                continue
            else:
                out.append(f"{'V' if vector else 'T'}* const {name}_ = {work};")
            p = f"b.{kind}_{name}"
            if back and not lane:
                at = f"(l0 / W) * {self.n if row else '1'}"
                body = f"{name}_[r] = {p}[{at} + r0 + r];" if row else f"{name}_[0] = {p}[{at}];"
                out += self.each_row(body) if row else [body]
            elif row and lane:
                body = f"{name}_[r * C + c] = load({p} + (r0 + r) * pitch + l0 + c * W);"
                out += self.each_row_lane(body)
            elif row:
                out += self.each_row(f"{name}_[r] = {p}[r0 + r];")
            elif lane:
                out += self.each_lane(f"{name}_[c] = load({p} + l0 + c * W);")
            else:
                out.append(f"{name}_[0] = {p}[0];")
        return out

    def states_out(self, kind: str) -> list[str]:
        """Store the states, or their adjoints, of one tile."""
        m = self.made
        out: list[str] = []
        back = kind == "lambda"
        for name in m.states:
            row, lane = self.has(m.dims(name))
            p = f"b.{kind}_{name}" if lane or back else f"b.next_{name}"
            if back and not lane:
                if row and not m.split:
                    continue
                at = f"(l0 / W) * {self.n if row else '1'}"
                body = f"{p}[{at} + r0 + r] = {name}_[r];" if row else f"{p}[{at}] = {name}_[0];"
                out += self.each_row(body) if row else [body]
            elif row and lane:
                cell = self.kept(name, kind, f"{name}_[r * C + c]")
                out += self.each_row_lane(f"store({p} + (r0 + r) * pitch + l0 + c * W, {cell});")
            elif row:
                out += self.each_row(f"{p}[r0 + r] = {self.kept(name, kind, f'{name}_[r]')};")
            elif lane:
                cell = self.kept(name, kind, f"{name}_[c]")
                out += self.each_lane(f"store({p} + l0 + c * W, {cell});")
            else:
                out.append(f"{p}[0] = {self.kept(name, kind, f'{name}_[0]')};")
        return out

    def cell(self, name: str) -> str:
        """The entry of a state in its tile."""
        row, lane = self.has(self.made.dims(name))
        return " + ".join((["r * C"] if lane else ["r"]) * row + ["c"] * lane) or "0"

    def moved(self) -> list[Sink]:
        """The new states in place of the old."""
        return [
            Sink(x, f"{n}_[{self.cell(n)}] = {{}};", late=True) for n, x in self.made.step.items()
        ]

    def zeros(self) -> list[str]:
        """Let the sums of some lanes begin."""
        out = []
        for name, x in self.made.sums.items():
            lane = self.lanes in x.dims
            kind, each = ("V", " * C") if lane else ("T", "")
            out.append(f"for (long i = 0; i < b.steps{each}; ++i) b.sum_{name}[i] = {kind}{{}};")
        return out

    def over_rows(self, function: str, most: str) -> Iterator[str]:
        """Call a tile's function for all rows of the task."""
        first, last = self.bounds.get(self.rows or "", ("0", self.n))
        yield f"    long r = {first};"
        yield f"    for (; r + {most} <= {last}; r += {most})"
        yield f"        {function}<{most}, C, TAIL>(b, r, l0, lanes);"
        yield f"    for (; r < {last}; ++r)"
        yield f"        {function}<1, C, TAIL>(b, r, l0, lanes);"

    def over_lanes(self, function: str, most: str) -> Iterator[str]:
        """Call a kernel for all lanes of the task."""
        first, last = self.bounds.get(self.lanes, ("0", self.d))
        yield f"    for (long l = {first}; l < {last};) {{"
        yield f"        const long left = {last} - l;"
        yield f"        if (left >= {most} * W) {{"
        yield f"            {function}<{most}, false>(b, 0, l, {most} * W);"
        yield f"            l += {most} * W;"
        yield "        } else {"
        yield f"            {function}<1, true>(b, 0, l, least(left, W));"
        yield "            l += W;"
        yield "        }"
        yield "    }"

    def kept(self, name: str, kind: str, cell: str) -> str:
        """What is stored of an entry of a state."""
        return cell

    def summing(self) -> list[Sink]:
        """The sums over the rows of a tile added to those of the others."""
        out = []
        for name, x in self.made.sums.items():
            lane = self.lanes in x.dims
            at = "t * C + c" if lane else "t"
            out.append(Sink(x, f"b.sum_{name}[{at}] += {{}};"))
        return out


_ARRAY = re.compile(r"\bb\.((?:[xg]\.)?\w+)\[")


def with_pointers(lines: Sequence[str]) -> list[str]:
    """The loops with the pointers of a block as variables: no store of theirs can change those.

    Without them compilers read a member anew for every entry, and gather what lies in order.
    """
    names = dict.fromkeys(x for line in lines for x in _ARRAY.findall(line))
    declared = [f"auto* const {x.replace('.', '_')} = b.{x};" for x in names]
    declared.append("const long t0 = b.t0; (void)t0;")
    moved = [_ARRAY.sub(lambda m: m[1].replace(".", "_") + "[", line) for line in lines]
    moved = [line.replace("b.t0", "t0") for line in moved]
    return ["{", *indented([*declared, *moved]), "}"] if lines else []


def indented(lines: Iterable[str], depth: int = 1) -> list[str]:
    """The lines moved to the right, but for those of the preprocessor."""
    return [("    " * depth + x) if not x.startswith("#") else x for x in lines]
