"""The catalogue: an overview, and a page for each layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dsf_sym.deciding.minimal import Minimal
from dsf_sym.language.tensor import shape_text
from dsf_sym.rendering.sheet import Sheet, costs_text

from .folders import CATALOGUE, CODE
from .layers import LayerFacts, token_loop
from .relations import Row
from .text import anchor, block, code, folded, layer_link, page, plain, publish, table, witness

KINDS = {"state": "state", "token": "token", "constant": "weight"}
GRAPH = (
    "The layers of the catalogue as words, joined by lines. A line leads from a layer down to one "
    "that it contains. Layers without lines stand at the bottom. The table below says the same."
)
LONGEST_FORMULA, LONGEST_STRUCTURE = 1500, 60
FORMS = {
    "parallel": "parallel form",
    "chunkwise": "chunkwise form",
    "associative_scan": "associative scan",
}
LIBRARIES = {
    "numpy": ("NumPy", "python"),
    "torch": ("torch", "python"),
    "cpp": ("C++", "cpp"),
    "cu": ("CUDA", "cpp"),
}
LONGEST_LOOP = 150


def write(found: Sequence[LayerFacts], relations: Mapping[str, list[Row]]) -> None:
    """Write the pages."""
    titles = {facts.name: facts.title for facts in found}
    for facts in found:
        text = _layer(facts, relations[facts.name], titles)
        (CATALOGUE / f"{facts.name}.md").write_text(text, encoding="utf-8")
    (CATALOGUE / "index.md").write_text(_overview(found, relations), encoding="utf-8")


def _overview(found: Sequence[LayerFacts], relations: Mapping[str, list[Row]]) -> str:
    rows = [
        [
            f"{layer_link(facts.name, facts.title)} {code(facts.name)}",
            *_short(facts.sheet),
            ", ".join(facts.schedules).replace("associative_scan", "scan"),
        ]
        for facts in found
    ]
    pairs = [
        [layer_link(name), f"{{status}}`{row.kind}`", layer_link(row.other), plain(row.said)]
        for name, each in relations.items()
        for row in each
        if _told_here(name, row)
    ]
    compared = [row for each in relations.values() for row in each if row.verdict is not None]
    far = sum(row.far for row in compared) // 2
    apart = sum(row.kind == "incomparable" for row in compared) // 2
    head = ["layer", "structure of Λ", "state", "schedules"]
    body = f"""
## Which layers are there?

A layer is one file of the folder `derivations`: its update rule, the matrices that another source
prints for it, and its reference. All else on these pages is computed from that file.

{table(head, rows)}

## How do they stand to each other?

:::{{figure}} ../_facts/figures/containments.svg
:label: fig-containments
:alt: {GRAPH}
A line leads from a layer down to one that it contains. Layers in one box do the same, up to the
maps of their signals. What follows from two lines has no line of its own. Point at a layer to see
all that it contains and all that contains it.
:::

