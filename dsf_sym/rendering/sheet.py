"""What a layer is, for a terminal: signals, state-space form, structure, costs, reference."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import NotAffine
from ..language.graph import inputs
from ..language.kernel import KernelLayer
from ..language.spec import rebuild
from ..language.tensor import Input, shape_text, text
from .report import WIDTH, by_terms, fields, wrap

if TYPE_CHECKING:
    from ..derivation.costs import Costs
    from ..derivation.derive import StateSpace
    from ..language.layer import Layer
    from .render import Style


@dataclass(frozen=True)
class Sheet:
    """A layer with its form, as rows of symbol and text, its structure and its costs as text.

    form: such as ("Λ_i", "α_i I"); names: what stands in it for long parts, entry by entry; notes:
    what the derivation had to say.
    """

    layer: Layer
    equations: str
    input: str
    form: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    structure: str
    properties: str
    costs: dict[str, Any]
    names: tuple[tuple[str, str], ...] = ()

    def lines(self, width: int = WIDTH) -> list[str]:
        """Form, structure and costs."""
        rows = [
            ("form", self.equations),
            *((symbol, by_terms(shown)) for symbol, shown in self.form),
            *((f"with {name}", by_terms(f"= {shown}")) for name, shown in self.names),
            ("where", self.input),
            ("note", "\n".join(self.notes)),
            ("structure", self.structure),
            ("", self.properties),
            ("costs", costs_text(self.costs)),
        ]
        return fields(rows, width)


def sheet(layer: Layer) -> Sheet:
    """Derive what there is to say of a layer: without a form where its step is not affine."""
    from ..derivation.costs import costs
    from ..derivation.derive import derive
    from ..derivation.structure import structure
    from .naming import named

    if isinstance(layer, KernelLayer):
        return _sheet_of_sum(layer)
    try:
        space, read = derive(layer), ""
    except NotAffine:
        try:
            space, read = derive(_step_alone(layer)), _readout(layer)
        except NotAffine as error:
            return _sheet_of_step(layer, str(error).removeprefix(f"{layer.name}: "))
    found, cost, short = structure(space), costs(layer), named(space)
    properties = [
        name if getattr(found, key).holds else f"not {name}"
        for key, name in (
            ("constant_in_time", "constant in time"),
            ("commuting", "commuting"),
            ("symmetric", "symmetric"),
        )
        if getattr(found, key).holds is not None
    ]
    u = "u = 1" if space.u is None else f"u = {space.u.name} {shape_text(space.u.dims)}"
    others = f" (it could be {' or '.join(space.alternatives)})" if space.alternatives else ""
    return Sheet(
        layer,
        _equations(space).split(", y_i")[0] + f", y_i = {read}" if read else _equations(space),
        f"{_state(layer)}; input {u}{others}",
        tuple(row for row in form_rows(short.space, "text") if not read or row[0][0] in "ΛBb"),
        (*space.notes, *_unread(layer)),
        str(found.rewritten(short.space) if short.values else found),
        ", ".join(properties),
        _cost_data(cost),
        tuple(short.rows("text")),
    )


def _readout(layer: Layer) -> str:
    """The output as it is written, over the new states h_i, or the old ones h_{i-1}."""
    new = {
        x: Input(f"{name}_i", x.dims) for name, x in layer.step.items() if not isinstance(x, Input)
    }
    old = {s.name: Input(f"{s.name}_{{i-1}}", s.dims) for s in layer.of_kind("state")}
    return text(*rebuild([layer.output], old, new))


def _state(layer: Layer) -> str:
    parts = [
        f"{s.name} {shape_text(s.dims)} from {layer.start.get(s.name, '0')}"
        for s in layer.of_kind("state")
    ]
    return f"state h = {', '.join(parts)}" if parts else "no state"


def _unread(layer: Layer) -> list[str]:
    """A note on the signals that nothing reads, if any."""
    now = inputs(layer.output)
    kept = [x for s, x in layer.step.items() if s in now or not isinstance(layer, KernelLayer)]
    read = now | inputs(*kept) | set(layer.start.values())
    idle = [s.name for s in layer.signals if s.kind != "state" and s.name not in read]
    return [f"nothing reads {' or '.join(idle)}"] if idle else []


def _sheet_of_step(layer: Layer, reason: str) -> Sheet:
    """A step that is not affine: what it costs, and how it can be compared all the same."""
    from ..derivation.costs import costs

    how = "it is compared by differences that are found, and by maps between states (--map)"
    return Sheet(
        layer,
        f"no state-space form: {reason}",
        _state(layer),
        (),
        (how, *_unread(layer)),
        "",
        "",
        _cost_data(costs(layer)),
    )


def _step_alone(layer: Layer) -> Layer:
    """The layer with its first state for an output."""
    return replace(layer, output=next(iter(layer.step.values())), matrices=())


def _cost_data(cost: Costs) -> dict[str, Any]:
    return {
        "state": str(cost.state),
        "state_bytes": str(cost.state_bytes),
        "flops_per_token": str(cost.flops),
        "functions": {name: str(count) for name, count in cost.functions.items()},
        "parameters": str(cost.parameters),
    }


def _sheet_of_sum(layer: KernelLayer) -> Sheet:
    """A sum over the past: its kernel, what it keeps, and how many features the kernel needs."""
    from ..deciding.separability import separability
    from ..derivation.costs import costs
    from ..index.kernels import kernel_form
    from .render import render_form

    weighed = "Σ_{j≤i} κ(i, j) v_j"
    kept = ", ".join(f"{name} = {text(x)}" for name, x in layer.step.items())
    return Sheet(
        layer,
        f"y_i = {weighed}" + " / Σ_{j≤i} κ(i, j)" * layer.normalised,
        f"every token j is kept as {kept}",
        (("κ(i, j)", render_form(kernel_form(layer), "text")),),
        (layer.obstacle, *_unread(layer)),
        f"no finite state found; features φ(q)·ψ(k) of κ: {separability(layer)}",
        "",
        _cost_data(costs(layer)),
    )


def _equations(space: StateSpace) -> str:
    """What Λ, B, C, D multiply."""
    if space.denominator is not None:
        return f"{_equations(replace(space, denominator=None))} over the same of C', D'".replace(
            "y_i = ", "y_i = N_i / N'_i, N_i = "
        )
    new = "Λ_i h_{i-1} + B_i u_i" + " + b_i" * any(space.free.values())
    if space.C is not None:
        return f"h_i = {new}, y_i = C_i h_i + D_i u_i{' + d_i' if space.free_output else ''}"
    return f"h_i = {new}, y_i = R_i h_{{i-1}} + E_i u_i{' + e_i' if space.free_old else ''}"


def form_rows(space: StateSpace, style: Style) -> list[tuple[str, str]]:
    """Λ, B, C, D with what they are; only what is not zero where there are several states.

    Without a readout from the new state, R and E: `y_i = R_i h_{i-1} + E_i u_i`.
    """
    from .render import render_form, render_operator

    latex = style == "latex"
    lam, several = r"\Lambda" if latex else "Λ", len(space.states) > 1
    y = len(space.y_dims)

    def label(letter: str, *states: str) -> str:
        inside = ",".join(states)
        if not several or not inside:
            return f"{letter}_i"
        bare = letter.removesuffix("'")
        prime = r"\prime" if bare != letter else ""
        return rf"{bare}_i^{{{prime}({inside})}}" if latex else f"{letter}_i[{inside}]"

    rows = []
    for s in space.states:
        n = len(s.dims)
        for column in space.states:
            form = space.Lam.get((s.name, column.name))
            if form is not None or not several:
                shown = "0" if form is None else render_operator(form, n, style)
                rows.append((label(lam, s.name, column.name), shown))
    for s in space.states:
        n = len(s.dims)
        if space.B[s.name] or not several:
            rows.append((label("B", s.name), render_operator(space.B[s.name], n, style)))
        if space.free[s.name]:
            rows.append((label("b", s.name), render_form(space.free[s.name], style)))
    for part, mark in ((space, ""), (space.denominator, "'")):
        if part is None:
            continue
        new = part.C is not None and part.D is not None
        readouts, skip = (part.C, part.D) if new else (part.R, part.E)
        rest = part.free_output if new else part.free_old
        assert readouts is not None and skip is not None
        for s in space.states:
            if s.name in readouts or not several:
                form = readouts.get(s.name)
                shown = "0" if form is None else render_operator(form, y, style)
                rows.append((label(("C" if new else "R") + mark, s.name), shown))
        rows.append((label(("D" if new else "E") + mark), render_operator(skip, y, style)))
        if rest:
            rows.append((label(("d" if new else "e") + mark), render_form(rest, style)))
    return rows


def latex_form(space: StateSpace) -> str:
    """Λ, B, C, D as one LaTeX formula, then what the names in it stand for, entry by entry."""
    from .naming import named

    short = named(space)
    every = [*form_rows(short.space, "latex"), *short.rows("latex")]
    rows = [rf"{symbol} &= {shown}" for symbol, shown in every]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def latex_of(layer: Layer) -> str:
    """What defines a layer as one LaTeX formula: Λ, B, C, D, or the kernel of a sum. NotAffine."""
    from ..derivation.derive import derive

    if not isinstance(layer, KernelLayer):
        return latex_form(derive(layer))
    from ..index.kernels import kernel_form
    from .render import render_form

    top, bottom = r"\sum_{j \le i} \kappa(i, j)\, v_j", r"\sum_{j \le i} \kappa(i, j)"
    y = rf"\frac{{{top}}}{{{bottom}}}" if layer.normalised else top
    kernel = render_form(kernel_form(layer), "latex")
    rows = [rf"y_i &= {y}", rf"\kappa(i, j) &= {kernel}"]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def costs_text(costs: dict[str, Any]) -> str:
    """The costs in one sentence."""
    weights = "no" if costs["parameters"] == "0" else costs["parameters"]
    calls = ", ".join(f"{name} {count}" for name, count in costs["functions"].items())
    return (
        f"state {costs['state']} numbers, {costs['state_bytes']} bytes in float32; "
        f"{costs['flops_per_token']} FLOPs a token"
        + (f" and calls of {calls}" if calls else "")
        + f"; {weights} parameter{'s' * (costs['parameters'] != '1')}"
    )


def title_lines(layer: Layer, reference: str, width: int = WIDTH) -> list[str]:
    """The layer's name, where it is from, and what its author says of it."""
    own = layer.title if layer.title != layer.name.replace("_", " ") else ""
    tail = own if reference == layer.name else f"in {reference}" if ".py" in reference else own
    head = wrap(f"{layer.name}: {tail}" if tail else layer.name, width)
    doc = layer.doc.splitlines()
    return head + [line for part in doc for line in wrap(part, width, first="  ")]


