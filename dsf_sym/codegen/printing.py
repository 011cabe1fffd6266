"""Operations, functions and modules as text; a target adds names and helpers to this."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from ..language.graph import walk
from ..language.layer import Signal
from ..language.tensor import Dims, Input, Tensor
from . import ir
from .expressions import ATOM, ExpressionPrinter, tight
from .helpers import helpers


class Printer(ExpressionPrinter):
    """One target; subclasses name the library's functions."""

    name = ""
    imports: tuple[str, ...] = ()

    def cuts(self, text: str) -> str:
        """The chunks of an array along axis 2."""
        raise NotImplementedError

    def repeated(self, text: str, count: str, axis: int) -> str:
        """Every entry along an axis `count` times."""
        raise NotImplementedError

    def operation(self, value: ir.Operation) -> str:
        """The right-hand side of an assignment."""
        match value:
            case ir.Whole(value=node, merged=merged, thin=thin):
                whole = thin and self.varies(node)
                shown = self.expression(node) if whole else self.everywhere(node)
                if not merged:
                    return shown[0]
                text = tight(shown, ATOM)
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
            case ir.SolvedEach(lower=lower, rates=rates, right=right):
                return f"_solved_each({lower}, {rates}, {right})"
            case ir.Scan(factor=factor, term=term, start=start):
                return f"_scan({factor}, {term}, {start})"
            case ir.Constant(value=node, dims=dims):
                text = self.expression(node)[0]
                if not any(isinstance(x, Input) for x in walk(node)):
                    text = self.constant(text)
                return self.broadcast(text, f"({', '.join(['H', '1', *map(self.size, dims)])})")
            case (
                ir.Convolution(factors=factors, terms=terms, starts=starts)
                | ir.ScanTogether(factors=factors, terms=terms, starts=starts)
            ):
                rows = ", ".join(_listed([x or "None" for x in row]) for row in factors)
                called = "_convolution" if isinstance(value, ir.Convolution) else "_scan_together"
                return f"{called}([{rows}], {_listed(terms)}, {_listed(starts)})"
            case ir.Item(source=source, index=index):
                return f"{source}[{index}]"
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
            case ir.Joined(given=given, new=new):
                both = f"{self.concatenate}([{self.given(given)}, {new}], 2)"
                return f"{new} if state is None else {both}"
            case ir.Seen(source=source, features=features, least=least):
                return f"_seen({source}, {-features}, {f'-{self.library}.inf' if least else 0})"
            case ir.BelowLargest(source=source, features=features):
                return f"_below_largest({source}, {1 - features})"
            case _:
                return self.expression(value)[0]

    @cached_property
    def inputs(self) -> list[tuple[str, Signal]]:
        """Tokens and constants, under the names that they have as arguments."""
        pairs = zip(self.program.arguments, self.program.signals, strict=True)
        return [(own, s) for own, s in pairs if s.kind != "state"]

    @cached_property
    def states(self) -> list[str]:
        """The names of the states."""
        return [s.name for s in self.program.signals if s.kind == "state"]

    def given(self, state: str) -> str:
        """The initial value of one state."""
        return "state" if len(self.states) == 1 else f"state[{self.states.index(state)}]"

    def lines(self, function: ir.Function) -> Iterator[str]:
        """The body of a function."""
        self.in_loop = function.by_position
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
        self.in_loop = False

    def loop(self, loop: ir.Loop) -> Iterator[str]:
        """A loop over slices along time; what it keeps is stacked after it."""
        collected = [*loop.before, *loop.after]
        yield from (f"{kept} = []" for _, kept in collected)
        names = ", ".join(name for name, _ in loop.over)
        sources = [self.along_time(source) for _, source in loop.over]
        head = f"for {names} in zip({', '.join(sources)}, strict=True):"
        if len(sources) == 1:
            yield f"for {names} in {sources[0]}:"
        elif len(head) <= 92:
            yield head
        else:
            yield f"for {names} in zip("
            yield from (f"    {source}," for source in sources)
            yield "    strict=True,"
            yield "):"
        self.in_loop = True
        self.varying |= {name for name, _ in loop.over}
        yield from (f"    {kept}.append({x})" for x, kept in loop.before)
        for let in loop.body:
            if not isinstance(let.value, Tensor):
                text = self.operation(let.value)
            elif (let.name, "ys") in loop.after:
                text = self.everywhere(let.value)[0]
            else:
                text = self.expression(let.value, True)[0]
            self.varying.add(let.name)
            yield f"    {let.name} = {text}"
        yield from (f"    {kept}.append({x})" for x, kept in loop.after)
        self.in_loop = False
        for _, kept in collected:
            yield f"{kept} = {self.library}.stack({kept}, 2)"
            self.varying.add(kept)

    def function(self, function: ir.Function) -> str:
        """The text of one function."""
        if function.calls:
            return self.call(function)
        body = list(self.lines(function))
        used = set(re.findall(r"[A-Za-z_]\w*", "\n".join(body)))
        sizes = [
            f"{variable} = {array}.shape[{at}]"
            for _, variable, array, at in self.program.sizes
            if variable in used and variable != function.beside
        ]
        renamed = [f"{s.name} = {own}" for own, s in self.inputs if own != s.name]
        cut = function.chunk is not None and not function.blocks
        body = (["chunk = min(chunk, L)"] if cut else []) + body
        head = [
            *renamed,
            *self.beside(function),
            *self.lead(used | ({"L"} if cut else set())),
            *sizes,
        ]
        arguments = [own for own, _ in self.inputs]
        ends, output = [name for _, name in function.states], function.output
        if function.beside:
            count = self.size_names[function.beside]
            ends = [f"_parted({name}, {count}, 2)" for name in ends]
            output = f"_parted({output}, {count}, 3)"
        result = ends[0] if len(ends) == 1 else f"({', '.join(ends)})"
        chunk = [f"chunk={function.chunk}"] if function.chunk else []
        called = f"_{function.schedule}_of_chunk" if function.blocks else function.schedule
        own = ["state"] if function.blocks else ["state=None", *chunk]
        out = [
            f"def {called}({', '.join([*arguments, *own])}):",
            f'    """{function.doc}"""',
            *(f"    {x}" for line in [*head, *body] for x in wrapped(line, 96)),
            f"    return {output}, {result}",
        ]
        if function.blocks:
            out = [*self.blocks(function, called), "", "", *out]
        return "\n".join(out) + "\n"

    def call(self, function: ir.Function) -> str:
        """The function that is another for chunks of another length."""
        arguments = ", ".join(own for own, _ in self.inputs)
        return (
            f"def {function.schedule}({arguments}, state=None):\n"
            f'    """{function.doc}"""\n'
            f"    return {function.calls}({arguments}, state, chunk={function.chunk})\n"
        )

    def beside(self, function: ir.Function) -> Iterator[str]:
        """The lines that make an axis of the signals and states part of that of the heads."""
        if not function.beside:
            return
        _, count, array, at = next(x for x in self.program.sizes if x[0] == function.beside)
        yield f"{count} = {array}.shape[{at}]"
        for _, s in self.inputs:
            heads, own = (1, 3) if s.kind == "token" else (0, 1)
            if s.dims[:1] == (function.beside,):
                yield f"{s.name} = _merged({s.name}, {heads}, {own})"
            else:
                yield f"{s.name} = {self.repeated(s.name, count, heads)}"
        one = len(self.states) == 1
        merged = "_merged(state, 1, 2)" if one else "tuple(_merged(x, 1, 2) for x in state)"
        yield f"state = None if state is None else {merged}"

    def blocks(self, function: ir.Function, called: str) -> list[str]:
        """The function that runs another on one chunk of time after the other."""
        tokens = [own for own, s in self.inputs if s.kind == "token"]
        given = [f"{own}_c" if own in tokens else own for own, _ in self.inputs]
        names = ", ".join(f"{name}_c" for name in tokens)
        head = f"def {function.schedule}({', '.join(own for own, _ in self.inputs)}, state=None"
        one = len(tokens) == 1
        return [
            f"{head}, chunk={function.chunk}):",
            '    """One chunk of tokens after the other, each handing its state to the next."""',
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
        known = helpers(self.name, self.library)
        copied: dict[str, str] = {}
        todo = "\n".join(texts)
        while called := {n for n in re.findall(r"\b_\w+", todo) if n in known and n not in copied}:
            copied |= {n: helper(n, known, log=log) for n in called}
            todo = "\n".join(copied[n] for n in called)
        schedules = "".join(f'    "{f.schedule}": {f.schedule},\n' for f in self.program.functions)
        parts = ["\n".join(self.imports) + "\n", *texts]
        parts += [copied[n] for n in known if n in copied]
        return "\n\n".join(parts) + f"\n\nSCHEDULES = {{\n{schedules}}}\n"


def helper(name: str, known: Mapping[str, str], *, log: bool) -> str:
    """The text of a helper; decays are multiplied, or, where `log`, their logarithms summed."""
    if name == "_products" and log:
        return known["_products_of_logs"].replace("_products_of_logs", name)
    return known[name].replace("NEUTRAL", "0" if log else "1")


def _listed(names: Iterable[str]) -> str:
    return f"[{', '.join(names)}]"


def wrapped(line: str, width: int) -> list[str]:
    """A long assignment broken before operators, the outermost first, in parentheses."""
    if len(line) <= width or " = " not in line:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    target, value = line.split(" = ", 1)
    called = re.fullmatch(r"_\w+\((.*)\)", value)
    if called:
        arguments = [x.removeprefix(",").strip() for x in _broken(called[1], (", [",), 0)]
        opened = value[: called.start(1)]
        return [f"{target} = {opened}", *(f"{indent}    {x}," for x in arguments), f"{indent})"]
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
        if depth == at and i and value.startswith(operators, i):
            out.append(value[start:i].strip())
            start = i
    return [*out, value[start:].strip()]


def dims_text(lead: str, dims: Dims) -> str:
    """A shape for documentation."""
    return f"[{', '.join([lead, *dims])}]" if dims else f"[{lead}]"


def shape_line(signal: Signal, *, cached: bool = False) -> str:
    """One line of the header: a signal and its shape. cached: a state is a cache of P entries."""
    kept = "B, H, P" if cached else "B, H"
    lead = {"token": "B, H, L", "constant": "H", "state": kept}[signal.kind]
    return f"{signal.name}: {dims_text(lead, signal.dims)}, {signal.domain}"
