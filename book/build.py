"""Build the book: `python -m book.build`, or `--pdf` for the chapters as PDF files.

Needs the packages of the extra `book`. What the theme needs from npm is installed when its lockfile
has changed. A warning of the engine, a cell that fails and a claim that changed end the build.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from .facts.folders import BOOK, EXECUTED, ROOT, sources
from .live import pack

THEME = BOOK / "theme"
HTML = BOOK / "_build" / "html"
PDF = BOOK / "_build" / "pdf"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
STAMP = BOOK / "_build" / "html.made-from"
UNREAD = {"_build", "node_modules", "__pycache__"}
CELL = re.compile(r"^```\{code-cell\}.*?^```$", re.MULTILINE | re.DOTALL)
ALARMS = ("⚠", "⛔", "Command failed")


class BuildError(Exception):
    """The book cannot be built; the message says what to do."""


def environment() -> dict[str, str]:
    """The programs beside this interpreter first, Node among them, and Jupyter's settings."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "JUPYTER_CONFIG_DIR": str(BOOK / "jupyter")}


def install(folder: Path) -> None:
    """Install the npm packages that a folder's lockfile names, unless they are installed."""
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / "node_modules" / ".made-from"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print(f"==> Installing what {folder.relative_to(ROOT)} needs from npm ...", flush=True)
    _run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
    stamp.write_text(wanted)


def build() -> None:
    """Write the facts, execute the pages and render them, as far as something has changed."""
    with ThreadPoolExecutor() as beside:
        packed = beside.submit(_pack)
        themed = beside.submit(install, THEME)
        print("==> Settling the claims and writing the facts ...", flush=True)
        _run([sys.executable, "-m", "book.facts"], ROOT)
        packed.result()
        themed.result()
    made_from = _made_from()
    if not (HTML.is_dir() and STAMP.is_file() and STAMP.read_text() == made_from):
        STAMP.unlink(missing_ok=True)
        print("==> Executing and rendering the pages ...", flush=True)
        _render()
        STAMP.write_text(made_from)


def _pack() -> None:
    install(pack.HERE)
    print("==> Packing the library for the live checker ...", flush=True)
    pack.pack(_run)


def _made_from() -> str:
    """A hash of all that the engine, the theme and the live checker make pages from."""
    found = hashlib.sha256(repr([os.environ.get("BASE_URL"), pack.stamps()]).encode())
    paths = [ROOT / "constraints.txt", *sorted((ROOT / "examples").rglob("*"))]
    paths += sorted(BOOK.rglob("*"))
    for path in paths:
        inside = path.relative_to(ROOT)
        if path.is_file() and not UNREAD.intersection(inside.parts):
            content = path.read_bytes()
            found.update(f"{inside.as_posix()}\0{len(content)}\0".encode() + content)
    return found.hexdigest()


def _render() -> None:
    cells = "\0".join(cell for page in sources() for cell in CELL.findall(page.read_text("utf-8")))
    wanted = hashlib.sha256(cells.encode()).hexdigest()
    stamp = EXECUTED / ".made-from"
    if stamp.is_file() and stamp.read_text() == wanted:
        _engine()
    else:
        with _server() as address:
            _engine(address)
        stamp.write_text(wanted)
    pack.publish(HTML / "assets" / "live")
    missing = [p.stem for p in sources() if not (HTML / f"{p.stem}.html").is_file()]
    if missing:
        raise BuildError(f"the engine did not write {', '.join(missing)}; see above")


@contextmanager
def _server() -> Iterator[dict[str, str]]:
    """What tells the engine of a Jupyter server, which ends with the block.

    One that the engine starts by itself would outlive it.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = {"JUPYTER_BASE_URL": f"http://127.0.0.1:{port}", "JUPYTER_TOKEN": token_hex()}
    words = [sys.executable, "-m", "jupyter_server", f"--ServerApp.port={port}"]
    words += ["--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0", "--ServerApp.root_dir=."]
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            words,
            cwd=BOOK,
            env=environment() | address,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            while not _answers(port):
                if server.poll() is not None:
                    log.seek(0)
                    said = log.read().decode(errors="replace")
                    raise BuildError(f"{said}jupyter_server ended with {server.returncode}")
                time.sleep(0.1)
            yield address
        finally:
            server.terminate()
            server.wait()


def _answers(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def _engine(address: Mapping[str, str] | None = None) -> None:
    """Run the engine; BuildError shows what it said where it failed or warned."""
    words = ["jupyter-book", "build", "--html", "--execute", "--strict"]
    done = _started(words, BOOK, quiet=True, more=address or {})
    if done.returncode or any(alarm in done.stdout for alarm in ALARMS):
        said = [line for line in done.stdout.splitlines() if "📖" not in line]
        raise BuildError("\n".join([*said, "jupyter-book build failed or warned"]))


def _run(words: list[str], folder: Path) -> None:
    """Run a program that says by itself what is wrong; BuildError where it fails."""
    done = _started(words, folder)
    if done.returncode:
        raise BuildError(f"{' '.join(words)} ended with {done.returncode}; see above")


def _started(
    words: list[str], folder: Path, *, quiet: bool = False, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end. quiet: keep what it says, for the caller. more: environment."""
    out, err = (subprocess.PIPE, subprocess.STDOUT) if quiet else (None, None)
    try:
        return subprocess.run(
            words,
            cwd=folder,
            env=environment() | dict(more or {}),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise BuildError(f"{words[0]} is not installed; make book brings it") from None


def browser() -> str:
    """The path of a Chromium; BuildError says how to get one."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise BuildError("no Chromium was found; on Debian: apt-get install chromium")
    return found


def print_chapters() -> None:
    """Print every page that people write to PDF."""
    shutil.rmtree(PDF, ignore_errors=True)
    PDF.mkdir(parents=True)
    for page in sources():
        source, target = HTML / f"{page.stem}.html", PDF / f"{page.stem}.pdf"
        with tempfile.TemporaryDirectory() as profile:
            words = [browser(), "--headless", "--no-sandbox", "--disable-gpu"]
            words += [f"--user-data-dir={profile}", "--no-pdf-header-footer"]
            words += [f"--print-to-pdf={target}", source.as_uri()]
            done = _started(words, ROOT, quiet=True)
        if done.returncode or not target.is_file():
            raise BuildError(f"{done.stdout}{page.name} was not printed by {words[0]}; see above")


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m book.build", description="Build the book.")
    parser.add_argument("--pdf", action="store_true", help="print the chapters as PDF files too")
    pdf = parser.parse_args().pdf
    try:
        build()
        if pdf:
            print_chapters()
            print(f"==> The chapters are in {PDF.relative_to(ROOT)}.")
    except BuildError as error:
        print(f"==> {error}", file=sys.stderr)
        return 1
    print(f"==> The book is in {HTML.relative_to(ROOT)}. To look at it:")
    print(f"    {Path(sys.executable).name} -m http.server -d {HTML.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