def signal_rows(layer: Layer, width: int = WIDTH) -> list[str]:
    """A table of the signals with the paper's own names."""
    state = "cache" if isinstance(layer, KernelLayer) else "state"
    kinds = {"state": state, "token": "token", "constant": "weight"}
    renamed = any(layer.names.get(s.name, s.name) != s.name for s in layer.signals)
    rows = [("signal", "in the paper", "kind", "shape", "domain")]
    for s in layer.signals:
        printed = layer.names.get(s.name, s.name)
        rows.append((s.name, printed, kinds[s.kind], shape_text(s.dims), str(s.domain)))
    columns = [0, 1, 2, 3, 4] if renamed else [0, 2, 3, 4]
    widths = [max(len(row[i]) for row in rows) for i in columns]
    out = []
    for row in rows:
        cells = [f"{row[i]:<{w}}" for i, w in zip(columns, widths, strict=True)]
        out += (
            wrap("  ".join(cells).rstrip(), width, first="  ")
            if sum(widths) > width - 12
            else ["  " + "  ".join(cells).rstrip()]
        )
    return out


def reference(layer: Layer) -> str:
    """Where the layer is from: what its file's docstring ends with, where that has a year."""
    try:
        tree = ast.parse(Path(layer.source).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return layer.cite
    last = (ast.get_docstring(tree) or "").split("\n\n")[-1]
    found = " ".join(last.split())
    dated = any(c.isdigit() for c in found) and layer.cite
    return f"{found} [{layer.cite}]" if dated else layer.cite