Signals are matched by name. Of {len(compared) // 2} pairs that can be compared, {far} differ and
neither is known to contain the other; a shortest sequence of tokens shows each difference. For
{apart} of them it is proved that neither contains the other. These are the other pairs:

{table(["layer", "relation", "layer", "what shows it"], pairs)}
"""
    return page(
        "The catalogue",
        body,
        description="Every layer, with its form, its structure and what it equals.",
        label="catalogue",
    )


def _told_here(name: str, row: Row) -> bool:
    """Whether a pair is in the overview, told from this side: that of the layer that contains."""
    if row.kind in ("equal", "equivalent", "equal if", "undecided"):
        return name < row.other
    return row.kind == "contains"


def _layer(facts: LayerFacts, relations: list[Row], titles: Mapping[str, str]) -> str:
    layer = facts.layer
    parts = [
        "## What is it?",
        *map(plain, facts.prose),
        f"Its name here is {code(layer.name)}, and its step, as its file says it:",
        block(layer.doc),
        *([f"It is that layer under {', '.join(map(code, layer.ties))}."] if layer.ties else []),
        _signals(facts),
        "## What is its state-space form?",
        *_form(facts),
        "## What is the structure of its transition?",
        *_structure(facts),
        "## What does it equal?",
        *_relations(facts, relations, titles),
        "## How is it computed?",
        *_code(facts),
        "## Where is it from?",
        *_reference(facts),
    ]
    return page(facts.title, "\n\n".join(parts), label=anchor(layer.name))


def _short(sheet: Sheet | str) -> list[str]:
    if isinstance(sheet, str):
        return ["no state-space form", ""]
    found = sheet.structure
    if len(found) > LONGEST_STRUCTURE:
        found = found.split(";")[0].split(":")[0]
    return [plain(found), f"${sheet.costs['state']}$"]


def _signals(facts: LayerFacts) -> str:
    layer = facts.layer
    printed = any(layer.names.get(s.name, s.name) != s.name for s in layer.signals)
    head = ["signal", *(["in the paper"] if printed else []), "kind", "shape", "domain"]
    rows = []
    for s in layer.signals:
        own = [code(layer.names.get(s.name, s.name))] if printed else []
        rows.append(
            [code(s.name), *own, KINDS[s.kind], _unbroken(shape_text(s.dims)), _unbroken(s.domain)]
        )
    return table(head, rows)


def _unbroken(text: object) -> str:
    """A shape or an interval as code on one line."""
    return code(str(text).replace(" ", "\N{NO-BREAK SPACE}"))


def _aligned(rows: Sequence[tuple[str, str]], name: str) -> str:
    """The rows as one formula; what would fill a page is left to the command that prints it."""
    short = [(symbol, shown) for symbol, shown in rows if len(shown) <= LONGEST_FORMULA]
    long = [f"${symbol}$" for symbol, shown in rows if len(shown) > LONGEST_FORMULA]
    lines = [rf"{symbol} &= {shown}" for symbol, shown in short]
    parts = (
        ["$$\n\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}\n$$"] if lines else []
    )
    if long:
        command = f"{code(f'dsf show {name} --latex')} prints the rest"
        parts.append(f"Too long for a page: {', '.join(long)}; {command}.")
    return "\n\n".join(parts)


def _form(facts: LayerFacts) -> list[str]:
    made = facts.sheet
    if isinstance(made, str):
        parts = [f"None is derived: {plain(made)}."]
    else:
        parts = [
            f"A token changes the state by\n\n{_aligned(facts.update, facts.name)}",
            f"Written as {code(made.equations)}, this is\n\n{_aligned(facts.form, facts.name)}",
            f"Here {plain(made.input)}.",
            *map(plain, made.notes),
        ]
    if facts.agrees:
        sources = " and ".join(map(plain, facts.agrees))
        parts.append(
            f"The same matrices, as printed in {sources}, are proved to be these, for all sizes."
        )
    return parts


def _structure(facts: LayerFacts) -> list[str]:
    made, found = facts.sheet, facts.minimal
    if isinstance(made, str):
        return ["It has none, for want of such a form."]
    parts = [f"Λ is {plain(made.structure)}: {plain(made.properties)}."]
    parts.append(f"Costs: {plain(costs_text(made.costs))}.")
    if isinstance(found, str):
        parts.append(f"Its smallest state is not known: {plain(found)}.")
    else:
        parts.append(_smallest(found))
    return parts + _spectrum(facts)


def _spectrum(facts: LayerFacts) -> list[str]:
    found = facts.spectrum
    if isinstance(found, str) or found.status == "undecided":
        return ["Where its eigenvalues lie is not decided."]
    said = plain(found.proof[:1].upper() + found.proof[1:])
    if found.certificate is not None:
        said += f" ([certificate]({publish(f'spectrum-{facts.name}', found.certificate)}))"
    return [f"{said}, as on this token:", witness(found)] if found.witness else [f"{said}."]


def _smallest(found: Minimal) -> str:
    at = ", ".join(f"{k}={v}" for k, v in found.sizes.items())
    command = f"$ dsf minimal {found.layer} --sizes {at.replace(' ', '')}"
    if found.certificate is None:
        said = f"between {found.lower} and {found.upper} numbers"
        link = ""
    else:
        said = f"{found.found} numbers"
        link = f" ([certificate]({publish(f'minimal-{found.layer}', found.certificate)}))"
    return (
        f"At {code(at)} the state has {found.state} numbers, and the smallest state of any affine "
        f"layer with the same output has {said}{link}.\n\n{block(command, 'console')}"
    )


def _relations(facts: LayerFacts, rows: list[Row], titles: Mapping[str, str]) -> list[str]:
    near = [row for row in rows if not row.far]
    far = [row for row in rows if row.far]
    parts = [
        "Equal means: the same output, for all tokens, weights and lengths. Contains means: with "
        "its weights and signals set from those of the other, as shown, it has the other's output."
    ]
    if near:
        parts.append(_table(near, titles))
    if far:
        closest = far[0]
        assert closest.verdict is not None
        parts.append(
            f"It differs from {len(far)} others. The latest difference is that from "
            f"{layer_link(closest.other, titles[closest.other])}: {plain(closest.said)}."
        )
        parts.append(witness(closest.verdict))
        parts.append(folded(f"All {len(far)} differences", _table(far, titles)))
        parts.append(block(f"$ dsf compare {facts.name} {closest.other}", "console"))
    return parts


def _table(rows: Sequence[Row], titles: Mapping[str, str]) -> str:
    cells = [
        [
            f"{{status}}`{row.kind}`",
            layer_link(row.other, titles[row.other]),
            plain(row.said),
            ", ".join(f"[{what}]({where})" for what, where in row.proofs),
        ]
        for row in rows
    ]
    return table(["relation", "layer", "what shows it", "certificates"], cells)


def _code(facts: LayerFacts) -> list[str]:
    if isinstance(facts.code, str):
        return [f"{plain(facts.code[:1].upper() + facts.code[1:])}."]
    known = ", ".join(facts.schedules).replace("_", " ")
    parts = [f"Schedules: {known}."]
    parts += [f"There is no {FORMS.get(name, name)}: {plain(why)}." for name, why in facts.skipped]
    tabs = []
    for target, text in facts.code.items():
        name, language = LIBRARIES[target]
        tabs.append(f"::::{{tab-item}} {name}\n{block(text, language)}\n::::")
    for target, text in facts.kernels.items():
        name, language = LIBRARIES[target]
        tabs.append(f"::::{{tab-item}} {name}\n{_kernel(facts.name, target, language, text)}\n::::")
    body = ":::::{tab-set}\n" + "\n".join(tabs) + "\n:::::"
    parts.append(folded("The code that is generated for it", body))
    parts.append(block(f"$ dsf verify {facts.name}", "console"))
    return parts


def _kernel(name: str, target: str, language: str, text: str) -> str:
    """The file to download, and its loop over tokens unless that would fill the page."""
    path = CODE / f"{name}.{target}"
    path.write_text(text, encoding="utf-8")
    lines = text.count("\n")
    said = f"[{path.name}](../_facts/code/{path.name}) has {lines} lines, forward and backward."
    loop = token_loop(text)
    if loop.count("\n") >= LONGEST_LOOP:
        return said
    return f"{said} Its loop over tokens:\n\n{block(loop, language)}"


def _reference(facts: LayerFacts) -> list[str]:
    cited = f"{{cite:p}}`{facts.layer.cite}`" if facts.layer.cite else ""
    return [
        f"{plain(facts.reference.split(' [')[0])} {cited}".strip(),
        folded("BibTeX", block(facts.bibtex, "bibtex")),
    ]
