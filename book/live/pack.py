"""What the page of the live checker loads: Python for the browser, this library, what it imports.

`library.zip` has the library with its sources, to be unpacked; `sympy.zip`, which few questions
need, is imported from as it is, without sources. `memory.bin` is Python's memory with the library
loaded, so that the page need not load it. Each is made when what it is made from has changed.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import distribution
from itertools import chain
from pathlib import Path

from ..facts.folders import BOOK, ROOT

HERE = Path(__file__).parent
LOCK = HERE / "package-lock.json"
PYODIDE = HERE / "node_modules" / "pyodide"
PACKED = BOOK / "_build" / "live"
PROJECT = "dsf-workbench"
UNUSED = {"tests", "benchmarks", "__pycache__"}
RUNTIME = (
    "pyodide.mjs",
    "pyodide.asm.mjs",
    "pyodide.asm.wasm",
    "python_stdlib.zip",
    "pyodide-lock.json",
)
ARCHIVES = ("library.zip", "sympy.zip")
MEMORY = "memory.bin"
PAGE = ("page.js", "page.css", "worker.mjs", "place.mjs")

Files = Iterator[tuple[str, bytes]]
Run = Callable[[list[str], Path], None]


def pack(run: Run) -> None:
    """Make what has changed of the archives, and of the memory. run: runs a program in a folder."""
    PACKED.mkdir(parents=True, exist_ok=True)
    library = chain(_library(), _package("click"))
    sympy = chain(_package("sympy"), _package("mpmath"))
    contents = [_archive(files) for files in (library, sympy)]
    options = ((), ("--without-sources",))
    with ThreadPoolExecutor() as beside:
        list(beside.map(partial(_compile, run), ARCHIVES, contents, options))
    scripts = ["compile.mjs", "snapshot.mjs", "place.mjs"]
    if (stamp := _changed(MEMORY, scripts, contents)) is not None:
        run(["node", "snapshot.mjs", *(str(PACKED / name) for name in (*ARCHIVES, MEMORY))], HERE)
        _stamp(MEMORY).write_text(stamp)


def _compile(run: Run, name: str, content: bytes, options: Sequence[str]) -> None:
    if (stamp := _changed(name, ["compile.mjs"], [content])) is not None:
        sources = PACKED / f"sources-of-{name}"
        sources.write_bytes(content)
        run(["node", "compile.mjs", str(sources), str(PACKED / name), *options], HERE)
        sources.unlink()
        _stamp(name).write_text(stamp)


def stamps() -> list[str]:
    """What each of the files was made from."""
    return [_stamp(name).read_text() for name in (*ARCHIVES, MEMORY)]


def publish(folder: Path) -> None:
    """Copy what the page loads into a folder of the site."""
    folder.mkdir(parents=True)
    (folder / "pyodide").mkdir()
    for name in PAGE:
        shutil.copy(HERE / name, folder)
    for name in RUNTIME:
        shutil.copy(PYODIDE / name, folder / "pyodide")
    for name in (*ARCHIVES, MEMORY):
        shutil.copy(PACKED / name, folder)


def _stamp(name: str) -> Path:
    return PACKED / f"{name}.made-from"


def _changed(name: str, scripts: Sequence[str], contents: Sequence[bytes]) -> str | None:
    """What is to be noted when the file is made, or None where it is what it would be."""
    parts = [LOCK.read_bytes(), *((HERE / each).read_bytes() for each in scripts), *contents]
    wanted = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
    stamp = _stamp(name)
    if (PACKED / name).is_file() and stamp.is_file() and stamp.read_text() == wanted:
        return None
    stamp.unlink(missing_ok=True)
    return wanted


def _library() -> Files:
    """The library, its catalogue, and what runs it in the page."""
    yield "checker.py", (HERE / "checker.py").read_bytes()
    for top in ("dsf_sym", "derivations"):
        for path in sorted((ROOT / top).rglob("*")):
            inside = path.relative_to(ROOT)
            if path.is_file() and not UNUSED.intersection(inside.parts):
                yield inside.as_posix(), path.read_bytes()
    known = distribution(PROJECT)
    folder = f"{PROJECT.replace('-', '_')}-{known.version}.dist-info"
    yield f"{folder}/METADATA", (known.read_text("METADATA") or "").encode()


def _package(name: str) -> Files:
    """The modules of an installed package, all of pure Python, and its licence."""
    for file in sorted(distribution(name).files or []):
        inside = not UNUSED.intersection(file.parts) and ".." not in file.parts
        if inside and (file.suffix == ".py" or "LICENSE" in file.name or file.name == "METADATA"):
            yield file.as_posix(), Path(str(file.locate())).read_bytes()


def _archive(files: Files) -> bytes:
    """A zip archive that says nothing of when it was made."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name), content)
    return made.getvalue()
