"""Build the book: `python -m book.build`, or `--pdf` for the chapters as PDF files.

Needs the packages of the extra `book`. What the theme needs from npm is installed when its lockfile
has changed. A warning of the engine, a cell that fails and a claim that changed end the build.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .facts.folders import BOOK, EXECUTED, ROOT, sources
from .live import pack

THEME = BOOK / "theme"
HTML = BOOK / "_build" / "html"
PDF = BOOK / "_build" / "pdf"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
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
    """Write the facts, execute the pages, and render them."""
    install(THEME)
    install(pack.HERE)
    print("==> Packing the library for the live checker ...", flush=True)
    pack.pack(_run)
    print("==> Settling the claims and writing the facts ...", flush=True)
    _run([sys.executable, "-m", "book.facts"], ROOT)
    # Pages are executed in a run of their own: one that renders too leaves a Jupyter server behind.
    print("==> Executing and rendering the pages ...", flush=True)
    pages = hashlib.sha256(b"\0".join(page.read_bytes() for page in sources())).hexdigest()
    stamp = EXECUTED / ".made-from"
    if not stamp.is_file() or stamp.read_text() != pages:
        _engine("--site")
        stamp.write_text(pages)
    _engine("--html")
    pack.publish(HTML / "assets" / "live")
    missing = [p.stem for p in sources() if not (HTML / f"{p.stem}.html").is_file()]
    if missing:
        raise BuildError(f"the engine did not write {', '.join(missing)}; see above")


def _engine(kind: str) -> None:
    """Run the engine; BuildError shows what it said where it failed or warned."""
    done = _started(["jupyter-book", "build", kind, "--execute", "--strict"], BOOK, quiet=True)
    if done.returncode or any(alarm in done.stdout for alarm in ALARMS):
        said = [line for line in done.stdout.splitlines() if "📖" not in line]
        raise BuildError("\n".join([*said, f"jupyter-book build {kind} failed or warned"]))


def _run(words: list[str], folder: Path) -> None:
    """Run a program that says by itself what is wrong; BuildError where it fails."""
    done = _started(words, folder)
    if done.returncode:
        raise BuildError(f"{' '.join(words)} ended with {done.returncode}; see above")


def _started(
    words: list[str], folder: Path, *, quiet: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end. quiet: keep what it says, for the caller."""
    out, err = (subprocess.PIPE, subprocess.STDOUT) if quiet else (None, None)
    try:
        return subprocess.run(
            words,
            cwd=folder,
            env=environment(),
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
