"""What is known of each layer of the catalogue, derived and checked when the book is built."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dsf_sym import Layer, derive, minimal
from dsf_sym.codegen import SCHEDULES, TARGETS, generate, program
from dsf_sym.deciding.limits import OutOfTime, within
from dsf_sym.deciding.minimal import Minimal
from dsf_sym.derivation.double_entry import check_matrices
from dsf_sym.errors import DsfError
from dsf_sym.index.normal import step_form
from dsf_sym.rendering.render import render_form
from dsf_sym.rendering.sheet import Sheet, form_rows, reference, sheet
from dsf_sym.schema import layer_data, sheet_data

from .folders import LAYERS

LONGEST = 300
T = TypeVar("T")
Rows = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class LayerFacts:
    """One layer: its update rule and form in LaTeX, structure, costs, state, code, reference.

    update: new value of each state as (symbol, LaTeX). form: rows of Λ, B, C, D as (symbol, LaTeX).
    sheet, minimal, code: text says why there is none. agrees: the sources whose printed matrices
    are proved to be the same. skipped: the schedules that there are not, and why. prose: what its
    file says of it, the reference left out.
    """

    layer: Layer
    sheet: Sheet | str
    update: Rows
    form: Rows
    agrees: tuple[str, ...]
    minimal: Minimal | str
    schedules: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    code: Mapping[str, str] | str
    prose: tuple[str, ...]
    reference: str
    bibtex: str

    @property
    def name(self) -> str:
        """The name of the layer."""
        return self.layer.name

    @property
    def title(self) -> str:
        """The title of the layer, with the ties that make it from another."""
        return ", ".join([self.layer.title, *(f"given {tie}" for tie in self.layer.ties)])


def facts_of(layer: Layer) -> LayerFacts:
    """Derive what there is to say of a layer.

    Raises DsfError where the matrices that a source prints are not proved to be the layer's, and
    where it takes too long: what a page says must not depend on how busy the machine was.
    """
    try:
        return within(LONGEST, lambda: _facts_of(layer))
    except OutOfTime:
        raise DsfError(f"{layer.name}: its facts were not derived within {LONGEST} s") from None


def _facts_of(layer: Layer) -> LayerFacts:
    entries = check_matrices(layer) if layer.matrices else []
    for entry in entries:
        if not entry.proved:
            raise DsfError(str(entry))
    derived = _tried(lambda: _derived(layer))
    made = _tried(lambda: program(layer))
    known = set() if isinstance(made, str) else {f.schedule for f in made.functions}
    return LayerFacts(
        layer,
        *((derived, (), ()) if isinstance(derived, str) else derived),
        tuple(dict.fromkeys(entry.source for entry in entries)),
        _tried(lambda: minimal(layer)),
        tuple(s for s in SCHEDULES if s in known),
        () if isinstance(made, str) else tuple(made.skipped),
        made if isinstance(made, str) else {t: generate(layer, t) for t in TARGETS},
        prose(Path(layer.source)),
        reference(layer),
        bibtex(Path(layer.source)),
    )


def _derived(layer: Layer) -> tuple[Sheet, Rows, Rows]:
    """The sheet, the new value of each state, and Λ, B, C, D."""
    space = derive(layer)
    new = step_form(layer).new
    update = tuple((f"{name}_i", render_form(form)) for name, form in new.items())
    return sheet(layer), update, tuple(form_rows(space, "latex"))


def _tried(work: Callable[[], T]) -> T | str:
    """What it returns, or in words why nothing came."""
    try:
        return work()
    except DsfError as error:
        return str(error)


def prose(path: Path) -> tuple[str, ...]:
    """The paragraphs of a file's docstring, without the reference at its end."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    return tuple(paragraphs[:-1] or paragraphs)


def bibtex(path: Path) -> str:
    """The entry that a file of the catalogue carries; DsfError where there is none."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "BIBTEX":
            return str(ast.literal_eval(node.value)).strip()
    raise DsfError(f"{path} has no BIBTEX, which the bibliography needs")


def write(facts: LayerFacts) -> None:
    """Write the facts as JSON, for programs."""
    found = facts.minimal
    data = {
        "layer": layer_data(facts.layer) | {"source": Path(facts.layer.source).name},
        **({} if isinstance(facts.sheet, str) else sheet_data(facts.sheet)),
        "latex": {"update": dict(facts.update), "form": dict(facts.form)},
        "printed_in": list(facts.agrees),
        "minimal": None
        if isinstance(found, str)
        else {"sizes": found.sizes, "lower": found.lower, "upper": found.upper},
        "schedules": list(facts.schedules),
        "without": dict(facts.skipped),
    }
    text = json.dumps(data, ensure_ascii=False, indent=1) + "\n"
    (LAYERS / f"{facts.name}.json").write_text(text, encoding="utf-8")
