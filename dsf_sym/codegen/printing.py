"""Operations, functions and modules as text; a target adds names and helpers to this."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..language.layer import Signal
from ..language.tensor import Dims, Tensor
from . import ir
from .expressions import ExpressionPrinter


class Printer(ExpressionPrinter):
    """One target; subclasses name the library's functions and give the helpers' text."""

    name = ""
    imports: tuple[str, ...] = ()
    helpers: dict[str, str] = {}  # noqa: RUF012

    def cuts(self, text: str) -> str:
        """The chunks of an array along axis 2."""
        raise NotImplementedError

    # --- operations -------------------------------------------------------------------------------

    def operation(self, value: ir.Operation) -> str:
        """The right-hand side of an assignment."""
        match value:
            case ir.Whole(value=node, merged=merged, thin=thin):
                text = (
                    self.expression(node)[0]
                    if thin and self.varies(node)
                    else self.everywhere(node)
                )
                if not merged:
                    return text
                return f"{text}[..., None]" if not node.dims else f"{text}.reshape(B, H, L, -1)"
            case ir.Chunked(source=source, fill=fill):
                return f"_chunks({source}, chunk, {fill})"
            case ir.Unchunked(source=source):
                return f"_unchunked({source}, L)"
            case ir.FromStart(decay=decay):
                return f"_products({decay.name}, {-2 if decay.keys else -1})"
            case ir.ToEnd(decay=decay):
                return f"_to_end({decay.name}, {-2 if decay.keys else -1})"
            case ir.Ratio(decay=decay, rows=rows):
                return f"_ratio({decay.name})" if decay.name else f"_causal({rows})"
            case ir.Earlier(source=source, fill=fill, features=features):
                return f"_earlier({source}, {-features}, {fill})"
            case ir.Scores(rows=rows, cols=cols, decay=decay, before=before):
                return f"_scores({rows}, {cols}, {decay.name}, {before})"
            case ir.Inverse(matrix=matrix):
                return f"_inverse({matrix})"
            case ir.Scan(factor=factor, term=term, start=start):
                return f"_scan({factor}, {term}, {start})"
            case ir.Previous(source=source, start=start):
                return f"{self.concatenate}([{start}[:, :, None], {source}[:, :, :-1]], 2)"
            case ir.Last(source=source, features=features):
                return f"{source}[..., -1{', :' * features}]"
            case ir.Start(given=given, constant=constant, dims=dims):
                shape = f"({', '.join(['B', 'H', *map(self.size, dims)])})"
                first = self.zeros(shape)
                if constant is not None:
                    first = self.broadcast(constant, shape)
                return f"{first} if state is None else {self.given(given)}"
            case ir.Matrix(source=source, rows=rows, columns=columns, keys=keys, values=values):
                order = (*keys, *values)
                if (len(keys), len(values)) == (1, 1):
                    return source if order == (0, 1) else f"{source}.mT"
                turned = source
                if order != tuple(range(len(order))):
                    turned = self.permute(source, [0, 1, *(2 + a for a in order)])
                return f"{turned}.reshape(B, H, {rows}.shape[-1], {columns}.shape[-1])"
            case ir.FromMatrix(source=source, keys=keys, values=values, dims=dims):
                order = (*keys, *values)
                if (len(keys), len(values)) == (1, 1):
                    return source if order == (0, 1) else f"{source}.mT"
                sizes = ", ".join(self.size(dims[a]) for a in order)
                back = f"{source}.reshape(B, H, {sizes})"
                if order == tuple(range(len(order))):
                    return back
                return self.permute(back, [0, 1, *(2 + order.index(a) for a in range(len(order)))])
            case ir.Features(source=source, dims=dims):
                if len(dims) == 1:
                    return source
                if not dims:
                    return f"{source}[..., 0]"
                return f"{source}.reshape(B, H, L, {', '.join(map(self.size, dims))})"
            case _:
                return self.expression(value)[0]

    def given(self, state: str) -> str:
        """The initial value of one state."""
        states = [s.name for s in self.program.signals if s.kind == "state"]
        return "state" if len(states) == 1 else f"state[{states.index(state)}]"

    # --- functions --------------------------------------------------------------------------------

    def lines(self, function: ir.Function) -> Iterator[str]:
        """The body of a function."""
        self.varying = {s.name for s in self.program.signals if s.kind == "token"}
        for statement in function.body:
            if isinstance(statement, ir.Loop):
                yield from self.loop(statement)
                continue
            text = self.operation(statement.value)
            if not isinstance(statement.value, Tensor) or self.varies(statement.value):
                self.varying.add(statement.name)
            if text != statement.name:
                yield f"{statement.name} = {text}"

    def loop(self, loop: ir.Loop) -> Iterator[str]:
        """A loop over slices along time; what it keeps is stacked after it."""
        collected = [*loop.before, *loop.after]
        yield from (f"{kept} = []" for _, kept in collected)
        names = ", ".join(name for name, _ in loop.over)
        sources = [self.along_time(source) for _, source in loop.over]
        if len(sources) == 1:
            yield f"for {names} in {sources[0]}:"
        elif len(f"for {names} in zip({', '.join(sources)}, strict=True):") <= 92:
            yield f"for {names} in zip({', '.join(sources)}, strict=True):"
        else:
            yield f"for {names} in zip("
            yield from (f"    {source}," for source in sources)
            yield "    strict=True,"
            yield "):"
        self.in_loop = True
        self.varying |= {name for name, _ in loop.over}
        yield from (f"    {kept}.append({x})" for x, kept in loop.before)
        for let in loop.body:
            assert isinstance(let.value, Tensor)
            whole = (let.name, "ys") in loop.after
            text = self.everywhere(let.value) if whole else self.expression(let.value, True)[0]
            self.varying.add(let.name)
            yield f"    {let.name} = {text}"
        yield from (f"    {kept}.append({x})" for x, kept in loop.after)
        self.in_loop = False
        for _, kept in collected:
            yield f"{kept} = {self.library}.stack({kept}, 2)"
            self.varying.add(kept)

    def function(self, function: ir.Function) -> str:
        """The text of one function."""
        body = list(self.lines(function))
        used = set(re.findall(r"[A-Za-z_]\w*", "\n".join(body)))
        sizes = [
            f"{variable} = {array}.shape[{at}]"
            for _, variable, array, at in self.program.sizes
            if variable in used
        ]
        pairs = zip(self.program.arguments, self.program.signals, strict=True)
        renamed = [f"{s.name} = {own}" for own, s in pairs if own != s.name and s.kind != "state"]
        cut = function.chunk is not None and not function.blocks
        body = (["chunk = min(chunk, L)"] if cut else []) + body
        head = [*renamed, *self.lead(used | ({"L"} if cut else set())), *sizes]
        pairs = zip(self.program.arguments, self.program.signals, strict=True)
        arguments = [own for own, s in pairs if s.kind != "state"]
        ends = [name for _, name in function.states]
        result = ends[0] if len(ends) == 1 else f"({', '.join(ends)})"
        chunk = [f"chunk={function.chunk}"] if function.chunk else []
        called = f"_{function.schedule}_of_chunk" if function.blocks else function.schedule
        own = ["state"] if function.blocks else ["state=None", *chunk]
        out = [
            f"def {called}({', '.join([*arguments, *own])}):",
            f'    """{function.doc}"""',
            *(f"    {x}" for line in [*head, *body] for x in wrapped(line, 96)),
            f"    return {function.output}, {result}",
        ]
        if function.blocks:
            out = [*self.blocks(function, arguments, called), "", "", *out]
        return "\n".join(out) + "\n"

    def blocks(self, function: ir.Function, arguments: list[str], called: str) -> list[str]:
        """The function that runs another on one chunk of time after the other."""
        pairs = zip(self.program.arguments, self.program.signals, strict=True)
        tokens = [own for own, s in pairs if s.kind == "token"]
        given = [f"{name}_c" if name in tokens else name for name in arguments]
        names = ", ".join(f"{name}_c" for name in tokens)
        head = f"def {function.schedule}({', '.join([*arguments, 'state=None'])}"
        one = len(tokens) == 1
        return [
            f"{head}, chunk={function.chunk}):",
            '    """A tree over time within chunks; the state is carried from chunk to chunk."""',
            "    ys = []",
            f"    for {names} in {self.cuts(tokens[0])}:" if one else f"    for {names} in zip(",
            *([] if one else [f"        {self.cuts(x)}," for x in tokens]),
            *([] if one else ["        strict=True,", "    ):"]),
            f"        y, state = {called}({', '.join([*given, 'state'])})",
            "        ys.append(y)",
            f"    return {self.concatenate}(ys, 2), state",
        ]

    def lead(self, used: set[str]) -> list[str]:
        """The line that reads batch, heads and time, as far as they are used."""
        shape = f"{self.program.leader}.shape"
        if "L" not in used:
            return [f"B, H = {shape}[:2]"] if used & {"B", "H"} else []
        return [f"B, H, L = {shape}[:3]"] if used & {"B", "H"} else [f"L = {shape}[2]"]

    def module(self) -> str:
        """Imports, the functions, and the helpers that they call."""
        texts = [self.function(f) for f in self.program.functions]
        log = any(
            isinstance(s, ir.Let) and getattr(getattr(s.value, "decay", None), "log", False)
            for f in self.program.functions
            for s in f.body
        )
        helpers: dict[str, str] = {}
        todo = "\n".join(texts)
        while True:
            called = {
                n
                for n in re.findall(r"\b_\w+(?=\()", todo)
                if n in self.helpers and n not in helpers
            }
            if not called:
                break
            helpers |= {n: self.helper(n, log) for n in called}
            todo = "\n".join(helpers[n] for n in called)
        schedules = "".join(f'    "{f.schedule}": {f.schedule},\n' for f in self.program.functions)
        parts = ["\n".join(self.imports) + "\n", *texts]
        parts += [helpers[n] for n in self.helpers if n in helpers]
        return "\n\n".join(parts) + f"\n\nSCHEDULES = {{\n{schedules}}}\n"

    def helper(self, name: str, log: bool) -> str:
        """The text of a helper; decays are multiplied, or their logarithms summed."""
        if name == "_products":
            name = "_products (log)" if log else name
        return self.helpers[name].replace("NEUTRAL", "0" if log else "1").lstrip("\n")


def wrapped(line: str, width: int) -> list[str]:
    """A long assignment broken before operators, the outermost first, in parentheses."""
    if len(line) <= width or " = " not in line:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    target, value = line.split(" = ", 1)
    pieces = [value]
    for depth in range(4):
        for operators in (" + ", " - "), (" * ", " @ ", " / "):
            if max(map(len, pieces)) + len(indent) + 4 > width:
                broken = [_broken(x, operators, depth) for x in pieces]
                pieces = [x for group in broken for x in group]
    return [f"{target} = (", *(f"{indent}    {x}" for x in pieces), f"{indent})"]


def _broken(value: str, operators: tuple[str, ...], at: int) -> list[str]:
    depth, start = 0, 0
    out: list[str] = []
    for i, c in enumerate(value):
        depth += (c in "([") - (c in ")]")
        if depth == at and i and value[i : i + 3] in operators:
            out.append(value[start:i].strip())
            start = i
    return [*out, value[start:].strip()]


def dims_text(lead: str, dims: Dims) -> str:
    """A shape for documentation."""
    return f"[{', '.join([lead, *dims])}]" if dims else f"[{lead}]"


def shape_line(signal: Signal) -> str:
    """One line of the header: a signal and its shape."""
    lead = {"token": "B, H, L", "constant": "H", "state": "B, H"}[signal.kind]
    return f"{signal.name}: {dims_text(lead, signal.dims)}, {signal.domain}"
