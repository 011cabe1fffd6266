"""Generated files: their header and hashes, and the check that finds what has drifted."""

from __future__ import annotations

import difflib
import hashlib
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..errors import DsfError, UnknownName
from ..language.kernel import KernelLayer
from ..language.layer import Layer, nearest
from ..language.loading import catalogue
from . import ir
from .lower import SCHEDULES, program
from .numpy_printer import NumpyPrinter
from .printing import Printer, shape_line
from .torch_printer import TorchPrinter

TARGETS: Mapping[str, type[Printer]] = {"numpy": NumpyPrinter, "torch": TorchPrinter}
_HASHES = re.compile(r"^(spec|generator|body) ([0-9a-f]{64})$", re.MULTILINE)


class GeneratedDrift(DsfError):
    """A generated file that is not what the generator writes."""


@dataclass(frozen=True)
class Drift:
    """One file that differs: `kind` is "changed", "missing" or "orphan"; `diff` leads to new."""

    path: Path
    kind: str
    diff: str = ""

    def __str__(self) -> str:
        told = {
            "changed": "is not what the generator writes",
            "missing": "is missing",
            "orphan": "belongs to no layer of the catalogue",
        }
        return f"{self.path} {told[self.kind]}"


def generate(layer: Layer, target: str = "numpy") -> str:
    """The text of the module with every schedule of a layer that its structure allows.

    Parameters
    ----------
    layer
        Any layer; one without a fast schedule has `recurrent` alone, and the header says why.
    target
        "numpy" or "torch".

    Raises
    ------
    UnknownName
        No such target.
    LanguageError
        The layer reads no token, or has a signal called like an argument of the code.
    """
    if target not in TARGETS:
        near = nearest(target, list(TARGETS))
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(TARGETS)}"
        raise UnknownName(f"generate({layer.name}, {target!r}): no such target; {hint}")
    made = program(layer)
    body = TARGETS[target](made).module()
    return header(layer, made, target, body) + body


def header(layer: Layer, made: ir.Program, target: str, body: str) -> str:
    """What made the file and from what, shapes, requirements, and the three hashes."""
    token = next(s for s in layer.signals if s.kind == "token")
    shapes = [shape_line(s) for s in layer.signals if s.kind != "state"]
    cached = isinstance(layer, KernelLayer)
    kept = "cache of P tokens" if cached else "state"
    states = [shape_line(s, cached=cached) for s in layer.signals if s.kind == "state"]
    schedules = ", ".join(f.schedule for f in made.functions)
    skipped = [f"no {name}: {why}" for name, why in made.skipped]
    library = {"numpy": "NumPy 2", "torch": "torch 2.13"}[target]
    lines = [
        f"Generated {library} code of {layer.title or layer.name}; do not edit.",
        "",
        made_by(layer, f"--print {target}"),
        f"Transition: {made.structure}.",
        f"Schedules: {schedules}.",
        *skipped,
        "",
        *shapes,
        *(f"{kept}, in and out: {line}" for line in states),
        f"returns y: {output_shape(layer)}, and the {kept.split()[0]} after the last token",
        "",
        f"Requires {library.lower()}; L >= 1 (read from {token.name}); arrays of one type.",
        "",
        f"spec {layer.hash}",
        f"generator {generator_hash()}",
        f"body {_sha(body)}",
    ]
    text = "\n".join(
        part
        for line in lines
        for part in textwrap.wrap(line, 99, subsequent_indent="  ", break_on_hyphens=False) or [""]
    )
    return f'"""{text}\n"""\n\n'


def made_by(layer: Layer, option: str) -> str:
    """The command that writes a file of a layer, and the file that it is made from."""
    source = Path(layer.source)
    own = source.parent.name == "derivations"
    written = f"derivations/{source.name}" if own else source.name
    name = layer.name if own else f"{written}:{layer.name}"
    return f"Made by `dsf generate {name} {option}` from {written}."


def output_shape(layer: Layer) -> str:
    """The axes of the outputs."""
    return f"[{', '.join(['B', 'H', 'L', *layer.output.dims])}]"


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def generator_hash() -> str:
    """SHA-256 of the sources of this package."""
    whole = hashlib.sha256()
    here = Path(__file__).parent
    for path in sorted(here.rglob("*.py")):
        whole.update(path.relative_to(here).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return whole.hexdigest()


def hashes(text: str) -> dict[str, str]:
    """The hashes that a generated file carries, by name."""
    return dict(_HASHES.findall(text))


def file_name(layer: str, target: str) -> str:
    """The name of a generated file."""
    return f"{layer}_{target}.py"


def write(layer: Layer, folder: Path, targets: tuple[str, ...] = tuple(TARGETS)) -> list[Path]:
    """Write the files of one layer to a folder, which is made where it is missing.

    Raises UnknownName for a layer whose name is no identifier, DsfError where it cannot be written.
    """
    if not layer.name.isidentifier():
        raise UnknownName(f"{layer.name!r} cannot name a file; give it a name: given(name=...)")
    made = []
    for target in targets:
        path = folder / file_name(layer.name, target)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(generate(layer, target), encoding="utf-8")
        except OSError as error:
            raise DsfError(f"{path} cannot be written: {error.strerror}") from None
        made.append(path)
    return made


def regenerate(folder: Path) -> list[Path]:
    """Write the files of every layer of the catalogue; orphans are removed."""
    made = [path for layer in catalogue().values() for path in write(layer, folder)]
    for drift in check_generated(folder, hash_only=True):
        if drift.kind == "orphan":
            drift.path.unlink()
    return made


def check_generated(
    folder: Path,
    layers: Mapping[str, Layer] | None = None,
    *,
    targets: tuple[str, ...] = tuple(TARGETS),
    hash_only: bool = False,
) -> list[Drift]:
    """What differs between a folder and what the generator writes for the layers, sorted by path.

    Parameters
    ----------
    folder
        The folder of generated files.
    layers
        By default the catalogue.
    targets
        The targets that must be there.
    hash_only
        Compare the hashes in the headers, and the text with its own, without generating anew.
    """
    layers = catalogue() if layers is None else layers
    wanted = {file_name(n, t): (layer, t) for n, layer in layers.items() for t in targets}
    found: list[Drift] = []
    for name, (layer, target) in sorted(wanted.items()):
        path = folder / name
        if not path.is_file():
            found.append(Drift(path, "missing"))
            continue
        text = path.read_text(encoding="utf-8")
        if hash_only and _consistent(text, layer):
            continue
        new = generate(layer, target)
        if text != new:
            found.append(Drift(path, "changed", _diff(text, new, str(path))))
    for path in sorted(folder.glob("*.py")):
        if path.name not in wanted and path.name != "__init__.py":
            found.append(Drift(path, "orphan"))
    return found


def _consistent(text: str, layer: Layer) -> bool:
    body = text.partition('\n"""\n\n')[2]
    return hashes(text) == {
        "spec": layer.hash,
        "generator": generator_hash(),
        "body": _sha(body),
    }


def _diff(old: str, new: str, path: str) -> str:
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), path, f"{path} (new)"
    )
    return "".join(lines)


__all__ = [
    "SCHEDULES",
    "TARGETS",
    "Drift",
    "GeneratedDrift",
    "check_generated",
    "file_name",
    "generate",
    "generator_hash",
    "hashes",
    "regenerate",
    "write",
]
