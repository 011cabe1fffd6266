"""Find layers: those of the catalogue by name, others by the file that defines them.

A file is run as Python runs a script, its folder last on the import path. Nothing of it stays: no
entry in the table of modules, no compiled copy on disk.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import sys
import traceback
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import DsfError, LoadError, UnknownName
from .layer import Layer, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PACKAGE = "derivations"
_FILE = re.compile(r"(?P<file>.*\.py)(?::(?P<name>[^/\\]*))?", re.DOTALL)


def catalogue(folder: str | Path | None = None) -> dict[str, Layer]:
    """The layers of the installed catalogue, or of every file in a folder, sorted by name.

    Raises LoadError when a file does not load, and when two layers have one name.
    """
    found: dict[str, Layer] = {}
    for layers in _installed() if folder is None else _in_folder(Path(folder)):
        for name, layer in layers.items():
            if name in found:
                raise LoadError(
                    f"two layers are called {name!r}, one in {found[name].source}, "
                    f"one in {layer.source}; rename one"
                )
            found[name] = layer
    return dict(sorted(found.items()))


def find(reference: str) -> Layer:
    """The layer that `reference` names: one of the catalogue, or `FILE.py`, or `FILE.py:NAME`.

    Raises UnknownName with the nearest names, and LoadError for a file that does not load, or that
    defines several layers when no NAME says which.
    """
    parts = in_file(reference)
    if parts is None:
        layers = catalogue()
        if reference in layers:
            return layers[reference]
        beside = Path(f"{reference}.py")
        hint = f"did you mean the file {beside}?" if beside.is_file() else _hint(reference, layers)
        raise UnknownName(f"the catalogue has no layer {reference!r}; {hint}")
    file, name = parts
    layers = load(file)
    if not layers:
        raise LoadError(f"{file} defines no layer; write @layer above the function of its step")
    if name:
        if name not in layers:
            raise UnknownName(f"{file} has no layer {name!r}; {_hint(name, layers)}")
        return layers[name]
    if len(layers) > 1:
        listing = "\n".join(f"  {file}:{each}" for each in layers)
        raise LoadError(f"{file} defines {len(layers)} layers; say which:\n{listing}")
    return next(iter(layers.values()))


def in_file(reference: str) -> tuple[str, str] | None:
    """The file and the name of `FILE.py:NAME`, "" where no name is said; None for any other."""
    parts = _FILE.fullmatch(reference)
    return None if parts is None else (parts["file"], parts["name"] or "")


def load(file: str | Path) -> dict[str, Layer]:
    """The layers that a file defines, by name in the order of the file; those it imports left out.

    A layer that `given` made without a name takes the name of its variable. Raises LoadError with
    the file's own part of the traceback; an error of this library keeps its class and is told the
    line of the file that it comes from.
    """
    module, tree = _run(file)
    return _layers(vars(module), str(module.__file__), _imported(tree))


def stated(file: str | Path) -> Sequence[Any]:
    """The list `claims` of a file, empty where it has none; LoadError as for `load`."""
    found: Sequence[Any] = vars(_run(file)[0]).get("claims", ())
    return found


def _run(file: str | Path) -> tuple[ModuleType, ast.Module]:
    """A file as a module, and what it says."""
    shown, path = str(file), Path(file).expanduser().absolute()
    try:
        source = path.read_bytes()
    except FileNotFoundError:
        raise LoadError(f"{shown} does not exist") from None
    except OSError as error:
        raise LoadError(f"{shown} cannot be read: {error.strerror}") from None
    module = ModuleType(str(path))
    module.__file__, module.__package__ = str(path), ""
    try:
        tree = ast.parse(source, str(path))
        with _visiting(module, path.parent):
            exec(compile(tree, str(path), "exec", dont_inherit=True), vars(module))
    except (Exception, SystemExit) as error:
        _blame(error, shown, str(path))
    return module, tree


def _installed() -> Iterator[dict[str, Layer]]:
    try:
        package = importlib.import_module(PACKAGE)
    except ModuleNotFoundError:
        raise LoadError(
            f"the catalogue, the package {PACKAGE!r}, is not installed beside dsf_sym"
        ) from None
    for info in pkgutil.iter_modules(package.__path__):
        if info.name.startswith("_"):
            continue
        path = str(Path(package.__path__[0], f"{info.name}.py"))
        try:
            module = importlib.import_module(f"{PACKAGE}.{info.name}")
        except (Exception, SystemExit) as error:
            _blame(error, path, path)
        yield _layers(vars(module), path, set())


def _in_folder(folder: Path) -> Iterator[dict[str, Layer]]:
    if not folder.is_dir():
        raise LoadError(f"{folder} is not a folder")
    for file in sorted(folder.glob("*.py")):
        if not file.name.startswith("_"):
            yield load(file)


def _layers(names: Mapping[str, Any], path: str, imported: set[str]) -> dict[str, Layer]:
    found: dict[str, Layer] = {}
    seen: set[int] = set()
    for variable, value in names.items():
        if not isinstance(value, Layer) or variable.startswith("_") or variable in imported:
            continue
        if id(value) in seen:
            continue
        seen.add(id(value))
        name = value.name if value.name.isidentifier() else variable
        if name in found:
            raise LoadError(
                f"{path} defines two layers called {name!r}; name one with given(name=...)"
            )
        same = (name, path) == (value.name, value.source)
        found[name] = value if same else replace(value, name=name, source=path)
    return found


def _imported(tree: ast.Module) -> set[str]:
    """The names that import statements bind."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }


@contextmanager
def _visiting(module: ModuleType, folder: Path) -> Iterator[None]:
    """Let a file import its neighbours, then forget it and them."""
    before, quiet = set(sys.modules), sys.dont_write_bytecode
    guest = str(folder) not in sys.path
    sys.modules[module.__name__] = module
    sys.dont_write_bytecode = True
    if guest:
        sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.dont_write_bytecode = quiet
        brought = {module.__name__}
        if guest:
            sys.path.remove(str(folder))
            # A neighbour left behind would stand for one of the same name beside the next file.
            tops = {name for name in set(sys.modules) - before if _lies_in(name, folder)}
            brought |= {n for n in set(sys.modules) - before if n.partition(".")[0] in tops}
        for name in brought:
            sys.modules.pop(name, None)


def _lies_in(name: str, folder: Path) -> bool:
    """Whether a top-level module is a file or a package of the folder itself."""
    spec = getattr(sys.modules[name], "__spec__", None)
    if "." in name or spec is None:
        return False
    places = spec.submodule_search_locations or [spec.origin or ""]
    return any(Path(place).parent == folder for place in places)


def _blame(error: BaseException, shown: str, path: str) -> NoReturn:
    """Raise the error again, told by the lines of the user's file alone."""
    report = traceback.TracebackException.from_exception(error)
    own = [frame for frame in report.stack if frame.filename == path]
    if isinstance(error, DsfError) and own:
        # The class stays: callers tell a wrong shape from a wrong domain by it.
        error.args = (f"{shown}, line {own[-1].lineno}: {own[-1].line}\n{error}",)
        raise error.with_traceback(None) from None
    if isinstance(error, SystemExit):
        raise LoadError(f"{shown} exits when it is loaded") from None
    report.stack = traceback.StackSummary.from_list(own)
    told = "".join(report.format(chain=False)).rstrip()
    raise LoadError(f"{shown} does not load\n{told}") from None


def _hint(name: str, layers: Mapping[str, Layer]) -> str:
    near = nearest(name, list(layers))
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are {', '.join(layers)}" if layers else "there are none"
