"""What `--json` prints, as plain data; `output.json` beside this file is its JSON schema."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ..rendering.report import shaped

if TYPE_CHECKING:
    from ..deciding.explain import Explanation
    from ..language.layer import Layer
    from ..relation import Relation
    from ..rendering.sheet import Sheet
    from ..verdict import Verdict


def load() -> dict[str, Any]:
    """The JSON schema of every command's output."""
    text = files(__name__).joinpath("output.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


def verdict_data(verdict: Verdict, certificate: str | None = None) -> dict[str, Any]:
    """A verdict; `certificate` is the file that it was written to."""
    question = verdict.question
    return {
        "verdict": verdict.status,
        "a": question.a,
        "b": question.b,
        "sense": question.sense,
        "given": list(question.given),
        "ties": list(question.bridges),
        "domains": list(question.domains),
        "sizes": verdict.sizes,
        "proof": verdict.proof,
        "remains": verdict.remains,
        "witness": _witness(verdict),
        "certificate": certificate,
        "seconds": round(verdict.seconds, 6),
    }


def _witness(verdict: Verdict) -> dict[str, Any] | None:
    witness = verdict.witness
    if witness is None:
        return None
    return {
        "length": witness.length,
        "tokens": [shaped(verdict, token) for token in witness.tokens],
        "weights": shaped(verdict, witness.constants),
        "outputs": [list(output) for output in witness.outputs],
    }


def explanation_data(found: Explanation) -> dict[str, Any]:
    """A verdict with the difference by lag, and the ties that remove it."""
    from ..rendering.render import render_difference

    terms = None
    if found.terms is not None:
        terms = {str(lag): render_difference(x, style="text") for lag, x in found.terms.items()}
    ties = [list(ties) for ties in found.removed_by]
    return {**verdict_data(found.verdict), "difference": terms, "removed_by": ties}


def relation_data(relation: Relation) -> dict[str, Any]:
    """A relation with its verdicts; null for what was not asked."""
    asked = (relation.equal, relation.contains, relation.contained)
    equal, contains, contained = (None if v is None else verdict_data(v) for v in asked)
    return {
        "relation": relation.kind,
        "a": relation.a,
        "b": relation.b,
        "equal": equal,
        "contains": contains,
        "contained": contained,
        "reason": relation.reason,
    }


def sheet_data(sheet: Sheet) -> dict[str, Any]:
    """A layer's state-space form in words, its structure and its costs."""
    return {
        "form": dict(sheet.form),
        "names": dict(sheet.names),
        "equations": sheet.equations,
        "input": sheet.input,
        "notes": list(sheet.notes),
        "structure": sheet.structure,
        "properties": sheet.properties,
        "costs": sheet.costs,
    }


def layer_data(layer: Layer) -> dict[str, Any]:
    """A layer's name, reference and signals."""
    return {
        "name": layer.name,
        "title": layer.title,
        "cite": layer.cite,
        "source": layer.source,
        "hash": layer.hash,
        "signals": [
            {
                "name": s.name,
                "printed": layer.names.get(s.name, s.name),
                "kind": s.kind,
                "shape": list(s.dims),
                "domain": str(s.domain),
            }
            for s in layer.signals
        ],
    }
