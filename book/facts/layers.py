"""What is known of each layer of the catalogue, derived and checked when the book is built."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dsf_sym import Layer, derive, minimal
from dsf_sym.codegen import SCHEDULES, TARGETS, generate, generate_cpp, generate_cuda, program
from dsf_sym.deciding.limits import OutOfTime, within
from dsf_sym.deciding.minimal import Minimal
from dsf_sym.derivation.double_entry import check_matrices
from dsf_sym.errors import DsfError
from dsf_sym.index.normal import step_form
from dsf_sym.rendering.glyphs import Latex, pieces
from dsf_sym.rendering.render import render_form
from dsf_sym.rendering.sheet import Sheet, form_rows, reference, sheet
from dsf_sym.schema import layer_data, sheet_data
from dsf_sym.theory.spectrum import eigenvalues, radius
from dsf_sym.verdict import Verdict

from .folders import LAYERS

LONGEST = 300
# From the narrowest on.
INTERVALS = ("[1, 1]", "(0, 1)", "(0, 1]", "[0, 1]", "[-1, 1]")
KERNELS = {"cpp": generate_cpp, "cu": generate_cuda}
T = TypeVar("T")
Rows = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class LayerFacts:
    """One layer: its update rule and form in LaTeX, structure, costs, state, code, reference.

    update: new value of each state as (symbol, LaTeX). form: rows of Λ, B, C, D as (symbol, LaTeX).
    sheet, minimal, spectrum, code: text says why there is none. agrees: the sources whose printed
    matrices are proved to be the same. spectrum: where the eigenvalues of Λ are. skipped: the
    schedules that there are not, and why. code: by schedules, for each array library. kernels: by
    the ending of their file, where there are any. prose: what its file says of it, without the
    reference.
    """

    layer: Layer
    sheet: Sheet | str
    update: Rows
    form: Rows
    agrees: tuple[str, ...]
    minimal: Minimal | str
    spectrum: Verdict | str
    schedules: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    code: Mapping[str, str] | str
    kernels: Mapping[str, str]
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
        derived if isinstance(derived, str) else _tried(lambda: _spectrum(layer)),
        tuple(s for s in SCHEDULES if s in known),
        () if isinstance(made, str) else tuple(made.skipped),
        made if isinstance(made, str) else {t: generate(layer, t) for t in TARGETS},
        _kernels(layer),
        prose(Path(layer.source)),
        reference(layer),
        bibtex(Path(layer.source)),
    )


def _derived(layer: Layer) -> tuple[Sheet, Rows, Rows]:
    """The sheet, the new value of each state, and Λ, B, C, D."""
    space = derive(layer)
    new = step_form(layer).new
    update = tuple((_symbol(name), render_form(form)) for name, form in new.items())
    return sheet(layer), update, tuple(form_rows(space, "latex"))


def _symbol(name: str) -> str:
    """A state after the token, in LaTeX."""
    letter, marks = pieces(name)
    glyphs = Latex()
    return glyphs.subscript(glyphs.letter(letter), [*map(glyphs.letter, marks), "i"])


def _spectrum(layer: Layer) -> Verdict:
    """The narrowest interval that holds the eigenvalues, else whether one is above 1 in size."""
    for interval in INTERVALS:
        verdict = eigenvalues(layer, interval)
        if verdict.status == "proved":
            return verdict
    return radius(layer, at_most="1")


def _kernels(layer: Layer) -> dict[str, str]:
    made = {}
    for target, generated in KERNELS.items():
        with suppress(DsfError):
            made[target] = generated(layer)
    return made


def token_loop(kernels: str) -> str:
    """The forward loop over tokens of a file with kernels, too long to be shown as a whole."""
    found = re.search(r"^[^\n/#]*\bforward\w*\(.*?^}$", kernels, re.MULTILINE | re.DOTALL)
    if found is None:
        raise DsfError("no function forward... starts a line of the generated kernels")
    return found[0]


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
        "spectrum": facts.spectrum
        if isinstance(facts.spectrum, str)
        else {"verdict": facts.spectrum.status, "said": facts.spectrum.proof},
        "schedules": list(facts.schedules),
        "without": dict(facts.skipped),
    }
    text = json.dumps(data, ensure_ascii=False, indent=1) + "\n"
    (LAYERS / f"{facts.name}.json").write_text(text, encoding="utf-8")
